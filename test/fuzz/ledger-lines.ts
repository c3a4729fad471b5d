/** Fuzzes the reader of ledger lines against JSON.parse: what was written is read, and what was changed is not. */
import { hash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import canonicalizeModule from 'canonicalize'
import fc from 'fast-check'
import { entryKinds } from '../../ledger/entry.ts'
import { type Envelope, formatLine, readLine } from '../../ledger/line.ts'
import { Scanner } from '../../ledger/scan.ts'
import { ensure, type Fuzzed, type Reached } from './fuzzed.ts'
import { mutated } from './mutation.ts'
import { timely } from './timely.ts'

// A CommonJS module with a default export: TypeScript sees the module, Node the function.
const canonicalize = canonicalizeModule as unknown as (value: unknown) => string | undefined

const key = fc.stringMatching(/^[a-z][a-z0-9_]{0,6}$/)

const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.string({ unit: 'grapheme', maxLength: 8 }),
    fc.string({
      unit: fc.constantFrom('"', '\\', '\u0000', '\u001f', '\u007f', 'é', '𝄞', '\u2028'),
    }),
    fc.maxSafeInteger().map((number) => number + 0),
    fc.constantFrom(null, true, false, 0),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 5 }),
  ),
}))

/** The same with keys ascending, as writers hand it in. */
function ordered(one: unknown): unknown {
  if (typeof one !== 'object' || one === null) return one
  if (Array.isArray(one)) return one.map(ordered)
  const entries = Object.entries(one).sort(([left], [right]) => (left < right ? -1 : 1))
  return Object.fromEntries(entries.map(([name, inside]) => [name, ordered(inside)]))
}

const digits = fc.string({
  unit: fc.constantFrom(...'0123456789abcdef'),
  minLength: 64,
  maxLength: 64,
})

const envelope: fc.Arbitrary<Envelope> = fc
  .record({
    actor: fc.constantFrom(
      {},
      { agent: 'a' },
      { agent: 'é', run: 'r' },
      { agent: 'a', key: 'k', tenant: 't' },
    ),
    boot: fc.constantFrom('01JD6Z8K4M0000000000000000', '7ZZZZZZZZZZZZZZZZZZZZZZZZZ'),
    data: fc.dictionary(key, value, { maxKeys: 5 }),
    kind: fc.constantFrom(...entryKinds),
    prev: digits,
    seq: fc.oneof(fc.nat(), fc.maxSafeNat()),
    ts: fc.date({ min: new Date(0), max: new Date(253_402_300_799_999), noInvalidDate: true }),
  })
  .map(({ data, ts, ...rest }) => ({
    ...rest,
    data: ordered(data) as object,
    ts: ts.toISOString(),
  }))

const pieces = [
  '"',
  '\\',
  '{',
  '}',
  ',',
  ':',
  '\n',
  '\\u000a',
  '\\u00',
  '-',
  '0',
  '1',
  'e',
  '"a":1,',
  '"hash":"',
  ' ',
  '\u0000',
]

/** Bytes from the end of a line's body to the end of the line: hash member, brace and LF, the body's brace left out. */
const tail = 76

/** The line with the hash that its bytes have: what a forger can always do. */
function rehashed(line: Buffer): Buffer {
  if (line.length <= tail) return line
  const body = Buffer.concat([line.subarray(0, line.length - tail), Buffer.from('}')])
  const leaf = hash('sha256', Buffer.concat([Buffer.of(0), body]), 'hex')
  return Buffer.concat([body.subarray(0, -1), Buffer.from(`,"hash":"${leaf}"}\n`)])
}

const members = ['actor', 'boot', 'data', 'kind', 'prev', 'seq', 'ts', 'v']

/** Whether the libraries read the body of the line as an entry in canonical form. */
function bodyByLibraries(line: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    const bytes = Buffer.concat([line.subarray(0, line.length - tail), Buffer.from('}')])
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    const parsed = JSON.parse(text) as Readonly<Record<string, unknown>>
    const isEntry = canonicalize(parsed) === text && isDeepStrictEqual(Object.keys(parsed), members)
    return isEntry ? parsed : null
  } catch {
    return null
  }
}

/** What is read is what the libraries read, from a scanner that knows other lines and from one that knows none. */
function checkRead(line: Buffer, reached: Reached): void {
  const entry = timely(line.length, () => readLine(line))
  const body = Buffer.concat([
    Buffer.of(0),
    line.subarray(0, Math.max(0, line.length - tail)),
    Buffer.from('}'),
  ])
  const fresh = new Scanner().envelope(body, 1, body.length)
  if (typeof entry === 'string') {
    reached(`refused`)
    const isOfForm = line.length > tail && entry.startsWith('it is not canonical')
    ensure(!isOfForm || !fresh, 'what is known of other lines refuses nothing')
    return
  }
  reached('read')
  ensure(fresh, 'what is known of other lines accepts nothing')
  const { hash: leaf, ...rest } = entry
  const parsed = bodyByLibraries(line)
  ensure(
    parsed !== null && isDeepStrictEqual({ ...rest }, { ...parsed }),
    'it is read as JSON.parse reads it',
  )
  ensure(leaf === hash('sha256', body, 'hex'), 'its hash is of its bytes')
}

export const ledgerLines: Fuzzed = {
  name: 'ledger-lines',
  share: 4,
  roundRuns: 200,
  reaches: ['read', 'refused', 'read although changed'],
  open: async (reached) => {
    const change = mutated(fc.constant(Buffer.alloc(0)), pieces)
    const changes = fc.array(fc.tuple(fc.nat(70_000), fc.nat(3), change), {
      minLength: 1,
      maxLength: 2,
    })
    return fc.property(envelope, changes, (written, list) => {
      const { line, hash: leaf } = formatLine(written)
      const entry = readLine(line)
      ensure(typeof entry !== 'string' && entry.hash === leaf, 'what was written is read')
      checkRead(line, reached)
      let other = line
      for (const [place, removed, piece] of list) {
        const at = place % line.length
        other = Buffer.concat([other.subarray(0, at), piece, other.subarray(at + removed)])
      }
      if (other.equals(line)) return
      ensure(typeof readLine(other) === 'string', 'what was changed is no entry')
      const forged = rehashed(other)
      checkRead(forged, reached)
      if (typeof readLine(forged) !== 'string' && !forged.equals(line))
        reached('read although changed')
    })
  },
}
