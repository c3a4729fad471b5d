/** Says what the gate answered to a rehearsal: permit or deny, why, what it is evidence for, and a token for it. */
import type { Rehearsed } from '../../gate/rehearse.ts'
import type { Violation } from '../../kernel/domain.ts'
import type { Policy } from '../../kernel/policy.ts'
import { type Reason, type ReasonCode, type Retry, reasons } from '../../kernel/reasons.ts'
import { passes, type Verdict } from '../../kernel/verdict.ts'
import type { Receipt } from '../../ledger/entry.ts'
import type { Catalogue } from '../../policy/controls.ts'
import type { Ask } from './ask.ts'
import type { DecisionPorts } from './ports.ts'
import { type ComplianceLevel, complianceLevels, tokenSecondsDefault } from './schemas.ts'
import { principleOf, scoreOf } from './score.ts'

/** The stricter of what was asked and what the gate has: one that only observes is permissive. */
export function levelOf(asked: ComplianceLevel | undefined, mode: string): ComplianceLevel {
  const own = mode === 'observe' ? 'permissive' : 'standard'
  const rank = (level: ComplianceLevel): number => complianceLevels.indexOf(level)
  return asked !== undefined && rank(asked) > rank(own) ? asked : own
}

/** Whether a verdict permits at this level: strict lets nothing pass that anyone warned of. */
export function permits(verdict: Verdict, level: ComplianceLevel): boolean {
  return level === 'strict' ? verdict === 'allow' : passes(verdict)
}

export function receiptText(receipt: Receipt | null): string | null {
  return receipt === null ? null : `${receipt.seq}-${receipt.hash.slice(0, 16)}`
}

interface Said {
  /** The check that it is against, by the name that the score gives it. */
  readonly principle: string
  readonly code: string
  readonly severity: string
  readonly message: string
  readonly recommendation: string
}

const recommendations: Readonly<Record<Retry, string>> = {
  never: 'Do not ask for the same again.',
  after: 'Ask again later.',
  operator: 'Tell an operator.',
}

/** What a domain said, and what the kernel said that is not of a domain. */
function violationsOf({ judgement, reasons: given, verdict }: Rehearsed): readonly Said[] {
  const ofDomains = (judgement?.violations ?? []).map(ofDomain)
  const told = new Set(ofDomains.map(({ code }) => code))
  const ofKernel = given.filter(({ id }) => !told.has(id))
  return [...ofDomains, ...ofKernel.map((reason) => ofGate(reason, verdict))]
}

function ofDomain(violation: Violation & { readonly domain: string }): Said {
  const { domain, severity, message, recommendation } = violation
  const code = `${domain}/${violation.code}`
  return { principle: code, code, severity, message, recommendation }
}

function ofGate({ code, id, message }: Reason, verdict: Verdict): Said {
  const severity = severityOf(code, verdict)
  const recommendation = recommendations[reasons[code].retry]
  return { principle: principleOf({ code, id }), code, severity, message, recommendation }
}

function severityOf(code: ReasonCode, verdict: Verdict): string {
  if (code === 'halted') return 'critical'
  return passes(verdict) ? 'low' : 'high'
}

function controlsOf(ids: readonly string[], catalogue: Catalogue): readonly object[] {
  return ids.map((id) => {
    const control = catalogue.controls.get(id)
    return { id, title: control?.title ?? '', evidence: control?.evidence ?? [] }
  })
}

export interface Answering {
  readonly ports: DecisionPorts
  /** By which it was judged. */
  readonly policy: Policy
  readonly catalogue: Catalogue
  readonly beganMs: number
}

/** The body of an answer; with a token where it is permitted. */
export async function answerOf(ask: Ask, given: Rehearsed, answering: Answering): Promise<object> {
  const { ports, policy, catalogue, beganMs } = answering
  const { approval, judgement, verdict } = given
  const level = levelOf(ask.body.compliance_level, policy.mode)
  const permitted = permits(verdict, level)
  const token = permitted ? await tokenFor(ask, given, answering) : null
  return {
    request_id: ask.body.request_id ?? ask.rehearsal.facts.id,
    decision: permitted ? 'permit' : 'deny',
    verdict,
    domain: given.domain,
    action: given.action,
    reasoning: given.reasons.map(({ code, id, message }) => ({ code, id, message })),
    violations: violationsOf(given),
    constitutional_hash: policy.digest,
    tenant: ask.principal.tenant,
    compliance_level: level,
    compliance: scoreOf(given),
    risk_level: judgement?.riskLevel ?? 0,
    controls: controlsOf(judgement?.controls ?? [], catalogue),
    capability_token: token?.token ?? null,
    capability_expires: token === null ? null : instantOf(token.expiresAt),
    action_digest: given.act,
    receipt: receiptText(given.receipt),
    approval:
      approval === null ? null : { id: approval.id, expires: instantOf(approval.expiresAt) },
    hold: given.hold,
    budgets: given.remaining,
    processing_ms: elapsed(ports, beganMs),
    cache_hit: given.cached,
  }
}

/** Milliseconds since an instant, to three digits. */
export function elapsed({ monotonicMs }: DecisionPorts, beganMs: number): number {
  return Math.max(0, Math.round((monotonicMs() - beganMs) * 1000) / 1000)
}

/** RFC 3339. */
export const instantOf = (at: number): string => new Date(at).toISOString()

type Token = Awaited<ReturnType<DecisionPorts['issue']>>

/** Null where the gate could not say which action it would be for. */
async function tokenFor(
  { body, principal }: Ask,
  { act }: Rehearsed,
  { policy, ports }: Answering,
): Promise<Token | null> {
  if (act === '') return null
  const { agent, run } = principal
  // Who asks for an agent and names no run may hand it to any of its runs, narrowed or not.
  const scope = body.actor.includes('/') ? `run:${agent}/${run}` : `agent:${agent}`
  const seconds = body.token_seconds ?? tokenSecondsDefault
  return await ports.issue({ action: act, scope, policy: policy.digest, seconds })
}
