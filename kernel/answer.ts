/** What a step answers: the next state, a verdict with all its reasons, and effects as data (I10). */
import type { Approval, ApprovalState } from './approval.ts'
import type { HaltCause } from './event.ts'
import type { Reason } from './reasons.ts'
import type { ScopeId } from './scope.ts'
import type { Hold, State } from './state.ts'
import type { Verdict } from './verdict.ts'

export type Effect =
  /** Sever every socket, tunnel and stream of the scope, now. */
  | { readonly kind: 'sever'; readonly scope: ScopeId; readonly cause: HaltCause }
  /** An account passed an alert tier on the way up. */
  | {
      readonly kind: 'alert'
      readonly budget: string
      readonly scope: ScopeId
      readonly dimension: string
      readonly tier: number
      readonly posted: number
      readonly held: number
      readonly limit: number
    }
  /** An approval was asked for, answered by enough people, ran out, or went with its halt or policy. */
  | {
      readonly kind: 'approval'
      readonly approval: string
      readonly digest: string
      readonly state: ApprovalState
    }
  /** A hold ended without the proxy asking for it: forfeited by a recovery. */
  | { readonly kind: 'ended'; readonly request: string; readonly outcome: 'forfeited' }

/** What is left of one dimension on the path: the smallest headroom of the budgets that bind it. */
export interface Remaining {
  readonly budget: string
  readonly scope: ScopeId
  readonly dimension: string
  readonly limit: number
  readonly left: number
}

export interface Answer {
  readonly state: State
  readonly verdict: Verdict
  /** Complete, the deciding one first; empty where nothing was said against it. */
  readonly reasons: readonly Reason[]
  readonly effects: readonly Effect[]
  /** The hold that an admit or extend made; null otherwise. */
  readonly hold: Hold | null
  /** What waits for people, where that is the verdict or its reason; what let an admission pass; what was answered. */
  readonly approval: Approval | null
  /** For `queue` and `rate-limited`: when it may fit, at the earliest; null otherwise. */
  readonly retryAt: number | null
  /** For a refused admit: what is left of the binding budgets it was measured against. */
  readonly remaining: readonly Remaining[]
  /** What drafts would have answered; equal to verdict where none matched. */
  readonly draftVerdict: Verdict
}
