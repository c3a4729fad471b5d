/**
 * Asks a domain about one call, and makes a judgement of what it answers. Whatever a plugin says, it can only make a
 * verdict stricter (I11): a plugin that throws, takes too long or answers nonsense has denied.
 */
import type { FactMap } from './content.ts'
import type { Dimension, Vector } from './dimension.ts'
import type {
  ActionType,
  Demand,
  DomainCall,
  DomainConfig,
  DomainPlugin,
  Judgement,
  Violation,
} from './domain.ts'
import { AnswerReader } from './plugin-answer.ts'
import type { DomainTerms } from './policy.ts'
import type { Reason, ReasonCode } from './reasons.ts'

/** What all verbs of a plugin may take for one call together. */
export const pluginMsMax = 1_000

type Objection = Judgement['violations'][number]

/** What a plugin said, as far as it came. */
interface Answered extends Omit<Judgement, 'violations' | 'riskLevel'> {
  readonly violations: readonly Violation[]
}

const silent: Answered = {
  violations: [],
  checks: [],
  charge: {},
  marks: [],
  controls: [],
  added: {},
}

/**
 * Judges one call by one domain. Total: no plugin makes it throw.
 *
 * elapsedMs  a clock that only goes forward; by it alone a plugin is too slow.
 */
export function judgeCall(
  domain: DomainTerms,
  call: DomainCall,
  elapsedMs: () => number,
): Judgement {
  const { plugin, parameters } = domain
  const { name } = plugin.config
  const action = plugin.config.actions.find((each) => each.name === call.action) ?? null
  const general = generalChecks(plugin.config, action, call)
  const isKnown = !general.violations.some(({ code }) => code === 'type-unknown')
  const said = isKnown ? ask(plugin, sealed(call, parameters), elapsedMs) : silent
  return {
    ...said,
    violations: [...general.violations, ...said.violations].map((violation) => {
      return { ...violation, domain: name }
    }),
    checks: [...new Set([...general.checks, ...said.checks])].map((check) => `${name}/${check}`),
    riskLevel: action?.riskLevel ?? 0,
  }
}

/** What is asked of every domain: that it knows who does what to what, that facts are there, that people agree. */
function generalChecks(
  config: DomainConfig,
  action: ActionType | null,
  call: DomainCall,
): Pick<Answered, 'violations' | 'checks'> {
  const violations: Violation[] = unknownTypes(config, action, call)
  const checks = ['type-unknown']
  if (action === null || violations.length > 0) return { violations, checks }
  if (action.requires.length > 0) {
    checks.push('facts-missing')
    const missing = action.requires.filter((fact) => !states(call, fact))
    if (missing.length > 0) violations.push(missingFacts(action, missing))
  }
  if (action.requiresHumanApproval) {
    checks.push('human-approval')
    violations.push(humanApproval(action))
  }
  return { violations, checks }
}

function unknownTypes(
  config: DomainConfig,
  action: ActionType | null,
  call: DomainCall,
): Violation[] {
  const violations: Violation[] = []
  const isKnown = (types: readonly { readonly name: string }[], wanted: string): boolean =>
    types.some(({ name }) => name === wanted)
  if (action === null) violations.push(typeUnknown(config, 'action'))
  if (!isKnown(config.actors, call.actor)) violations.push(typeUnknown(config, 'type of agent'))
  if (call.resource !== '' && !isKnown(config.resources, call.resource)) {
    violations.push(typeUnknown(config, 'resource'))
  }
  return violations
}

function typeUnknown({ name }: DomainConfig, what: string): Violation {
  return {
    code: 'type-unknown',
    severity: 'high',
    verdict: 'deny',
    message: `The domain ${name} does not know this ${what}.`,
    recommendation: `An operator can see with \`haltgate domains info ${name}\` which it knows.`,
  }
}

/** A text that is empty states nothing: decoders leave one so that does not apply. */
function states({ context, facts }: DomainCall, name: string): boolean {
  const isStated = (from: FactMap): boolean => Object.hasOwn(from, name) && from[name] !== ''
  return isStated(context) || isStated(facts)
}

function missingFacts({ name }: ActionType, missing: readonly string[]): Violation {
  return {
    code: 'facts-missing',
    severity: 'high',
    verdict: 'deny',
    message: `The action ${name} is judged by facts that this request does not state: ${missing.join(', ')}.`,
    recommendation: 'Give these facts in the context of the rule.',
  }
}

function humanApproval({ name }: ActionType): Violation {
  return {
    code: 'human-approval',
    severity: 'high',
    verdict: 'approve',
    message: `The action ${name} needs a person’s approval.`,
    recommendation: 'Wait for an approver, and send the same request again.',
    need: 1,
    of: [],
  }
}

/** A call of which a plugin can change nothing that anybody else reads. */
function sealed(call: DomainCall, parameters: DomainCall['parameters']): DomainCall {
  return Object.freeze({
    ...call,
    context: Object.freeze({ ...call.context }),
    facts: Object.freeze({ ...call.facts }),
    proofs: Object.freeze(call.proofs.map((proof) => Object.freeze({ ...proof }))),
    parameters,
  })
}

/** Asks every verb in its turn. What was said before a verb failed still counts, where it speaks against the call. */
function ask(plugin: DomainPlugin, call: DomainCall, elapsedMs: () => number): Answered {
  const { name } = plugin.config
  const reader = new AnswerReader(name)
  const startedMs = elapsedMs()
  let said = silent
  let verb = 'enrich'
  let failure: Violation | null = null
  try {
    const added = reader.facts(plugin.enrich(call), [call.context, call.facts])
    const enriched = Object.freeze({
      ...call,
      context: Object.freeze({ ...call.context, ...added }),
    })
    said = { ...said, added }
    verb = 'validate'
    said = { ...said, ...reader.validation(plugin.validate(enriched)) }
    verb = 'complianceMappings'
    said = { ...said, controls: reader.controls(plugin.complianceMappings(call.action)) }
    verb = 'afterDecision'
    if (!isDenied(said)) {
      said = { ...said, ...reader.effects(plugin.afterDecision(enriched), call.at) }
    }
  } catch {
    // What it threw is not looked at: it may be anything, and looking may throw again.
    failure = pluginFailed(name, `failed in \`${verb}\`${reader.fault && `: ${reader.fault}`}`)
  }
  if (!(elapsedMs() - startedMs <= pluginMsMax)) failure ??= pluginFailed(name, 'took too long')
  if (failure === null) return said
  return { ...silent, violations: [...said.violations, failure], checks: said.checks }
}

function isDenied({ violations }: Answered): boolean {
  return violations.some(({ verdict }) => verdict === 'deny' || verdict === 'halt')
}

function pluginFailed(domain: string, what: string): Violation {
  return {
    code: 'plugin-failed',
    severity: 'critical',
    verdict: 'deny',
    message: `The plugin of the domain ${domain} ${what}.`,
    recommendation: 'An operator must repair the plugin.',
  }
}

/** What a call is answered whose domain is not there to be asked. */
export function domainUnknown(domain: string): Judgement {
  const violation = {
    code: 'domain-unknown',
    severity: 'critical',
    verdict: 'deny',
    message: 'The policy in force has no such domain.',
    recommendation: 'An operator can see with `haltgate domains list` which there are.',
    domain,
  } as const
  return { ...silent, violations: [violation], checks: [`${domain}/domain-unknown`], riskLevel: 0 }
}

/** What several domains say of one call: everything that each of them wants. */
export function composed(judgements: readonly Judgement[]): Judgement {
  const risks = judgements.map(({ riskLevel }) => riskLevel)
  return {
    violations: judgements.flatMap(({ violations }) => violations),
    checks: [...new Set(judgements.flatMap(({ checks }) => checks))],
    charge: judgements.map(({ charge }) => charge).reduce(largerCharge, {}),
    marks: judgements.flatMap(({ marks }) => marks),
    controls: [...new Set(judgements.flatMap(({ controls }) => controls))].sort(),
    riskLevel: [...risks].sort().at(-1) ?? 0,
    added: Object.assign({}, ...judgements.map(({ added }) => added)),
  }
}

/** The larger of two charges, by dimension: what a domain charges never lowers what a rule does. */
export function largerCharge(left: Vector, right: Vector): Vector {
  const merged: Record<Dimension, number> = { ...left }
  for (const [dimension, amount] of Object.entries(right)) {
    const before = Object.hasOwn(merged, dimension) ? (merged[dimension] ?? 0) : 0
    merged[dimension] = Math.max(before, amount)
  }
  return merged
}

/** Violations that answer with a reason of their own; every other is `validator-refused`. */
const ownReasons: readonly ReasonCode[] = [
  'domain-unknown',
  'facts-missing',
  'plugin-failed',
  'proof-expired',
  'proof-invalid',
  'type-unknown',
]

/** What denies, as the kernel's refusals. */
export function refusalsOf({ violations }: Judgement): readonly Reason[] {
  return violations.filter(({ verdict }) => verdict === 'deny').map(reasonOf)
}

/** What a domain wants short of a denial, or beyond it: people, a warning, a halt. */
export function demandsOf({ violations }: Judgement): readonly Demand[] {
  return violations.flatMap((violation) => {
    const { verdict, need = 1, of = [] } = violation
    return verdict === 'deny' ? [] : [{ verdict, reason: reasonOf(violation), need, of }]
  })
}

function reasonOf({ code, verdict, domain, message }: Objection): Reason {
  const own = ownReasons.find((each) => each === code) ?? 'validator-refused'
  return {
    code: verdict === 'approve' ? 'approval-required' : own,
    id: `${domain}/${code}`,
    message,
  }
}
