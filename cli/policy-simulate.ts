/** `haltgate policy simulate`: which verdicts and spends of a ledger would change under a candidate policy. */
import pico from 'picocolors'
import { Simulation } from '../policy/simulate.ts'
import { type Change, isStricter, type SimulationReport, Tally } from '../policy/simulate-report.ts'
import { shownAmount } from './amount.ts'
import { exitCodes } from './exit.ts'
import type { PolicyContext } from './policy.ts'
import { required } from './policy-loaded.ts'
import { ledgerIn, observed, type Stretch } from './policy-observed.ts'
import { table } from './table.ts'

export interface SimulateRequest extends Stretch {
  readonly directory: string
}

/** A simulation, how much it read, and how fast. */
export interface Simulated extends SimulationReport {
  readonly entries: number
  /** Lines that hold no entry. */
  readonly broken: number
  /** Refusals that were counted together: no decisions of their own, and not judged again. */
  readonly folded: number
  readonly entriesPerSecond: number
  readonly policy: string
}

/** Changes that a terminal is shown; `--json` has all. */
const rowsMax = 40

/**
 * Prints what would change; 0 whether or not anything does.
 *
 * errors  Failure policy-unavailable, and ledger-unavailable; those of the file system.
 */
export async function simulate(context: PolicyContext, request: SimulateRequest): Promise<number> {
  const policy = await required(context.policyFile)
  const tally = new Tally()
  const simulation = new Simulation(policy, tally)
  const counts = { entries: 0, broken: 0, folded: 0 }
  const begun = performance.now()
  for (const line of observed(ledgerIn(request.directory), request)) {
    counts.entries += 1
    if (counts.entries % progressEntries === 0) progress(counts.entries, begun)
    if (line.kind === 'broken') counts.broken += 1
    else if (line.kind === 'folded') counts.folded += line.count
    else if (line.kind === 'recorded') simulation.take(line.recorded)
  }
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
  const seconds = Math.max(performance.now() - begun, 1) / 1_000
  const entriesPerSecond = Math.round(counts.entries / seconds)
  const simulated: Simulated = {
    ...tally.report(),
    ...counts,
    entriesPerSecond,
    policy: policy.digest,
  }
  context.print(context.json ? JSON.stringify(simulated) : shown(simulated))
  return exitCodes.done
}

/** Entries between two looks at the clock. */
const progressEntries = 4_096

/** Shows how far it is, where somebody looks, from the second second on. */
function progress(entries: number, begun: number): void {
  const { stderr } = process
  if (!stderr.isTTY || performance.now() - begun < 1_000) return
  stderr.write(`\r\u001b[K${entries} entries`)
}

function shown(simulated: Simulated): string {
  const { changed, changes, decisions, entries, entriesPerSecond, same, spends, unknown } =
    simulated
  const lines = [
    `${entries} entries, ${decisions} decisions, ${entriesPerSecond} entries a second`,
    `${same} answered as before, ${changed} otherwise, ${unknown} unknown`,
  ]
  for (const [why, count] of Object.entries(simulated.whyUnknown)) {
    lines.push(`  ${count} unknown: ${reasons[why] ?? why}`)
  }
  if (simulated.folded > 0) {
    lines.push(`${simulated.folded} refusals were counted together and are not judged again`)
  }
  if (simulated.broken > 0) lines.push(`${simulated.broken} lines hold no entry: see audit verify`)
  if (changes.length > 0) lines.push('', changesText(changes))
  if (changes.length > rowsMax) lines.push(`and ${changes.length - rowsMax} more: see --json`)
  if (spends.length > 0) {
    const rows = spends.map(({ agent, dimension, before, after }) => {
      const [was, is] = [before, after].map((amount) => shownAmount(dimension, amount))
      return [agent, dimension, was ?? '', is ?? '']
    })
    lines.push('', table(['agent', 'spent', 'before', 'after'], rows))
  }
  return lines.join('\n')
}

const reasons: Readonly<Record<string, string>> = {
  'query-or-headers': 'a condition reads the query or the headers, which are not recorded',
  body: 'a rule reads the body, which is not recorded',
  path: 'the path was redacted, and a rule reads it',
  payload: 'a rule looks for something in the payload, which is not recorded',
  domain: 'a domain judges by facts and proofs that are not recorded',
  destination: 'its addresses were forbidden, and the candidate opens some',
  approval: 'a person said yes, and the candidate would ask again',
  'does-not-follow': 'the entry does not follow from those before it',
}

function changesText(changes: readonly Change[]): string {
  const rows = changes.slice(0, rowsMax).map((change) => {
    const { after, agent, before, code, count, example, host, id, seqs } = change
    const mark = isStricter(change) ? '-' : '+'
    const by = [id, code].filter(Boolean).join(' ')
    return [mark, String(count), `${before} -> ${after}`, by, agent, host, seqs.join(','), example]
  })
  const text = table(['', 'count', 'verdict', 'by', 'agent', 'host', 'entries', 'example'], rows)
  return text
    .split('\n')
    .map((line) =>
      line.startsWith('-') ? pico.red(line) : line.startsWith('+') ? pico.green(line) : line,
    )
    .join('\n')
}
