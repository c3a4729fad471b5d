/** The canonical form of a policy: everything that has meaning, nothing that has none. Its hash is the digest. */
import type { BudgetTerms, OnLimit, RuleTerms, Terms } from '../kernel/policy.ts'
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

export interface RuleSource extends TargetSource {
  readonly id: string
  readonly state: RuleTerms['state']
  readonly reason: string
  readonly effect: RuleTerms['effect']
  /** Empty where the rule does not say. */
  readonly decoder: string
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
}

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
  readonly tokens: readonly string[]
}

export interface PolicySource {
  readonly version: 1
  readonly mode: Terms['mode']
  readonly defaults: {
    readonly verdict: Terms['defaultVerdict']
    readonly tls: 'inspect' | 'tunnel'
  }
  /** Ascending by name. */
  readonly agents: readonly AgentSource[]
  /** In the order of the file, which decides what a request is. */
  readonly rules: readonly RuleSource[]
  readonly budgets: readonly BudgetSource[]
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
  decoder: '',
  domain: '',
  action: '',
  resource: '',
  tls: '' as const,
  context: {},
  charge: {},
  addresses: [],
  approval: [],
}

const emptyBudget = { ...anyTarget, reason: '', pool: '', window_ms: 0 }

const emptyAgent = { tenant: '', project: '', actor: '', tokens: [] }

/** What a policy's JSON holds: the same, with everything left out that is empty. */
export function leanOf(source: PolicySource): unknown {
  return {
    ...source,
    agents: source.agents.map((agent) => lean(agent, emptyAgent)),
    rules: source.rules.map((rule) => lean(rule, emptyRule)),
    budgets: source.budgets.map((budget) => lean(budget, emptyBudget)),
  }
}

/** Fills in again what leanOf left out. */
export function fullOf(source: PolicySource): PolicySource {
  return {
    ...source,
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
