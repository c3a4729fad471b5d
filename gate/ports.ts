/** What the gate is given from outside: time, and someone who counts. Both are data in, never a decision. */
import type { Content, Decoded } from '../kernel/content.ts'
import type { Proof } from '../kernel/domain.ts'
import type { Classification, Policy } from '../kernel/policy.ts'
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
export type Needed = Pick<Classification, 'decoder' | 'payload'> & {
  /** Whether the whole body must be known by its hash, although nobody decodes it. */
  readonly hash?: boolean
}

/** A body that was read; `content` is null where no decoder was asked for. */
export type Reading =
  | Extract<Decoded, { readonly ok: false }>
  | {
      readonly ok: true
      readonly content: Content | null
      /** 64 hex digits: SHA-256 of the body as it will be forwarded; absent where it was not asked for. */
      readonly bodyHash?: string
      /** The body itself, as long as nobody changes it; absent where it was not asked for. */
      readonly bodyBytes?: Uint8Array
    }

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
  /** Calls `gone` when nobody waits for the answer any more; asked once. */
  readonly left?: (gone: () => void) => void
}

/** Signed statements that came with a request, as they came; null where there are none. */
export interface Shown {
  /** Value of `Haltgate-Proof`. */
  readonly statements: string | null
  /** Value of `Haltgate-Capability`. */
  readonly capability: string | null
}

/** What statements prove; one that does not hold speaks against the request. */
export type Proved =
  | { readonly ok: true; readonly proofs: readonly Proof[] }
  | { readonly ok: false; readonly code: ReasonCode; readonly message: string }

/**
 * Verifies statements by the keys of a policy's issuers, and the gate's own tokens by its own key. One that throws
 * has proved nothing.
 *
 * at  milliseconds since the epoch, by which they have expired or not.
 */
export type Prove = (
  shown: Shown,
  by: { readonly policy: Policy; readonly at: number },
) => Promise<Proved>

/** What a decision is about and its entry does not hold. */
export interface Committed {
  readonly facts: RequestFacts
  /** 64 hex digits: SHA-256 of the body as it will be forwarded; null where nobody had to know it. */
  readonly bodyHash: () => string | null
  /** The body itself; null where nobody had to read it. */
  readonly bodyBytes: () => Uint8Array | null
  /** seq of the last durable entry. */
  readonly after: number
}

/**
 * Commits to it, and has the openings written before it answers; called in the turn that appends the entry.
 *
 * returns  the member `commitments`, keys ascending; null where there is nothing to commit to.
 * errors   Failure: nothing may be decided.
 */
export type Commit = (committed: Committed) => Readonly<Record<string, string>> | null

/** SHA-256 of a text in UTF-8, 64 lower-case hex digits. */
export type Hash = (text: string) => string

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
