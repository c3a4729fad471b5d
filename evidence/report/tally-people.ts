/** Counts what people did: approvals that were asked for and answered, halts, and other orders. */
import type { Entry, Receipt } from '../../ledger/entry.ts'
import { Durations, Listed, Ranking, Recent } from './counting.ts'
import { columnOf, type Measure } from './measures.ts'
import { countOf, instantOf, isPassing, reasonOf, textOf } from './read-entry.ts'
import type { Series } from './series.ts'

/** Approvals without an answer that are remembered. */
const waitingMax = 20_000

/** Orders and alerts that a report lists. */
const listedMax = 40

/** A halt, a reinstatement, a grant or a revocation. */
export interface Order {
  readonly kind: string
  readonly ts: string
  readonly scope: string
  readonly by: string
  readonly cause: string
  readonly reason: string
  /** Empty where it was carried out. */
  readonly refused: string
  readonly receipt: Receipt
}

/** The fullest that a budget was seen by one of its alerts. */
export interface Fullest {
  readonly budget: string
  readonly scope: string
  readonly dimension: string
  readonly used: number
  readonly limit: number
  readonly tier: number
}

interface Waiting {
  readonly at: number
  isAnswered: boolean
}

export class PeopleTally {
  asked = 0
  readonly answers = new Map<string, number>()
  /** Answers that were refused: too late, twice, or by somebody who may not. */
  answersRefused = 0
  /** Requests that passed by somebody's yes. */
  passedByApproval = 0
  readonly responses = new Durations()
  /** Columns: yes, no. */
  readonly approvers = new Ranking(2)
  readonly orders = new Listed<Order>(listedMax)
  readonly haltCauses = new Ranking(1)
  halts = 0
  reinstatements = 0
  alerts = 0
  readonly #waiting = new Recent<Waiting>(waitingMax)
  readonly #fullest = new Map<string, Fullest>()
  readonly #series: Series

  constructor(series: Series) {
    this.#series = series
  }

  /** isCounted  false for entries before the period: they only tell what waits. */
  add(entry: Entry, isCounted: boolean): void {
    const { kind } = entry
    if (kind === 'decision') this.#asks(entry, isCounted)
    else if (kind === 'approval') this.#answer(entry, isCounted)
    else if (!isCounted) return
    else if (kind === 'alert') this.#alert(entry)
    else if (['halt', 'reinstate', 'grant', 'revoke'].includes(kind)) this.#order(entry)
  }

  /** The fullest budgets first. */
  get fullest(): readonly Fullest[] {
    const share = ({ limit, used }: Fullest): number => (limit === 0 ? 0 : used / limit)
    return [...this.#fullest.values()].sort((one, other) => share(other) - share(one))
  }

  #asks(entry: Entry, isCounted: boolean): void {
    const { data } = entry
    const id = textOf(data, 'approval_id')
    if (id === '') return
    const verdict = textOf(data, 'verdict')
    if (isCounted && isPassing(verdict)) this.passedByApproval += 1
    if (verdict !== 'approve' || this.#waiting.get(id) !== undefined) return
    const at = instantOf(entry)
    this.#waiting.set(id, { at, isAnswered: false })
    if (!isCounted) return
    this.asked += 1
    this.#series.add(at, columnOf('asked'), 1)
  }

  #answer(entry: Entry, isCounted: boolean): void {
    const { data } = entry
    if (!isPassing(textOf(data, 'verdict'))) {
      if (isCounted) this.answersRefused += 1
      return
    }
    const op = textOf(data, 'op')
    const at = instantOf(entry)
    const waiting = this.#waiting.get(textOf(data, 'approval'))
    const isFirst = waiting !== undefined && !waiting.isAnswered
    if (waiting !== undefined) waiting.isAnswered = true
    if (!isCounted) return
    this.answers.set(op, (this.answers.get(op) ?? 0) + 1)
    const measure = answerMeasures.get(op)
    if (measure !== undefined) this.#series.add(at, columnOf(measure), 1)
    if (op === 'expire') return
    if (isFirst) this.responses.add(Math.max(0, at - waiting.at))
    this.approvers.add(textOf(data, 'by'), op === 'deny' ? 1 : 0, 1)
  }

  #alert({ data }: Entry): void {
    this.alerts += 1
    const [budget, scope] = [textOf(data, 'budget'), textOf(data, 'scope')]
    const dimension = textOf(data, 'dimension')
    const limit = countOf(data, 'limit')
    const used = countOf(data, 'posted') + countOf(data, 'held')
    const key = `${budget}\n${scope}\n${dimension}`
    const known = this.#fullest.get(key)
    if (known !== undefined && known.limit > 0 && known.used / known.limit >= used / limit) return
    if (known === undefined && this.#fullest.size >= waitingMax) return
    const tier = countOf(data, 'tier')
    this.#fullest.set(key, { budget, scope, dimension, used, limit, tier })
  }

  #order(entry: Entry): void {
    const { data, hash, kind, seq, ts } = entry
    const verdict = textOf(data, 'verdict')
    const isDone = verdict === '' || isPassing(verdict)
    const cause = textOf(data, 'cause')
    if (isDone && kind === 'halt') {
      this.halts += 1
      this.haltCauses.add(cause || '(none)', 0, 1)
      this.#series.add(instantOf(entry), columnOf('halts'), 1)
    }
    if (isDone && kind === 'reinstate') this.reinstatements += 1
    const [by, reason, scope] = [textOf(data, 'by'), textOf(data, 'reason'), textOf(data, 'scope')]
    const refused = isDone ? '' : reasonOf(data) || verdict
    this.orders.add({ kind, ts, scope, by, cause, reason, refused, receipt: { hash, seq } })
  }
}

const answerMeasures: ReadonlyMap<string, Measure> = new Map([
  ['approve', 'approved'],
  ['deny', 'denied'],
  ['expire', 'expired'],
])
