/** The canonical form of a policy: everything that has meaning, nothing that has none. Its hash is the digest. */
import type { DecoderName } from '../kernel/content.ts'
import type { CredentialTerms, UpstreamProxyTerms } from '../kernel/credential.ts'
import type { ActionType, ActorType, ParameterValue, ResourceType } from '../kernel/domain.ts'
import type { PayloadTerms } from '../kernel/payload.ts'
import type {
  ApproverTerms,
  BudgetTerms,
  CapabilityTerms,
  IssuerTerms,
  OnLimit,
  RuleTerms,
  Terms,
} from '../kernel/policy.ts'
import type { Price } from '../kernel/price.ts'
import type { ScopeKind } from '../kernel/scope.ts'

/** Who and what a rule or a budget speaks about. An empty list or text means: any. Lists are sets, sorted. */
export interface TargetSource {
  readonly agents: readonly string[]
  readonly tenants: readonly string[]
  readonly projects: readonly string[]
  readonly actors: readonly string[]
  readonly keys: readonly string[]
  readonly hosts: readonly string[]
  readonly ports: readonly number[]
  readonly methods: readonly string[]
  readonly paths: readonly string[]
  readonly when: string
}

export interface ApprovalSource {
  readonly need: number
  readonly of: readonly string[]
  readonly expires_ms: number
  readonly wait_ms: number
}

/** Whose yes an `approve` wants where its rule does not say. */
export const approvalDefault: ApprovalSource = {
  need: 1,
  of: [],
  expires_ms: 3_600_000,
  wait_ms: 0,
}

export interface RuleSource extends TargetSource {
  readonly id: string
  readonly state: RuleTerms['state']
  readonly reason: string
  readonly effect: RuleTerms['effect']
  /** Empty where the rule does not say. */
  readonly decoder: DecoderName | ''
  readonly domain: string
  readonly action: string
  readonly resource: string
  readonly tls: '' | 'inspect' | 'tunnel'
  /** Expressions by name. */
  readonly context: Readonly<Record<string, string>>
  /** Amounts by dimension; a text is an expression. */
  readonly charge: Readonly<Record<string, number | string>>
  readonly addresses: readonly string[]
  readonly approval: readonly ApprovalSource[]
  /** One at most, as is `approval`: empty where nothing is asked. */
  readonly payload: readonly PayloadSource[]
  /** Name of a credential, or empty. */
  readonly inject: string
  /** Name of a proxy, `direct`, or empty where the rule does not say. */
  readonly upstream_proxy: string
  readonly capability: CapabilityTerms
}

export type PayloadSource = Omit<PayloadTerms, 'rule'>

export interface BudgetSource extends TargetSource {
  readonly id: string
  readonly state: BudgetTerms['state']
  readonly reason: string
  readonly scope: ScopeKind
  readonly pool: string
  readonly period: BudgetTerms['period']['kind']
  /** 0 unless the period is a window. */
  readonly window_ms: number
  readonly limits: Readonly<Record<string, number>>
  readonly tiers: readonly number[]
  readonly on_limit: OnLimit
  readonly queue: { readonly length: number; readonly wait_ms: number }
}

export interface AgentSource {
  readonly name: string
  readonly tenant: string
  readonly project: string
  readonly actor: string
  /** Empty where it is `act_agent`. */
  readonly type: string
  readonly tokens: readonly string[]
}

/** A domain that the policy uses: names it in a rule, or sets its parameters. */
export interface DomainSource {
  readonly name: string
  readonly version: string
  /** `builtin`, `yaml`, or `sha256:…` of the file that it came from. */
  readonly origin: string
  /** `sha256:…` of what it declares of itself, in canonical JSON. */
  readonly config: string
  /** Every parameter, as it is set or left. */
  readonly parameters: Readonly<Record<string, ParameterValue>>
  /** What the policy declares itself; one at most. */
  readonly declared: readonly DeclarationSource[]
}

/** A domain without code. Lists are in the order of the file, types ascending by name. */
export interface DeclarationSource {
  readonly description: string
  readonly actors: readonly ActorType[]
  readonly actions: readonly (ActionType & { readonly controls: readonly string[] })[]
  readonly resources: readonly ResourceType[]
  readonly bounds: readonly BoundSource[]
  readonly rates: readonly RateSource[]
  readonly frameworks: readonly string[]
  readonly templates: readonly {
    readonly name: string
    readonly description: string
    readonly text: string
  }[]
}

export interface BoundSource {
  readonly fact: string
  readonly min: number | null
  readonly max: number | null
  /** Empty: all. */
  readonly actions: readonly string[]
}

export interface RateSource {
  /** What is added up; calls are counted where it is empty. */
  readonly fact: string
  readonly per_ms: number
  readonly limit: number
  readonly scope: 'agent' | 'run'
  readonly actions: readonly string[]
}

export interface PolicySource {
  readonly version: 1
  readonly mode: Terms['mode']
  readonly defaults: {
    readonly verdict: Terms['defaultVerdict']
    readonly tls: 'inspect' | 'tunnel'
    /** Name of a proxy, or empty. */
    readonly upstream_proxy: string
  }
  /** Refuses while what was written so long ago is not held outside; 0 where it need not be. */
  readonly anchored_within_ms: number
  /** Ascending by name. */
  readonly agents: readonly AgentSource[]
  /** In the order of the file, which decides what a request is. */
  readonly rules: readonly RuleSource[]
  readonly budgets: readonly BudgetSource[]
  /** Ascending by name, as the kernel knows them: they hold no value. */
  readonly credentials: readonly CredentialTerms[]
  readonly upstream_proxies: readonly UpstreamProxyTerms[]
  /** Date and hash of the table of prices that came with the gate; empty where no rule reads model calls. */
  readonly price_table: string
  /** Prices that go before the table's, ascending by id. */
  readonly prices: readonly ModelPriceSource[]
  /** One at most: the price of whatever has none. */
  readonly unpriced: readonly Price[]
  /** Ascending by name, as the kernel knows them. */
  readonly approvers: readonly ApproverTerms[]
  readonly issuers: readonly IssuerTerms[]
  readonly domains: readonly DomainSource[]
}

/** What a model costs, and by which names it is called. */
export interface ModelPriceSource extends Price {
  /** Whose it is; empty where anyone's. */
  readonly provider: string
  readonly id: string
  /** Names by which it is called, in lower case; one that ends with `*` is a beginning. */
  readonly match: readonly string[]
  /** Output tokens that one answer has at most; null where unknown. */
  readonly max_output: number | null
}

/** What happens to HTTPS by this rule: what reads bodies, or puts something into requests, must see inside. */
export function tlsOf(rule: RuleSource): RuleSource['tls'] {
  if (rule.tls !== '') return rule.tls
  const isInside = rule.decoder !== '' || rule.inject !== '' || rule.capability !== ''
  return isInside || rule.payload.length > 0 ? 'inspect' : ''
}

/** A target that speaks about every request. */
export const anyTarget: TargetSource = {
  agents: [],
  tenants: [],
  projects: [],
  actors: [],
  keys: [],
  hosts: [],
  ports: [],
  methods: [],
  paths: [],
  when: '',
}

const emptyRule = {
  ...anyTarget,
  reason: '',
  decoder: '' as const,
  domain: '',
  action: '',
  resource: '',
  tls: '' as const,
  context: {},
  charge: {},
  addresses: [],
  approval: [],
  payload: [],
  inject: '',
  upstream_proxy: '',
  capability: '' as const,
}

const emptyBudget = { ...anyTarget, reason: '', pool: '', window_ms: 0 }

const emptyAgent = { tenant: '', project: '', actor: '', type: '', tokens: [] }

/** What a policy has none of, where its file does not say. */
export const emptyPolicy = {
  anchored_within_ms: 0,
  credentials: [],
  upstream_proxies: [],
  price_table: '',
  prices: [],
  unpriced: [],
  approvers: [],
  issuers: [],
  domains: [],
}

const emptyDefaults = { upstream_proxy: '' }

/** What a policy's JSON holds: the same, with everything left out that is empty. */
export function leanOf(source: PolicySource): unknown {
  return {
    ...lean(source, emptyPolicy),
    defaults: lean(source.defaults, emptyDefaults),
    agents: source.agents.map((agent) => lean(agent, emptyAgent)),
    rules: source.rules.map((rule) => lean(rule, emptyRule)),
    budgets: source.budgets.map((budget) => lean(budget, emptyBudget)),
  }
}

/** Fills in again what leanOf left out. */
export function fullOf(source: PolicySource): PolicySource {
  return {
    ...emptyPolicy,
    ...source,
    defaults: { ...emptyDefaults, ...source.defaults },
    agents: source.agents.map((agent) => ({ ...emptyAgent, ...agent })),
    rules: source.rules.map((rule) => ({ ...emptyRule, ...rule })),
    budgets: source.budgets.map((budget) => ({ ...emptyBudget, ...budget })),
  }
}

function lean(full: object, empty: object): object {
  const entries = Object.entries(full).filter(([key, value]) => {
    return !(Object.hasOwn(empty, key) && isEmpty(value))
  })
  return Object.fromEntries(entries)
}

function isEmpty(value: unknown): boolean {
  if (value === '' || value === 0) return true
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}
