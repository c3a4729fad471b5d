/** What a request is charged, and on which purses: the accounts that an admission or extension is measured on. */
import { countableOf, headroomOf, limitOf } from './account.ts'
import type { Remaining } from './answer.ts'
import { assert, nth, present } from './contract.ts'
import {
  amountIn,
  amountOf,
  checkVector,
  type Dimension,
  defaultCharge,
  type Vector,
} from './dimension.ts'
import type { AdmitEvent } from './event.ts'
import { instanceOf } from './period.ts'
import type { BudgetTerms, Terms } from './policy.ts'
import { isOf, openPurse, purseKey, refresh } from './purse.ts'
import { type Principal, type ScopeId, scopeOf } from './scope.ts'
import type { Account, Purse, State } from './state.ts'

/** A budget with the purse that a request is measured on, as it is now; the state may not have it yet. */
export interface Bound {
  readonly budget: BudgetTerms
  readonly purse: Purse
}

/** What a request lacks in one account. */
export interface Lack {
  readonly dimension: Dimension
  readonly account: Account
  /** The least that it needs. */
  readonly need: number
}

const nothing: readonly Lack[] = []
const none: Vector = {}

/** True for a budget that can refuse; drafts, `continue` and `warn` only count. */
export function restrains(budget: BudgetTerms): boolean {
  if (budget.state === 'draft') return false
  return budget.onLimit !== 'continue' && budget.onLimit !== 'warn'
}

/** The scope that a budget counts in for a principal; null where its path has none of that kind. */
export function scopeFor(budget: BudgetTerms, principal: Principal): ScopeId | null {
  if (budget.scope === 'pool') return budget.pool === null ? null : poolScope(budget.pool)
  return scopeOf(principal, budget.scope)
}

/** The purse of a budget in a scope as it is now, opened anew where the state has none. */
export function purseOf(state: State, budget: BudgetTerms, scope: ScopeId): Purse {
  const instance = instanceOf(budget.period, state.now)
  const known = state.purses.get(purseKey(budget, scope, instance))
  return known === undefined ? openPurse(budget, scope, instance) : refresh(known, state.now)
}

/** The purses of the matching budgets; null where one is not of these terms, or its purse not yet brought to them. */
export function bind(state: State, event: AdmitEvent, terms: Terms): readonly Bound[] | null {
  const bounds: Bound[] = []
  for (const id of event.budgets) {
    const budget = terms.budgets.get(id)
    if (budget === undefined) return null
    assert(!bounds.some((bound) => bound.budget.id === id), 'a budget is named once')
    const scope = scopeFor(budget, event.principal)
    if (scope === null) continue
    const purse = purseOf(state, budget, scope)
    if (!isOf(budget, purse)) return null
    bounds.push({ budget, purse })
  }
  return bounds
}

/**
 * What an ask is given: in each dimension the least that any restraining budget has left of it, one amount for
 * all purses. Absent where no active budget counts it; 0 where one has nothing left.
 */
export function narrow(bounds: readonly Bound[], ask: Vector): Vector {
  const given: Record<Dimension, number> = {}
  for (const dimension of Object.keys(ask)) {
    const wanted = amountOf(ask, dimension)
    for (const { budget, purse } of bounds) {
      if (budget.state === 'draft' || !budget.dimensions.includes(dimension)) continue
      const account = purse.accounts[purse.dimensions.indexOf(dimension)]
      const before = amountIn(given, dimension) ?? wanted
      const left = account && restrains(budget) ? Math.max(0, headroomOf(account)) : before
      given[dimension] = Math.min(before, left)
    }
  }
  return given
}

/** What one request is charged, by purse. */
export interface Charge {
  /** Parallel to the bounds, and to the dimensions of each purse. Hosts are 0: they are posted, not held. */
  readonly lines: readonly (readonly number[])[]
  /** What the active budgets hold, by dimension. */
  readonly vector: Vector
  /** Parallel to the bounds: what each account lacks; empty where it fits. */
  readonly lacks: readonly (readonly Lack[])[]
}

interface Amounts {
  readonly exact: Vector
  readonly ask: Vector
  readonly least: Vector
  readonly given: Vector
}

/** What is held in one dimension. `refusals` are posted by a refusal, hosts when they are first used. */
function heldOf(dimension: Dimension, { exact, given }: Amounts): number {
  if (dimension === 'hosts' || dimension === 'refusals') return 0
  const stated = amountIn(exact, dimension) ?? amountIn(given, dimension)
  return stated ?? amountIn(defaultCharge, dimension) ?? 0
}

/** What must be left in one dimension: all of an exact charge, the least of an ask, 1 for a host that is new. */
function needOf(dimension: Dimension, amounts: Amounts, newHost: boolean): number {
  if (dimension === 'hosts') return newHost ? 1 : 0
  if (amountIn(amounts.exact, dimension) === undefined) {
    const wanted = amountIn(amounts.ask, dimension)
    if (wanted !== undefined) return Math.min(wanted, amountIn(amounts.least, dimension) ?? 1)
  }
  return heldOf(dimension, amounts)
}

/** The accounts of a purse that have less left than is needed; one that its budget no longer limits lacks nothing. */
export function lacksOf(bound: Bound, needed: (dimension: Dimension) => number): readonly Lack[] {
  const { dimensions, accounts } = bound.purse
  let lacks: Lack[] | null = null
  for (const dimension of bound.budget.dimensions) {
    const account = present(accounts[dimensions.indexOf(dimension)], 'a bound purse is complete')
    const need = needed(dimension)
    if (need <= 0 || need <= headroomOf(account)) continue
    lacks ??= []
    lacks.push({ dimension, account, need })
  }
  return lacks ?? nothing
}

/** Works out what a request is charged on every purse at once; asserts that the amounts are countable (P8). */
export function chargeOf(bounds: readonly Bound[], event: AdmitEvent): Charge {
  checkVector(event.charge)
  checkVector(event.ask)
  const { ask, charge, least = none } = event
  checkVector(least)
  const amounts = { exact: charge, ask, least, given: narrow(bounds, ask) }
  const vector: Record<Dimension, number> = {}
  const lacks: (readonly Lack[])[] = []
  const lines: (readonly number[])[] = []
  for (const bound of bounds) {
    const newHost = !bound.purse.hosts.includes(event.host)
    lacks.push(lacksOf(bound, (dimension) => needOf(dimension, amounts, newHost)))
    lines.push(lineOf(bound, amounts, vector))
  }
  return { lines, vector, lacks }
}

/** What one purse holds of a request; what an active budget holds is noted in the vector. */
function lineOf(
  { budget, purse }: Bound,
  amounts: Amounts,
  vector: Record<Dimension, number>,
): readonly number[] {
  const { dimensions, accounts } = purse
  const isStrict = restrains(budget)
  // Nearly always the budget's own list: then each dimension of the purse is one that it limits.
  const isWhole = dimensions === budget.dimensions
  const line: number[] = []
  for (let index = 0; index < dimensions.length; index += 1) {
    const dimension = nth(dimensions, index)
    const account = accounts[index]
    let amount = 0
    if (account !== undefined && (isWhole || budget.dimensions.includes(dimension))) {
      amount = heldOf(dimension, amounts)
      const isHeld = dimension !== 'hosts' && dimension !== 'refusals'
      if (isHeld && budget.state === 'active') vector[dimension] = amount
      if (!isStrict) amount = countableOf(account, amount)
    }
    line.push(amount)
  }
  return line
}

/**
 * What an approval holds of one purse while it waits: the least that the request needs, so that a yes finds it.
 * Nothing of a gauge, in which it is not yet, and no host.
 */
export function waitingLine({ budget, purse }: Bound, event: AdmitEvent): readonly number[] {
  const { ask, charge, least = none } = event
  const amounts = { exact: charge, ask, least, given: none }
  return purse.dimensions.map((dimension) => {
    if (dimension === 'inflight' || !budget.dimensions.includes(dimension)) return 0
    return needOf(dimension, amounts, false)
  })
}

/** True where the account could never hold what is needed, however long one waits. */
export function neverFits(lack: Lack): boolean {
  return lack.need > limitOf(lack.account)
}

/** What is left of the restraining budgets, in each dimension the least. */
export function remainingOf(bounds: readonly Bound[]): readonly Remaining[] {
  const least = new Map<Dimension, Remaining>()
  for (const { budget, purse } of bounds) {
    if (!restrains(budget)) continue
    for (const dimension of budget.dimensions) {
      const account = purse.accounts[purse.dimensions.indexOf(dimension)]
      const { left, limit } = leftOf(present(account, 'a bound purse is complete'))
      if (left >= (least.get(dimension)?.left ?? Number.POSITIVE_INFINITY)) continue
      least.set(dimension, { budget: budget.id, scope: purse.scope, dimension, limit, left })
    }
  }
  return [...least.values()].sort((one, other) => (one.dimension < other.dimension ? -1 : 1))
}

function leftOf(account: Account): { readonly left: number; readonly limit: number } {
  return { left: Math.max(0, headroomOf(account)), limit: limitOf(account) }
}

/** The scope of a pool by its name. */
export function poolScope(pool: string): ScopeId {
  return `pool:${pool}` as ScopeId
}
