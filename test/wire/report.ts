/** Shows what a run of the suite came to: counts by topic, and what failed with the reasons. */
import { table } from '../../cli/table.ts'
import type { Verdict } from './run.ts'

export interface Counts {
  readonly passed: number
  readonly failed: number
  /** Of those that failed, the ones that say little about this proxy. */
  readonly unfair: number
  readonly skipped: number
}

export function countsOf(verdicts: readonly Verdict[]): Counts {
  const of = (result: Verdict['result']): readonly Verdict[] =>
    verdicts.filter((verdict) => verdict.result === result)
  return {
    passed: of('passed').length,
    failed: of('failed').length,
    unfair: of('failed').filter(({ unfair }) => unfair !== '').length,
    skipped: of('skipped').length,
  }
}

const cells = ({ passed, failed, unfair, skipped }: Counts): readonly string[] =>
  [passed, failed, unfair, skipped].map(String)

/** The table of topics with their sums, and behind it each failure. */
export function report(verdicts: readonly Verdict[]): string {
  const topics = [...new Set(verdicts.map(({ topic }) => topic))]
  const rows = topics.map((topic) => {
    return [topic, ...cells(countsOf(verdicts.filter((verdict) => verdict.topic === topic)))]
  })
  const all = ['all', ...cells(countsOf(verdicts))]
  const shown = table(['topic', 'passed', 'failed', 'of these unfair', 'skipped'], [...rows, all])
  const failures = verdicts.filter(({ result }) => result === 'failed').map(failureText)
  return [shown, ...failures].join('\n\n')
}

function failureText({ topic, name, why, problems, fault, unfair }: Verdict): string {
  const reasons = problems.slice(0, 5).map((problem) => `    ${problem}`)
  const note: string[] = unfair === '' ? [] : [`    (unfair: ${unfair})`]
  if (fault !== '') note.push(`    (known: ${fault})`)
  return [`FAILED  ${topic}: ${name}`, `    ${why}`, ...reasons, ...note].join('\n')
}
