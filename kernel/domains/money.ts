/** What amounts are worth in micro-dollars, at the rates of the policy; never rounded in favour of who spends. */
import type { DomainCall, Violation } from '../domain.ts'
import { refusal, rowOf } from './check.ts'
import { type Decimal, decimalOf, microsDown, microsUp, positiveOf, product } from './decimal.ts'

/** Rounded up; null where the policy has no rate of the currency, or no account could hold it. */
export function microDollars(call: DomainCall, amount: Decimal, currency: string): number | null {
  if (currency === 'USD') return microsUp(amount)
  const rate = positiveOf(rowOf(call, 'exchange_rates', currency))
  return rate === null ? null : microsUp(product(amount, rate))
}

/** Of a limit that is stated in dollars; beyond what can be counted, all that can. */
export function limitOf(dollars: number): number {
  const limit = decimalOf(dollars)
  if (limit === null || limit < 0n) return 0
  return microsDown(limit) ?? Number.MAX_SAFE_INTEGER
}

/** Dollars, rounded up: the unit in which budgets count. */
export function dollarsUp(micros: number): number {
  return Math.ceil(micros / 1_000_000)
}

/** Denies what has a price that no limit could be compared with. */
export function valueUnknown(): Violation {
  return refusal({
    code: 'value-unknown',
    message: 'Nobody can say what the order is worth in USD.',
    recommendation: 'Use a currency for which the policy has an exchange rate.',
  })
}
