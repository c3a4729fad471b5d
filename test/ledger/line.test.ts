/** The line, the tree and the timestamps against definitions that share no code with them. */
import { deepEqual, equal, throws } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import canonicalizeModule from 'canonicalize'
import fc from 'fast-check'
import { test } from 'tap'
import { ContractError } from '../../kernel/contract.ts'
import { Failure } from '../../kernel/reasons.ts'
import type { Actor } from '../../ledger/entry.ts'
import { Frontier } from '../../ledger/frontier.ts'
import { formatLine, lineBytesMax, noHash, parseLine } from '../../ledger/line.ts'
import { dayOf, later, timestampOf, ulidOf } from '../../ledger/timestamp.ts'
import '../kernel/seed.ts'

const canonicalize = canonicalizeModule as unknown as (value: unknown) => string | undefined

const sha256 = (...parts: readonly (string | Buffer)[]): string => {
  const digest = createHash('sha256')
  for (const part of parts) digest.update(part)
  return digest.digest('hex')
}

const envelope = {
  actor: { agent: 'worker', run: 'default' } as Actor,
  boot: '01M7Y7GCHPWMGXEHM4FYR2V7XA',
  data: { host: 'api.example.com', verdict: 'allow' } as object,
  kind: 'decision',
  prev: noHash,
  seq: 0,
  ts: '2026-11-21T12:00:00.000Z',
}

const key = fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/)
const leaf = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }).filter((text) => !/\p{Surrogate}/u.test(text)),
  fc.maxSafeInteger().map((value) => (value === 0 ? 0 : value)),
  fc.boolean(),
  fc.constant(null),
)

/** An object whose keys are in ascending order, all the way down. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1))
  return Object.fromEntries(members.map(([name, member]) => [name, sorted(member)]))
}

const tree = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 5 }, leaf, fc.array(tie('value'), { maxLength: 4 }), tie('object')),
  object: fc.dictionary(key, tie('value'), { maxKeys: 6, noNullPrototype: true }),
}))

test('a line is the canonical JSON of its entry with the leaf hash behind it', async (t) => {
  fc.assert(
    fc.property(tree.object, fc.nat(), (members, seq) => {
      const data = sorted(members) as object
      const { hash, line } = formatLine({ ...envelope, data, seq })
      const body = canonicalize({ ...envelope, data, seq, v: 1 }) ?? ''
      equal(hash, sha256(Buffer.of(0), body))
      equal(line.toString(), `${body.slice(0, -1)},"hash":"${hash}"}\n`)
      deepEqual(parseLine(line), { ...envelope, data, seq, v: 1, hash })
    }),
    { numRuns: 500 },
  )
  t.pass('every generated entry')
})

test('a line that differs in any bit is refused', async (t) => {
  const { line } = formatLine(envelope)
  for (let bit = 0; bit < line.length * 8; bit += 1) {
    const altered = Buffer.from(line)
    altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    let refused = false
    try {
      parseLine(altered)
    } catch (error) {
      refused = error instanceof Failure
    }
    if (!refused) t.fail(`bit ${bit} may change`)
  }
  for (let length = 0; length < line.length; length += 1) {
    throws(() => parseLine(line.subarray(0, length)), Failure)
  }
  t.pass('every bit and every length')
})

test('a line whose hash is right and whose form is wrong is refused', async (t) => {
  const body = formatLine(envelope).line.toString().slice(0, -76)
  const forged: readonly (readonly [string, string])[] = [
    ['a space', body.replace(',"boot"', ', "boot"')],
    ['an escape that is not needed', body.replace('allow', '\\u0061llow')],
    ['a doubled key', body.replace('"verdict"', '"host":"x","verdict"')],
    ['keys that fall', body.replace('"host":"api.example.com"', '"zone":1')],
    ['a fraction', body.replace('"allow"', '1.5')],
    ['a signed zero', body.replace('"allow"', '-0')],
    ['an upper-case key', body.replace('"host"', '"Host"')],
    ['a member too many', body.replace('"kind"', '"extra":1,"kind"')],
    ['no actor', body.replace(/"actor":\{[^}]*\},/, '')],
    ['an actor of another name', body.replace('"agent"', '"alias"')],
    ['an actor that is a number', body.replace('"worker"', '7')],
    ['data that is a list', body.replace(/"data":\{[^}]*\}/, '"data":[]')],
    ['another version', body.replace('"v":1', '"v":2')],
    ['a negative seq', body.replace('"seq":0', '"seq":-1')],
    ['a ts without milliseconds', body.replace('.000Z', 'Z')],
    ['a boot in lower case', body.replace(envelope.boot, envelope.boot.toLowerCase())],
    ['a prev that is short', body.replace(noHash, noHash.slice(1))],
    ['a CR', body.replace('allow', 'al\rlow')],
  ]
  for (const [what, text] of forged) {
    t.not(text, body, what)
    const hash = sha256(Buffer.of(0), `${text}}`)
    t.throws(() => parseLine(Buffer.from(`${text},"hash":"${hash}"}\n`)), Failure, what)
  }
  const whole = `${body},"hash":"${sha256(Buffer.of(0), `${body}}`)}"}\n`
  t.equal(parseLine(Buffer.from(whole)).kind, 'decision')
})

test('what a line may not hold is a bug of the writer', async (t) => {
  const nested = (depth: number): object => (depth === 0 ? {} : { inner: nested(depth - 1) })
  const wrong: readonly (readonly [string, object])[] = [
    ['keys that fall', { b: 1, a: 1 }],
    ['a key with a sign', { 'a-b': 1 }],
    ['a key that is a number', { 1: 1 }],
    ['a fraction', { a: 0.5 }],
    ['a number beyond the safe ones', { a: 2 ** 53 }],
    ['no number', { a: Number.NaN }],
    ['a signed zero', { a: -0 }],
    ['half a surrogate pair', { a: 'x\ud800' }],
    ['undefined', { a: undefined }],
    ['a bigint', { a: 1n }],
    ['a function', { a: () => 1 }],
    ['a list as data', [1]],
    ['nesting of 17', nested(15)],
    ['a line of 64 KiB', { a: 'x'.repeat(65_000), b: 'x'.repeat(400) }],
    ['a line of 64 KiB in fewer characters', { a: 'é'.repeat(32_700) }],
  ]
  for (const [what, data] of wrong) {
    t.throws(() => formatLine({ ...envelope, data }), ContractError, what)
  }
  t.doesNotThrow(() => formatLine({ ...envelope, data: nested(14) }))
  const alias = { alias: 'x' } as Actor
  t.throws(() => formatLine({ ...envelope, actor: alias }), ContractError)
  t.throws(() => formatLine({ ...envelope, actor: { agent: 1 } as never }), ContractError)
  const bare = formatLine({ ...envelope, data: { a: '' } }).line.length
  const longest = { a: 'x'.repeat(lineBytesMax - bare) }
  const { line } = formatLine({ ...envelope, data: longest })
  t.equal(line.length, lineBytesMax)
  t.same(parseLine(line).data, longest)
  const longer = { a: `${longest.a}x` }
  t.throws(() => formatLine({ ...envelope, data: longer }), ContractError)
})

/** MTH as RFC 6962 section 2.1 defines it. */
function treeHash(leaves: readonly string[]): string {
  const [only = ''] = leaves
  if (leaves.length === 1) return only
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  const left = Buffer.from(treeHash(leaves.slice(0, split)), 'hex')
  const right = Buffer.from(treeHash(leaves.slice(split)), 'hex')
  return sha256(Buffer.of(1), left, right)
}

test('the frontier has the root that RFC 6962 defines, at every size, and can be gone on from', async (t) => {
  const leaves = Array.from({ length: 130 }, (_, index) => sha256(String(index)))
  let frontier = new Frontier(0, [])
  t.throws(() => frontier.root(), ContractError)
  for (const [index, leafHash] of leaves.entries()) {
    frontier.push(leafHash)
    equal(frontier.root(), treeHash(leaves.slice(0, index + 1)))
    equal(frontier.size, index + 1)
    if (index % 7 === 0) frontier = new Frontier(frontier.size, frontier.roots)
  }
  t.throws(() => new Frontier(3, [noHash]), ContractError)
})

test('timestamps are those of the calendar, and ULIDs sort by time', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (instant) => {
      equal(timestampOf(instant), new Date(instant).toISOString())
    }),
    { numRuns: 2_000 },
  )
  for (const year of [1970, 1999, 2000, 2023, 2024, 2100, 9999]) {
    for (const text of [`${year}-02-28T23:59:59.999Z`, `${year}-03-01T00:00:00.000Z`]) {
      t.equal(timestampOf(Date.parse(text)), text)
    }
  }
  for (const wrong of [-1, 0.5, Number.NaN, 253_402_300_800_000]) {
    t.throws(() => timestampOf(wrong), ContractError)
  }
  t.equal(dayOf('2026-11-21T12:00:00.000Z'), '2026-11-21')
  t.equal(later('2026-11-21', '2026-11-20'), '2026-11-21')
  t.equal(later('2026-11-20', '2026-11-21'), '2026-11-21')
  t.equal(ulidOf(0, Buffer.alloc(10)), '0'.repeat(26))
  t.equal(ulidOf(2 ** 48 - 1, Buffer.alloc(10, 0xff)), `7${'Z'.repeat(25)}`)
  t.ok(ulidOf(1, Buffer.alloc(10, 0xff)) < ulidOf(2, Buffer.alloc(10)))
  t.throws(() => ulidOf(0, Buffer.alloc(9)), ContractError)
})
