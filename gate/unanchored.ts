/** Whether the policy wants the ledger held outside, and that has not been so for too long. */
import type { Policy } from '../kernel/policy.ts'
import type { ReasonCode } from '../kernel/reasons.ts'
import type { Refusal } from './refusal.ts'

interface Refusing {
  readonly policy: Policy
  plain(code: ReasonCode, message: string): Refusal
}

/** Why nothing new may be admitted; null where it may. Without a lag nothing is anchored at all. */
export function unanchored(gate: Refusing, lag: (() => number) | undefined): Refusal | null {
  const { anchorLagMsMax } = gate.policy
  if (anchorLagMsMax === undefined) return null
  const lagMs = lag?.() ?? Number.POSITIVE_INFINITY
  if (lagMs <= anchorLagMsMax) return null
  const allowed = `the policy allows ${anchorLagMsMax / 1_000} s`
  const message = Number.isFinite(lagMs)
    ? `What was written ${Math.round(lagMs / 1_000)} s ago is not anchored; ${allowed}.`
    : 'The policy wants the ledger anchored, and no anchor is set (--anchor).'
  return gate.plain('ledger-unavailable', message)
}
