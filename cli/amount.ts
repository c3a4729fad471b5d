/** Amounts as a person writes and reads them: dollars for cost_usd, suffixes for bytes, durations for wall. */
import { readAmount } from '../policy/amount.ts'
import { UsageError } from './settings.ts'

/** The integer in the dimension's unit. errors  UsageError with an example. */
export function amountOf(dimension: string, text: string): number {
  const amount = readAmount(dimension, text)
  if ('value' in amount && amount.value > 0) return amount.value
  const why = 'value' in amount ? 'it must be more than 0' : amount.problem
  throw new UsageError(`'${text}' of ${dimension}: ${why}`)
}

const nanoPerUsd = 1_000_000_000

export function shownAmount(dimension: string, amount: number): string {
  if (dimension === 'cost_usd')
    return `${(amount / nanoPerUsd).toFixed(6).replace(/\.?0+$/, '')} USD`
  if (dimension === 'wall') return `${(amount / 1000).toFixed(1).replace(/\.0$/, '')} s`
  if (dimension.startsWith('bytes')) return shownBytes(amount)
  return String(amount)
}

function shownBytes(amount: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = amount
  let unit = 0
  // As it will be shown: 1023.96 MiB is 1 GiB, not 1024 MiB.
  while (Math.round(Math.abs(value) * 10) >= 10_240 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${value.toFixed(unit === 0 ? 0 : 1).replace(/\.0$/, '')} ${units[unit] ?? 'B'}`
}
