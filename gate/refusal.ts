/** A refusal as every listener answers it: the verdict, why, and what the client may do next. */
import type { Remaining } from '../kernel/answer.ts'
import type { ApprovalState } from '../kernel/approval.ts'
import type { HaltCause } from '../kernel/event.ts'
import type { Reason, ReasonCode, Retry } from '../kernel/reasons.ts'
import type { ScopeId } from '../kernel/scope.ts'
import type { Receipt } from '../ledger/entry.ts'

export interface Refusal {
  readonly refused: true
  /** HTTP status: the registry's, or a nearer one of the wire (431). */
  readonly status: number
  /** The deciding code: `reasons[0].code`. */
  readonly code: ReasonCode
  readonly decision: 'deny' | 'halt' | 'approve' | 'queue' | 'error'
  readonly reasons: readonly Reason[]
  readonly retry: Retry
  /** Whole seconds, at least 1; only where a window refills. */
  readonly retryAfterSeconds: number | null
  /** The entry that records it; null only where the ledger could not, or the entry stands for a flood. */
  readonly receipt: Receipt | null
  readonly policy: string
  readonly remaining: readonly Remaining[]
  /** What waits for people, and until when (ms since the epoch); null where nothing does. */
  readonly approval: {
    readonly id: string
    readonly state: ApprovalState
    readonly expiresAt: number
    /** What the person who decided said; empty while nobody did. */
    readonly reason: string
  } | null
  readonly halt: {
    readonly scope: ScopeId
    readonly since: number
    readonly cause: HaltCause
  } | null
}
