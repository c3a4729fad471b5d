/**
 * What must hold in every step, asserted over what the step touched (O(path)), and over the whole state on demand.
 * A violation is a bug of ours: ContractError, and the gate seals.
 */
import { limitOf, useOf } from './account.ts'
import { checkAsked } from './approval-contracts.ts'
import { assert, nth, present } from './contract.ts'
import { checkVector } from './dimension.ts'
import { samePeriod } from './period.ts'
import type { Terms } from './policy.ts'
import { countsIn, purseKey } from './purse.ts'
import { kindOf, type ScopeId } from './scope.ts'
import type { Account, Hold, Purse, ScopeState, State } from './state.ts'
import { refillsMax } from './window.ts'

const counts = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/** P8, P1 and I3 of one account by itself. */
function checkAccount(account: Account): void {
  const { granted, revoked, posted, overrun, held, expired, tier, declared } = account
  assert(counts(granted) && counts(revoked) && counts(posted), 'P8: amounts are safe integers')
  assert(counts(overrun) && counts(expired) && counts(tier), 'P8: amounts are safe integers')
  assert(counts(held) && counts(declared), 'P1: what is held is never less than nothing')
  assert(revoked <= granted, 'no more is revoked than was granted')
  assert(expired <= posted, 'no more leaves a window than was posted')
  assert(useOf(account) + held <= limitOf(account) + overrun, 'I3: use and holds within the limit')
  assert(account.refills.length <= refillsMax, 'the refills of a window are bounded')
}

/** P3: what only grows did not fall; P4: authority rose only by a grant (I9). */
function checkMove(before: Account, after: Account, granting: boolean): void {
  assert(after.granted === before.granted || granting, 'P4: only a grant raises authority')
  assert(after.granted >= before.granted, 'P3: what was granted never falls')
  assert(after.revoked >= before.revoked, 'P3: what was revoked never falls')
  assert(after.posted >= before.posted, 'P3: what was posted never falls')
  assert(after.overrun >= before.overrun, 'P3: overrun never falls')
  assert(after.expired >= before.expired, 'P3: what expired never falls')
  assert(after.declared <= before.declared, 'P4: a policy never raises what it declared')
}

export interface PurseChange {
  readonly before: Purse | undefined
  readonly after: Purse
  /** Whether the event is a grant. */
  readonly granting: boolean
}

/** Asserts a change of one purse: each account by itself, and against what it was. */
export function checkPurseChange({ before, after, granting }: PurseChange): void {
  assert(after.accounts.length === after.dimensions.length, 'each dimension has an account')
  const comparable = before?.accounts.length === after.accounts.length ? before.accounts : null
  for (let index = 0; index < after.accounts.length; index += 1) {
    const account = nth(after.accounts, index)
    const old = comparable?.[index]
    if (old === account) continue
    checkAccount(account)
    if (old !== undefined) checkMove(old, account, granting)
  }
}

/** Asserts a change of one scope. P5: HALTED absorbs everything within its incarnation (I8). */
export function checkScopeChange(before: ScopeState | undefined, after: ScopeState): void {
  if (before === undefined) {
    assert(after.incarnation === 0, 'a scope begins with incarnation 0')
    return
  }
  const raised = after.incarnation - before.incarnation
  assert(raised === 0 || raised === 1, 'an incarnation rises by one')
  assert(raised === 0 || before.mode === 'halted', 'only what is halted is reinstated')
  assert(raised === 1 || before.mode === 'running', 'P5: a halted incarnation stays halted')
}

/** Asserts a change of one hold; null where there is none. P6: what has ended never moves again (I2). */
export function checkHoldChange(before: Hold | undefined, after: Hold | null): void {
  if (after === null) {
    assert(before !== undefined, 'P6: only an open hold ends')
    return
  }
  checkVector(after.vector)
  if (before === undefined) assert(after.state === 'held', 'P6: a hold begins as held')
  else {
    const onward = before.state === 'held' || after.state === 'dispatched'
    assert(onward, 'P6: a hold is dispatched, never the other way')
  }
}

function checkPurse(key: string, purse: Purse, held: readonly number[]): void {
  const { budget: id, scope } = purse
  assert(key === purse.key, 'a purse lies under its own key')
  checkPurseChange({ before: undefined, after: purse, granting: false })
  const { period, dimensions, hosts, hostsUntil, instance } = purse
  assert(key === purseKey({ id, period }, scope, instance), 'a key says whose purse it is')
  const calendar = period.kind === 'hour' || period.kind === 'day' || period.kind === 'month'
  assert(calendar === (instance !== ''), 'a calendar purse has an instance, and no other has')
  assert(
    hostsUntil.length === (period.kind === 'window' ? hosts.length : 0),
    'hosts of a window end',
  )
  assert(new Set(hosts).size === hosts.length, 'a host is counted once')
  for (const [index, account] of purse.accounts.entries()) {
    assert(
      account.held === (held[index] ?? 0),
      'P1: what is held is the sum of open holds and approvals',
    )
    const dimension = nth(dimensions, index)
    assert(dimension > (dimensions[index - 1] ?? ''), 'dimensions ascend')
    const known = dimension === 'hosts' ? hosts.length : 0
    assert(known <= useOf(account), 'each host in the set was posted')
    let [waiting, last] = [0, -1]
    for (const refill of account.refills) {
      assert(counts(refill.amount) && refill.at > last, 'refills ascend')
      waiting += refill.amount
      last = refill.at
    }
    if (period.kind === 'window') {
      assert(waiting + known === useOf(account), 'what is used leaves the window once')
    } else {
      assert(waiting === 0 && account.expired === 0, 'only windows refill')
    }
  }
}

function checkHold(state: State, key: string, hold: Hold): void {
  assert(key === hold.request, 'a hold lies under the id of its request')
  assert(hold.path.length === hold.incarnations.length, 'each scope of a path has an incarnation')
  assert(counts(hold.admittedAt) && hold.admittedAt <= state.now, 'no hold is from the future')
  for (const [index, scope] of hold.path.entries()) {
    const then = nth(hold.incarnations, index)
    const incarnation = state.scopes.get(scope)?.incarnation ?? 0
    assert(then <= incarnation, 'no hold is of a later incarnation')
  }
}

/** What the open holds and approvals hold, by purse key. */
function heldByPurse(state: State): ReadonlyMap<string, readonly number[]> {
  const sums = new Map<string, number[]>()
  for (const [key, hold] of state.holds) checkHold(state, key, hold)
  for (const holder of [...state.holds.values(), ...state.approvals.values()]) {
    for (const line of holder.lines) {
      const purse = present(state.purses.get(line.purse), 'a hold is on an open purse')
      assert(
        line.amounts.length === purse.dimensions.length,
        'a line has all dimensions of its purse',
      )
      assert(line.amounts.every(counts), 'P8: amounts are safe integers')
      const sum = sums.get(line.purse) ?? line.amounts.map(() => 0)
      sums.set(
        line.purse,
        sum.map((amount, index) => amount + nth(line.amounts, index)),
      )
    }
  }
  return sums
}

function checkScopes(state: State): void {
  const runs = new Map<string, number>()
  for (const [key, known] of state.scopes) {
    assert(key === known.scope, 'a scope lies under its own id')
    assert(counts(known.incarnation), 'an incarnation is a number of reinstatements')
    assert((known.mode === 'halted') === (known.cause !== null), 'a halt has a cause')
    if (kindOf(known.scope) !== 'run') continue
    assert(known.incarnation === 0, 'a run is never reinstated')
    const agent = agentOf(known.scope)
    runs.set(agent, (runs.get(agent) ?? 0) + 1)
  }
  assert(state.runs.size === runs.size, 'each agent with runs is counted')
  for (const [agent, number] of state.runs) {
    assert(runs.get(agent) === number, 'each run of an agent is counted once')
  }
}

/** The agent of a run: `run:A/R` gives `A`. */
export function agentOf(run: ScopeId): string {
  return run.slice('run:'.length, run.indexOf('/'))
}

/** Asserts everything that is true of a state by itself. */
export function checkWhole(state: State): void {
  assert(counts(state.now), 'the clock is not before the epoch')
  const held = heldByPurse(state)
  for (const [key, purse] of state.purses) checkPurse(key, purse, held.get(key) ?? [])
  checkScopes(state)
  checkAsked(state)
}

/** Asserts everything that is true of a state under the terms in force: the deep check after each step. */
export function checkState(state: State, terms: Terms): void {
  checkWhole(state)
  if (terms.digest !== state.policy) return
  for (const purse of state.purses.values()) {
    const budget = terms.budgets.get(purse.budget)
    if (budget === undefined || !countsIn(budget, purse.scope)) continue
    if (!samePeriod(budget.period, purse.period)) continue
    assert(
      budget.dimensions.every((dimension) => purse.dimensions.includes(dimension)),
      'a purse in force has all dimensions of its budget',
    )
  }
}
