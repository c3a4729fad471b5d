/** Says what a request is, from the rules that match it; what cannot be evaluated becomes a refusal. */
import type { Vector } from '../kernel/dimension.ts'
import type { BudgetTerms, Classification, RuleTerms, Terms } from '../kernel/policy.ts'
import type { Reason } from '../kernel/reasons.ts'
import type { Expression, Subject } from './expression.ts'
import type { Target } from './target.ts'

export interface CompiledRule {
  readonly terms: RuleTerms
  readonly target: Target
  /** Empty where the rule does not say; so are domain, action, resource and tls. */
  readonly decoder: string
  readonly domain: string
  readonly action: string
  readonly resource: string | Expression
  readonly tls: '' | 'inspect' | 'tunnel'
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
  }
}

/** Rules and budgets by host. */
export interface Rulebook {
  readonly parts: PolicyParts
  /** Those that may speak about a host, in the order of the file. */
  rulesFor(host: string): readonly CompiledRule[]
  budgetsFor(host: string): readonly CompiledBudget[]
}

const none: readonly never[] = []
const nothing: Readonly<Record<string, never>> = {}

/** True where a condition is met, or there is none; one that fails to evaluate refuses, unless it is a draft's. */
export function holds(
  entry: { readonly terms: RuleTerms | BudgetTerms; readonly target: Target },
  subject: Subject,
  refusals: Reason[],
): boolean {
  const { when } = entry.target
  if (when === null) return true
  const outcome = when.evaluate(subject)
  if (outcome.ok) return outcome.value === true
  if (entry.terms.state === 'active') {
    refusals.push(failed(entry.terms.id, 'when', { expression: when, message: outcome.message }))
  }
  return false
}

function failed(
  id: string,
  key: string,
  cause: { readonly expression: Expression; readonly message: string },
): Reason {
  if (cause.expression.readsBody) {
    const message = `\`${key}\` of ${id} reads the body, which this version does not have.`
    return { code: 'inspection-required', id, message }
  }
  return { code: 'validator-refused', id, message: `\`${key}\` of ${id}: ${cause.message}` }
}

/** A rule that would judge by a body it cannot read lets nothing pass. */
export function needsDecoder({ terms, decoder }: CompiledRule): Reason {
  const message = `The rule ${terms.id} needs the decoder ${decoder}, which this version does not have.`
  return { code: 'inspection-required', id: terms.id, message }
}

export interface Findings {
  readonly rulebook: Rulebook
  readonly subject: Subject
  /** Active rules that speak, in the order of the file. */
  readonly matched: readonly CompiledRule[]
  readonly drafts: readonly string[]
  readonly budgets: readonly string[]
  readonly refusals: Reason[]
}

/** Says what the request is: each part from the first rule that says so. */
export function describe(findings: Findings): Classification {
  const { rulebook, matched, drafts, budgets, refusals } = findings
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
  return {
    rules: matched.length === 0 ? none : matched.map(({ terms }) => terms.id),
    drafts,
    budgets,
    domain: domain === '' ? 'general' : domain,
    action: action === '' ? 'axn_request' : action,
    resource: resource === null ? '' : resourceOf(resource, findings),
    charge: charge === null ? nothing : chargeOf(charge, findings),
    context: context === null ? nothing : contextOf(context, findings),
    tls: tls === '' ? rulebook.parts.defaults.tls : tls,
    addresses: addressesOf(matched),
    refusals,
  }
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

function resourceOf(rule: CompiledRule, findings: Findings): string {
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
        findings.refusals.push(
          failed(rule.terms.id, `charge.${dimension}`, { expression: amount, message }),
        )
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
  refusals.push(failed(id, key, { expression, message: outcome.message }))
  return null
}
