/** What follows an admission: dispatch, extension and settlement of a hold, and recovery of all that were open. */

import { limitOf, useOf } from './account.ts'
import type { Answer } from './answer.ts'
import { assert } from './contract.ts'
import { checkVector } from './dimension.ts'
import { end } from './ending.ts'
import type { DispatchEvent, SettleEvent } from './event.ts'
import { halt, haltedOn, haltedReason } from './halt.ts'
import { isOf } from './purse.ts'
import { byRequest, type Hold, type Purse } from './state.ts'
import { done, putHold, refused, refusedFor, type Turn } from './turn.ts'

/** The answer for a hold that is not open: it was settled, or a recovery forfeited it. */
export function ended(turn: Turn, request: string): Answer {
  return refused(turn, 'halted', `Request ${request} has no open hold: it has ended already.`)
}

/** Why a hold may not go on: a scope of its path is halted, or was since and came back as another incarnation. */
export function stoppedBy(turn: Turn, hold: Hold): Answer | null {
  const [halted] = haltedOn(turn, hold.path)
  if (halted !== undefined) return refusedFor(turn, haltedReason(halted))
  const moved = hold.path.find((scope, index) => {
    const incarnation = turn.scopes.get(scope)?.incarnation ?? 0
    return incarnation !== hold.incarnations[index]
  })
  if (moved === undefined) return null
  return refused(
    turn,
    'halted',
    `${moved} was halted since this request was admitted: send it anew.`,
  )
}

/** From here on bytes may leave. A refused hold stays held, to be voided. */
export function dispatch(turn: Turn, event: DispatchEvent): Answer {
  const hold = turn.holds.get(event.request)
  if (hold === undefined) return ended(turn, event.request)
  assert(hold.state === 'held', 'P6: a hold is dispatched once')
  const stopped = stoppedBy(turn, hold)
  if (stopped !== null) return stopped
  putHold(turn, {
    request: hold.request,
    state: 'dispatched',
    admittedAt: hold.admittedAt,
    path: hold.path,
    incarnations: hold.incarnations,
    lines: hold.lines,
    vector: hold.vector,
  })
  return done(turn)
}

/** Halts the scopes of `kill` budgets whose limit is exceeded by what was truly spent. */
function killExceeded(turn: Turn, purses: readonly Purse[]): void {
  for (const purse of purses) {
    const budget = turn.terms.budgets.get(purse.budget)
    if (budget?.state !== 'active' || budget.onLimit !== 'kill') continue
    if (turn.terms.mode === 'observe' || !isOf(budget, purse)) continue
    const exceeded = purse.accounts.some((account) => useOf(account) > limitOf(account))
    if (exceeded) halt(turn, purse.scope, 'on_limit')
  }
}

/** Ends a hold with the truth, while halted too; one that is ended already stays as it ended. */
export function settle(turn: Turn, event: SettleEvent): Answer {
  checkVector(event.actual)
  const hold = turn.holds.get(event.request)
  if (hold === undefined) return ended(turn, event.request)
  assert(
    event.outcome !== 'voided' || hold.state === 'held',
    'P6: what was dispatched is never voided',
  )
  killExceeded(turn, end(turn, hold, event))
  return done(turn)
}

/** Forfeits every open hold in full: nobody knows any more what it cost. */
export function recover(turn: Turn): Answer {
  for (const hold of [...turn.holds.values()].sort(byRequest)) {
    turn.effects.push({ kind: 'ended', request: hold.request, outcome: 'forfeited' })
    killExceeded(turn, end(turn, hold, { outcome: 'forfeited', actual: {} }))
  }
  return done(turn)
}
