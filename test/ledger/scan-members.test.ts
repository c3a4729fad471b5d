/** What a scanner remembers of the lines before changes neither what it accepts nor what it reads. */
import canonicalizeModule from 'canonicalize'
import fc from 'fast-check'
import { test } from 'tap'
import { Scanner } from '../../ledger/scan.ts'
import '../kernel/seed.ts'

// A CommonJS module with a default export: TypeScript sees the module, Node the function.
const canonicalize = canonicalizeModule as unknown as (value: unknown) => string | undefined

const plain = fc.oneof(
  fc.constantFrom('allow', 'deny', 'Grüße', 'é\\"\n', '', 0, 7, 1_234_567, -5, null, true, [], {}),
  fc.constantFrom({ wall: 60_000 }, { bytes_up: 1, wall: 2 }, ['per-run'], ['per-run', 'day']),
  fc.nat(),
  fc.string({ unit: 'binary', maxLength: 12 }),
)

/** Few keys and few values, so that lines are alike as they are in a ledger: in part. */
const object = fc.dictionary(
  fc.constantFrom('action', 'actual', 'at', 'charge', 'hold', 'request', 'rules', 'verdict', 'a'),
  plain,
  { maxKeys: 9 },
)

interface Line {
  readonly actor: object
  readonly data: object
  readonly kind: string
  readonly ms: number
  /** A byte that is changed, and what it becomes. */
  readonly change: readonly [number, number] | null
}

const line: fc.Arbitrary<Line> = fc.record({
  actor: fc.constantFrom({}, { agent: 'a', run: 'r' }, { agent: 'é', run: 'r', tenant: 't' }),
  data: object,
  kind: fc.constantFrom('decision', 'settlement', 'boot.open', 'unheard'),
  ms: fc.nat({ max: 70_000 }),
  change: fc.option(fc.tuple(fc.nat(), fc.integer({ min: 0x20, max: 0xff })), { freq: 3 }),
})

function bytesOf({ actor, change, data, kind, ms }: Line): Buffer {
  const ts = new Date(Date.UTC(2026, 10, 21) + ms).toISOString()
  const boot = `01JD6Z8K4M000000000000000${ms % 2}`
  const prev = 'ab'.repeat(32)
  const body = { actor, boot, data, kind, prev, seq: ms, ts, v: 1 }
  const bytes = Buffer.from(`\n${canonicalize(body) ?? ''}`)
  if (change !== null) bytes[1 + (change[0] % (bytes.length - 1))] = change[1]
  return bytes
}

test('a scanner accepts and reads what one that has seen nothing does', async (t) => {
  let [accepted, refused] = [0, 0]
  fc.assert(
    fc.property(fc.array(line, { minLength: 2, maxLength: 12 }), (lines) => {
      const scanner = new Scanner()
      // All in one buffer that is written over, as a file is read.
      const buffer = Buffer.alloc(8_192, '}"')
      return lines.every((each) => {
        const bytes = bytesOf(each)
        bytes.copy(buffer)
        const says = scanner.envelope(buffer, 1, bytes.length)
        if (says !== new Scanner().envelope(bytes, 1, bytes.length)) return false
        if (says) accepted += 1
        else refused += 1
        if (!says || scanner.version !== 1) return true
        const read = JSON.stringify(scanner.entry('h'))
        const { hash, ...body } = JSON.parse(read) as Record<string, unknown>
        return hash === 'h' && canonicalize(body) === bytes.toString('utf8', 1)
      })
    }),
    { numRuns: 3_000 },
  )
  t.ok(accepted > 5_000 && refused > 1_000, `${accepted} accepted, ${refused} refused`)
})

test('what is known does not excuse keys that do not ascend', async (t) => {
  const known = '{"a":1,"b":2,"c":3,"d":4}'
  const cases: readonly (readonly [string, boolean])[] = [
    ['{"a":1,"b":7,"c":3,"d":4}', true],
    ['{"a":1,"x":2,"c":3,"d":4}', false],
    ['{"a":1,"b":2,"c":3,"b":4}', false],
    ['{"a":1,"b":2,"c":3,"bb":4}', false],
    ['{"a":1,"a":2,"c":3,"d":4}', false],
    ['{"a":1,"b":2,"c":3,"d":4,"d":4}', false],
    ['{"a":1,"b":2,"c":3,"d":4', false],
    ['{"a":1,"b":2,"c":3,}', false],
    ['{"a":1,"c":3}', true],
    ['{}', true],
  ]
  const body = bytesOf({ actor: {}, data: {}, kind: 'halt', ms: 0, change: null }).toString()
  const scans = (scanner: Scanner, text: string): boolean => {
    const bytes = Buffer.from(body.replace('"data":{}', `"data":${text}`))
    return scanner.envelope(bytes, 1, bytes.length)
  }
  for (const [text, expected] of cases) {
    const scanner = new Scanner()
    t.ok(scans(scanner, known))
    t.equal(scans(scanner, text), expected, text)
  }
})

test('entries of one actor share it, and what one entry holds is not changed by the next', async (t) => {
  const scanner = new Scanner()
  const read = (data: object, actor: object): ReturnType<Scanner['entry']> => {
    const bytes = bytesOf({ actor, data, kind: 'decision', ms: 2, change: null })
    t.ok(scanner.envelope(bytes, 1, bytes.length))
    return scanner.entry('')
  }
  const [one, two] = [{ agent: 'a' }, { agent: 'b' }]
  const first = read({ action: 'x', at: 1, hold: { wall: 1 } }, one)
  const other = read({ action: 'x', at: 2, hold: { wall: 1 } }, two)
  const third = read({ action: 'x', at: 3, hold: { wall: 2 } }, one)
  t.equal(third.actor, first.actor)
  t.not(other.actor, first.actor)
  t.equal(other.data['hold'], first.data['hold'], 'what is the same is one object')
  t.same(
    [first, other, third].map(({ data }) => data),
    [
      { action: 'x', at: 1, hold: { wall: 1 } },
      { action: 'x', at: 2, hold: { wall: 1 } },
      { action: 'x', at: 3, hold: { wall: 2 } },
    ],
  )
  const values = ['plain', 'Grüße', 'a"b', '\u0001', '', 12, -3, 0, null, ['é'], { b: 'é' }]
  for (const b of values) t.same(read({ a: 1, b, c: 'x', d: 'y' }, one).data['b'], b)
  for (let index = 0; index < 2_000; index += 1) read({}, { agent: `agent-${index}` })
  t.same(read({ at: 4 }, one).actor, one, 'more actors than are remembered are read all the same')
})
