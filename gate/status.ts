/** What an operator sees of the live state: read only, and made when asked. */

import type { ScopeState } from '../kernel/state.ts'
import type { PurseView, RunView } from '../kernel/view.ts'
import { purseViews, runViews } from '../kernel/view.ts'
import type { Core, Seal } from './core.ts'

export type { RunView }

export interface GateStatus {
  readonly policy: { readonly digest: string; readonly mode: string }
  readonly sealed: Seal | null
  readonly draining: boolean
  readonly head: { readonly seq: number; readonly hash: string }
  readonly runs: number
  readonly holdsOpen: number
  /** Requests, tunnels and streams that are open at this moment. */
  readonly requestsOpen: number
  /** Requests that wait for a person. */
  readonly approvalsPending: number
  readonly halted: readonly ScopeState[]
  readonly purses: readonly PurseView[]
}

/** The whole of what `haltgate status` shows. */
export function statusOf(core: Core): GateStatus {
  const { state, policy } = core
  const { digest, mode } = policy
  const halted: ScopeState[] = []
  for (const [, scope] of state.scopes) if (scope.mode === 'halted') halted.push(scope)
  return {
    policy: { digest, mode },
    sealed: core.sealed,
    draining: core.draining,
    head: core.ledger.head,
    runs: runsOf(core).length,
    holdsOpen: state.holds.size,
    requestsOpen: core.openRequests.size,
    approvalsPending: core.approvals.pending,
    halted,
    purses: purseViews(state),
  }
}

/** The runs that were seen, as `haltgate runs` shows them. */
export function runsOf(core: Core): readonly RunView[] {
  return runViews(core.state)
}
