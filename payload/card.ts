/** Numbers of payment cards: known issuers, their lengths, and Luhn's sum. */
import { digitsOf, luhn } from './check-digits.ts'
import { digitsText, type Grouped, isFreeAfter } from './number.ts'
import type { Range } from './shape.ts'

/** First digits from `from` to `to`, and the lengths that the issuer uses; from 13 digits, as shorter ones are not looked for. */
interface Issuer {
  readonly name: string
  readonly from: number
  readonly to: number
  readonly lengths: readonly number[]
}

const sixteen = [16]
const upToNineteen = [16, 17, 18, 19]
const maestro = [13, 14, 15, 16, 17, 18, 19]

/** source  the issuers' published ranges by ISO/IEC 7812; UATP, Dankort and domestic ranges that overlap are left out. */
const issuers: readonly Issuer[] = [
  { name: 'visa', from: 4, to: 4, lengths: [13, 16, 19] },
  { name: 'mastercard', from: 51, to: 55, lengths: sixteen },
  { name: 'mastercard', from: 2221, to: 2720, lengths: sixteen },
  { name: 'amex', from: 34, to: 34, lengths: [15] },
  { name: 'amex', from: 37, to: 37, lengths: [15] },
  { name: 'discover', from: 6011, to: 6011, lengths: upToNineteen },
  { name: 'discover', from: 644, to: 659, lengths: upToNineteen },
  { name: 'unionpay', from: 62, to: 62, lengths: upToNineteen },
  { name: 'diners', from: 300, to: 305, lengths: [14, 16] },
  { name: 'diners', from: 3095, to: 3095, lengths: [14, 16] },
  { name: 'diners', from: 36, to: 36, lengths: [14, 16] },
  { name: 'diners', from: 38, to: 39, lengths: [14, 16] },
  { name: 'jcb', from: 3528, to: 3589, lengths: upToNineteen },
  { name: 'mir', from: 2200, to: 2204, lengths: upToNineteen },
  { name: 'rupay', from: 508, to: 508, lengths: sixteen },
  { name: 'maestro', from: 5018, to: 5018, lengths: maestro },
  { name: 'maestro', from: 5020, to: 5020, lengths: maestro },
  { name: 'maestro', from: 5038, to: 5038, lengths: maestro },
  { name: 'maestro', from: 5893, to: 5893, lengths: maestro },
  { name: 'maestro', from: 6304, to: 6304, lengths: maestro },
  { name: 'maestro', from: 6759, to: 6763, lengths: maestro },
]

const cardDigitsMin = 13
const cardDigitsMax = 19

/** How many digits say who issued it. */
const issuerDigits = 4

/** By the first four digits, a bit for each length that an issuer uses for them: a table, as most numbers are no cards. */
const lengthsByStart: Int32Array = Int32Array.from({ length: 10 ** issuerDigits }, (_, start) => {
  const digits = String(start).padStart(issuerDigits, '0')
  const used = issuers.filter(({ from, to }) => {
    const first = Number(digits.slice(0, String(from).length))
    return first >= from && first <= to
  })
  return used.flatMap(({ lengths }) => lengths).reduce((bits, length) => bits | (1 << length), 0)
})

/** The lengths that numbers may have which begin with the four digits at `start`. */
function lengthsAt(bytes: Uint8Array, start: number): number {
  let first = 0
  for (let at = start; at < start + issuerDigits; at += 1) {
    const digit = (bytes[at] ?? 0) - 48
    if (digit < 0 || digit > 9) return 0
    first = first * 10 + digit
  }
  return lengthsByStart[first] ?? 0
}

/** Four or more digits first, three or more in each group but the last. */
function isGroupedLikeCard(lengths: readonly number[]): boolean {
  if (lengths.length === 1) return true
  return lengths.every(
    (length, index) => length >= (index === 0 ? 4 : 3) || index === lengths.length - 1,
  )
}

function isCard(digits: string): boolean {
  return new Set(digits).size > 1 && luhn(digitsOf(digits))
}

/** The longest card number that the groups begin with. */
export function matchCard(bytes: Uint8Array, groups: Grouped): Range | null {
  const issued = lengthsAt(bytes, groups.start)
  if (issued === 0) return null
  for (let count = groups.ends.length; count > 0; count -= 1) {
    const lengths = groups.lengths.slice(0, count)
    const total = lengths.reduce((sum, length) => sum + length, 0)
    if (total < cardDigitsMin) return null
    const end = groups.ends[count - 1] ?? groups.start
    if (
      total > cardDigitsMax ||
      (issued & (1 << total)) === 0 ||
      !isGroupedLikeCard(lengths) ||
      !isFreeAfter(bytes, end)
    )
      continue
    if (isCard(digitsText(bytes, groups, count))) return { start: groups.start, end }
  }
  return null
}
