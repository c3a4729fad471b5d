/** Makes a domain of what a policy declares: types, bounds and rates, without code. */
import type {
  ActionType,
  DomainCall,
  DomainPlugin,
  Validation,
  Violation,
} from '../kernel/domain.ts'
import {
  type Check,
  count,
  factsMissing,
  number,
  refusal,
  validateBy,
} from '../kernel/domains/check.ts'
import { windowMarks } from '../kernel/domains/window-marks.ts'
import type { MarkCheck } from '../kernel/mark.ts'
import type { BoundSource, DeclarationSource, RateSource } from './source.ts'

/** A declaration is told apart by its digest. */
const version = '1'

/**
 * The plugin of a declaration.
 *
 * base  what `general` is before a policy says more of it: its types and checks hold on. Null for every other domain.
 */
export function declaredPlugin(
  name: string,
  declared: DeclarationSource,
  base: DomainPlugin | null,
): DomainPlugin {
  const checks = [
    ...declared.bounds.map(boundCheck),
    ...declared.rates.flatMap((rate, index) => (rate.fact === '' ? [] : [rateCheck(rate, index)])),
  ]
  return {
    config: {
      name,
      version: base === null ? version : `${base.config.version}+${version}`,
      description: declared.description || (base?.config.description ?? ''),
      actors: joined(base?.config.actors, declared.actors),
      actions: joined(base?.config.actions, declared.actions.map(actionOf)),
      resources: joined(base?.config.resources, declared.resources),
      frameworks: [...new Set([...(base?.config.frameworks ?? []), ...declared.frameworks])],
      riskModels: base?.config.riskModels ?? [],
      parameters: base?.config.parameters ?? [],
    },
    enrich: (call) => base?.enrich(call) ?? {},
    validate: (call) => both(base?.validate(call), validateBy(checks, call)),
    afterDecision: (call) => {
      const before = base?.afterDecision(call)
      const marks = declared.rates.flatMap((rate, index) => rateMarks(name, { rate, index }, call))
      return { charge: before?.charge ?? {}, marks: [...(before?.marks ?? []), ...marks] }
    },
    policyTemplates: () => [...(base?.policyTemplates() ?? []), ...declared.templates],
    complianceMappings: (action) => {
      const own = declared.actions.find((each) => each.name === action)?.controls ?? []
      return [...new Set([...(base?.complianceMappings(action) ?? []), ...own])].sort()
    },
  }
}

function actionOf({ controls: _, ...action }: DeclarationSource['actions'][number]): ActionType {
  return action
}

/** Types of both; a type that is declared anew is the new one. */
function joined<T extends { readonly name: string }>(
  before: readonly T[] | undefined,
  declared: readonly T[],
): readonly T[] {
  const names = new Set(declared.map(({ name }) => name))
  return [...(before ?? []).filter(({ name }) => !names.has(name)), ...declared]
}

function both(before: Validation | undefined, after: Validation): Validation {
  if (before === undefined) return after
  return {
    violations: [...before.violations, ...after.violations],
    checks: [...before.checks, ...after.checks],
  }
}

function isAbout(actions: readonly string[], { action }: DomainCall): boolean {
  return actions.length === 0 || actions.includes(action)
}

/** Names of facts have underscores, codes have hyphens. */
function codeOf(fact: string): string {
  return fact.replaceAll('_', '-').replace(/-+$/, '')
}

function boundCheck(bound: BoundSource): Check {
  const { fact, min, max, actions } = bound
  return {
    name: `bound-${codeOf(fact)}`.slice(0, 64),
    applies: (call) => isAbout(actions, call),
    against: (call) => {
      const value = number(call, fact)
      if (value === null) return factsMissing([fact])
      if ((min === null || value >= min) && (max === null || value <= max)) return null
      return outOfBounds(bound)
    },
  }
}

function outOfBounds({ fact, min, max }: BoundSource): Violation {
  const least = min === null ? '' : ` at least ${min}`
  const most = max === null ? '' : ` at most ${max}`
  const bounds = [least, most].filter(Boolean).join(' and')
  return refusal({
    code: `bound-${codeOf(fact)}`.slice(0, 64),
    message: `The fact ${fact} must be${bounds}.`,
    recommendation: `Send a request whose ${fact} is within its bounds.`,
  })
}

/** What is added up must be there, and be an amount. */
function rateCheck({ fact, actions }: RateSource, index: number): Check {
  return {
    name: rateCode(index),
    applies: (call) => isAbout(actions, call),
    against: (call) => (count(call, fact) === null ? factsMissing([fact]) : null),
  }
}

function rateCode(index: number): string {
  return `rate-${index + 1}`
}

function rateMarks(
  domain: string,
  { rate, index }: { readonly rate: RateSource; readonly index: number },
  call: DomainCall,
): readonly MarkCheck[] {
  const { fact, per_ms, limit, scope, actions } = rate
  if (!isAbout(actions, call)) return []
  const amount = fact === '' ? 1 : count(call, fact)
  if (amount === null) return []
  const code = rateCode(index)
  const whose = scope === 'agent' ? call.agent : `${call.agent}/${call.run}`
  const what = fact === '' ? 'calls' : `the fact ${fact}`
  const message = `This ${scope} may have ${limit} of ${what} in any ${Math.ceil(per_ms / 1000)} s, and this would be more.`
  const reason = { code: 'validator-refused', id: `${domain}/${code}`, message } as const
  const key = `${domain}/${code}/${whose}`
  return windowMarks({ key, lengthMs: per_ms, amount, limit, reason }, call.at)
}
