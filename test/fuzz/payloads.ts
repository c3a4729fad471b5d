/** Fuzzes the search for secrets and personal data: bodies whole and in any chunks, and what is left after redaction. */
import fc from 'fast-check'
import {
  detectorNames,
  type PayloadAction,
  type PayloadStream,
  type PayloadTerms,
} from '../../kernel/payload.ts'
import { openInspector } from '../../payload/inspect.ts'
import { ensure, type Fuzzed } from './fuzzed.ts'
import { mutated } from './mutation.ts'
import { timely } from './timely.ts'

const secret = 'correct-horse-battery-staple'

const inspector = openInspector({
  secrets: [{ name: 'it', value: Buffer.from(secret) }],
  key: Buffer.alloc(32, 7),
})

const dashes = '-'.repeat(5)

/** Put together here, so that none stands in the text. */
const findings: readonly string[] = [
  `gh${'p_'}${'aB3d'.repeat(9)}`,
  `AK${'IA'}${'Z2'.repeat(8)}`,
  `sk-${'ant-'}api03-${'aB3d'.repeat(23)}aAA`,
  `aws_secret_access_key = ${'aB3d'.repeat(10)}`,
  '4012888888881881',
  '4012 8888 8888 1881',
  'me@example.com',
  'DE89370400440532013000',
  'DE89 3704 0044 0532 0130 00',
  'SSN: 219-09-9999',
  `${dashes}BEGIN PRIVATE KEY${dashes}\n${`${'QUJD'.repeat(16)}\n`.repeat(4)}${dashes}END PRIVATE KEY${dashes}`,
  `ey${'J'}hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.${'aB3d'.repeat(10)}`,
]

const pieces: readonly string[] = [
  ...findings,
  '\n',
  ' ',
  '"',
  '\\',
  '\\n',
  '\\u0034',
  '%40',
  '{"a":"',
  '"}',
  'data: ',
  '@',
  '.com',
  '-',
  '_',
  ' ',
  dashes,
  '4012',
  'é',
]

const body = mutated(
  fc
    .tuple(
      fc.constantFrom('', '{"a":', '"', 'data: {"x":"', '[', 'say '),
      fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 8 })), {
        maxLength: 10,
      }),
    )
    .map(([head, parts]) => Buffer.from(head + parts.join(''), 'utf8')),
  pieces,
)

const action = fc.constantFrom<PayloadAction>('block', 'redact', 'warn')

const terms: fc.Arbitrary<readonly PayloadTerms[]> = fc.array(
  fc.record({
    rule: fc.constantFrom('r', 's'),
    action,
    detectors: fc.subarray([...detectorNames], { minLength: 1 }),
    responses: fc.constant(true),
  }),
  { maxLength: 2 },
)

const isEqual = (left: Uint8Array, right: Uint8Array): boolean => Buffer.from(left).equals(right)

export const payloads: Fuzzed = {
  name: 'payloads',
  share: 4,
  roundRuns: 150,
  reaches: ['pass', 'redact', 'block'],
  open: async (reached) => {
    const headers = fc.array(fc.constantFrom(...pieces, 'authorization'), { maxLength: 4 })
    return fc.property(body, headers, terms, (bytes, flat, asked) => {
      const even = flat.slice(0, flat.length & ~1)
      const payload = { url: 'http://a.test/', headers: even, body: bytes, terms: asked }
      const judged = timely(bytes.length, () => inspector.request(payload))
      reached(judged.verdict)
      ensure(
        JSON.stringify(judged) === JSON.stringify(inspector.request(payload)),
        'the same is judged alike',
      )
      ensure(
        (judged.verdict === 'redact') === (judged.redacted !== null),
        'only what is redacted changes',
      )
      ensure((judged.verdict === 'block') === (judged.code !== null), 'only a block has a code')
      if (judged.redacted === null) return
      const rest = {
        ...payload,
        headers: judged.redacted.headers,
        body: judged.redacted.body ?? bytes,
      }
      const again = inspector.request(rest)
      ensure(again.verdict === 'pass', `what was redacted passes: ${again.detector}`)
    })
  },
}

interface Flowed {
  readonly bytes: Buffer
  readonly verdict: string
  readonly detector: string | null
  readonly found: string
}

/** Pushes the chunks, then ends; stops at a refusal. */
function flow(stream: PayloadStream, chunks: readonly Uint8Array[]): Flowed {
  const parts: Uint8Array[] = []
  let [verdict, detector]: [string, string | null] = ['pass', null]
  for (const step of [...chunks.map((chunk) => () => stream.push(chunk)), () => stream.end()]) {
    const now = step()
    parts.push(now.bytes)
    ;[verdict, detector] = [now.verdict, now.detector]
    if (verdict === 'block') break
  }
  const found = JSON.stringify([...stream.findings])
  return { bytes: Buffer.concat(parts), verdict, detector, found }
}

/** The bytes in pieces, cut at any places. */
function cut(bytes: Buffer, places: readonly number[]): readonly Uint8Array[] {
  const ordered = [...new Set(places.map((each) => each % (bytes.length + 1)))].sort(
    (a, b) => a - b,
  )
  return [0, ...ordered].map((from, index) => bytes.subarray(from, ordered[index] ?? bytes.length))
}

/** Within the window of a stream: of longer lines, where they are cut may matter. */
const windowBytes = 8 * 1024

export const payloadStreams: Fuzzed = {
  name: 'payload-streams',
  share: 4,
  roundRuns: 150,
  reaches: ['pass', 'block', 'changed', 'more than a window'],
  open: async (reached) => {
    const cuts = fc.array(fc.nat({ max: 60_000 }), { maxLength: 30 })
    return fc.property(body, cuts, terms, (bytes, places, asked) => {
      const open = (): PayloadStream =>
        inspector.openStream({ place: 'response-body', terms: asked })
      const pieced = timely(bytes.length, () => flow(open(), cut(bytes, places)))
      const whole = flow(open(), [bytes])
      reached(whole.verdict)
      if (!isEqual(whole.bytes, bytes)) reached('changed')
      if (bytes.length > windowBytes) {
        reached('more than a window')
        return
      }
      ensure(
        pieced.verdict === whole.verdict,
        `${pieced.verdict} in pieces, ${whole.verdict} whole`,
      )
      if (whole.verdict === 'block') {
        ensure(!pieced.bytes.includes(secret), 'a secret of ours went before it was refused')
        return
      }
      ensure(isEqual(pieced.bytes, whole.bytes), `in pieces ${pieced.bytes}, whole ${whole.bytes}`)
      ensure(pieced.found === whole.found, 'in pieces the same is found')
    })
  },
}
