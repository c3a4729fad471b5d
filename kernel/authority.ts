/** Authority: raised by a grant alone, lowered by a revocation or a stricter policy, at once (I9). */
import { amountMax, grant, limitOf, openAccount, revoke } from './account.ts'
import type { Answer } from './answer.ts'
import { purseOf } from './charge.ts'
import { assert, nth } from './contract.ts'
import { agentOf } from './contracts.ts'
import { amountIn, amountOf } from './dimension.ts'
import type { GrantEvent, LoadEvent } from './event.ts'
import { haltedOn, haltedReason } from './halt.ts'
import { samePeriod } from './period.ts'
import type { BudgetTerms, Terms } from './policy.ts'
import { countsIn } from './purse.ts'
import { dropAsked } from './release.ts'
import { fleet, kindOf, type ScopeId } from './scope.ts'
import type { Account, Purse } from './state.ts'
import { rearm } from './tier.ts'
import { done, putGrantedPurse, putHold, putPurse, refused, refusedFor, type Turn } from './turn.ts'

/** A scope and those above it that its own name tells: the fleet, and the agent of a run or tenant of a project. */
function above(scope: ScopeId): readonly ScopeId[] {
  const kind = kindOf(scope)
  if (kind === 'run') return [fleet, `agent:${agentOf(scope)}` as ScopeId, scope]
  if (kind !== 'project') return [fleet, scope]
  return [fleet, `tenant:${scope.slice('project:'.length, scope.indexOf('/'))}` as ScopeId, scope]
}

/** The budget that a grant or revocation means, or the sentence that says why there is none. */
function meant(event: GrantEvent, terms: Terms): BudgetTerms | string {
  const { scope, budget: id, dimension } = event
  if (id !== '') {
    const named = terms.budgets.get(id)
    if (named === undefined) return `There is no budget "${id}" in the policy.`
    if (!countsIn(named, scope)) return `Budget "${id}" does not count in ${scope}.`
    if (amountIn(named.limits, dimension) !== undefined) return named
    return `Budget "${id}" does not limit ${dimension}: it limits ${named.dimensions.join(', ')}.`
  }
  const fitting = [...terms.budgets.values()].filter(
    (budget) =>
      budget.state === 'active' &&
      countsIn(budget, scope) &&
      amountIn(budget.limits, dimension) !== undefined,
  )
  const [only, ...others] = fitting
  if (only === undefined) return `No budget of ${scope} limits ${dimension}.`
  if (others.length === 0) return only
  const ids = fitting.map((budget) => budget.id).join(', ')
  return `Several budgets of ${scope} limit ${dimension}: name one of ${ids}.`
}

function withAccount(purse: Purse, index: number, account: Account): Purse {
  return { ...purse, accounts: purse.accounts.map((each, at) => (at === index ? account : each)) }
}

/** Raises or lowers the limit of one account, opening its purse where nobody has used it yet. */
export function changeAuthority(turn: Turn, event: GrantEvent): Answer {
  const { scope, dimension, amount } = event
  if (!Number.isSafeInteger(amount) || amount <= 0) {
    return refused(turn, 'malformed-request', 'An amount is a positive integer below 2^53.')
  }
  const budget = meant(event, turn.terms)
  if (typeof budget === 'string') return refused(turn, 'malformed-request', budget)
  const [halted] = event.kind === 'grant' ? haltedOn(turn, above(scope)) : []
  if (halted !== undefined) return refusedFor(turn, haltedReason(halted))
  const purse = purseOf(turn, budget, scope)
  const index = purse.dimensions.indexOf(dimension)
  const account = purse.accounts[index]
  assert(account !== undefined, 'a purse in force has all dimensions of its budget')
  if (event.kind === 'revoke') {
    putPurse(turn, withAccount(purse, index, revoke(account, amount)))
    return done(turn)
  }
  if (amount > amountMax - account.granted) {
    return refused(turn, 'malformed-request', 'The grant is more than an account can count.')
  }
  const granted = rearm(grant(account, amount), dimension, budget)
  putGrantedPurse(turn, withAccount(purse, index, granted))
  return done(turn)
}

/**
 * A policy that declares less than the one before revokes down to it. One that declares the same leaves what
 * operators granted; one that declares more changes nothing, since authority rises by a grant alone.
 */
function tightened(account: Account, limit: number | undefined): Account {
  if (limit === undefined || limit >= account.declared) return account
  const lowered = { ...account, declared: limit }
  return limit < limitOf(account) ? revoke(lowered, limitOf(account) - limit) : lowered
}

/** The purse with an account more for each dimension that its budget newly limits. */
function widened(purse: Purse, budget: BudgetTerms): Purse {
  const fresh = budget.dimensions.filter((dimension) => !purse.dimensions.includes(dimension))
  if (fresh.length === 0) return purse
  const dimensions = [...purse.dimensions, ...fresh].sort()
  const accounts = dimensions.map((dimension) => {
    const known = purse.accounts[purse.dimensions.indexOf(dimension)]
    return known ?? openAccount(amountOf(budget.limits, dimension))
  })
  return { ...purse, dimensions, accounts }
}

/** Gives the open holds on widened purses a 0 in each new dimension. */
function realign(
  turn: Turn,
  widenings: ReadonlyMap<string, { before: Purse; after: Purse }>,
): void {
  for (const hold of turn.holds.values()) {
    if (!hold.lines.some((line) => widenings.has(line.purse))) continue
    const lines = hold.lines.map((line) => {
      const widening = widenings.get(line.purse)
      if (widening === undefined) return line
      const { before, after } = widening
      const amounts = after.dimensions.map(
        (dimension) => line.amounts[before.dimensions.indexOf(dimension)] ?? 0,
      )
      return { purse: line.purse, amounts }
    })
    putHold(turn, { ...hold, lines })
  }
}

/**
 * A policy comes into force: open purses of budgets that it still has fall to its limits, and none rises. What
 * people were asked under another one, or said to it, is asked anew.
 */
export function load(turn: Turn, event: LoadEvent): Answer {
  assert(event.digest === turn.terms.digest, 'a policy comes into force with its own terms')
  if (event.digest !== turn.policy) dropAsked(turn, () => true)
  const widenings = new Map<string, { before: Purse; after: Purse }>()
  for (const [key, purse] of turn.purses.sorted()) {
    const budget = turn.terms.budgets.get(purse.budget)
    if (budget === undefined || !countsIn(budget, purse.scope)) continue
    if (!samePeriod(budget.period, purse.period)) continue
    const accounts = purse.accounts.map((account, index) =>
      tightened(account, amountIn(budget.limits, nth(purse.dimensions, index))),
    )
    const after = widened({ ...purse, accounts }, budget)
    if (after.dimensions !== purse.dimensions) widenings.set(key, { before: purse, after })
    putPurse(turn, after)
  }
  if (widenings.size > 0) realign(turn, widenings)
  turn.policy = event.digest
  return done(turn)
}
