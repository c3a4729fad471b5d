/** The end of a hold: on each account what it held is given back, and the truth is posted in its place. */
import { post } from './account.ts'
import { nth, present } from './contract.ts'
import { amountIn, type Dimension, type Vector } from './dimension.ts'
import { refresh, withAccounts } from './purse.ts'
import type { Hold, Purse } from './state.ts'
import { dropHold, putPurse, type Turn } from './turn.ts'
import { spentAt } from './window.ts'

export interface Ending {
  readonly outcome: 'settled' | 'forfeited' | 'voided'
  readonly actual: Vector
}

/** A gauge falls back to 0 with the request; hosts and refusals are counted by the kernel, when they happen. */
const neverPosted: ReadonlySet<Dimension> = new Set(['inflight', 'hosts', 'refusals'])

/** What an ending costs in one dimension. Never capped, and never less than held where the truth is unknown. */
function spentOf(dimension: Dimension, held: number, ending: Ending): number {
  if (ending.outcome === 'voided' || neverPosted.has(dimension)) return 0
  const known = amountIn(ending.actual, dimension)
  if (ending.outcome === 'settled') return known ?? held
  return Math.max(held, known ?? 0)
}

/** Ends a hold on all its accounts; answers the purses as they now are. */
export function end(turn: Turn, hold: Hold, ending: Ending): readonly Purse[] {
  dropHold(turn, hold)
  const { now } = turn
  return hold.lines.map((line) => {
    const stored = present(turn.purses.get(line.purse), 'a hold is on an open purse')
    const purse = refresh(stored, now)
    const accounts = purse.accounts.map((account, index) => {
      const held = nth(line.amounts, index)
      const dimension = nth(purse.dimensions, index)
      const spent = spentOf(dimension, held, ending)
      if (purse.period.kind !== 'window') return post(account, { held, spent, window: null })
      const refillAt = spentAt(dimension, hold.admittedAt, now) + purse.period.lengthMs
      return post(account, { held, spent, window: { refillAt, now } })
    })
    const after = withAccounts(purse, accounts)
    putPurse(turn, after)
    return after
  })
}
