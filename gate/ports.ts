/** What the gate is given from outside: time, and someone who counts. Both are data in, never a decision. */
import type { Decoded } from '../kernel/content.ts'
import type { Classification } from '../kernel/policy.ts'
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

/** What must be known of a body before a request can be judged. */
export type Needed = Pick<Classification, 'decoder' | 'payload'>

/** A body that was read; `content` is null where no decoder was asked for. */
export type Reading = Decoded | { readonly ok: true; readonly content: null }

/**
 * Reads the whole body, takes its content coding off, looks for what `payload` names, and decodes it; asked after the
 * policy allowed the request as far as it is known, once for each decoder. A failure refuses it, in observe mode
 * too: what was not read whole cannot be forwarded whole.
 */
export type Read = (needed: Needed) => Promise<Reading>

/** What the gate asks back about one request. */
export interface AdmitPorts {
  readonly resolve: Resolve
  readonly read: Read
}

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
