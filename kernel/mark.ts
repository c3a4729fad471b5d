/**
 * What a domain remembers of admitted requests, so that it can refuse a later one: a nonce that was used, an order
 * that was sent, how much was ordered in all, how secret a thing a run has read. A mark only ever makes the kernel
 * stricter (I11); it ends with its time.
 */
import type { Reason } from './reasons.ts'

/**
 * once   refused while the key is marked; an admission marks it.
 * add    refused where the sum of what was admitted under the key would pass `limit`; an admission adds `amount`.
 * below  refused where the key is marked with more than `limit`; marks nothing.
 * raise  refuses nothing; an admission raises the key to `amount`, never lowers it.
 */
export const markOps = ['once', 'add', 'below', 'raise'] as const

export type MarkOp = (typeof markOps)[number]

/** One question to the memory, asked with an admission and answered in the same step. */
export interface MarkCheck {
  readonly op: MarkOp
  /** Begins with the domain's name and a slash; at most 200 characters, of names and hashes, never of bodies (I6). */
  readonly key: string
  /** Non-negative safe integers; 0 where the operation has no use for it. */
  readonly amount: number
  readonly limit: number
  /** Instant at which the mark ends; 0 for `below`. An admission never makes the end of a mark sooner. */
  readonly until: number
  /** Why it refuses: code and id of the check. The message is not recorded. */
  readonly reason: Reason
}

/** One mark of the state. */
export interface Mark {
  readonly key: string
  readonly amount: number
  readonly until: number
}

/** Marks that are live at once; with more, an admission that would make another is refused. */
export const marksMax = 100_000

/** What one admission may ask of the memory: its entry has a size that holds it. */
export const markChecksMax = 32

/** Printable ASCII, so that an entry holds it whole: names and hashes need no more. */
const keyPattern = /^[a-z][a-z0-9_-]*\/[\x20-\x7e]{0,199}$/

/** True for a key that a mark may have. */
export function isMarkKey(key: string): boolean {
  return key.length <= 200 && keyPattern.test(key)
}
