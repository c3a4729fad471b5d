/** What domains and signed statements say of a request whose body was read: it can only become stricter (I11). */
import type { Judgement, Proof } from '../kernel/domain.ts'
import { demandsOf, refusalsOf } from '../kernel/judge.ts'
import type { Reason } from '../kernel/reasons.ts'
import { type Digests, digestsOf } from './binding.ts'
import { capabilityCheck } from './capability.ts'
import type { Proved, Shown } from './ports.ts'
import type { Said, Work } from './work.ts'

const nothing: Proved = { ok: true, proofs: [] }

/** What this request shows that its policy would look at; null where it is nothing. */
export function shownIn({ classification, facts, policy }: Work): Shown | null {
  const isRequired = classification.capability === 'require'
  if (policy.issuers.size === 0 && !isRequired) return null
  const headerOf = (name: string): string | null =>
    Object.hasOwn(facts.headers, name) ? (facts.headers[name] ?? null) : null
  const statements = policy.issuers.size === 0 ? null : headerOf('haltgate-proof')
  const capability = isRequired ? headerOf('haltgate-capability') : null
  return statements === null && capability === null ? null : { statements, capability }
}

/** Verifies what was shown; where that fails it proves nothing. */
export async function prove({ core, policy }: Work, shown: Shown): Promise<Proved> {
  try {
    return (await core.prove?.(shown, { policy, at: core.now() })) ?? nothing
  } catch {
    // A verifier that fails is as good as none: whatever needs a proof is refused for want of it.
    return nothing
  }
}

/**
 * The work as its domain judges it, and its token; the same work where neither has anything to say.
 *
 * isRehearsed  nothing is sent, so that no token is spent: it may be for one that it is asked.
 */
export function judged(
  work: Work,
  { isRehearsed = false, proved = nothing }: { isRehearsed?: boolean; proved?: Proved } = {},
): Work {
  const { classification, core, facts, policy } = work
  const at = core.now()
  const proofs = proved.ok ? proved.proofs : []
  const failed = proved.ok ? [] : [{ code: proved.code, id: '', message: proved.message }]
  const isRequired = classification.capability === 'require' && !isRehearsed
  const judgement = judgementOf(work, proofs, at)
  if (judgement === null && failed.length === 0 && !isRequired) return work
  const said = saidOf(judgement, failed)
  if (!isRequired || failed.length > 0) return { ...work, said }
  const digest = bindingOf(work)?.act ?? null
  const checked = capabilityCheck(proofs, { facts, digest, policy: policy.digest, at })
  if ('refusal' in checked) {
    return { ...work, said: { ...said, refusals: [...said.refusals, checked.refusal] } }
  }
  return { ...work, said: { ...said, marks: [...said.marks, checked.mark] } }
}

/** What a yes or a token is bound to; null where its body, or the means to bind it, are not there. */
export function bindingOf(work: Work): Digests | null {
  const bodyHash = work.bodyHash?.() ?? null
  if (work.core.hash === null || bodyHash === null) return null
  return digestsOf(work.core.hash, { ...work, bodyHash })
}

function judgementOf(work: Work, proofs: readonly Proof[], at: number): Judgement | null {
  const { classification, facts, policy } = work
  try {
    return policy.judge(facts, classification, { at, proofs })
  } catch {
    // It promises not to; whatever it was, the request was not judged (I7).
    const { domain } = classification
    const message = `The domain ${domain} failed to judge this request.`
    return { ...unjudged, violations: [{ ...failure, domain, message }] }
  }
}

const unjudged: Judgement = {
  violations: [],
  checks: [],
  charge: {},
  marks: [],
  controls: [],
  riskLevel: 0,
  added: {},
}

const failure = {
  code: 'plugin-failed',
  severity: 'critical',
  verdict: 'deny',
  recommendation: 'Tell an operator.',
} as const

function saidOf(judgement: Judgement | null, failed: readonly Reason[]): Said {
  if (judgement === null) return { judgement, refusals: failed, demands: [], marks: [] }
  const refusals = [...failed, ...refusalsOf(judgement)]
  return { judgement, refusals, demands: demandsOf(judgement), marks: judgement.marks }
}
