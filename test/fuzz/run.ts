/** Runs one target in rounds until its time is over; each round follows from its own seed, whatever the clock says. */
import fc from 'fast-check'
import type { Fuzzed } from './fuzzed.ts'
import { repeatSentence } from './settings.ts'

export interface Outcome {
  readonly runs: number
  readonly reached: ReadonlyMap<string, number>
  /** What failed, made small, with the seed that shows it again; null where nothing did. */
  readonly failure: string | null
}

function readable(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1')
  return Array.isArray(value) ? value.map(readable) : value
}

/** What went wrong, and what with: bytes as text, as they are read more easily so. */
function told({ errorInstance, counterexample, numShrinks }: fc.RunDetails<unknown>): string[] {
  const cause = errorInstance instanceof Error ? (errorInstance.stack ?? '') : String(errorInstance)
  const shown = fc.stringify(readable(counterexample))
  return [cause, `made smaller ${numShrinks} times:`, shown]
}

/** A slow machine gets so many rounds, time or no time, to reach what a target is meant to reach. */
const roundsGranted = 30

/** At least one round is run, so that no budget makes an empty run. */
export async function fuzz(target: Fuzzed, from: { seed: number; ms: number }): Promise<Outcome> {
  const reached = new Map<string, number>()
  const property = await target.open((label) => reached.set(label, (reached.get(label) ?? 0) + 1))
  const end = performance.now() + from.ms
  const isShort = (): boolean => !target.reaches.every((label) => reached.has(label))
  let runs = 0
  let seed = from.seed
  do {
    const details = await fc.check(property, { seed, numRuns: target.roundRuns })
    runs += details.numRuns
    if (details.failed) {
      return {
        runs,
        reached,
        failure: [repeatSentence(target.name, seed), ...told(details)].join('\n'),
      }
    }
    seed += 1
  } while (performance.now() < end || (isShort() && seed < from.seed + roundsGranted))
  return { runs, reached, failure: null }
}
