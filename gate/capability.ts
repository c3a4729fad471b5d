/** Capability tokens: what must be shown where a rule requires one, bound to the action, who asks, and the policy. */
import type { Proof } from '../kernel/domain.ts'
import type { MarkCheck } from '../kernel/mark.ts'
import type { Reason, ReasonCode } from '../kernel/reasons.ts'
import type { RequestFacts } from '../kernel/request.ts'
import { runOf } from '../kernel/scope.ts'

export interface Claimed {
  readonly facts: RequestFacts
  /** Of the action; null where it could not be had. */
  readonly digest: string | null
  readonly policy: string
  readonly at: number
}

/** The mark that spends the token, or why it is not one for this request. */
export function capabilityCheck(
  proofs: readonly Proof[],
  { at, digest, facts, policy }: Claimed,
): { readonly mark: MarkCheck } | { readonly refusal: Reason } {
  const proof = proofs.find(({ kind }) => kind === 'capability')
  if (proof === undefined || digest === null) {
    return refused('capability-required', 'Show a token for this action in Haltgate-Capability.')
  }
  const { act, last, pol, root } = proof.claims
  const { agent } = facts.principal
  const isOurs = proof.subject === `agent:${agent}` || proof.subject === runOf(facts.principal)
  if (act !== digest || !isOurs || typeof root !== 'string' || !rootPattern.test(root)) {
    return refused('capability-invalid', 'The capability token is for another action or agent.')
  }
  if (pol !== policy) {
    const message = 'The capability token is of another policy: ask for a new decision.'
    return refused('capability-invalid', message)
  }
  if (proof.expiresAt <= at) {
    return refused(
      'capability-expired',
      'The capability token has expired: ask for a new decision.',
    )
  }
  const message = 'The capability token was used already: ask for a new decision.'
  const reason = { code: 'capability-used', id: '', message } as const
  const key = `capability/${root}`
  // Of all that were narrowed from one, one is used: it is remembered until the longest of them ends.
  const lastMs = typeof last === 'number' ? Math.ceil(last * 1000) : 0
  const until = Number.isSafeInteger(lastMs) ? Math.max(proof.expiresAt, lastMs) : proof.expiresAt
  return { mark: { op: 'once', key, amount: 0, limit: 0, until, reason } }
}

/** As an id may look that stands in an entry. */
const rootPattern = /^[A-Za-z0-9._-]{1,128}$/

function refused(code: ReasonCode, message: string): { readonly refusal: Reason } {
  return { refusal: { code, id: '', message } }
}
