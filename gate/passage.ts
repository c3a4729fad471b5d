/** An admitted request: its hold, durable before anyone sees this, and the three things that may be done to it. */
import type { Vector } from '../kernel/dimension.ts'
import type { PayloadFinding } from '../kernel/payload.ts'
import type { Classification } from '../kernel/policy.ts'
import type { Receipt } from '../ledger/entry.ts'
import type { Refusal } from './refusal.ts'

export interface Settlement {
  /** voided: nothing was dispatched. forfeited: dispatched, and what it cost is unknown. */
  readonly outcome: 'settled' | 'forfeited' | 'voided'
  /** Metered truth: bytes_up, bytes_down, wall. */
  readonly actual: Vector
  /** Status that the client was answered; 0 where there was none. */
  readonly status: number
  /** Why the gate ended it early, as a reason code, or empty. */
  readonly cut: string
  /** What detectors found in what left and came back, by name and place. */
  readonly findings?: readonly PayloadFinding[]
  /** `sha256:` and 64 hex digits of what a model was asked and of what it answered. */
  readonly hashes?: { readonly prompt?: string; readonly response?: string }
  /** Where the tokens and the cost of a model call come from: its answer said so, or all of the hold counts. */
  readonly usage_source?: 'response' | 'forfeit'
}

export interface Passage {
  readonly refused: false
  readonly receipt: Receipt
  readonly policy: string
  /** What the policy said of it, of the whole request: what to clamp, set, measure and look for. */
  readonly classification: Classification
  /** `warn` goes on, and says so in a header. In observe mode it is what would have been answered. */
  readonly verdict: string
  /**
   * What a token that is sent along says: 64 hex digits of the action, and the run that asked. Null where the policy
   * wants none, or the gate can bind none.
   */
  readonly attested: { readonly action: string; readonly scope: string } | null
  /** True where only `mode: observe` let it pass. */
  readonly observed: boolean
  /** Judged addresses, to be dialled and no others (I5); never empty. */
  readonly addresses: readonly string[]
  /** What may pass by metered dimension; an absent one has no limit. Read it anew after `extend`. */
  readonly limits: Vector
  /**
   * Dispatches, in the turn in which the first byte may leave: a halt since the admission refuses here.
   * From now on `cut` is called, once at most, when the scope is halted or the gate ends: destroy every
   * socket of this request in that same turn.
   */
  open(cut: (refusal: Refusal) => void): Refusal | null
  /** Asks for more of metered dimensions, durable before it resolves; a refusal means: cut now. */
  extend(ask: Vector): Promise<Refusal | null>
  /** Exactly once, on every way out (I2). Never throws, never waits. */
  settle(settlement: Settlement): void
}
