/** Compiles the canonical form of a policy into what the gate asks: its terms, and a matcher by host. */
import { assert } from '../kernel/contract.ts'
import type { PayloadTerms } from '../kernel/payload.ts'
import type { AgentTerms, Policy } from '../kernel/policy.ts'
import { Classifier } from './classify.ts'
import type { CompiledBudget, CompiledRule, Rulebook } from './describe.ts'
import type { Expression, ExpressionLanguage } from './expression.ts'
import { PriceBook } from './price-book.ts'
import type { PriceTable } from './price-table.ts'
import { resourceLiteral } from './read-rule.ts'
import type { Wanted } from './reading.ts'
import { type PolicySource, type RuleSource, tlsOf } from './source.ts'
import { compileTarget } from './target.ts'
import { budgetTerms, ruleTerms, sealOf, termsOf } from './terms.ts'

/** Texts of all expressions of a policy, with what each must result in. */
export function expressionsOf(source: PolicySource): readonly (readonly [string, Wanted])[] {
  const found: (readonly [string, Wanted])[] = []
  for (const { when } of [...source.rules, ...source.budgets])
    if (when !== '') found.push([when, 'bool'])
  for (const rule of source.rules) {
    if (isExpression(rule.resource)) found.push([rule.resource, 'text'])
    for (const text of Object.values(rule.context)) found.push([text, 'fact'])
    for (const amount of Object.values(rule.charge)) {
      if (typeof amount === 'string') found.push([amount, 'amount'])
    }
  }
  return found
}

function isExpression(resource: string): boolean {
  return resource !== '' && !resourceLiteral.test(resource)
}

/**
 * Compiles a policy.
 *
 * language  null is enough for a policy without expressions.
 * table     prices of models; null where the source names no table.
 * asserts   every expression compiles, and the table is the one that the source names: whoever calls has checked them.
 */
export function compile(
  source: PolicySource,
  { language, table }: Means = { language: null, table: null },
): CompiledPolicy {
  assert(source.price_table === (table?.version ?? ''), 'a policy is compiled with its prices')
  const expression = (text: string, wanted: Wanted): Expression => {
    assert(language !== null, 'a policy with expressions is compiled with their language')
    const compiled = language.compile(text, wanted)
    assert('evaluate' in compiled, 'expressions are checked before they are compiled')
    return compiled
  }
  const when = (text: string): Expression | null => (text === '' ? null : expression(text, 'bool'))
  const rules = source.rules.map(
    (rule): CompiledRule => compileRule(rule, when(rule.when), expression),
  )
  const budgets = source.budgets.map((budget): CompiledBudget => {
    return {
      terms: budgetTerms(budget),
      target: compileTarget(budget, { when: when(budget.when), isStern: true }),
    }
  })
  const [unpriced = null] = source.unpriced
  const prices = new PriceBook(source.prices, table?.models ?? [], unpriced)
  const rulebook = new Classifier({ rules, budgets, defaults: source.defaults, prices })
  const seal = sealOf(source)
  return {
    ...termsOf(source, seal),
    agents: new Map(source.agents.map((agent) => [agent.name, agentTerms(agent)])),
    credentials: new Map(source.credentials.map((each) => [each.name, each])),
    upstreamProxies: new Map(source.upstream_proxies.map((each) => [each.name, each])),
    inspects:
      source.defaults.tls === 'inspect' ||
      rules.some((rule) => rule.terms.state === 'active' && rule.tls === 'inspect'),
    source: seal.text,
    classify: (request) => rulebook.classify(request),
    rulebook,
  }
}

/** What a policy is compiled with beside its source. */
interface Means {
  readonly language: ExpressionLanguage | null
  readonly table: PriceTable | null
}

/** A policy with its rules and budgets by host in sight, for explanations. */
export interface CompiledPolicy extends Policy {
  readonly rulebook: Rulebook
}

/** Effects that stand in the way: what they name is meant whatever its spelling. */
const sternEffects: readonly string[] = ['deny', 'halt', 'approve']

function compileRule(
  source: RuleSource,
  when: Expression | null,
  expression: (text: string, wanted: Wanted) => Expression,
): CompiledRule {
  const { resource } = source
  const charge = Object.entries(source.charge).map(([dimension, amount]) => {
    return [dimension, typeof amount === 'string' ? expression(amount, 'amount') : amount] as const
  })
  const context = Object.entries(source.context).map(([name, text]) => {
    return [name, expression(text, 'fact')] as const
  })
  return {
    terms: ruleTerms(source),
    target: compileTarget(source, { when, isStern: sternEffects.includes(source.effect) }),
    decoder: source.decoder,
    domain: source.domain,
    action: source.action,
    resource: isExpression(resource) ? expression(resource, 'text') : resource,
    tls: tlsOf(source),
    payload: payloadTerms(source),
    inject: source.inject,
    upstreamProxy: source.upstream_proxy,
    addresses: source.addresses,
    context: context.length === 0 ? null : context,
    charge: charge.length === 0 ? null : charge,
  }
}

function payloadTerms({ id, payload }: RuleSource): PayloadTerms | null {
  const [asked] = payload
  return asked === undefined ? null : { rule: id, ...asked }
}

function agentTerms(source: PolicySource['agents'][number]): AgentTerms {
  const orNull = (text: string): string | null => (text === '' ? null : text)
  return {
    name: source.name,
    tenant: orNull(source.tenant),
    project: orNull(source.project),
    actor: orNull(source.actor),
    tokens: source.tokens.map((token) => token.slice('sha256:'.length)),
  }
}
