/** Decimals without rounding: money, quantities and set-points as they were written, in integers of a stated unit. */
import { nth } from '../contract.ts'

/** Digits behind the point that are kept; a double that is no wilder than money has fewer. */
const places = 24

const one = 10n ** BigInt(places)

const written = /^(-?)(0|[1-9][0-9]{0,17})(?:\.([0-9]{1,24}))?$/

/** A decimal: so many times 10^-24. */
export type Decimal = bigint

/** 10^0 to 10^24 */
const powers: readonly bigint[] = Array.from(
  { length: places + 1 },
  (_, index) => 10n ** BigInt(index),
)

/**
 * What a number or a decimal text says exactly; null for anything else: not a number, exponents, signs and blanks that
 * others would skip, commas.
 */
export function decimalOf(said: unknown): Decimal | null {
  if (Number.isSafeInteger(said)) return BigInt(Number(said)) * one
  const digits = typeof said === 'number' ? String(said) : said
  const match = typeof digits === 'string' ? written.exec(digits) : null
  if (match === null) return null
  const [, sign, whole = '', fraction = ''] = match
  const size = BigInt(whole + fraction) * nth(powers, places - fraction.length)
  return sign === '-' ? -size : size
}

/** The same, where it is more than nothing. */
export function positiveOf(said: unknown): Decimal | null {
  const value = decimalOf(said)
  return value !== null && value > 0n ? value : null
}

/** A product of decimals. What is beyond the last digit is rounded up, so that it never says less than there is. */
export function product(left: Decimal, right: Decimal): Decimal {
  const exact = left * right
  const whole = exact / one
  return whole * one < exact ? whole + 1n : whole
}

/** How far two decimals are apart. */
export function distance(left: Decimal, right: Decimal): Decimal {
  return left < right ? right - left : left - right
}

const micro = one / 1_000_000n

/** Millionths, rounded up: of what is counted. Null where an account could not hold them: below 0, beyond 2^53 - 1. */
export function microsUp(value: Decimal): number | null {
  return counted(value, (value + micro - 1n) / micro)
}

/** Millionths, rounded down: of what is a limit. Null as above. */
export function microsDown(value: Decimal): number | null {
  return counted(value, value / micro)
}

function counted(value: Decimal, micros: bigint): number | null {
  return value >= 0n && micros <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(micros) : null
}
