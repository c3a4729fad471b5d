/** The one registry of reason codes: what a refusal is called, which status it answers, and whether to retry. */

/** When a refused client may try again: never, after a time, or after an operator did something. */
export type Retry = 'never' | 'after' | 'operator'

export interface ReasonTerms {
  /** HTTP status of the refusal, where nothing nearer to the wire knows better (431 for headers). */
  readonly status: 400 | 403 | 407 | 413 | 429 | 502 | 503 | 504
  readonly retry: Retry
  /** RFC 9457 title: a short sentence that is the same for each occurrence. */
  readonly title: string
}

const terms = (status: ReasonTerms['status'], retry: Retry, title: string): ReasonTerms => ({
  status,
  retry,
  title,
})

/**
 * Every reason the gate can give. A code is added here first, is never renamed and never reused.
 *
 * source  docs/reasons.md says the same and is tested against this table.
 */
export const reasons = {
  'no-rule': terms(403, 'operator', 'No rule of the policy allows this request.'),
  'rule-denied': terms(403, 'never', 'A rule of the policy denies this request.'),
  halted: terms(403, 'never', 'This scope is halted.'),
  'budget-exhausted': terms(403, 'never', 'A budget is spent.'),
  'rate-limited': terms(429, 'after', 'A rate limit is reached.'),
  'queue-full': terms(429, 'after', 'The queue of a rate limit is full.'),
  'too-many-runs': terms(403, 'operator', 'The agent has named too many runs.'),
  'approval-required': terms(403, 'operator', 'A person must approve this request first.'),
  'approval-denied': terms(403, 'never', 'A person denied this request.'),
  'approval-expired': terms(403, 'operator', 'The approval of this request has expired.'),
  'validator-refused': terms(403, 'never', 'A validator refused this request.'),
  'domain-unknown': terms(403, 'operator', 'The policy has no such domain.'),
  'type-unknown': terms(
    403,
    'operator',
    'The domain does not know this actor, action or resource.',
  ),
  'facts-missing': terms(403, 'never', 'Facts that the domain needs are missing or unreadable.'),
  'plugin-failed': terms(403, 'operator', 'The plugin of the domain failed.'),
  'proof-invalid': terms(403, 'never', 'A signed statement is not valid for this request.'),
  'proof-expired': terms(403, 'operator', 'A signed statement has expired.'),
  'capability-required': terms(403, 'operator', 'This request needs a capability token.'),
  'capability-invalid': terms(403, 'never', 'The capability token is not valid for this request.'),
  'capability-expired': terms(403, 'operator', 'The capability token has expired.'),
  'capability-used': terms(403, 'operator', 'The capability token was used before.'),
  'approval-unknown': terms(403, 'never', 'Nothing waits for approval by that id.'),
  'approval-closed': terms(403, 'never', 'This approval was answered or has expired.'),
  'approver-refused': terms(403, 'never', 'This person may not answer this approval.'),
  'inspection-required': terms(403, 'operator', 'The rules need to see inside this tunnel.'),
  'identity-required': terms(407, 'operator', 'The request does not say which agent it is from.'),
  'identity-unknown': terms(407, 'operator', 'The agent or its token is not known.'),
  'malformed-request': terms(400, 'never', 'The request is malformed.'),
  'request-too-large': terms(413, 'never', 'The request is larger than the gate can judge.'),
  'authority-mismatch': terms(403, 'never', 'Host, SNI and target do not agree.'),
  'destination-forbidden': terms(403, 'operator', 'The destination lies in a forbidden range.'),
  'destination-unresolved': terms(502, 'after', 'The name of the destination does not resolve.'),
  'payload-secret': terms(403, 'never', 'The payload holds a secret.'),
  'payload-personal-data': terms(403, 'never', 'The payload holds personal data.'),
  'unpriced-model': terms(403, 'operator', 'The model has no price.'),
  'policy-mismatch': terms(403, 'operator', 'The policy in force is not the pinned one.'),
  'policy-unavailable': terms(503, 'after', 'The policy is not available.'),
  'ledger-unavailable': terms(503, 'after', 'The ledger cannot record the decision.'),
  'contract-violated': terms(503, 'operator', 'The gate found a fault in itself and is sealed.'),
  'upstream-unreachable': terms(502, 'after', 'The upstream cannot be reached.'),
  'upstream-tls': terms(502, 'operator', 'The certificate of the upstream is not valid.'),
  'upstream-timeout': terms(504, 'after', 'The upstream did not answer in time.'),
  'upstream-protocol': terms(502, 'after', 'The upstream broke the protocol.'),
  'shutting-down': terms(503, 'after', 'The gate is shutting down.'),
} as const satisfies Record<string, ReasonTerms>

export type ReasonCode = keyof typeof reasons

/** One reason of a verdict: a code of the registry, who gave it, and a sentence a model can act on. */
export interface Reason {
  readonly code: ReasonCode
  /** Id of the rule, budget, validator or scope that spoke; empty where there is none. */
  readonly id: string
  readonly message: string
}

/** A failure of the world (disk, network, file), named by a code; thrown across I/O only. */
export class Failure extends Error {
  readonly code: ReasonCode
  constructor(code: ReasonCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'Failure'
    this.code = code
  }
}
