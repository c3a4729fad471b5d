/** Alert tiers: latches in percent of a limit, each firing once on the way up, and again only after a grant. */
import { limitOf, useOf } from './account.ts'
import type { Effect } from './answer.ts'
import { type Dimension, metered } from './dimension.ts'
import type { BudgetTerms } from './policy.ts'
import type { Account, Purse } from './state.ts'

const narrowed: ReadonlySet<Dimension> = new Set(metered)

/**
 * True where an account has come to a tier. What is held counts as used, except where a hold takes whatever is
 * left (metered dimensions): there only the truth says how near the limit is.
 */
function reached(account: Account, dimension: Dimension, tier: number): boolean {
  const load = useOf(account) + (narrowed.has(dimension) ? 0 : account.held)
  return load > 0 && load * 100 >= tier * limitOf(account)
}

/** The purse with its tiers latched; the alerts, ascending, are pushed to `effects`. Drafts are silent. */
export function latch(purse: Purse, budget: BudgetTerms | undefined, effects: Effect[]): Purse {
  if (budget === undefined || budget.state === 'draft') return purse
  let accounts: Account[] | null = null
  for (const [index, dimension] of purse.dimensions.entries()) {
    let account = purse.accounts[index]
    for (const tier of budget.tiers) {
      if (account === undefined || tier <= account.tier) continue
      if (!reached(account, dimension, tier)) break
      account = { ...account, tier }
      accounts ??= purse.accounts.slice()
      accounts[index] = account
      const { budget: id, scope } = purse
      const { posted, held } = account
      const limit = limitOf(account)
      effects.push({ kind: 'alert', budget: id, scope, dimension, tier, posted, held, limit })
    }
  }
  return accounts === null ? purse : { ...purse, accounts }
}

/** The account after a grant: the tiers that it is now below may fire again. */
export function rearm(account: Account, dimension: Dimension, budget: BudgetTerms): Account {
  const tier = budget.tiers.filter(
    (each) => each <= account.tier && reached(account, dimension, each),
  )
  return { ...account, tier: tier.at(-1) ?? 0 }
}
