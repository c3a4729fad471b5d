/** A run in order: each decision with what became of it, what it cost, and what the run had cost by then. */
import type { Entry } from '../../ledger/entry.ts'
import { codeIn, integerIn, membersIn, receiptIn, textIn } from './members.ts'

export interface Step {
  readonly seq: number
  readonly ts: string
  readonly kind: string
  /** What was asked: method and target, or the action of a domain; otherwise what the entry is about. */
  readonly what: string
  readonly verdict: string
  readonly code: string
  readonly outcome: string
  readonly status: number | null
  readonly duration_ms: number | null
  readonly cost_nano_usd: number
  /** Of this step and all before it. */
  readonly spent_nano_usd: number
  /** All that it was settled at, by dimension. */
  readonly actual: Readonly<Record<string, unknown>>
  readonly extensions: number
  readonly request: string
  readonly receipt: string
  /** Empty where it is not settled. */
  readonly settlement: string
}

/**
 * Steps of entries that ascend.
 *
 * relatedTo  the entries of a request.
 * spent      what the run had cost before the first of them.
 */
export function stepsOf(
  entries: readonly Entry[],
  relatedTo: (request: string) => readonly Entry[],
  spent: number,
): readonly Step[] {
  const steps: Step[] = []
  let total = spent
  for (const entry of entries) {
    // They stand in the step of their decision.
    if (entry.kind === 'settlement' || entry.kind === 'extension') continue
    const request = entry.kind === 'decision' ? textIn(entry.data, 'request') : ''
    const step = stepOf(entry, request === '' ? [] : relatedTo(request))
    total += step.cost_nano_usd
    steps.push({ ...step, spent_nano_usd: total })
  }
  return steps
}

function stepOf(entry: Entry, related: readonly Entry[]): Step {
  const { data, kind, seq, ts } = entry
  const settlement = related.findLast((one) => one.kind === 'settlement') ?? null
  const ended = settlement?.data ?? {}
  const actual = membersIn(ended, 'actual')
  return {
    ...{ seq, ts, kind, what: whatOf(entry) },
    verdict: textIn(data, 'verdict'),
    code: codeIn(data) || textIn(data, 'code'),
    outcome: textIn(ended, 'outcome'),
    status: integerIn(ended, 'status') ?? integerIn(data, 'status'),
    duration_ms: integerIn(ended, 'duration_ms'),
    cost_nano_usd: integerIn(actual, 'cost_usd') ?? 0,
    spent_nano_usd: 0,
    actual,
    extensions: related.filter((one) => one.kind === 'extension').length,
    request: textIn(data, 'request'),
    receipt: receiptIn(entry),
    settlement: receiptIn(settlement),
  }
}

function whatOf({ data, kind }: Entry): string {
  if (kind !== 'decision' && kind !== 'preview') return textIn(data, 'message')
  const [host, method, path] = ['host', 'method', 'path'].map((key) => textIn(data, key))
  if (host === '') {
    const words = ['domain', 'action', 'resource'].map((key) => textIn(data, key))
    return words.filter((word) => word !== '').join(' ')
  }
  return `${method} ${host}:${integerIn(data, 'port') ?? ''}${path}`
}
