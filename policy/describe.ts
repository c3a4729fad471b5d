/** Says what a request is, from the rules that match it; what cannot be evaluated becomes a refusal. */
import type { DecoderName } from '../kernel/content.ts'
import type { Vector } from '../kernel/dimension.ts'
import type { PayloadTerms } from '../kernel/payload.ts'
import type {
  BudgetTerms,
  CapabilityTerms,
  Classification,
  RuleTerms,
  Terms,
} from '../kernel/policy.ts'
import type { Reason } from '../kernel/reasons.ts'
import type { Expression, Subject } from './expression.ts'
import { modelDimensions, type PriceBook } from './price-book.ts'
import { failed, unread } from './standing.ts'
import type { Target } from './target.ts'

export interface CompiledRule {
  readonly terms: RuleTerms
  readonly target: Target
  /** Of a rule that lets pass what it has judged: its paths in any spelling; null for every other. */
  readonly rough: Target | null
  /** Empty where the rule does not say; so are domain, action, resource, tls and upstreamProxy. */
  readonly decoder: DecoderName | ''
  readonly domain: string
  readonly action: string
  readonly resource: string | Expression
  /** What the rule says, or what follows from what it does to requests. */
  readonly tls: '' | 'inspect' | 'tunnel'
  readonly payload: PayloadTerms | null
  /** Name of a credential, or empty. */
  readonly inject: string
  readonly upstreamProxy: string
  readonly capability: CapabilityTerms
  readonly addresses: readonly string[]
  readonly context: readonly (readonly [string, Expression])[] | null
  readonly charge: readonly (readonly [string, number | Expression])[] | null
}

export interface CompiledBudget {
  readonly terms: BudgetTerms
  readonly target: Target
}

export interface PolicyParts {
  readonly rules: readonly CompiledRule[]
  readonly budgets: readonly CompiledBudget[]
  readonly defaults: {
    readonly verdict: Terms['defaultVerdict']
    readonly tls: 'inspect' | 'tunnel'
    readonly upstream_proxy: string
  }
  readonly prices: PriceBook
}

/** Rules and budgets by host. */
export interface Rulebook {
  readonly parts: PolicyParts
  /** Those that may speak about a host, in the order of the file. */
  rulesFor(host: string): readonly CompiledRule[]
  budgetsFor(host: string): readonly CompiledBudget[]
  /** Those that may speak about an action that somebody asks about, which goes to no host. */
  rulesOn(domain: string): readonly CompiledRule[]
  budgetsOnActions(): readonly CompiledBudget[]
}

const none: readonly never[] = []
const nothing: Readonly<Record<string, never>> = {}

export interface Findings {
  readonly rulebook: Rulebook
  readonly subject: Subject
  /** Active rules that speak, in the order of the file. */
  readonly matched: readonly CompiledRule[]
  readonly drafts: readonly string[]
  readonly budgets: readonly string[]
  readonly refusals: Reason[]
  /** The decoder that is still to read the body: what needs that is left open until then. */
  readonly decoder: DecoderName | ''
}

/** Says what the request is: each part from the first rule that says so. */
export function describe(findings: Findings): Classification {
  const { rulebook, matched, drafts, budgets, refusals, decoder } = findings
  const { defaults } = rulebook.parts
  let domain = ''
  let action = ''
  let tls: CompiledRule['tls'] = ''
  let resource: CompiledRule | null = null
  let context: CompiledRule | null = null
  let charge: CompiledRule | null = null
  for (const rule of matched) {
    if (domain === '') domain = rule.domain
    if (action === '') action = rule.action
    if (tls === '') tls = rule.tls
    if (resource === null && rule.resource !== '') resource = rule
    if (context === null && rule.context !== null) context = rule
    if (charge === null && rule.charge !== null) charge = rule
  }
  const call = callOf(findings)
  const charged = charge === null ? nothing : chargeOf(charge, findings)
  return {
    rules: matched.length === 0 ? none : matched.map(({ terms }) => terms.id),
    drafts,
    budgets,
    domain: domain === '' ? 'general' : domain,
    action: action === '' ? 'axn_request' : action,
    resource: resource === null ? '' : resourceOf(resource, findings),
    charge: call.price === null ? charged : withoutModel(charged),
    context: context === null ? nothing : contextOf(context, findings),
    tls: tls === '' ? defaults.tls : tls,
    addresses: addressesOf(matched),
    refusals,
    decoder,
    ...handlingOf(matched, defaults.upstream_proxy),
    ...call,
  }
}

/** What the proxy does to the request and its answer, and by which way it sends it. */
export function handlingOf(
  matched: readonly CompiledRule[],
  upstreamProxyDefault: string,
): Pick<Classification, 'payload' | 'inject' | 'upstreamProxy' | 'capability'> {
  let payload: readonly PayloadTerms[] = none
  let inject: readonly string[] = none
  let upstreamProxy = ''
  let capability: CapabilityTerms = ''
  for (const rule of matched) {
    if (rule.payload !== null) payload = [...payload, rule.payload]
    if (rule.inject !== '' && !inject.includes(rule.inject)) inject = [...inject, rule.inject]
    if (upstreamProxy === '') upstreamProxy = rule.upstreamProxy
    // Of the two, what is asked of the agent is the stricter.
    if (capability !== 'require' && rule.capability !== '') capability = rule.capability
  }
  if (upstreamProxy === '') upstreamProxy = upstreamProxyDefault
  return { payload, inject, upstreamProxy, capability }
}

type Call = Pick<Classification, 'price' | 'ask' | 'least'>

/** No call of a model: nothing to pay. */
export const noCall: Call = { price: null, ask: nothing, least: nothing }

/** A name that could stand in an entry of the ledger. */
const modelName = /^[\w.:/@+-]{1,128}$/

/** What a model call may cost; one without a price is refused, for no budget could count it. */
function callOf({ rulebook, subject, refusals }: Findings): Call {
  const model = subject.content?.model ?? null
  if (model === null) return noCall
  const terms = rulebook.parts.prices.termsOf(model)
  if (terms !== null) return terms
  const name = modelName.test(model.model) ? `The model ${model.model}` : 'This model'
  const message = `${name} has no price: an operator can state one under \`prices\`.`
  refusals.push({ code: 'unpriced-model', id: '', message })
  return noCall
}

/** What is metered is asked for and settled; an exact charge would stand in its place. */
export function withoutModel(charge: Vector): Vector {
  if (!modelDimensions.some((dimension) => Object.hasOwn(charge, dimension))) return charge
  const kept = Object.entries(charge).filter(([dimension]) => !modelDimensions.includes(dimension))
  return Object.fromEntries(kept)
}

/** Private ranges that the rules which let it pass open for its hosts. */
export function addressesOf(matched: readonly CompiledRule[]): readonly string[] {
  let found = none as readonly string[]
  for (const { addresses, terms } of matched) {
    if (addresses.length === 0 || terms.effect === 'deny' || terms.effect === 'halt') continue
    found = found.length === 0 ? addresses : [...new Set([...found, ...addresses])]
  }
  return found
}

export function resourceOf(rule: CompiledRule, findings: Findings): string {
  if (typeof rule.resource === 'string') return rule.resource
  const value = evaluated(rule, 'resource', { expression: rule.resource, findings })
  return typeof value === 'string' ? value : ''
}

function contextOf(rule: CompiledRule, findings: Findings): Classification['context'] {
  const facts: Record<string, string | number | boolean> = {}
  for (const [name, expression] of rule.context ?? none) {
    const value = evaluated(rule, `context.${name}`, { expression, findings })
    if (value !== null) facts[name] = value
  }
  return facts
}

function chargeOf(rule: CompiledRule, findings: Findings): Vector {
  const charge: Record<string, number> = {}
  for (const [dimension, amount] of rule.charge ?? none) {
    if (typeof amount === 'number') charge[dimension] = amount
    else {
      const value = evaluated(rule, `charge.${dimension}`, { expression: amount, findings })
      const units = typeof value === 'number' ? chargeUnits(dimension, value) : null
      if (units !== null) charge[dimension] = units
      else if (value !== null) {
        const message = 'is no amount: negative, or too large.'
        findings.refusals.push(failed(rule.terms.id, `charge.${dimension}`, message))
      }
    }
  }
  return charge
}

/** Whole units, rounded up: a charge never says less than was spent. cost_usd is written in dollars. */
function chargeUnits(dimension: string, value: number): number | null {
  const units = Math.ceil(dimension === 'cost_usd' ? value * 1e9 : value)
  return Number.isSafeInteger(units) && units >= 0 ? units + 0 : null
}

function evaluated(
  rule: CompiledRule,
  key: string,
  at: { readonly expression: Expression; readonly findings: Findings },
): string | number | boolean | null {
  const { expression, findings } = at
  const { subject, refusals } = findings
  const { id } = rule.terms
  if (subject.request.kind === 'tunnel' && expression.readsHidden) {
    const message = `\`${key}\` of ${id} reads what this tunnel hides.`
    refusals.push({ code: 'inspection-required', id, message })
    return null
  }
  const outcome = expression.evaluate(subject)
  if (outcome.ok) return outcome.value
  if (!expression.readsContent || subject.content !== null) {
    refusals.push(failed(id, key, outcome.message))
  } else if (findings.decoder === '') refusals.push(unread(id, key))
  return null
}
