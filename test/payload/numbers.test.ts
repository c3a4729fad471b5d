/** Numbers of cards, accounts and people: what makes one, told by sums that are worked out here in another way. */
import fc from 'fast-check'
import { test } from 'tap'
import type { DetectorName } from '../../kernel/payload.ts'
import { scan } from '../../payload/detect.ts'
import { seed, seedSentence } from '../kernel/seed.ts'

test(seedSentence, async (t) => t.ok(Number.isSafeInteger(seed)))

function found(text: string, detector: DetectorName): readonly string[] {
  const bytes = Buffer.from(text, 'utf8')
  return scan(bytes, [detector]).map(({ start, end }) =>
    bytes.subarray(start, end).toString('utf8'),
  )
}

/** The digit that makes a sum right, found by trying each. */
function completed(digits: string, isRight: (whole: string) => boolean): string {
  const last = '0123456789'.split('').find((digit) => isRight(digits + digit))
  return last === undefined ? '' : digits + last
}

/** Luhn as its patent has it: doubled digits from a table, the rest as they are. */
function isLuhn(digits: string): boolean {
  const doubled = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]
  const values = digits.split('').reverse().map(Number)
  const sum = values.reduce(
    (all, digit, place) => all + (place % 2 ? (doubled[digit] ?? 0) : digit),
    0,
  )
  return sum % 10 === 0
}

const card = (digits: string): string => completed(digits, isLuhn)

/** First digits that an issuer has, with the digits of a whole number. */
const issued: readonly (readonly [first: string, digits: number])[] = [
  ['4', 13],
  ['4', 16],
  ['4', 19],
  ['51', 16],
  ['2221', 16],
  ['2720', 16],
  ['34', 15],
  ['37', 15],
  ['6011', 16],
  ['65', 16],
  ['62', 19],
  ['36', 14],
  ['3528', 16],
  ['2200', 16],
  ['6759', 18],
]

test('a number of each issuer is found, in groups or in one', async (t) => {
  for (const [first, count] of issued) {
    const number = card(first + '0938217465038271946'.slice(0, count - 1 - first.length))
    const grouped = number.match(/.{1,4}/g)?.join(' ') ?? ''
    for (const text of [
      number,
      grouped,
      grouped.replaceAll(' ', '-'),
      grouped.replaceAll(' ', '+'),
    ]) {
      t.same(found(`{"card":"${text}"}`, 'card-numbers'), [text], text)
      t.same(found(`paid with ${text}, thanks`, 'card-numbers'), [text], text)
    }
    t.same(found(`{"card":${number}}`, 'card-numbers'), [number], 'as a number of JSON')
    const [beforeCode = ''] = found(`${grouped} 123`, 'card-numbers')
    t.ok(beforeCode.startsWith(grouped), 'with the code from its back')
  }
})

test('what only looks like a card is none', async (t) => {
  const visa = card('409382174650382')
  const wrong = visa.slice(0, -1) + String((Number(visa.at(-1)) + 1) % 10)
  for (const text of [
    wrong,
    `1${visa}`,
    `${visa}1`,
    `a${visa}`,
    `${visa}a`,
    `0.${visa}`,
    `${visa}.5`,
    `${card('909382174650382')}`,
    '4444444444444444',
    '0000000000000000',
    `12-${visa}`,
    `${visa}-12`,
    '1700000000000',
    `${visa.slice(0, 4)}-${visa.slice(4, 8)} ${visa.slice(8)}`,
    visa.split('').join(' '),
    `550e8400-e29b-${visa.slice(0, 4)}-${visa.slice(4, 8)}-446655440000`,
  ]) {
    t.same(found(text, 'card-numbers'), [], text)
  }
})

test('no digit of a card may change unseen', async (t) => {
  const digits = fc.stringMatching(/^4[0-9]{14}$/).filter((text) => new Set(text).size > 2)
  const at = fc.nat({ max: 15 })
  fc.assert(
    fc.property(digits, at, fc.integer({ min: 1, max: 9 }), (text, place, step) => {
      const number = card(text)
      if (found(number, 'card-numbers').length !== 1) throw new Error(`${number} is a card`)
      const changed = (Number(number[place]) + step) % 10
      const other = number.slice(0, place) + changed + number.slice(place + 1)
      if (found(other, 'card-numbers').length !== 0) throw new Error(`${other} is none`)
    }),
    { seed, numRuns: 300 },
  )
  t.pass('over random numbers')
})

/** The sum of an IBAN by one long division, the whole of it as one number. */
function iban(country: string, account: string): string {
  const numbers = `${account}${country}00`.replace(/[A-Z]/g, (letter) =>
    String(letter.charCodeAt(0) - 55),
  )
  return `${country}${String(98n - (BigInt(numbers) % 97n)).padStart(2, '0')}${account}`
}

test('an account number is found by country, length and sum', async (t) => {
  const rows = [
    iban('DE', '500105175407324931'),
    iban('GB', 'NWBK60161331926819'),
    iban('NO', '86011117947'),
    iban('MT', 'MALT011000012345MTLCAST001S'),
    iban('FR', '20041010050500013M02606'),
  ]
  for (const number of rows) {
    const grouped = number.match(/.{1,4}/g)?.join(' ') ?? ''
    t.same(found(`{"iban":"${number}"}`, 'iban'), [number])
    t.same(found(`to ${grouped}.`, 'iban'), [grouped])
    t.same(found(number.toLowerCase(), 'iban'), [number.toLowerCase()])
    t.same(found(`x${number}`, 'iban'), [], 'inside a word')
    t.same(found(`${number}1`, 'iban'), [], 'too long')
    t.same(found(number.slice(0, -1), 'iban'), [], 'too short')
    const twisted = number.slice(0, -2) + number.slice(-1) + number.slice(-2, -1)
    if (twisted !== number) t.same(found(twisted, 'iban'), [], 'two characters swapped')
  }
  for (const text of ['XX123456789012345678', 'DE1', 'DE 89', `DE${'0'.repeat(20)}`, 'DE12-3456']) {
    t.same(found(text, 'iban'), [], text)
  }
})

/** The check digit of Verhoeff by the table of its group, as his book prints it. */
const group = [
  '0123456789',
  '1234067895',
  '2340178956',
  '3401289567',
  '4012395678',
  '5987604321',
  '6598710432',
  '7659821043',
  '8765932104',
  '9876543210',
]
const permutations = [
  '0123456789',
  '1576283094',
  '5803796142',
  '8916043527',
  '9453126870',
  '4286573901',
  '2793806415',
  '7046913258',
]

function isVerhoeff(digits: string): boolean {
  let sum = '0'
  for (const [place, digit] of digits.split('').reverse().entries()) {
    sum = group[Number(sum)]?.[Number(permutations[place % 8]?.[Number(digit)])] ?? ''
  }
  return sum === '0'
}

/** ISO 7064 MOD 11,10 in its recursive form. */
function isMod11And10(digits: string): boolean {
  let rest = 10
  for (const digit of digits.slice(0, -1)) {
    rest += Number(digit)
    if (rest > 10) rest -= 10
    rest = (rest * 2) % 11
  }
  return (rest + Number(digits.at(-1))) % 10 === 1
}

const weighted = (weights: readonly number[], modulus: number) => (digits: string) =>
  weights.reduce((sum, weight, index) => sum + weight * Number(digits[index]), 0) % modulus === 0

const nir = (digits: string): string =>
  digits + String(97n - (BigInt(digits) % 97n)).padStart(2, '0')

const bsn = completed('11122233', weighted([9, 8, 7, 6, 5, 4, 3, 2, -1], 11))
const pesel = completed('4405140135', weighted([1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1], 10))
const steuer = completed('8609574271', isMod11And10)
const aadhaar = completed('23412341234', isVerhoeff)
const cpf = '11144477735'

/** A text, and the number in it; empty where there must be none. */
const people: readonly (readonly [text: string, number: string])[] = [
  ['{"ssn":"536-22-1234"}', '536-22-1234'],
  ['SSN 536221234', '536221234'],
  ['536221234', ''],
  ['000-22-1234', ''],
  ['666-22-1234', ''],
  ['912-22-1234', ''],
  ['536-00-1234', ''],
  ['536-22-0000', ''],
  ['078-05-1120', ''],
  ['call 1-536-22-1234', ''],
  ['NINO AB123456C', 'AB123456C'],
  ['AB 12 34 56 C', 'AB 12 34 56 C'],
  ['BG123456C', ''],
  ['AO123456C', ''],
  ['AB123456E', ''],
  ['XAB123456C', ''],
  [`Steuer-ID ${steuer}`, steuer],
  [`IdNr: ${steuer.replace(/(..)(...)(...)(...)/, '$1 $2 $3 $4')}`, '86 095 742 719'],
  [steuer, ''],
  ['Steuer-ID 86095742718', ''],
  ['Steuer-ID 12345678901', ''],
  [nir('2550814168025'), nir('2550814168025')],
  [
    `2 55 08 14 168 025 ${nir('2550814168025').slice(13)}`,
    `2 55 08 14 168 025 ${nir('2550814168025').slice(13)}`,
  ],
  ['255081416802500', ''],
  [nir('2551514168025'), ''],
  ['DNI 12345678Z', '12345678Z'],
  ['12345678-Z', '12345678-Z'],
  ['12345678A', ''],
  ['X1234567L', 'X1234567L'],
  ['X1234567A', ''],
  ['AX1234567L', ''],
  ['RSSMRA85T10A562S', 'RSSMRA85T10A562S'],
  ['rssmra85t10a562s', 'rssmra85t10a562s'],
  ['RSSMRA85T10A562T', ''],
  ['RSSMRA85Z10A562S', ''],
  [`BSN: ${bsn}`, bsn],
  [bsn, ''],
  [`bsn ${bsn.slice(0, 8)}${(Number(bsn[8]) + 1) % 10}`, ''],
  [`PESEL ${pesel}`, pesel],
  [pesel, ''],
  ['pesel 44139901359', ''],
  ['personnummer 811228-9874', '811228-9874'],
  ['personnummer 19811228-9874', '19811228-9874'],
  ['personnummer 811288-9874', ''],
  ['811228-9874', ''],
  ['111.444.777-35', '111.444.777-35'],
  [`cpf ${cpf}`, cpf],
  [cpf, ''],
  ['111.444.777-36', ''],
  ['111.111.111-11', ''],
  [
    aadhaar.replace(/(....)(....)(....)/, '$1 $2 $3'),
    aadhaar.replace(/(....)(....)(....)/, '$1 $2 $3'),
  ],
  [`aadhaar=${aadhaar}`, aadhaar],
  [aadhaar, ''],
  ['1234 5678 9012', ''],
  ['2222 2222 2222', ''],
]

test('a number of a person is found by its form, its check and, where these say little, a word before it', async (t) => {
  for (const [text, number] of people) {
    t.same(found(text, 'national-ids'), number === '' ? [] : [number], text)
  }
})
