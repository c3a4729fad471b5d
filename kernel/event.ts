/** What can happen to the kernel's state. Time, ids and facts arrive in the event; nothing else moves it. */
import type { ApprovalAsk } from './approval.ts'
import type { Vector } from './dimension.ts'
import type { Demand } from './domain.ts'
import type { MarkCheck } from './mark.ts'
import type { Reason } from './reasons.ts'
import type { Principal, ScopeId } from './scope.ts'

/** Milliseconds since the epoch, as the caller's clock says; the kernel's own clock ratchets over it. */
type Instant = number

export interface AdmitEvent {
  readonly kind: 'admit'
  readonly at: Instant
  /** Id of the request, which becomes the id of its hold. */
  readonly request: string
  readonly principal: Principal
  /** Host of the target, for the `hosts` dimension. */
  readonly host: string
  /** Ids of matching active rules, of matching drafts, and of matching budgets: see Classification. */
  readonly rules: readonly string[]
  readonly drafts: readonly string[]
  readonly budgets: readonly string[]
  /** Exact amounts: a missing `requests`, `effort` or `inflight` is 1, any other missing dimension 0. */
  readonly charge: Vector
  /**
   * Metered amounts wanted, which the hold may be given less of, where less is left (bytes_down, wall, and
   * bytes_up where the length is unknown). At least 1 must be left. No account on the path: no hold of it.
   */
  readonly ask: Vector
  /** What must be left of a dimension that is asked; 1 where it names none. All of `ask` where it names more. */
  readonly least?: Vector
  /** Refusals found before the kernel: conditions, validators, destination. Any one denies. */
  readonly refusals: readonly Reason[]
  /** What domains want beside the rules: a person's yes, a warning. Absent where they want nothing. */
  readonly demands?: readonly Demand[]
  /** What domains ask of their memory, and remember of this. Absent where it is nothing. */
  readonly marks?: readonly MarkCheck[]
  /** How a person's yes would be bound. Absent where no verdict could be `approve`. */
  readonly approval?: ApprovalAsk
  /** Whether a place in the queue is left: `open` may answer `queue`; otherwise a refusal says why not. */
  readonly queue: 'open' | 'full' | 'expired'
}

export interface DispatchEvent {
  readonly kind: 'dispatch'
  readonly at: Instant
  readonly request: string
}

export interface ExtendEvent {
  readonly kind: 'extend'
  readonly at: Instant
  readonly request: string
  /** More of metered dimensions; the hold is given what is left of it, at least 1, or refused. */
  readonly ask: Vector
}

export interface SettleEvent {
  readonly kind: 'settle'
  readonly at: Instant
  readonly request: string
  /**
   * settled    `actual` is the truth for the dimensions it names; others settle at what was held, inflight at 0.
   * forfeited  outcome unknown: the whole hold is spent; never less than `actual` where that is known.
   * voided     never dispatched: the whole hold is given back.
   */
  readonly outcome: 'settled' | 'forfeited' | 'voided'
  readonly actual: Vector
}

export interface GrantEvent {
  readonly kind: 'grant' | 'revoke'
  readonly at: Instant
  readonly scope: ScopeId
  /** Id of the budget; empty means the only budget of that scope with that dimension. */
  readonly budget: string
  readonly dimension: string
  /** Positive integer in the dimension's unit. */
  readonly amount: number
}

export const haltCauses = [
  'operator',
  'signal',
  'sentinel',
  'rule',
  'on_limit',
  'cascade',
  'stagnation',
  'contract',
  'ledger',
] as const

export type HaltCause = (typeof haltCauses)[number]

export interface HaltEvent {
  readonly kind: 'halt'
  readonly at: Instant
  readonly scope: ScopeId
  readonly cause: HaltCause
}

export interface ReinstateEvent {
  readonly kind: 'reinstate'
  readonly at: Instant
  readonly scope: ScopeId
}

/** A policy comes into force: limits of open accounts may fall to it, and never rise. */
export interface LoadEvent {
  readonly kind: 'load'
  readonly at: Instant
  readonly digest: string
}

/** A new start of the gate: every open hold is forfeited in full, since nobody knows what it cost. */
export interface RecoverEvent {
  readonly kind: 'recover'
  readonly at: Instant
}

/** A person answers what waits for approval. */
export interface AnswerEvent {
  readonly kind: 'approve' | 'deny'
  readonly at: Instant
  /** Id of the approval. */
  readonly approval: string
  /** Name of who answers, and of the groups that count for a quorum. */
  readonly by: string
  readonly groups: readonly string[]
  readonly reason: string
  /** With an approval: so many more of its class, for so long (ms). 0 and 0 for none. */
  readonly permits: number
  readonly permitsMs: number
}

/** The time of an approval is over: nobody answered, which is a denial. Refused before its time. */
export interface ExpireEvent {
  readonly kind: 'expire'
  readonly at: Instant
  readonly approval: string
}

export type KernelEvent =
  | AdmitEvent
  | DispatchEvent
  | ExtendEvent
  | SettleEvent
  | GrantEvent
  | HaltEvent
  | ReinstateEvent
  | LoadEvent
  | RecoverEvent
  | AnswerEvent
  | ExpireEvent
