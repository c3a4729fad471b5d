/** What whoever anchors is given from outside: time, a log, and the roots of the ledger's own tree. */
import type { After } from '../../ledger/deadline.ts'

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Calls back once; the answer cancels it. */
  readonly after: After
}

export interface AnchorLog {
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}

/** Root over the first so many entries, lower-case hex; null where the ledger has fewer. */
export type RootAt = (size: number) => Promise<string | null>
