/** Compiles the canonical form of a policy into what the gate asks: its terms, and a matcher by host. */
import { assert } from '../kernel/contract.ts'
import { actorDefault } from '../kernel/domain.ts'
import type { PayloadTerms } from '../kernel/payload.ts'
import type { AgentTerms, DomainTerms, Memory, Policy } from '../kernel/policy.ts'
import { Classifier } from './classify.ts'
import type { CompiledBudget, CompiledRule, Rulebook } from './describe.ts'
import type { Expression, ExpressionLanguage } from './expression.ts'
import { Judge } from './judge-request.ts'
import { domainTerms, type Plugins } from './plugins.ts'
import { PriceBook } from './price-book.ts'
import type { PriceTable } from './price-table.ts'
import { resourceLiteral } from './read-rule.ts'
import type { Wanted } from './reading.ts'
import { Remembered } from './remembered.ts'
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
 * plugins   of domains; one that is not there, or another than the source says, is unknown.
 * asserts   every expression compiles, and the table is the one that the source names: whoever calls has checked them.
 */
export function compile(
  source: PolicySource,
  { language, table, plugins, elapsedMs }: Means = noMeans,
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
  const agents = new Map(source.agents.map((agent) => [agent.name, agentTerms(agent)]))
  const domains = domainsOf(source, plugins)
  const memory = new Remembered(rulebook, (request) => rulebook.classify(request))
  const judge = new Judge({ agents, domains, rules, elapsedMs })
  return {
    ...termsOf(source, seal),
    ...(source.anchored_within_ms === 0 ? {} : { anchorLagMsMax: source.anchored_within_ms }),
    agents,
    credentials: new Map(source.credentials.map((each) => [each.name, each])),
    approvers: new Map(source.approvers.map((each) => [each.name, each])),
    issuers: new Map(source.issuers.map((each) => [each.name, each])),
    domains,
    upstreamProxies: new Map(source.upstream_proxies.map((each) => [each.name, each])),
    inspects:
      source.defaults.tls === 'inspect' ||
      rules.some((rule) => rule.terms.state === 'active' && rule.tls === 'inspect'),
    source: seal.text,
    classify: (request) => memory.classify(request),
    memory,
    judge: (request, classified, occasion) => judge.judge(request, classified, occasion),
    rulebook,
  }
}

/** The domains that it uses, as far as their plugins are those that it was made with. */
function domainsOf({ domains }: PolicySource, plugins: Plugins): ReadonlyMap<string, DomainTerms> {
  const found = new Map<string, DomainTerms>()
  for (const source of domains) {
    const terms = domainTerms(source, plugins)
    if (terms !== null) found.set(source.name, terms)
  }
  return found
}

/** What a policy is compiled with beside its source. */
interface Means {
  readonly language: ExpressionLanguage | null
  readonly table: PriceTable | null
  readonly plugins: Plugins
  /** A clock that only goes forward, by which a plugin is too slow. */
  readonly elapsedMs: () => number
}

const noMeans: Means = { language: null, table: null, plugins: new Map(), elapsedMs: () => 0 }

/** A policy with its rules and budgets by host in sight, for explanations. */
export interface CompiledPolicy extends Policy {
  readonly rulebook: Rulebook
  readonly memory: Memory
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
  const isStern = sternEffects.includes(source.effect)
  return {
    terms: ruleTerms(source),
    target: compileTarget(source, { when, isStern }),
    rough: isStern || !judges(source) ? null : compileTarget(source, { when: null, isStern: true }),
    decoder: source.decoder,
    domain: source.domain,
    action: source.action,
    resource: isExpression(resource) ? expression(resource, 'text') : resource,
    tls: tlsOf(source),
    payload: payloadTerms(source),
    inject: source.inject,
    upstreamProxy: source.upstream_proxy,
    capability: source.capability,
    addresses: source.addresses,
    context: context.length === 0 ? null : context,
    charge: charge.length === 0 ? null : charge,
  }
}

/** Whether it says more of a request than that it may pass: a domain, a token, what may not be in it. */
function judges({ capability, domain, paths, payload }: RuleSource): boolean {
  const looks = payload.some(({ action }) => action !== 'warn')
  return paths.length > 0 && (domain !== '' || capability === 'require' || looks)
}

function payloadTerms({ id, payload }: RuleSource): PayloadTerms | null {
  const [asked] = payload
  return asked === undefined ? null : { rule: id, ...asked }
}

function agentTerms(source: PolicySource['agents'][number]): AgentTerms {
  const orNull = (text: string): string | null => (text === '' ? null : text)
  return {
    name: source.name,
    type: source.type || actorDefault,
    tenant: orNull(source.tenant),
    project: orNull(source.project),
    actor: orNull(source.actor),
    tokens: source.tokens.map((token) => token.slice('sha256:'.length)),
  }
}
