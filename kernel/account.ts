/** The arithmetic of one account: limit, use, headroom, and the four ways in which its amounts move (I3). */
import { assert } from './contract.ts'
import type { Account } from './state.ts'
import { withRefill } from './window.ts'

/** The largest amount that an account can count; beyond it an account is full, and never wraps. */
export const amountMax = Number.MAX_SAFE_INTEGER

/** What was granted and not revoked. */
export function limitOf(account: Account): number {
  return account.granted - account.revoked
}

/** What counts against the limit: all that was posted, less what has left a sliding window. */
export function useOf(account: Account): number {
  return account.posted - account.expired
}

/** What may still be held: negative where a limit fell below its use. */
export function headroomOf(account: Account): number {
  return Math.min(limitOf(account) - useOf(account), amountMax - account.posted) - account.held
}

/** An account that nobody has used, at the limit that its policy declares. */
export function openAccount(limit: number): Account {
  return {
    granted: limit,
    revoked: 0,
    posted: 0,
    overrun: 0,
    held: 0,
    expired: 0,
    refills: [],
    tier: 0,
    declared: limit,
  }
}

/** What moves when an amount is held or posted; all else of an account stays. */
type Movement = Pick<Account, 'posted' | 'held' | 'expired' | 'refills'>

/** The account after a movement; what then stands beyond the limit is overrun (I3). */
function moved(account: Account, { posted, held, expired, refills }: Movement): Account {
  const beyond = posted - expired + held - limitOf(account)
  return {
    granted: account.granted,
    revoked: account.revoked,
    posted,
    overrun: Math.max(account.overrun, beyond),
    held,
    expired,
    refills,
    tier: account.tier,
    declared: account.declared,
  }
}

/** Holds an amount that the headroom has. asserts  it has (P2). */
export function reserve(account: Account, amount: number): Account {
  if (amount === 0) return account
  assert(amount <= headroomOf(account), 'P2: an admission stays within the headroom')
  const { posted, held, expired, refills } = account
  return moved(account, { posted, held: held + amount, expired, refills })
}

/** Holds an amount in an account that only counts; what the limit lacks is overrun. */
export function count(account: Account, amount: number): Account {
  const countable = countableOf(account, amount)
  if (countable === 0) return account
  const { posted, held, expired, refills } = account
  return moved(account, { posted, held: held + countable, expired, refills })
}

/** As much of an amount as an account that only counts can still count. */
export function countableOf(account: Account, amount: number): number {
  return Math.min(amount, amountMax - account.posted - account.held)
}

export interface Posting {
  /** What of the held amount ends with it. */
  readonly held: number
  /** What was truly spent: never capped by what was held or is left. */
  readonly spent: number
  /** When it leaves the window, and now; null where the period is no window. */
  readonly window: { readonly refillAt: number; readonly now: number } | null
}

/** Gives a held amount back and posts what was spent instead; beyond the limit it is overrun. */
export function post(account: Account, posting: Posting): Account {
  if (posting.held === 0 && posting.spent === 0) return account
  const held = account.held - posting.held
  const spent = Math.min(posting.spent, amountMax - account.posted - held)
  const posted = account.posted + spent
  const { expired, refills } = account
  if (posting.window === null || spent === 0) {
    return moved(account, { posted, held, expired, refills })
  }
  const { refillAt, now } = posting.window
  if (refillAt <= now) return moved(account, { posted, held, expired: expired + spent, refills })
  const waiting = withRefill(refills, { at: refillAt, amount: spent })
  return moved(account, { posted, held, expired, refills: waiting })
}

/** Raises the limit: the one way in which authority rises (I9). */
export function grant(account: Account, amount: number): Account {
  return { ...account, granted: account.granted + amount }
}

/** Lowers the limit by an amount, at most to 0, at once: what stands beyond it is overrun. */
export function revoke(account: Account, amount: number): Account {
  const revoked = Math.min(account.granted, account.revoked + amount)
  return moved({ ...account, revoked }, account)
}
