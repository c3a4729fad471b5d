/** What metrics read from the gate itself at the time of a scrape: ledger, policy, budgets, halts. */
import { Bounded, type Sample, Tally } from './bounded.ts'
import type { Samples } from './exposition.ts'
import type { GateView, PurseLine } from './view.ts'

/**
 * Turns what stands in purses into counters that only grow: a period that closes takes its purse away, and
 * what it spent must stay counted. What is spent between the last scrape and that moment is not seen here;
 * the ledger has it.
 */
export class Spending {
  readonly #budgets = new Bounded()
  readonly #dimensions = new Bounded()
  readonly #total = new Tally()
  #seen: ReadonlyMap<string, number> = new Map()

  /** Label values of a purse, bounded. */
  labels(purse: PurseLine): readonly string[] {
    return [this.#budgets.of(purse.budget), this.#dimensions.of(purse.dimension)]
  }

  read(purses: readonly PurseLine[]): readonly Sample[] {
    const seen = new Map<string, number>()
    for (const purse of purses) {
      const { budget, scope, instance, dimension, posted } = purse
      const key = `${budget}\0${scope}\0${instance}\0${dimension}`
      seen.set(key, posted)
      const grown = posted - (this.#seen.get(key) ?? 0)
      this.#total.add(this.labels(purse), Math.max(0, grown))
    }
    this.#seen = seen
    return this.#total.read()
  }
}

export function gateSamples(gate: GateView, spending: Spending, halted: Bounded): Samples {
  const { policy } = gate
  const { head } = gate.ledger
  const status = gate.status()
  const one = (value: number, ...labels: string[]): readonly Sample[] => [{ labels, value }]
  const scopes = new Tally()
  for (const { scope } of status.halted) scopes.add([halted.of(scope)], 1)
  return {
    haltgate_ledger_head_seq: one(head.seq),
    haltgate_ledger_head_info: one(1, head.hash),
    haltgate_budget_spent_total: spending.read(status.purses),
    haltgate_budget_remaining_ratio: remaining(status.purses, spending),
    haltgate_halted: scopes.read(),
    haltgate_holds_open: one(status.holdsOpen),
    haltgate_classifications_total: [
      ...one(policy.memory?.hits ?? 0, 'remembered'),
      ...one(policy.memory?.misses ?? 0, 'made'),
    ],
    haltgate_approvals_pending: one(status.approvalsPending ?? 0),
    haltgate_policy_info: one(1, policy.digest, policy.mode),
    haltgate_sealed: one(gate.sealed ? 1 : 0),
  }
}

function remaining(purses: readonly PurseLine[], spending: Spending): readonly Sample[] {
  const ratios = new Tally()
  for (const purse of purses) {
    const { left, limit } = purse
    const ratio = limit > 0 ? Math.min(1, Math.max(0, left / limit)) : 0
    ratios.least(spending.labels(purse), ratio)
  }
  return ratios.read()
}
