/** What the rules ask of a payload is done: by place, by action, and never less than for the gate's own secrets. */
import { createHmac } from 'node:crypto'
import { test } from 'tap'
import type { DetectorName, PayloadAction, PayloadTerms } from '../../kernel/payload.ts'
import { findingsMax, otherValues } from '../../payload/finding.ts'
import { openInspector } from '../../payload/inspect.ts'

const secret = 'correct-horse-battery-staple'
const hashKey = Buffer.alloc(32, 9)
const inspector = openInspector({
  secrets: [
    { name: 'it', value: Buffer.from(secret) },
    { name: 'short', value: Buffer.from('abc') },
  ],
  key: hashKey,
})

const key = `gh${'p_'}${'aB3d'.repeat(9)}`
const mail = 'me@example.com'

function rule(action: PayloadAction, ...detectors: readonly DetectorName[]): PayloadTerms {
  return { rule: `${action}-it`, action, detectors, responses: true }
}

interface Sent {
  readonly url?: string
  readonly headers?: readonly string[]
  readonly body?: string | null
}

function judge(
  { url = 'https://a.test/', headers = [], body = null }: Sent,
  ...terms: readonly PayloadTerms[]
) {
  const bytes = body === null ? null : Buffer.from(body)
  return inspector.request({ url, headers, body: bytes, terms })
}

/** Where a value may stand in a request. */
const places: readonly (readonly [place: string, put: (value: string) => Sent])[] = [
  ['request-url', (value) => ({ url: `https://a.test/?q=${value}` })],
  ['request-header', (value) => ({ headers: ['X-Note', value] })],
  ['request-header', (value) => ({ headers: [value, 'x'] })],
  ['request-header', (value) => ({ headers: ['Authorization', `Bearer ${value}`] })],
  ['request-body', (value) => ({ body: `{"a":"${value}"}` })],
]

test('own secrets are blocked at each place, whatever the rules say, and in no other way', async (t) => {
  const base64 = Buffer.from(`user:${secret}`).toString('base64')
  for (const [place, put] of places) {
    for (const value of [secret, base64]) {
      for (const terms of [[], [rule('warn', 'own-secrets')], [rule('redact', 'own-secrets')]]) {
        t.match(judge(put(value), ...terms), {
          verdict: 'block',
          code: 'payload-secret',
          detector: 'own-secrets',
          rule: '',
          findings: [{ detector: 'own-secrets', place, count: 1 }],
          redacted: null,
        })
      }
    }
    t.equal(judge(put('correct-horse')).verdict, 'pass')
  }
  t.same(inspector.unsearched, ['short'])
  const back = inspector.response({ headers: [], body: Buffer.from(secret), terms: [] })
  t.match(back, { verdict: 'block', findings: [{ place: 'response-body' }] })
  t.match(inspector.response({ headers: ['Set-Cookie', secret], body: null, terms: [] }), {
    verdict: 'block',
    findings: [{ place: 'response-header' }],
  })
})

test('a rule that blocks refuses with the code of what it found', async (t) => {
  for (const [place, put] of places) {
    t.match(judge(put(key), rule('block', 'provider-keys')), {
      verdict: 'block',
      code: 'payload-secret',
      detector: 'provider-keys',
      rule: 'block-it',
      findings: [{ detector: 'provider-keys', place, count: 1 }],
    })
    t.equal(judge(put(key), rule('block', 'jwt')).verdict, 'pass', 'nobody asked')
    t.same(judge(put(key)).findings, [])
  }
  t.match(judge({ body: mail }, rule('block', 'email-addresses')), {
    code: 'payload-personal-data',
  })
})

test('a rule that warns changes nothing and says what it found', async (t) => {
  for (const [place, put] of places) {
    t.match(judge(put(key), rule('warn', 'provider-keys')), {
      verdict: 'pass',
      code: null,
      detector: null,
      findings: [{ detector: 'provider-keys', place, count: 1 }],
      redacted: null,
    })
  }
})

test('of several rules the strictest has its way', async (t) => {
  const detector = 'email-addresses'
  const rules = ['warn', 'redact', 'block'].map((action) => rule(action as PayloadAction, detector))
  t.match(judge({ body: mail }, ...rules), { verdict: 'block', rule: 'block-it' })
  t.match(judge({ body: mail }, ...rules.slice().reverse()), { verdict: 'block', rule: 'block-it' })
  t.match(judge({ body: mail }, ...rules.slice(0, 2)), { verdict: 'redact', rule: 'redact-it' })
  const both = [rule('redact', 'email-addresses'), rule('block', 'provider-keys')]
  t.match(judge({ body: `${mail} ${key}` }, ...both), {
    verdict: 'block',
    detector: 'provider-keys',
  })
  t.match(judge({ body: mail }, ...both), { verdict: 'redact', detector: 'email-addresses' })
})

test('a rule that redacts takes it out of headers and body, and refuses it in an address or a name', async (t) => {
  const redact = rule('redact', 'email-addresses', 'provider-keys')
  const headers = ['X-From', `<${mail}>`, 'Accept', '*/*', 'X-From', key]
  const both = judge({ headers, body: `{"to":"${mail}"}` }, redact)
  t.equal(both.verdict, 'redact')
  t.equal(both.code, null)
  t.same(both.redacted?.headers, [
    ...['X-From', '<[redacted:email-addresses]>'],
    ...['Accept', '*/*', 'X-From', '[redacted:provider-keys]'],
  ])
  t.equal(Buffer.from(both.redacted?.body ?? []).toString(), '{"to":"[redacted:email-addresses]"}')
  t.equal(
    judge({ headers, body: 'x' }, redact).redacted?.body,
    null,
    'a body that stays is not given',
  )
  t.match(judge({ url: `http://a.test/${mail}` }, redact), {
    verdict: 'block',
    code: 'payload-personal-data',
    rule: 'redact-it',
  })
  t.equal(judge({ headers: [mail, 'x'] }, redact).verdict, 'block')
  const warned = judge(
    { body: `${mail} ${key}` },
    rule('warn', 'provider-keys'),
    rule('redact', 'email-addresses'),
  )
  t.equal(Buffer.from(warned.redacted?.body ?? []).toString(), `[redacted:email-addresses] ${key}`)
})

test('what Basic says is read', async (t) => {
  const value = `Basic ${Buffer.from(`me:${key}`).toString('base64')}`
  const headers = ['Authorization', value]
  t.match(judge({ headers }, rule('block', 'provider-keys')), { verdict: 'block' })
  const { redacted } = judge({ headers }, rule('redact', 'provider-keys'))
  t.same(redacted?.headers, ['Authorization', '[redacted:provider-keys]'])
})

test('a response is looked at where its rule says so', async (t) => {
  const terms = [{ ...rule('block', 'provider-keys'), responses: false }]
  const body = Buffer.from(key)
  t.equal(inspector.response({ headers: [], body, terms }).verdict, 'pass')
  const asked = inspector.response({ headers: [], body, terms: [rule('block', 'provider-keys')] })
  t.match(asked, { verdict: 'block', findings: [{ place: 'response-body' }] })
})

test('findings hold a keyed hash and a count, never a value, and are bounded', async (t) => {
  const hash = createHmac('sha256', hashKey).update(mail).digest('hex').slice(0, 16)
  const warn = rule('warn', 'email-addresses')
  const twice = judge({ body: `${mail} ${mail}` }, warn)
  t.same(twice.findings, [{ detector: 'email-addresses', place: 'request-body', hash, count: 2 }])
  const many = Array.from({ length: 100 }, (_, index) => `n${index}@example.com`).join(' ')
  const { findings } = judge({ body: many }, warn)
  t.equal(findings.length, findingsMax + 1)
  t.match(findings.at(-1), { hash: otherValues, count: 100 - findingsMax })
  t.notMatch(JSON.stringify(findings), /example/)
  const flood = judge({ body: `${mail} `.repeat(3_000) }, warn).findings
  t.equal(
    flood.reduce((sum, { count }) => sum + count, 0),
    3_000,
    'each is counted',
  )
})

test('bytes that several detectors see are handled as the strictest rule asks', async (t) => {
  const token = `ey${'J'}hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.${'aB3d'.repeat(10)}`
  const dashes = '-'.repeat(5)
  const pem = `${dashes}BEGIN PRIVATE KEY${dashes}\n${'QUJD'.repeat(40)}\n`
  const warned = rule('warn', 'private-keys')
  const both = { body: `${token}${pem}` }
  t.match(judge(both, warned, rule('block', 'jwt')), { verdict: 'block', detector: 'jwt' })
  t.match(judge(both, warned, rule('redact', 'jwt')), { verdict: 'redact', detector: 'jwt' })
  t.match(judge(both, warned), { verdict: 'pass' })
})

test('what a rule blocks is blocked too where it comes in sight behind what was redacted', async (t) => {
  const token = `ey${'J'}hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.${'aB3d'.repeat(10)}`
  const behind = { body: `AK${'IA'}${'Z2'.repeat(8)}${token}` }
  const redacting = rule('redact', 'provider-keys')
  t.match(judge(behind, redacting, rule('block', 'jwt')), { verdict: 'block', redacted: null })
  t.match(judge(behind, redacting, rule('warn', 'jwt')), { verdict: 'redact' })
})
