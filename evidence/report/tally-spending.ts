/** Sums what requests cost: what was held with the decision, replaced by the truth of the settlement. */
import type { Entry } from '../../ledger/entry.ts'
import { Ranking, Recent } from './counting.ts'
import { columnOf } from './measures.ts'
import { instantOf, isPassing, textOf, vectorOf } from './read-entry.ts'
import type { Series } from './series.ts'
import { agentColumns } from './tally-decisions.ts'

/** Admitted requests without a settlement that are remembered. */
const openMax = 20_000

/** Dimensions that are summed: those of the gate, and as many of rules. */
const dimensionsMax = 48

/** Columns of `models`. */
export const modelColumns = { calls: 0, tokensIn: 1, tokensOut: 2, cost: 3 } as const

interface Open {
  readonly model: string
  hold: ReadonlyMap<string, number>
}

export class SpendingTally {
  /** By dimension, in its unit. */
  readonly totals = new Map<string, number>()
  readonly models = new Ranking(4)
  readonly outcomes = new Map<string, number>()
  settlements = 0
  /** Settlements whose decision was not at hand, so that only what they name themselves is counted. */
  unjoined = 0
  readonly #open = new Recent<Open>(openMax)
  readonly #series: Series
  readonly #agents: Ranking

  /** agents  the ranking that the cost of each is added to. */
  constructor(series: Series, agents: Ranking) {
    this.#series = series
    this.#agents = agents
  }

  /** isCounted  false for entries before the period: they only tell what is open. */
  add(entry: Entry, isCounted: boolean): void {
    const { data, kind } = entry
    if (kind === 'settlement') this.#settle(entry, isCounted)
    if (kind !== 'decision' && kind !== 'extension') return
    if (!isPassing(textOf(data, 'verdict'))) return
    const request = textOf(data, 'request')
    if (kind === 'decision') {
      this.#open.set(request, { model: textOf(data, 'model'), hold: vectorOf(data, 'hold') })
      return
    }
    const open = this.#open.get(request)
    if (open !== undefined) open.hold = new Map([...open.hold, ...vectorOf(data, 'hold')])
  }

  /** Requests that were admitted and not settled when the reading ended. */
  get open(): number {
    return this.#open.size
  }

  #settle(entry: Entry, isCounted: boolean): void {
    const { data } = entry
    const request = textOf(data, 'request')
    const open = this.#open.get(request)
    this.#open.delete(request)
    if (!isCounted) return
    this.settlements += 1
    if (open === undefined) this.unjoined += 1
    const outcome = textOf(data, 'outcome')
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
    const spent = spentOf(outcome, open?.hold ?? new Map(), vectorOf(data, 'actual'))
    for (const [dimension, amount] of spent) this.#sum(dimension, amount)
    const at = instantOf(entry)
    const cost = spent.get('cost_usd') ?? 0
    this.#series.add(at, columnOf('cost_usd'), cost)
    this.#series.add(at, columnOf('tokens'), spent.get('tokens') ?? 0)
    this.#agents.add(entry.actor.agent ?? '(none)', agentColumns.cost, cost)
    const model = open?.model ?? ''
    if (model === '') return
    this.#series.add(at, columnOf('model_calls'), 1)
    this.models.add(model, modelColumns.calls, 1)
    this.models.add(model, modelColumns.tokensIn, spent.get('tokens_in') ?? 0)
    this.models.add(model, modelColumns.tokensOut, spent.get('tokens_out') ?? 0)
    this.models.add(model, modelColumns.cost, cost)
  }

  #sum(dimension: string, amount: number): void {
    const known = this.totals.get(dimension)
    if (known === undefined && this.totals.size >= dimensionsMax) return
    this.totals.set(dimension, (known ?? 0) + amount)
  }
}

/**
 * What a request spent. Settled: the truth for what it names, the hold for the rest. Forfeited: the hold, and more where
 * more is known. Voided: nothing. `inflight` ends with the request.
 *
 * source  kernel/event.ts, SettleEvent.
 */
function spentOf(
  outcome: string,
  hold: ReadonlyMap<string, number>,
  actual: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const spent = new Map<string, number>()
  if (outcome === 'voided') return spent
  for (const [dimension, amount] of hold) spent.set(dimension, amount)
  for (const [dimension, amount] of actual) {
    const held = spent.get(dimension) ?? 0
    spent.set(dimension, outcome === 'forfeited' ? Math.max(held, amount) : amount)
  }
  spent.delete('inflight')
  return spent
}
