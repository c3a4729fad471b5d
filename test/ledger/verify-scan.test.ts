/** The scanner of canonical JSON against JSON.parse and `canonicalize`, on what was made, changed and invented. */
import canonicalizeModule from 'canonicalize'
import fc from 'fast-check'
import { test } from 'tap'
import { isCanonical, Scanner } from '../../ledger/scan.ts'
import '../kernel/seed.ts'

// A CommonJS module with a default export: TypeScript sees the module, Node the function.
const canonicalize = canonicalizeModule as unknown as (value: unknown) => string | undefined

const key = fc.stringMatching(/^[a-z][a-z0-9_]{0,6}$/)

const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.string({
      unit: fc.constantFrom('"', '\\', '\u0000', '\b', '\u001f', '\u007f', 'é', '𝄞', '/'),
    }),
    fc.maxSafeInteger(),
    fc.constantFrom(null, true, false, 0, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 5 }),
  ),
}))

const object = fc.dictionary(key, value, { maxKeys: 5 })

/** Names of members, nesting and numbers that a line may hold, as a value shows them. */
function isNarrow(one: unknown, depth: number): boolean {
  if (typeof one === 'number') return Number.isSafeInteger(one) && !Object.is(one, -0)
  if (typeof one === 'string') return one.isWellFormed()
  if (typeof one !== 'object' || one === null) return true
  if (depth > 16) return false
  if (Array.isArray(one)) return one.every((element) => isNarrow(element, depth + 1))
  return Object.entries(one).every(
    ([name, element]) => /^[a-z][a-z0-9_]*$/.test(name) && isNarrow(element, depth + 1),
  )
}

/** The same question, answered with the libraries. */
function isCanonicalBySpecification(bytes: Buffer): boolean {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return false
    return isNarrow(parsed, 1) && canonicalize(parsed) === text
  } catch {
    return false
  }
}

/** Scans in the middle of other bytes, as in a read buffer. */
function scan(bytes: Buffer, behind = '","x":1}"'): boolean {
  const around = Buffer.concat([Buffer.from('}{"'), bytes, Buffer.from(behind)])
  return isCanonical(around, 3, 3 + bytes.length)
}

test('what canonicalize writes is canonical', async (t) => {
  fc.assert(
    fc.property(object, (one) => {
      const bytes = Buffer.from(canonicalize(one) ?? '')
      return scan(bytes) && isCanonical(bytes, 0, bytes.length)
    }),
    { numRuns: 2_000 },
  )
  t.pass('2,000 values')
})

test('a changed text is canonical exactly where the libraries say so', async (t) => {
  const change = fc.record({
    at: fc.nat(),
    remove: fc.nat({ max: 3 }),
    insert: fc.oneof(
      fc.uint8Array({ maxLength: 3 }),
      fc
        .constantFrom(
          '"',
          '\\',
          '\\u00',
          '1f',
          '-',
          '0',
          '.5',
          'e3',
          ' ',
          ',',
          '{',
          '}',
          '[',
          '":',
          '\\/',
          '\\ud800',
        )
        .map((text) => Buffer.from(text)),
    ),
  })
  let agreed = 0
  fc.assert(
    fc.property(object, fc.array(change, { minLength: 1, maxLength: 2 }), (one, changes) => {
      let bytes = Buffer.from(canonicalize(one) ?? '')
      for (const { at, insert, remove } of changes) {
        const from = at % (bytes.length + 1)
        bytes = Buffer.concat([bytes.subarray(0, from), insert, bytes.subarray(from + remove)])
      }
      const expected = isCanonicalBySpecification(bytes)
      if (expected) agreed += 1
      return scan(bytes) === expected && isCanonical(bytes, 0, bytes.length) === expected
    }),
    { numRuns: 20_000 },
  )
  t.ok(agreed > 20, `${agreed} of the changed texts were canonical again`)
})

test('loose JSON is canonical exactly where the libraries say so', async (t) => {
  const number = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.constantFrom(-0, 1e21, 2 ** 53, 2 ** 53 - 1),
  )
  const loose = fc.object({
    key: fc.oneof(key, fc.string({ maxLength: 3 })),
    values: [fc.string({ unit: 'binary' }), number, fc.boolean(), fc.constant(null)],
    maxDepth: 3,
  })
  fc.assert(
    fc.property(loose, fc.boolean(), (one, raw) => {
      const text = raw ? JSON.stringify(one) : (canonicalize(one) ?? '')
      const bytes = Buffer.from(text)
      return scan(bytes) === isCanonicalBySpecification(bytes)
    }),
    { numRuns: 5_000 },
  )
  t.pass('5,000 values')
})

test('every two bytes in a string are judged as TextDecoder and JSON.parse judge them', async (t) => {
  const tails = ['', 'a', '\u0080'].map((tail) => Buffer.from(tail, 'latin1'))
  let wrong = 0
  for (let first = 0; first < 256; first += 1) {
    for (let second = 0; second < 256; second += 1) {
      for (const tail of tails) {
        const inside = Buffer.concat([Buffer.of(first, second), tail])
        const bytes = Buffer.concat([Buffer.from('{"a":"'), inside, Buffer.from('"}')])
        if (scan(bytes) !== isCanonicalBySpecification(bytes)) wrong += 1
      }
    }
  }
  t.equal(wrong, 0)
})

test('sequences of three and four bytes are judged as TextDecoder judges them', async (t) => {
  const edges = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff]
  let wrong = 0
  for (let lead = 0xe0; lead < 256; lead += 1) {
    for (const second of edges) {
      for (const third of edges) {
        for (const fourth of edges) {
          const bytes = Buffer.from(`{"a":"????"}`)
          bytes.set([lead, second, third, fourth], 6)
          if (scan(bytes) !== isCanonicalBySpecification(bytes)) wrong += 1
        }
      }
    }
  }
  t.equal(wrong, 0)
})

test('nesting, integers and escapes are judged at their limits', async (t) => {
  const nested = (depth: number): string => `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`
  t.ok(scan(Buffer.from(nested(16))), 'sixteen deep')
  t.notOk(scan(Buffer.from(nested(17))), 'seventeen deep')
  t.notOk(
    scan(Buffer.from('['.repeat(200_000))),
    'a list that never ends does not exhaust the stack',
  )
  t.notOk(scan(Buffer.from('{"a":'.repeat(200_000))), 'nor does an object')
  for (let last = 0; last < 10; last += 1) {
    for (const text of [
      `900719925474099${last}`,
      `-900719925474099${last}`,
      `1900719925474099${last}`,
    ]) {
      const bytes = Buffer.from(`{"a":${text}}`)
      t.equal(scan(bytes), isCanonicalBySpecification(bytes), text)
    }
  }
  for (let code = 0; code < 0x30; code += 1) {
    for (const digits of [code.toString(16), code.toString(16).toUpperCase()]) {
      const bytes = Buffer.from(`{"a":"\\u${digits.padStart(4, '0')}"}`)
      t.equal(scan(bytes), isCanonicalBySpecification(bytes), bytes.toString())
    }
  }
})

test('an envelope has its members, and every offset is where its member lies', async (t) => {
  const hash = 'ab'.repeat(32)
  const envelope = (actor: string, data: string, kind: string): string =>
    `{"actor":${actor},"boot":"01JD6Z8K4M0000000000000000","data":${data},"kind":"${kind}","prev":"${hash}","seq":42,"ts":"2024-11-21T04:30:00.000Z","v":1}`
  const scanner = new Scanner()
  const passes = (text: string): boolean => {
    const bytes = Buffer.from(`\n${text}`)
    return scanner.envelope(bytes, 1, bytes.length)
  }
  fc.assert(
    fc.property(object, fc.stringMatching(/^[a-z]{1,5}(\.[a-z]{1,5})?$/), (data, kind) => {
      const text = envelope('{"agent":"a","tenant":"t"}', canonicalize(data) ?? '', kind)
      if (!passes(text)) return false
      const bytes = Buffer.from(`\n${text}`)
      const at = (from: number, length: number): string =>
        bytes.toString('latin1', from, from + length)
      return (
        scanner.seq === 42 &&
        scanner.version === 1 &&
        scanner.isKind(kind) &&
        !scanner.isKind(`${kind}x`) &&
        at(scanner.prevStart, 64) === hash &&
        at(scanner.tsStart, 24) === '2024-11-21T04:30:00.000Z'
      )
    }),
    { numRuns: 500 },
  )
  const ids = ['agent', 'key', 'principal', 'project', 'run', 'tenant']
  fc.assert(
    fc.property(fc.subarray(ids), fc.boolean(), (names, reversed) => {
      const order = reversed ? names.toReversed() : names
      const actor = `{${order.map((name) => `"${name}":"x"`).join()}}`
      return passes(envelope(actor, '{}', 'halt')) === (!reversed || names.length < 2)
    }),
  )
  const bad = [
    '{"agent":1}',
    '{"agent":"a",}',
    '{,"run":"a"}',
    '{"agent":"a""run":"b"}',
    '{"a":"b"}',
    '[]',
    '{',
  ]
  for (const actor of bad) t.notOk(passes(envelope(actor, '{}', 'halt')), `actor ${actor}`)
  for (const kind of ['', '.', 'a.', '.a', 'a..b', 'A']) {
    t.notOk(passes(envelope('{}', '{}', kind)), `kind '${kind}'`)
  }
})
