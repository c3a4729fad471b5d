/** Tells in which ways a reload would loosen a limit: a policy that does is not put into force. */
import { type Loosening, loosened } from '../kernel/loosened.ts'
import type { Policy } from '../kernel/policy.ts'
import { anyTarget, type BudgetSource, fullOf, type PolicySource } from './source.ts'

/** Every way in which `next` loosens a limit of `old`, as sentences; none where it may be put into force. */
export function reloadProblems(old: Policy, next: Policy): readonly string[] {
  return [...loosened(old, next), ...loosenedTargets(old, next)].map(({ message }) => message)
}

/**
 * Active budgets whose targets changed other than to any: what the old one counted, the new one may not.
 *
 * Budgets that are gone or no longer active are told by kernel/loosened.ts.
 */
export function loosenedTargets(old: Policy, next: Policy): readonly Loosening[] {
  const budgets = new Map(budgetsOf(next).map((budget) => [budget.id, budget]))
  return budgetsOf(old).flatMap((before) => {
    const after = budgets.get(before.id)
    if (before.state !== 'active' || after?.state !== 'active') return []
    return changedKeys(before, after).map((key) => {
      const message = `Budget "${before.id}" changes \`${key}\`, and may count less than before.`
      return { budget: before.id, message }
    })
  })
}

function budgetsOf(policy: Policy): readonly BudgetSource[] {
  // A policy's source was written by this room.
  return fullOf(JSON.parse(policy.source) as PolicySource).budgets
}

function changedKeys(before: BudgetSource, after: BudgetSource): readonly string[] {
  const keys = Object.keys(anyTarget) as (keyof typeof anyTarget)[]
  return keys.filter((key) => {
    return after[key].length > 0 && JSON.stringify(before[key]) !== JSON.stringify(after[key])
  })
}
