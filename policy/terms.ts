/** The plain terms of a policy, by which the kernel decides: data alone, without matchers and expressions. */
import { createHash } from 'node:crypto'
import { canonical } from '../kernel/canonical.ts'
import { ContractError } from '../kernel/contract.ts'
import type { ApprovalTerms, BudgetTerms, Period, RuleTerms, Terms } from '../kernel/policy.ts'
import {
  type ApprovalSource,
  approvalDefault,
  type BudgetSource,
  fullOf,
  leanOf,
  type PolicySource,
  type RuleSource,
} from './source.ts'

/** A policy's canonical JSON and its digest, the constitutional hash. */
export interface Seal {
  readonly text: string
  readonly digest: string
}

export function sealOf(source: PolicySource): Seal {
  const text = canonical(leanOf(source))
  return { text, digest: `sha256:${createHash('sha256').update(text).digest('hex')}` }
}

/** Reads a policy's canonical JSON again, as it was kept; null where it is none. */
export function readSource(text: string): PolicySource | null {
  try {
    // Only this room writes such text, and whoever kept it compares its digest.
    const source = fullOf(JSON.parse(text) as PolicySource)
    return sealOf(source).text === text ? source : null
  } catch (error) {
    const isForeign =
      error instanceof SyntaxError || error instanceof TypeError || error instanceof ContractError
    if (isForeign) return null
    throw error
  }
}

/**
 * The terms of a policy whose canonical JSON was kept: what replay needs, without compiling its expressions.
 *
 * source  Policy.source, unchanged; null is returned for any other text.
 */
export function termsOfSource(source: string): Terms | null {
  const read = readSource(source)
  return read === null ? null : termsOf(read, sealOf(read))
}

/** What the kernel knows of a policy. */
export function termsOf(source: PolicySource, { digest }: Seal): Terms {
  return {
    digest,
    mode: source.mode,
    defaultVerdict: source.defaults.verdict,
    rules: new Map(source.rules.map((rule) => [rule.id, ruleTerms(rule)])),
    budgets: new Map(source.budgets.map((budget) => [budget.id, budgetTerms(budget)])),
  }
}

export function ruleTerms({ id, state, effect, reason, approval }: RuleSource): RuleTerms {
  const [asked = approvalDefault] = approval
  return { id, state, effect, reason, approval: effect === 'approve' ? approvalTerms(asked) : null }
}

function approvalTerms({ need, of, expires_ms, wait_ms }: ApprovalSource): ApprovalTerms {
  return { quorum: { need, of }, expiresMs: expires_ms, waitMs: wait_ms }
}

/** A budget as the kernel knows it. */
export function budgetTerms(source: BudgetSource): BudgetTerms {
  const { id, state, reason, scope, limits, tiers, queue } = source
  const period: Period =
    source.period === 'window'
      ? { kind: 'window', lengthMs: source.window_ms }
      : { kind: source.period }
  const dimensions = Object.keys(limits).sort()
  return {
    id,
    state,
    reason,
    scope,
    pool: source.pool === '' ? null : source.pool,
    period,
    limits: Object.fromEntries(dimensions.map((dimension) => [dimension, limits[dimension] ?? 0])),
    dimensions,
    tiers,
    onLimit: source.on_limit,
    queue: { length: queue.length, waitMs: queue.wait_ms },
  }
}
