/** What the gate is given from outside: time, and someone who counts. Both are data in, never a decision. */
import type { ReasonCode } from '../kernel/reasons.ts'
import type { RequestFacts } from '../kernel/request.ts'
import type { Verdict } from '../kernel/verdict.ts'

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Milliseconds that never run backward, for durations only. */
  monotonicMs(): number
  /** Calls back once, after at least so many milliseconds; the answer cancels it. */
  after(delayMs: number, callback: () => void): () => void
}

/** What the destination of a request resolved to, judged address by address. */
export type Destination =
  | { readonly ok: true; readonly addresses: readonly string[] }
  | {
      readonly ok: false
      readonly code: 'destination-forbidden' | 'destination-unresolved'
      readonly message: string
      readonly addresses: readonly string[]
    }

/**
 * Resolves and judges a host once for a request; asked only after the policy allowed it (I1).
 * allowed  CIDRs in which an answer may lie although its range is private.
 */
export type Resolve = (
  host: string,
  port: number,
  allowed: readonly string[],
) => Destination | Promise<Destination>

/** Told of what happened, for metrics; must not throw and must not wait. */
export interface Watch {
  decided(verdict: Verdict, code: ReasonCode | '', domain: string, seconds: number): void
  /** Decide and durable, from admit's call to its answer. */
  admitted(seconds: number): void
  appended(kind: string): void
  stepped(): void
  severed(scope: string, cause: string): void
  /** A request was dispatched: its first byte may leave. */
  opened(kind: RequestFacts['kind']): void
  /** A dispatched request ended: how it was answered (0: not), what passed, and why it was cut, if it was. */
  ended(end: {
    readonly kind: RequestFacts['kind']
    readonly status: number
    readonly cut: string
    readonly bytesUp: number
    readonly bytesDown: number
  }): void
}
