/** Extension of a dispatched hold: more of metered dimensions, as much as is left on every purse of the hold. */
import { amountMax, count, countableOf, reserve } from './account.ts'
import type { Answer } from './answer.ts'
import { type Bound, lacksOf, narrow, remainingOf, restrains } from './charge.ts'
import { assert, nth, present } from './contract.ts'
import { amountIn, amountOf, checkVector, type Dimension, type Vector } from './dimension.ts'
import type { ExtendEvent } from './event.ts'
import { budgetFindings, type Finding, reasonsOf, retryAtOf, strictest } from './finding.ts'
import { carryOut } from './halt.ts'
import type { HoldLine } from './hold-line.ts'
import { isOf, refresh, withAccounts } from './purse.ts'
import { ended, stoppedBy } from './settle.ts'
import type { Hold, Purse } from './state.ts'
import { done, putHold, putPurse, type Turn } from './turn.ts'
import { passes } from './verdict.ts'

/** A purse of the hold, of the period in which it was admitted; bound to nothing where the policy dropped its budget. */
interface Held {
  readonly line: HoldLine
  readonly purse: Purse
  readonly bound: Bound | null
}

function heldOn(turn: Turn, hold: Hold): readonly Held[] {
  const { purses, terms, now } = turn
  return hold.lines.map((line) => {
    const stored = present(purses.get(line.purse), 'a hold is on an open purse')
    const purse = refresh(stored, now)
    const budget = terms.budgets.get(purse.budget)
    return { line, purse, bound: budget && isOf(budget, purse) ? { budget, purse } : null }
  })
}

/** What is asked of dimensions that the hold limits; where it limits nothing there is nothing to extend. */
function limited(hold: Hold, ask: Vector): Vector {
  const wanted: Record<Dimension, number> = {}
  for (const dimension of Object.keys(ask)) {
    const amount = amountIn(ask, dimension)
    if (amount && amountIn(hold.vector, dimension) !== undefined) wanted[dimension] = amount
  }
  return wanted
}

/** Reserves the same amounts more on each purse, and answers the longer hold. */
function lengthen(turn: Turn, hold: Hold, more: { held: readonly Held[]; given: Vector }): Hold {
  const lines = more.held.map(({ line, purse, bound }) => {
    const restrained = bound !== null && restrains(bound.budget)
    const amounts = line.amounts.slice()
    const accounts = purse.accounts.map((account, index) => {
      const dimension = nth(purse.dimensions, index)
      const given = amountIn(more.given, dimension) ?? 0
      const amount = restrained ? given : countableOf(account, given)
      amounts[index] = nth(line.amounts, index) + amount
      return restrained ? reserve(account, amount) : count(account, amount)
    })
    putPurse(turn, withAccounts(purse, accounts))
    return { purse: line.purse, amounts }
  })
  const vector: Record<Dimension, number> = { ...hold.vector }
  for (const dimension of Object.keys(more.given)) {
    const sum = amountOf(vector, dimension) + amountOf(more.given, dimension)
    vector[dimension] = Math.min(amountMax, sum)
  }
  const longer: Hold = { ...hold, lines, vector }
  putHold(turn, longer)
  return longer
}

/** Gives a dispatched hold more, at least 1 of each that it asks for, or refuses and changes nothing of it. */
export function extend(turn: Turn, event: ExtendEvent): Answer {
  checkVector(event.ask)
  const hold = turn.holds.get(event.request)
  if (hold === undefined) return ended(turn, event.request)
  assert(hold.state === 'dispatched', 'only what was dispatched is extended')
  const stopped = stoppedBy(turn, hold)
  if (stopped !== null) return stopped
  const held = heldOn(turn, hold)
  const bounds = held.flatMap(({ bound }) => (bound === null ? [] : [bound]))
  const wanted = limited(hold, event.ask)
  const needed = (dimension: Dimension): number => Math.min(1, amountIn(wanted, dimension) ?? 0)
  const measured = bounds
    .filter(({ budget }) => budget.state === 'active')
    .map((bound) => ({ bound, lacks: lacksOf(bound, needed) }))
  // Nothing waits in the middle of a request: a window that lacks it cuts here.
  const occasion = { now: turn.now, queue: 'expired', queueing: false } as const
  const findings: readonly Finding[] = budgetFindings(measured, occasion)
  const verdict = strictest(findings)
  const said = { verdict, draftVerdict: verdict, reasons: reasonsOf(findings) }
  if (!passes(verdict)) {
    carryOut(turn, findings)
    const remaining = remainingOf(bounds)
    return { ...done(turn), ...said, retryAt: retryAtOf(findings), remaining }
  }
  const given = { ...wanted, ...narrow(bounds, wanted) }
  const longer = lengthen(turn, hold, { held, given })
  return { ...done(turn), ...said, hold: longer }
}
