/** How much of the portfolio one security may be: what the snapshot holds, and what was ordered since it was taken. */
import type { DomainCall } from '../domain.ts'
import type { MarkCheck } from '../mark.ts'
import { integerParameter, markKey, numberParameter, rowOf, textParameter } from './check.ts'
import { decimalOf, microsDown, microsUp, positiveOf } from './decimal.ts'
import type { Order } from './finance-order.ts'

const hourMs = 3_600_000

/** Over the longest weekend; the counters since an older snapshot would be too many for one order. */
const hoursMax = 120

/** Counters begin every six hours; one counts from then on for as long as a snapshot of those hours may be used. */
const strideMs = 6 * hourMs

/** What the orders of one side may be worth in all since the snapshot, in micro-dollars. */
export interface Room {
  readonly takenAt: number
  readonly ageMaxMs: number
  /** Below zero where the position is too large already. */
  readonly limit: number
}

export type RoomProblem = 'unset' | 'stale' | 'unreadable'

const instantPattern = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/

/** Whether the policy asks for a snapshot at all. */
export function isShareLimited(call: DomainCall): boolean {
  return numberParameter(call, 'position_share_max') < 100
}

/** The room that the snapshot leaves to an order of this symbol and side, or why nobody knows it. */
export function roomOf(call: DomainCall, order: Order): Room | RoomProblem {
  const asOf = textParameter(call, 'positions_as_of')
  const portfolio = positiveOf(numberParameter(call, 'portfolio_value'))
  if (asOf === '' || portfolio === null) return 'unset'
  const takenAt = instantPattern.test(asOf) ? Date.parse(asOf) : Number.NaN
  const hours = integerParameter(call, 'positions_hours_max')
  const share = decimalOf(numberParameter(call, 'position_share_max'))
  const position = decimalOf(rowOf(call, 'positions', order.symbol) ?? 0)
  if (!Number.isFinite(takenAt) || share === null || position === null) return 'unreadable'
  const ageMaxMs = Math.min(hours, hoursMax) * hourMs
  if (takenAt > call.at || call.at - takenAt >= ageMaxMs) return 'stale'
  const size = microsUp(position < 0n ? -position : position)
  const whole = microsDown(portfolio)
  const percent = microsDown(share)
  if (size === null || whole === null || percent === null) return 'unreadable'
  // Percent in millionths: a share of 5 is 5,000,000 of 100,000,000. Rounded down, for it is a limit.
  const most = Number((BigInt(whole) * BigInt(percent)) / 100_000_000n)
  const isGrowing = (order.side === 'buy') === position > 0n
  return {
    takenAt,
    ageMaxMs,
    limit: position === 0n ? most : isGrowing ? most - size : most + size,
  }
}

/**
 * Counters of what is ordered of a symbol and side. An order adds to each that a snapshot might still begin with, so
 * that one which is loaded later, and does not hold it, finds it counted; only that of the snapshot in force is asked.
 * What was ordered up to six hours before a snapshot counts twice, and nothing is left out.
 */
export function positionMarks(
  call: DomainCall,
  order: Order,
  { room, value }: { readonly room: Room; readonly value: number },
): readonly MarkCheck[] {
  const oldest = Math.floor((call.at - room.ageMaxMs) / strideMs)
  const latest = Math.floor(call.at / strideMs)
  const asked = Math.floor(room.takenAt / strideMs)
  const key = markKey('finance/position', [order.symbol, order.side])
  const marks: MarkCheck[] = []
  for (let begun = oldest; begun <= latest; begun += 1) {
    marks.push({
      op: 'add',
      key: `${key}/${begun}`,
      amount: value,
      limit: begun === asked ? Math.max(0, room.limit) : Number.MAX_SAFE_INTEGER,
      until: (begun + 1) * strideMs + room.ageMaxMs,
      reason: {
        code: 'validator-refused',
        id: 'finance/position-share',
        message: 'With what was ordered since the snapshot, the position would be too large.',
      },
    })
  }
  return marks
}
