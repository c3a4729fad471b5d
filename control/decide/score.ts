/**
 * The compliance score of one decision: the weight of the checks that held, over the weight of those that applied.
 *
 * Each check of the kernel weighs 4 and always applies; each check that a domain made weighs 2. Whatever was said
 * against a call counts against one check, a warning too, so that only what nobody objected to scores 1.
 */
import type { Rehearsed } from '../../gate/rehearse.ts'
import type { Reason, ReasonCode } from '../../kernel/reasons.ts'

export const kernelWeight = 4
export const domainWeight = 2

export interface ScoredCheck {
  readonly check: string
  readonly weight: number
  readonly held: boolean
}

export interface Score {
  /** From 0 to 1, to three digits, rounded down. */
  readonly score: number
  readonly formula: string
  readonly checks: readonly ScoredCheck[]
}

/** What the kernel asks of every call, in this order. */
export const kernelChecks = [
  'identity',
  'halts',
  'rules',
  'facts',
  'proofs',
  'budgets',
  'approvals',
  'gate',
] as const

type KernelCheck = (typeof kernelChecks)[number]

/** The check that a reason speaks against; every other is trouble of the gate itself. */
const spokenAgainst: { readonly [code in ReasonCode]?: KernelCheck } = {
  'identity-required': 'identity',
  'identity-unknown': 'identity',
  'too-many-runs': 'identity',
  halted: 'halts',
  'no-rule': 'rules',
  'rule-denied': 'rules',
  'validator-refused': 'rules',
  'domain-unknown': 'rules',
  'policy-mismatch': 'rules',
  'facts-missing': 'facts',
  'type-unknown': 'facts',
  'malformed-request': 'facts',
  'request-too-large': 'facts',
  'inspection-required': 'facts',
  'proof-invalid': 'proofs',
  'proof-expired': 'proofs',
  'capability-required': 'proofs',
  'capability-invalid': 'proofs',
  'capability-expired': 'proofs',
  'capability-used': 'proofs',
  'budget-exhausted': 'budgets',
  'rate-limited': 'budgets',
  'queue-full': 'budgets',
  'unpriced-model': 'budgets',
  'approval-required': 'approvals',
  'approval-denied': 'approvals',
  'approval-expired': 'approvals',
}

/** `DOMAIN/CHECK`; a scope has a colon, and the ids of rules and budgets no slash. */
const ofDomain = /^[a-z][a-z0-9_]{0,31}\/[a-z][a-z0-9-]{0,63}$/

/** What a reason is against: a check of a domain by its name, or one of the kernel's. */
export function principleOf({ code, id }: Pick<Reason, 'code' | 'id'>): string {
  return ofDomain.test(id) ? id : (spokenAgainst[code] ?? 'gate')
}

export function scoreOf({
  judgement,
  reasons,
  verdict,
}: Pick<Rehearsed, 'judgement' | 'reasons' | 'verdict'>): Score {
  const against = new Set(reasons.map(principleOf))
  for (const { code, domain } of judgement?.violations ?? []) against.add(`${domain}/${code}`)
  // A verdict that nobody gave a reason for is still none that held.
  if (verdict !== 'allow' && against.size === 0) against.add('gate')
  const named = [...(judgement?.checks ?? []), ...against].filter((name) => ofDomain.test(name))
  const checks: ScoredCheck[] = [
    ...kernelChecks.map((check) => ({ check, weight: kernelWeight, held: !against.has(check) })),
    ...[...new Set(named)].sort().map((check) => {
      return { check, weight: domainWeight, held: !against.has(check) }
    }),
  ]
  const applied = weightOf(checks)
  const held = weightOf(checks.filter((check) => check.held))
  const score = Math.floor((1000 * held) / applied) / 1000
  return { score, formula: `held weight / applied weight = ${held} / ${applied}`, checks }
}

const weightOf = (checks: readonly ScoredCheck[]): number =>
  checks.reduce((sum, { weight }) => sum + weight, 0)
