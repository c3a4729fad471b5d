/** What a gate is built of beside its ledger, and the seal that shuts it for good. */
import type { Policy } from '../kernel/policy.ts'
import type { OnApproval } from './approvals.ts'
import type { Clock, Commit, Hash, Prove, Watch } from './ports.ts'
import type { KeyOf } from './roll.ts'

export interface Seal {
  readonly code: 'ledger-unavailable' | 'contract-violated'
  readonly message: string
}

export interface CoreOptions {
  readonly clock: Clock
  readonly watch: Watch
  readonly policy: Policy
  /** How a token's hash becomes the key of a principal. */
  readonly keyOf: KeyOf
  /** Without it nothing can be bound to a person's yes or to a token, and what wants one is refused. */
  readonly hash?: Hash
  /** Without it nothing is ever proved. */
  readonly prove?: Prove
  /** Commits to what entries must not hold; absent where nothing is committed to. */
  readonly commit?: Commit
  /** Told of each approval that is asked for, answered or over; must not throw and must not wait. */
  readonly onApproval?: OnApproval
  /** How long the newest of what was written has waited to be held outside; absent where nothing is anchored. */
  readonly anchorLagMs?: () => number
  /** Checks the whole state after every step: GOVERNANCE_CONTRACTS_ENABLED=1. */
  readonly deepCheck: boolean
  /** Called once, when the gate has sealed itself: end the process after draining. */
  readonly onSeal: (seal: Seal) => void
}

/** The seal of a gate whose ledger failed. */
export function sealOf(error: unknown): Seal {
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'ledger-unavailable', message }
}
