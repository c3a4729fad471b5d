/** What a refusal says: one sentence with the numbers and the human unit, on which a model can act. */
import { headroomOf, limitOf } from './account.ts'
import type { Bound, Lack } from './charge.ts'
import { type Dimension, units } from './dimension.ts'

const nanoPerUnit = 1_000_000_000

/** An amount as a person reads it: nano-USD as USD with at least two decimals, all else as a plain integer. */
export function amountText(dimension: Dimension, amount: number): string {
  if (dimension !== 'cost_usd') return String(amount)
  const fraction = String(amount % nanoPerUnit)
    .padStart(9, '0')
    .replace(/0{1,7}$/, '')
  return `${Math.floor(amount / nanoPerUnit)}.${fraction}`
}

/** The unit, and the dimension where the unit alone does not say which: `bytes (bytes_up)`. */
export function unitText(dimension: Dimension): string {
  if (dimension === 'cost_usd') return 'USD'
  const unit = Object.hasOwn(units, dimension) ? units[dimension] : undefined
  if (unit === undefined || unit === 'units' || unit === dimension) return dimension
  return `${unit} (${dimension})`
}

/** How long until an instant, in whole seconds, at least 1. */
export function secondsText(milliseconds: number): string {
  return `${Math.max(1, Math.ceil(milliseconds / 1000))} s`
}

/** `budget "b" of run:a/r has 3 of 500 requests left and this request needs 5: ADVICE.` and the operator's words. */
export function lackSentence(bound: Bound, lack: Lack, advice: string): string {
  const { budget, purse } = bound
  const { dimension, account, need } = lack
  const left = amountText(dimension, Math.max(0, headroomOf(account)))
  const limit = amountText(dimension, limitOf(account))
  const needed = amountText(dimension, need)
  const has = `has ${left} of ${limit} ${unitText(dimension)} left`
  const sentence = `Budget "${budget.id}" of ${purse.scope} ${has}, this request needs ${needed}: ${advice}`
  return budget.reason === '' ? `${sentence}.` : `${sentence} (${budget.reason}).`
}

/** `Rule "r" SAYS` and the operator's words. */
export function ruleSentence(id: string, says: string, reason: string): string {
  return reason === '' ? `Rule "${id}" ${says}.` : `Rule "${id}" ${says}: ${reason}`
}
