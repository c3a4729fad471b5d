/** What is redacted is gone, stays gone, and leaves JSON that is still JSON. */
import fc from 'fast-check'
import { test } from 'tap'
import type { DetectorName } from '../../kernel/payload.ts'
import { openInspector } from '../../payload/inspect.ts'
import { seed, seedSentence } from '../kernel/seed.ts'

test(seedSentence, async (t) => t.ok(Number.isSafeInteger(seed)))

const detectors: readonly DetectorName[] = [
  'provider-keys',
  'private-keys',
  'jwt',
  'card-numbers',
  'iban',
  'national-ids',
  'email-addresses',
]

const inspector = openInspector({ secrets: [], key: Buffer.alloc(32, 1) })
const terms = [{ rule: 'r', action: 'redact', detectors, responses: true }] as const

function redacted(text: string): string {
  const body = Buffer.from(text, 'utf8')
  const { redacted: result } = inspector.request({
    url: 'http://a.test/',
    headers: [],
    body,
    terms,
  })
  return Buffer.from(result?.body ?? body).toString('utf8')
}

const visa = '4012888888881881'

const finds: readonly string[] = [
  'me@example.com',
  visa,
  '4012 8888 8888 1881',
  `gh${'p_'}${'aB3d'.repeat(9)}`,
  'DE89370400440532013000',
  '536-22-1234',
  `${'-'.repeat(5)}BEGIN PRIVATE KEY${'-'.repeat(5)}\n${'QUJD'.repeat(20)}\n${'-'.repeat(5)}END PRIVATE KEY${'-'.repeat(5)}`,
]

test('each finding is replaced by its name, in text and in JSON', async (t) => {
  const rows: readonly (readonly [text: string, result: string])[] = [
    ['to me@example.com now', 'to [redacted:email-addresses] now'],
    ['{"a":"me@example.com"}', '{"a":"[redacted:email-addresses]"}'],
    [`{"a":${visa},"b":1}`, '{"a":"[redacted:card-numbers]","b":1}'],
    [`[-${visa}]`, '["[redacted:card-numbers]"]'],
    [`[1,${visa}]`, '[1,"[redacted:card-numbers]"]'],
    [visa, '"[redacted:card-numbers]"'],
    [`data: {"a":${visa}}\n\n`, 'data: {"a":"[redacted:card-numbers]"}\n\n'],
    [`the number ${visa}.`, 'the number [redacted:card-numbers].'],
    ['{"a":"x\\nme@example.com\\ny"}', '{"a":"x[redacted:email-addresses]\\ny"}'],
    ['{"a\\"":"me@example.com"}', '{"a\\"":"[redacted:email-addresses]"}'],
    ['m=me%40example.com&b', 'm=[redacted:email-addresses]&b'],
  ]
  for (const [text, result] of rows) t.equal(redacted(text), result, text)
})

/** Texts in which finds stand among other things. */
const piece = fc.oneof(
  fc.constantFrom(...finds),
  fc.string({ maxLength: 12 }),
  fc.constantFrom('\n', '"', '\\', ' ', 'n', '%40', '@b.co'),
)
const text = fc.array(piece, { maxLength: 6 }).map((parts) => parts.join(''))
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    text,
    fc.integer(),
    fc.constant(Number(visa)),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(text, tie('value'), { maxKeys: 4 }),
  ),
})).value

const escapedAll = (source: string): string =>
  source.replace(/@/g, '\\u0040').replace(/e/g, '\\u0065')

test('JSON stays JSON, and what is redacted is not found again', async (t) => {
  fc.assert(
    fc.property(json, fc.constantFrom(null, 1, '\t'), fc.boolean(), (value, indent, escapes) => {
      const plain = JSON.stringify(value, null, indent ?? 0)
      // Escapes stand in strings only: `true` and numbers with an exponent stay as they are.
      const source = escapes ? plain.replace(/"(?:[^"\\]|\\.)*"/g, escapedStrings) : plain
      const once = redacted(source)
      JSON.parse(once)
      if (redacted(once) !== once) throw new Error(`${once} is redacted again`)
    }),
    { seed, numRuns: 2_000 },
  )
  t.pass('over random values')
})

/** One string of JSON with some letters escaped; those of escapes themselves are left. */
function escapedStrings(whole: string): string {
  return whole.replace(/\\.|[^\\]/g, (unit) => (unit.length === 1 ? escapedAll(unit) : unit))
}

test('plain text is redacted once and for all', async (t) => {
  fc.assert(
    fc.property(text, (source) => {
      const once = redacted(source)
      if (redacted(once) !== once) throw new Error(`${once} is redacted again`)
    }),
    { seed, numRuns: 2_000 },
  )
  t.pass('over random texts')
})
