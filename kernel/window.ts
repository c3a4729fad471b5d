/** Sliding windows: what was spent leaves the window one length later, merged late and never early. */
import { nth } from './contract.ts'
import type { Dimension } from './dimension.ts'
import type { Account } from './state.ts'

type Refill = Account['refills'][number]

/** Buckets of a window's refill list; a fuller list merges its two nearest into the later one. */
export const refillsMax = 64

/**
 * Spent bit by bit until the settlement, and so leaving the window one length after it; all else is spent at
 * once when it is admitted.
 */
const spentUntilSettled: ReadonlySet<Dimension> = new Set([
  'bytes_down',
  'bytes_up',
  'cost_usd',
  'tokens',
  'tokens_in',
  'tokens_out',
  'wall',
])

/** The instant at which an amount counts as spent, from which its window runs. */
export function spentAt(dimension: Dimension, admittedAt: number, settledAt: number): number {
  return spentUntilSettled.has(dimension) ? settledAt : admittedAt
}

/** Merges the neighbours with the smallest gap into the later one, so that nothing leaves the window early (I3). */
function merged(refills: Refill[]): readonly Refill[] {
  let nearest = 1
  let gap = Number.POSITIVE_INFINITY
  for (let index = 1; index < refills.length; index += 1) {
    const between = nth(refills, index).at - nth(refills, index - 1).at
    if (between < gap) {
      nearest = index
      gap = between
    }
  }
  const later = nth(refills, nearest)
  const amount = nth(refills, nearest - 1).amount + later.amount
  refills.splice(nearest - 1, 2, { at: later.at, amount })
  return refills
}

/** The list with an amount more that leaves at an instant: ascending, one entry an instant, bounded. */
export function withRefill(refills: readonly Refill[], fresh: Refill): readonly Refill[] {
  let index = refills.length
  while (index > 0 && nth(refills, index - 1).at > fresh.at) index -= 1
  const before = refills[index - 1]
  const result = refills.slice()
  if (before?.at === fresh.at) {
    result[index - 1] = { at: fresh.at, amount: before.amount + fresh.amount }
    return result
  }
  result.splice(index, 0, fresh)
  return result.length > refillsMax ? merged(result) : result
}

/** The account as it is at an instant: what has left the window by then is expired. */
export function expire(account: Account, now: number): Account {
  const [first] = account.refills
  if (first === undefined || first.at > now) return account
  let expired = account.expired
  let gone = 0
  for (const refill of account.refills) {
    if (refill.at > now) break
    expired += refill.amount
    gone += 1
  }
  return { ...account, expired, refills: account.refills.slice(gone) }
}
