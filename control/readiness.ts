/** Whether the gate can do its work now, check by check, without a word that only operators may read. */
import { reasons } from '../kernel/reasons.ts'
import type { GateView } from './view.ts'

export interface Readiness {
  readonly ready: boolean
  /** `ok`, or a sentence that says what failed. */
  readonly checks: {
    readonly ledger: string
    readonly policy: string
    readonly seal: string
    readonly draining: string
  }
  /** `os` means that a power cut may lose acknowledged decisions. */
  readonly durability: string
}

export function readinessOf(gate: GateView, durability: string): Readiness {
  const broken = gate.ledger.poisoned ?? gate.ledger.refusal
  const checks = {
    // The failure's own message may name files: it stands in /api/v1/status.
    ledger: broken === null ? 'ok' : reasons[broken.code].title,
    policy: gate.policy.digest === '' ? reasons['policy-unavailable'].title : 'ok',
    seal: gate.sealed ? 'The gate has shut itself for good.' : 'ok',
    draining: gate.draining ? reasons['shutting-down'].title : 'ok',
  }
  const ready = Object.values(checks).every((check) => check === 'ok')
  return { ready, checks, durability }
}
