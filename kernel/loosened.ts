/** What a new policy loosens of the old one's limits: a reload may tighten at once, and raises nothing. */
import { amountIn, amountOf } from './dimension.ts'
import { samePeriod } from './period.ts'
import { type BudgetTerms, onLimits, type Period, type Terms } from './policy.ts'
import { amountText, unitText } from './sentence.ts'

export interface Loosening {
  /** Id of the budget; empty where it concerns the whole policy. */
  readonly budget: string
  readonly message: string
}

function periodText(period: Period): string {
  return period.kind === 'window' ? `a window of ${period.lengthMs} ms` : `period ${period.kind}`
}

function changes(old: BudgetTerms, next: BudgetTerms): readonly string[] {
  const found: string[] = []
  if (next.state !== 'active') found.push(`is no longer active but ${next.state}`)
  if (next.scope !== old.scope) found.push(`counts by ${next.scope} and no longer by ${old.scope}`)
  if (next.pool !== old.pool) found.push(`counts in another pool: ${next.pool}, not ${old.pool}`)
  if (!samePeriod(old.period, next.period)) {
    found.push(`has ${periodText(next.period)} and no longer ${periodText(old.period)}`)
  }
  if (onLimits.indexOf(next.onLimit) < onLimits.indexOf(old.onLimit)) {
    found.push(`has on_limit ${next.onLimit}, which is weaker than ${old.onLimit}`)
  }
  for (const dimension of old.dimensions) {
    const before = amountOf(old.limits, dimension)
    const after = amountIn(next.limits, dimension)
    const unit = unitText(dimension)
    const was = `${amountText(dimension, before)} ${unit}`
    if (after === undefined) found.push(`no longer limits ${dimension} (it was ${was})`)
    else if (after > before) {
      found.push(`raises its limit from ${was} to ${amountText(dimension, after)} ${unit}`)
    }
  }
  return found
}

/**
 * Every way in which `next` loosens a limit of `old`. Targets are not seen here: which agents a budget matches
 * is the policy room's to compare.
 */
export function loosened(old: Terms, next: Terms): readonly Loosening[] {
  const found: Loosening[] = []
  if (old.mode === 'enforce' && next.mode === 'observe') {
    found.push({ budget: '', message: 'Mode observe no longer enforces any limit.' })
  }
  for (const [budget, terms] of old.budgets) {
    if (terms.state !== 'active') continue
    const after = next.budgets.get(budget)
    const changed = after === undefined ? ['is gone'] : changes(terms, after)
    for (const change of changed) found.push({ budget, message: `Budget "${budget}" ${change}.` })
  }
  return found
}
