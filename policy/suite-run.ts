/** Asks a policy what it answers to the request of a case, with nothing spent yet, and compares. */
import { defaultCharge } from '../kernel/dimension.ts'
import type { Proof } from '../kernel/domain.ts'
import type { AdmitEvent } from '../kernel/event.ts'
import { demandsOf, largerCharge, refusalsOf } from '../kernel/judge.ts'
import type { Reason } from '../kernel/reasons.ts'
import type { RequestFacts } from '../kernel/request.ts'
import { emptyState } from '../kernel/state.ts'
import { step } from '../kernel/step.ts'
import type { Verdict } from '../kernel/verdict.ts'
import type { CompiledPolicy } from './compile.ts'
import type { CaseProof, SuiteCase } from './suite.ts'

export interface Answered {
  readonly verdict: Verdict
  /** Active rules that spoke, and drafts that would have. */
  readonly rules: readonly string[]
  readonly drafts: readonly string[]
  /** Codes and ids of everything that was said against it: `rule-denied`, `no-deletes`, `finance/order-value`. */
  readonly reasons: readonly string[]
}

/** When it is asked, with what is proved, and why its body could not be read: null where it was, or need not be. */
export interface Circumstances {
  readonly at: number
  readonly proofs: readonly CaseProof[]
  readonly unread: Reason | null
}

/** The verdict of rules, domains and untouched budgets. */
export function answerTo(
  policy: CompiledPolicy,
  request: RequestFacts,
  { at, proofs, unread }: Circumstances,
): Answered {
  const classification = policy.classify(request)
  const { rules, drafts, budgets, charge, ask, refusals } = classification
  const shown = proofs.map((proof, index) => proofOf(proof, `case-${index}`, at))
  const judged = policy.judge(request, classification, { at, proofs: shown })
  const event: AdmitEvent = {
    ...{ kind: 'admit', at, request: request.id, principal: request.principal },
    ...{ host: request.host, rules, drafts, budgets, ask, queue: 'open' },
    charge: { ...defaultCharge, ...largerCharge(charge, judged?.charge ?? {}) },
    refusals: [
      ...refusals,
      ...(judged === null ? [] : refusalsOf(judged)),
      ...(unread === null ? [] : [unread]),
    ],
    demands: judged === null ? [] : demandsOf(judged),
  }
  const loaded = step(emptyState, { kind: 'load', at, digest: policy.digest }, policy)
  const { reasons, verdict } = step(loaded.state, event, policy)
  const said = reasons.flatMap(({ code, id }) => (id === '' ? [code] : [code, id]))
  return { verdict, rules, drafts, reasons: [...new Set(said)] }
}

function proofOf(proof: CaseProof, id: string, at: number): Proof {
  const { ageMs, claims, issuer, kind, lifeMs, subject } = proof
  const issuedAt = at - ageMs
  return { kind, issuer, id, subject, issuedAt, expiresAt: issuedAt + lifeMs, claims }
}

/** What is not as the case expects, as sentences; none where it passes. */
export function misses(expected: SuiteCase, answered: Answered): readonly string[] {
  const { expect, reason, rules } = expected
  const found: string[] = []
  if (answered.verdict !== expect) {
    found.push(`expected ${expect}, and the answer is ${said(answered)}`)
  }
  const isSame = rules?.length === answered.rules.length
  if (rules !== null && !(isSame && rules.every((id) => answered.rules.includes(id)))) {
    const spoke = answered.rules.join(', ') || 'none'
    found.push(
      `expected the rules ${rules.join(', ') || 'none'} to speak, and there spoke ${spoke}`,
    )
  }
  if (reason !== '' && !answered.reasons.includes(reason)) {
    found.push(
      `expected the reason ${reason}, and there are ${answered.reasons.join(', ') || 'none'}`,
    )
  }
  return found
}

function said({ verdict, reasons }: Answered): string {
  return reasons.length === 0 ? verdict : `${verdict} (${reasons.join(', ')})`
}
