/** A body that flows is judged as one that is whole, however it is cut, and nothing waits longer than it must. */
import fc from 'fast-check'
import { test } from 'tap'
import type {
  DetectorName,
  PayloadAction,
  PayloadStream,
  PayloadTerms,
} from '../../kernel/payload.ts'
import { openInspector } from '../../payload/inspect.ts'
import { streamWindowBytes } from '../../payload/stream.ts'
import { seed, seedSentence } from '../kernel/seed.ts'

test(seedSentence, async (t) => t.ok(Number.isSafeInteger(seed)))

const secret = 'correct-horse-battery-staple'
const inspector = openInspector({
  secrets: [{ name: 'it', value: Buffer.from(secret) }],
  key: Buffer.alloc(32, 3),
})

const key = `gh${'p_'}${'aB3d'.repeat(9)}`
const card = '4012888888881881'
const dashes = '-'.repeat(5)
const pem = `${dashes}BEGIN PRIVATE KEY${dashes}\n${`${'QUJD'.repeat(16)}\n`.repeat(12)}${dashes}END PRIVATE KEY${dashes}`

function termsOf(action: PayloadAction, responses = true): readonly PayloadTerms[] {
  const detectors = ['provider-keys', 'private-keys', 'card-numbers', 'email-addresses'] as const
  return [{ rule: 'r', action, detectors, responses }]
}

const open = (terms: readonly PayloadTerms[]): PayloadStream =>
  inspector.openStream({ place: 'response-body', terms })

interface Flowed {
  readonly text: string
  readonly verdict: string
  readonly detector: string | null
}

/** Pushes the chunks, then ends; stops at a refusal. */
function flow(stream: PayloadStream, chunks: readonly Uint8Array[]): Flowed {
  const parts: Uint8Array[] = []
  for (const step of [...chunks.map((chunk) => () => stream.push(chunk)), () => stream.end()]) {
    const { verdict, detector, bytes } = step()
    parts.push(bytes)
    if (verdict === 'block') return { text: Buffer.concat(parts).toString(), verdict, detector }
  }
  return { text: Buffer.concat(parts).toString(), verdict: 'pass', detector: null }
}

/** The text in pieces, cut at any places. */
function cut(text: string, cuts: readonly number[]): readonly Uint8Array[] {
  const bytes = Buffer.from(text)
  const places = [...new Set(cuts.map((each) => each % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index] ?? bytes.length))
}

const part = fc.oneof(
  fc.constantFrom(key, card, 'me@example.com', pem, '\n', ' ', '"', '\\n', '{"a":1}\n'),
  fc.string({ maxLength: 8 }),
)
const text = fc.array(part, { maxLength: 10 }).map((parts) => `say ${parts.join(' ')}`)
const cuts = fc.array(fc.nat({ max: 3_000 }), { maxLength: 30 })

test('however a body is cut, the same is redacted, blocked or passed', async (t) => {
  for (const action of ['redact', 'block', 'warn'] as const) {
    fc.assert(
      fc.property(text, cuts, (source, places) => {
        const whole = open(termsOf(action))
        const expected = flow(whole, [Buffer.from(source)])
        const stream = open(termsOf(action))
        const actual = flow(stream, cut(source, places))
        if (actual.verdict !== expected.verdict) throw new Error(`${actual.verdict} in pieces`)
        if (expected.verdict === 'block') {
          for (const value of [key, card, 'me@example.com', pem]) {
            if (actual.text.includes(value)) throw new Error('it went before it was blocked')
          }
          return
        }
        if (actual.text !== expected.text) throw new Error(`${actual.text} is not ${expected.text}`)
        const counts = (one: PayloadStream) => JSON.stringify([...one.findings])
        if (counts(stream) !== counts(whole)) throw new Error('other findings')
      }),
      { seed, numRuns: 500 },
    )
    t.pass(action)
  }
})

const jwt = `ey${'J'}hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.${'aB3d'.repeat(10)}`
const claude = `sk-${'ant-'}api03-${'aB3d'.repeat(23)}aAA`

/** Bodies in which a cut once changed what was found, or what was left around it; found by test/fuzz. */
const meetings: readonly (readonly [
  text: string,
  blocked?: DetectorName,
  warned?: DetectorName,
])[] = [
  [`[4012${pem}`],
  [`\n${pem}`],
  [`\n \n{"a":${card}}`],
  [`${jwt}${pem}`],
  [`${dashes}BEGIN PRIVATE KEY-x${pem.replace(`PRIVATE KEY${dashes}`, dashes)}`],
  [`:@${pem.replace('END', 'DND')}more`],
  [`${pem}${claude}${claude}`, 'provider-keys'],
  [`[@${jwt}${pem} `, 'jwt', 'private-keys'],
]

test('a cut between any two bytes changes nothing where findings meet words and each other', async (t) => {
  for (const [source, blocked, warned] of meetings) {
    const detectors = ['private-keys', 'jwt', 'card-numbers', 'email-addresses'] as const
    const terms: readonly PayloadTerms[] = [
      { rule: 'r', action: 'redact', detectors, responses: true },
      { rule: 's', action: 'block', detectors: blocked ? [blocked] : [], responses: true },
    ]
    const asked =
      warned === undefined
        ? terms
        : terms.map((each) => ({
            ...each,
            detectors: each.detectors.filter((name) => name !== warned),
          }))
    const last: PayloadTerms = {
      rule: 'w',
      action: 'warn',
      detectors: warned === undefined ? [] : [warned],
      responses: true,
    }
    const all = [...asked, last]
    const expected = flow(open(all), [Buffer.from(source)])
    const differing = [...source].filter((_, at) => {
      const { text: left, verdict } = flow(open(all), cut(source, [at]))
      return verdict !== expected.verdict || (verdict === 'pass' && left !== expected.text)
    })
    t.same(differing, [], JSON.stringify(expected))
  }
})

test('what is passed is passed byte for byte, and at once where no rule asks', async (t) => {
  const stream = open([])
  t.same(Buffer.from(stream.push(Buffer.from(`${key} ${card}`)).bytes).toString(), `${key} ${card}`)
  t.same(stream.findings, [])
  const unasked = open(termsOf('block', false))
  t.equal(flow(unasked, [Buffer.from(key)]).text, key, 'the rule does not ask for responses')
})

test('an event goes on as soon as its line ends, a line without end within its window', async (t) => {
  const stream = open(termsOf('redact'))
  const push = (chunk: string): string =>
    Buffer.from(stream.push(Buffer.from(chunk)).bytes).toString()
  t.equal(push('data: {"a":1}\n\n'), 'data: {"a":1}\n\n')
  t.equal(push('data: {"mail":"me@exam'), '')
  t.equal(push('ple.com"}\n\n'), 'data: {"mail":"[redacted:email-addresses]"}\n\n')
  t.equal(push(`data: ${card}`), '')
  t.equal(push('\n'), 'data: "[redacted:card-numbers]"\n')
  const long = push('x'.repeat(5 * streamWindowBytes))
  t.equal(long.length, 4 * streamWindowBytes, 'all but the window')
  t.equal(Buffer.from(stream.end().bytes).toString(), 'x'.repeat(streamWindowBytes))
})

test('one of the own secrets ends a stream, whatever the rules say, and it stays ended', async (t) => {
  for (const terms of [[], termsOf('warn'), termsOf('warn', false)]) {
    const stream = open(terms)
    const first = stream.push(Buffer.from(`${secret.slice(0, 20)}`))
    t.same(first.bytes.length, 0, 'its beginning is held')
    const step = stream.push(Buffer.from(secret.slice(20)))
    t.match(step, { verdict: 'block', code: 'payload-secret', detector: 'own-secrets', rule: '' })
    t.equal(step.bytes.length, 0)
    t.equal(stream.push(Buffer.from('more')).verdict, 'block')
    t.equal(stream.end().verdict, 'block')
    t.match(stream.findings, [{ detector: 'own-secrets', place: 'response-body', count: 1 }])
  }
  const escaped = open([])
  escaped.push(Buffer.from(`${secret.slice(0, -1)}\\u00`))
  t.equal(escaped.push(Buffer.from('65')).verdict, 'block', 'a cut escape is joined')
})

test('a key that outgrows the window is refused where it cannot be taken out whole', async (t) => {
  const endless = `${dashes}BEGIN PRIVATE KEY${dashes}\n${`${'QUJD'.repeat(16)}\n`.repeat(900)}`
  const chunks = cut(
    endless,
    Array.from({ length: 60 }, (_, index) => index * 997),
  )
  t.match(flow(open(termsOf('redact')), chunks), { verdict: 'block', detector: 'private-keys' })
  t.match(flow(open(termsOf('block')), chunks), { verdict: 'block', detector: 'private-keys' })
  const warned = open(termsOf('warn'))
  t.equal(flow(warned, chunks).text, endless)
  t.ok(warned.findings.length > 0)
})
