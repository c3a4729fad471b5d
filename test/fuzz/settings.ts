/** What a run of the fuzzer is told by its environment: seed, seconds in all, and perhaps the one target. */

import { seed as fixed } from '../kernel/seed.ts'

function numberIn(name: string, otherwise: number): number {
  const text = process.env[name] ?? ''
  if (text === '') return otherwise
  const value = Number(text)
  if (!(Number.isFinite(value) && value >= 0)) throw new Error(`${name} is a number of 0 or more`)
  return value
}

/** Of the first round of each target; the round after it has the next number. Fixed in a plain `npm test`. */
export const seed: number = Math.floor(numberIn('FUZZ_SEED', fixed))

/** For all targets together: a minute where nobody waits for it, a moment on a desk. */
export const seconds: number = numberIn('FUZZ_SECONDS', process.env['CI'] === 'true' ? 60 : 10)

/** The only target that is run; empty for all of them. */
export const only: string = process.env['FUZZ_ONLY'] ?? ''

/** How a run is repeated from one of its rounds on. */
export function repeatSentence(name: string, round: number): string {
  return `FUZZ_SEED=${round} FUZZ_ONLY=${name} repeats this round first`
}
