/** What is wrong with budgets: limits that never bind, dimensions that nobody charges, accounts that nobody has. */
import { defaultCharge } from '../kernel/dimension.ts'
import type { AdmitEvent } from '../kernel/event.ts'
import type { Classification } from '../kernel/policy.ts'
import type { RequestFacts } from '../kernel/request.ts'
import { type ScopeKind, scopeOf } from '../kernel/scope.ts'
import { amountText, unitText } from '../kernel/sentence.ts'
import { emptyState } from '../kernel/state.ts'
import { step } from '../kernel/step.ts'
import { passes } from '../kernel/verdict.ts'
import type { CompiledPolicy } from './compile.ts'
import { count, isSilent, type Linted } from './lint-finding.ts'
import { modelDecoders } from './lint-models.ts'
import { means, requestsFor } from './lint-request.ts'
import { modelDimensions } from './price-book.ts'
import { coversAll } from './shadow.ts'
import type { BudgetSource, RuleSource } from './source.ts'

/** Counted by the kernel or the proxy, whatever rules say. */
const counted: readonly string[] = [
  ...Object.keys(defaultCharge),
  ...['bytes_up', 'bytes_down', 'wall', 'hosts', 'refusals'],
]

/** From the narrowest: each stands within the next. */
const nesting: readonly ScopeKind[] = ['run', 'agent', 'project', 'tenant', 'fleet']

const lengths: readonly BudgetSource['period'][] = ['hour', 'day', 'month', 'lifetime']

export function lintBudgets(linted: Linted): void {
  const active = linted.source.budgets.filter(({ state }) => state === 'active')
  for (const budget of active) {
    lintApplies(linted, budget)
    lintLimits(linted, budget)
    lintCharges(linted, budget)
    for (const other of active) if (other !== budget) lintNested(linted, budget, other)
  }
}

function restrains({ on_limit }: BudgetSource): boolean {
  return on_limit !== 'continue' && on_limit !== 'warn'
}

/** Rules by which something may pass, now or after a person's yes. */
function passing({ source }: Linted): readonly RuleSource[] {
  return source.rules.filter(({ state, effect }) => {
    return state === 'active' && effect !== 'deny' && effect !== 'halt'
  })
}

/** A budget that no request of anybody is ever counted by. */
function lintApplies(linted: Linted, budget: BudgetSource): void {
  const { policy, source, suspect } = linted
  const { id, scope } = budget
  const never = { code: 'budget-never-applies', ids: [id] } as const
  const agents = [...policy.agents.values()]
  const fitting = agents.filter((agent) => means(budget, agent))
  if (agents.length > 0 && fitting.length === 0) {
    const anyone = { ...budget, agents: [], tenants: [], projects: [], actors: [] }
    const message = 'no agent of the policy is all that this budget wants: it never counts anything'
    const requests = requestsFor(policy, anyone)
    suspect({ ...never, at: 'id', message, requests, shows: (each) => isSilent(each, id) })
    return
  }
  if (scope === 'tenant' || scope === 'project' || scope === 'actor') {
    if (fitting.some((agent) => agent[scope] !== null)) return
    const message = `it counts by ${scope}, and no agent that it means has one: it never counts anything`
    suspect({
      ...{ ...never, at: 'scope', message, requests: requestsFor(policy, budget) },
      shows: (each, { principal }) => count(each, id) && scopeOf(principal, scope) === null,
    })
    return
  }
  const onlyRefusals = Object.keys(budget.limits).every((dimension) => dimension === 'refusals')
  if (passes(source.defaults.verdict) || onlyRefusals) return
  if (passing(linted).some((rule) => requestsFor(policy, rule, budget).length > 0)) return
  const message = 'no rule lets anything pass that this budget means: it never counts anything'
  suspect({
    ...{ ...never, at: 'id', message, requests: requestsFor(policy, budget) },
    shows: (each) => count(each, id) && !passes(each.verdict),
  })
}

/** Limits that let nothing pass, and a budget that does nothing at its limit and says nothing on the way. */
function lintLimits(linted: Linted, budget: BudgetSource): void {
  const { policy, suspect } = linted
  const { id, limits } = budget
  if (budget.on_limit === 'continue' && budget.tiers.length === 0) {
    const message = '`on_limit: continue` without `tiers` neither refuses nor tells: give it tiers'
    const requests = requestsFor(policy, budget)
    const shows = (each: Parameters<typeof count>[0]) => count(each, id)
    suspect({ code: 'budget-does-nothing', ids: [id], at: 'on_limit', message, requests, shows })
  }
  if (!restrains(budget)) return
  for (const dimension of Object.keys(defaultCharge)) {
    if (limits[dimension] !== 0 || !Object.hasOwn(limits, dimension)) continue
    suspect({
      ...{ code: 'budget-allows-nothing', ids: [id], at: 'limits' },
      message: `a limit of 0 ${unitText(dimension)} lets nothing pass: deny it by a rule, which says so`,
      requests: passing(linted).flatMap((rule) => requestsFor(policy, rule, budget)),
      shows: ({ classification }, request) => refuses(policy, { id, classification, request }),
    })
  }
  for (const rule of passing(linted)) {
    for (const [dimension, amount] of Object.entries(rule.charge)) {
      const limit = Object.hasOwn(limits, dimension) ? limits[dimension] : undefined
      if (limit === undefined || typeof amount !== 'number' || amount <= limit) continue
      const [asked, left] = [amount, limit].map((each) => amountText(dimension, each))
      suspect({
        ...{ code: 'charge-above-limit', ids: [rule.id, id], at: 'charge' },
        message: `it charges ${asked} ${unitText(dimension)}, and the budget ${id} has ${left} in all: none of its requests ever passes`,
        requests: requestsFor(policy, rule, budget),
        shows: ({ classification }, request) => refuses(policy, { id, classification, request }),
      })
    }
  }
}

/** True where the kernel, with nothing spent, refuses a request because of this budget. */
function refuses(
  policy: CompiledPolicy,
  asked: {
    readonly id: string
    readonly classification: Classification
    readonly request: RequestFacts
  },
): boolean {
  const { id, classification, request } = asked
  const loaded = step(emptyState, { kind: 'load', at: 1, digest: policy.digest }, policy)
  const event: AdmitEvent = {
    kind: 'admit',
    at: 1,
    request: request.id,
    principal: request.principal,
    host: request.host,
    rules: classification.rules,
    drafts: [],
    budgets: classification.budgets,
    charge: { ...defaultCharge, ...classification.charge },
    ask: classification.ask,
    refusals: [],
    queue: 'open',
  }
  const { verdict, reasons } = step(loaded.state, event, policy)
  return !passes(verdict) && reasons.some((reason) => reason.id === id)
}

/** Dimensions that stay at nothing, because no rule charges them and nobody measures them. */
function lintCharges(linted: Linted, budget: BudgetSource): void {
  const { policy, suspect } = linted
  const { id, limits } = budget
  const rules = passing(linted).filter((rule) => requestsFor(policy, rule, budget).length > 0)
  // What a domain charges for a call is known when it has judged one.
  const isJudged = rules.some(({ domain }) => domain !== '' && domain !== 'general')
  for (const dimension of Object.keys(limits)) {
    const isModel = modelDimensions.includes(dimension)
    const charges = rules.some((rule) => {
      const reads = isModel && modelDecoders.includes(rule.decoder)
      return reads || Object.hasOwn(rule.charge, dimension)
    })
    if (counted.includes(dimension) || charges || (isJudged && !isModel)) continue
    const way = isModel ? 'no rule reads calls of models' : 'no rule charges it'
    suspect({
      ...{ code: 'uncharged-dimension', ids: [id], at: 'limits' },
      message: `\`${dimension}\` is never spent: of what this budget counts, ${way}`,
      requests: [...rules, budget].flatMap((rule) => requestsFor(policy, rule, budget)),
      shows: (each) => {
        const { ask, charge } = each.classification
        return count(each, id) && !Object.hasOwn({ ...ask, ...charge }, dimension)
      },
    })
  }
}

/** A limit that one in a wider scope or a longer period always reaches first. */
function lintNested({ policy, suspect }: Linted, budget: BudgetSource, parent: BudgetSource): void {
  const [inner, outer] = [nesting.indexOf(budget.scope), nesting.indexOf(parent.scope)]
  const isSame = budget.scope === parent.scope && budget.pool === parent.pool
  if (!isSame && (inner < 0 || outer <= inner)) return
  if (!restrains(parent) || !isWithin(budget, parent) || !coversAll(parent, budget)) return
  for (const [dimension, limit] of Object.entries(budget.limits)) {
    const most = Object.hasOwn(parent.limits, dimension) ? parent.limits[dimension] : undefined
    if (most === undefined || limit <= most) continue
    const [high, low] = [limit, most].map((each) => amountText(dimension, each))
    const whose = isSame ? '' : ` for the whole ${parent.scope}`
    suspect({
      code: isSame ? 'limit-never-reached' : 'child-above-parent',
      ids: [budget.id, parent.id],
      at: 'limits',
      message: `${high} ${unitText(dimension)} are never reached: the budget ${parent.id} ends at ${low}${whose}`,
      requests: requestsFor(policy, budget, parent),
      shows: (each, { principal }) => {
        const { scope } = parent
        const isCounted = scope === 'pool' || scopeOf(principal, scope) !== null
        return isCounted && count(each, budget.id, parent.id)
      },
    })
  }
}

/** True where whatever is spent in the first one's period is spent within one of the second's. */
function isWithin(budget: BudgetSource, parent: BudgetSource): boolean {
  if (budget.period === 'window' || parent.period === 'window') {
    if (parent.period === 'lifetime') return true
    return (
      parent.period === 'window' &&
      budget.period === 'window' &&
      budget.window_ms <= parent.window_ms
    )
  }
  if (budget.period === parent.period) return true
  if (budget.period === 'run') return parent.period === 'lifetime'
  const [inner, outer] = [lengths.indexOf(budget.period), lengths.indexOf(parent.period)]
  return inner >= 0 && outer > inner
}
