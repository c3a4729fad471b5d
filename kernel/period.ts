/** Which instance of a calendar period an instant lies in, in UTC, by civil arithmetic: no clock and no Date. */
import { assert } from './contract.ts'
import type { Period } from './policy.ts'

const hourMs = 3_600_000
const dayMs = 86_400_000

/** Number of whole hours since the epoch: no calendar instance changes while it stays. */
export function hourOf(instant: number): number {
  return Math.floor(instant / hourMs)
}

const padded = (value: number, digits: number): string => String(value).padStart(digits, '0')

/**
 * The calendar instance of an instant: `2026-11-21T04`, `2026-11-21` or `2026-11`; empty for other periods.
 *
 * source  Howard Hinnant, chrono-Compatible Low-Level Date Algorithms, civil_from_days.
 */
export function instanceOf(period: Period, instant: number): string {
  if (period.kind === 'run' || period.kind === 'lifetime' || period.kind === 'window') return ''
  assert(Number.isSafeInteger(instant) && instant >= 0, 'an instant is not before the epoch')
  const shifted = Math.floor(instant / dayMs) + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1_460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  const monthText = `${padded(year, 4)}-${padded(month, 2)}`
  if (period.kind === 'month') return monthText
  const dayText = `${monthText}-${padded(day, 2)}`
  if (period.kind === 'day') return dayText
  return `${dayText}T${padded(Math.floor((instant % dayMs) / hourMs), 2)}`
}

/** True for two periods that are the same, so that a purse of one is a purse of the other. */
export function samePeriod(left: Period, right: Period): boolean {
  if (left.kind === 'window' && right.kind === 'window') return left.lengthMs === right.lengthMs
  return left.kind === right.kind
}
