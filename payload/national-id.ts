/** Numbers by which countries know people: forms, check digits, and a word nearby where the digits alone say little. */
import { alphabets, isIn, latin1 } from './alphabet.ts'
import { digitsOf, isDay, luhn, mod11And10, verhoeff, weighted } from './check-digits.ts'
import { digitsText, type Grouped, isFreeAfter } from './number.ts'
import type { Range } from './shape.ts'

/** How far before a number the word may stand that says what it is. */
const contextBytes = 48

interface Form {
  readonly name: string
  /** Lengths of the groups, and the separator between them, that need no word nearby. */
  readonly plain: readonly string[]
  /** Those that need one. */
  readonly worded: readonly string[]
  readonly words: readonly string[]
  readonly check: (digits: readonly number[]) => boolean
}

const twoDigits = (digits: readonly number[], at: number): number =>
  (digits[at] ?? 0) * 10 + (digits[at + 1] ?? 0)

/** United States, Social Security Administration: the numbers that are never given, and two of old advertisements. */
function isSocialSecurity(digits: readonly number[]): boolean {
  const text = digits.join('')
  if (text === '078051120' || text === '219099999') return false
  return !/^(000|666|9)|^...00|0000$/.test(text)
}

/** Germany, § 139b AO: one digit of the first ten twice or thrice, the others once at most; ISO 7064. */
function isSteuerId(digits: readonly number[]): boolean {
  const counts = new Map<number, number>()
  for (const digit of digits.slice(0, 10)) counts.set(digit, (counts.get(digit) ?? 0) + 1)
  const repeated = [...counts.values()].filter((count) => count > 1)
  if (digits[0] === 0 || repeated.length !== 1 || (repeated[0] ?? 0) > 3) return false
  return mod11And10(digits)
}

/** France, INSEE: sex, year, month (or 20 and more where it is unknown), place, order; 97 less the rest is the key. */
function isNir(digits: readonly number[]): boolean {
  const [sex = 0] = digits
  const month = twoDigits(digits, 3)
  if (![1, 2, 3, 4, 7, 8].includes(sex) || month < 1 || (month > 12 && month < 20)) return false
  const number = BigInt(digits.slice(0, 13).join(''))
  return 97 - Number(number % 97n) === twoDigits(digits, 13)
}

/** The Netherlands: the eleven test, its last weight negative. */
function isBsn(digits: readonly number[]): boolean {
  const sum = weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2, -1])
  return sum > 0 && sum % 11 === 0
}

/** Poland: the century stands in the month. */
function isPesel(digits: readonly number[]): boolean {
  if (!isDay(twoDigits(digits, 2) % 20, twoDigits(digits, 4))) return false
  return weighted(digits, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]) % 10 === 0
}

/** Sweden: a day (60 more for a coordination number), and Luhn's sum over the last ten digits. */
function isPersonnummer(digits: readonly number[]): boolean {
  const last = digits.slice(-10)
  const day = twoDigits(last, 4)
  return isDay(twoDigits(last, 2), day > 60 ? day - 60 : day) && luhn(last)
}

/** Brazil: two check digits by 11, and never one digit alone. */
function isCpf(digits: readonly number[]): boolean {
  if (new Set(digits).size === 1) return false
  const checks = (count: number): boolean => {
    const weights = Array.from({ length: count }, (_, index) => count + 1 - index)
    return ((weighted(digits, weights) * 10) % 11) % 10 === digits[count]
  }
  return checks(9) && checks(10)
}

function isAadhaar(digits: readonly number[]): boolean {
  return (digits[0] ?? 0) > 1 && new Set(digits).size > 1 && verhoeff(digits)
}

const forms: readonly Form[] = [
  {
    name: 'us-ssn',
    plain: ['3-2-4'],
    worded: ['3 2 4', '9'],
    words: ['ssn', 'social security', 'social_security', 'socialsecurity'],
    check: isSocialSecurity,
  },
  {
    name: 'de-steuer-id',
    plain: [],
    worded: ['11', '2 3 3 3'],
    words: ['steuer', 'idnr', 'identifikationsnummer', 'tax', 'tin'],
    check: isSteuerId,
  },
  { name: 'fr-nir', plain: ['15', '13 2', '1 2 2 2 3 3 2'], worded: [], words: [], check: isNir },
  {
    name: 'nl-bsn',
    plain: [],
    worded: ['9', '4.2.3', '4 2 3', '3 3 3'],
    words: ['bsn', 'burgerservice', 'sofi'],
    check: isBsn,
  },
  { name: 'pl-pesel', plain: [], worded: ['11'], words: ['pesel'], check: isPesel },
  {
    name: 'se-personnummer',
    plain: [],
    worded: ['10', '12', '6-4', '6+4', '8-4'],
    words: ['personnummer', 'personnr', 'person_number', 'personal_number', 'pnr'],
    check: isPersonnummer,
  },
  { name: 'br-cpf', plain: [], worded: ['11'], words: ['cpf'], check: isCpf },
  {
    name: 'in-aadhaar',
    plain: ['4 4 4', '4-4-4'],
    worded: ['12'],
    words: ['aadhaar', 'aadhar', 'uidai'],
    check: isAadhaar,
  },
]

/** No form has fewer digits in groups. */
const groupedDigitsMin = 9

function hasWord(bytes: Uint8Array, start: number, words: readonly string[]): boolean {
  const before = latin1(bytes, Math.max(0, start - contextBytes), start).toLowerCase()
  return words.some((word) => before.includes(word))
}

/** Digits in groups that need no letters: exactly these groups, and no more of them. */
export function matchNumberId(bytes: Uint8Array, groups: Grouped): Range | null {
  const { start, ends, lengths } = groups
  const total = lengths.reduce((sum, length) => sum + length, 0)
  const end = ends.at(-1) ?? start
  if (total < groupedDigitsMin || total > 15) return null
  if (lengths.join() === '3,3,3') {
    const cpf = matchFormattedCpf(bytes, start)
    if (cpf !== null) return cpf
  }
  if (!isFreeAfter(bytes, end)) return null
  const separator = String.fromCharCode(bytes[ends[0] ?? start] ?? 0)
  const shape = lengths.join(separator)
  const digits = digitsOf(digitsText(bytes, groups, ends.length))
  const found = forms.some(({ plain, worded, words, check }) => {
    if (plain.includes(shape)) return check(digits)
    return worded.includes(shape) && check(digits) && hasWord(bytes, start, words)
  })
  return found ? { start, end } : null
}

/** Brazil's own way of writing, with two separators. */
function matchFormattedCpf(bytes: Uint8Array, start: number): Range | null {
  const text = latin1(bytes, start, Math.min(bytes.length, start + 14))
  if (!/^\d{3}\.\d{3}\.\d{3}-\d{2}$/.test(text) || !isFreeAfter(bytes, start + 14)) return null
  return isCpf(digitsOf(text)) ? { start, end: start + 14 } : null
}

/** Spain: the letter for the rest by 23. */
const dniLetters = 'TRWAGMYFPDXBNJZSQVHLCKE'

/** DNI: eight digits and a letter; NIE: X, Y or Z, seven digits and a letter. */
function matchDni(bytes: Uint8Array, { start, end }: Range): Range | null {
  const foreigner = end - start === 7
  const from = foreigner ? start - 1 : start
  const prefix = foreigner ? (bytes[from] ?? 0) - 0x58 : 0
  if (prefix < 0 || prefix > 2 || isIn(alphabets.alnum, bytes[from - 1])) return null
  const letterAt = bytes[end] === 0x2d ? end + 1 : end
  if (!isIn(alphabets.upper, bytes[letterAt]) || isIn(alphabets.word, bytes[letterAt + 1]))
    return null
  const value = prefix * 10_000_000 + Number(latin1(bytes, start, end))
  if (dniLetters.charCodeAt(value % 23) !== bytes[letterAt]) return null
  return { start: from, end: letterAt + 1 }
}

const ninoForm =
  /^(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]/

/** United Kingdom, HMRC: two letters of those in use, six digits, A to D; it has no check digit. */
function matchNino(bytes: Uint8Array, digits: number): Range | null {
  const start = bytes[digits - 1] === 0x20 ? digits - 3 : digits - 2
  if (start < 0 || isIn(alphabets.alnum, bytes[start - 1])) return null
  const match = ninoForm.exec(latin1(bytes, start, Math.min(bytes.length, start + 13)))
  if (match === null) return null
  const end = start + match[0].length
  return isIn(alphabets.word, bytes[end]) ? null : { start, end }
}

/** Values of the characters at odd places of a codice fiscale (decree of 23 December 1976); even ones count as they are. */
const oddValues = [
  1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
]

/** Italy: six letters, the day of birth, the place, and a check letter; without the letters for repeated codes. */
function matchCodiceFiscale(bytes: Uint8Array, digits: number): Range | null {
  const start = digits - 6
  const end = start + 16
  if (start < 0 || end > bytes.length) return null
  if (isIn(alphabets.alnum, bytes[start - 1]) || isIn(alphabets.word, bytes[end])) return null
  const text = latin1(bytes, start, end).toUpperCase()
  if (!/^[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]$/.test(text)) return null
  let sum = 0
  for (let at = 0; at < 15; at += 1) {
    const code = text.charCodeAt(at)
    const value = code < 65 ? code - 48 : code - 65
    sum += at % 2 === 0 ? (oddValues[value] ?? 0) : value
  }
  return text.charCodeAt(15) === 65 + (sum % 26) ? { start, end } : null
}

/** A run of digits with letters before or behind it. */
export function matchLetteredId(bytes: Uint8Array, digits: Range): Range | null {
  const count = digits.end - digits.start
  if (count === 7 || count === 8) return matchDni(bytes, digits)
  if (count !== 2 && count !== 6) return null
  const nino = matchNino(bytes, digits.start)
  return nino === null && count === 2 ? matchCodiceFiscale(bytes, digits.start) : nino
}
