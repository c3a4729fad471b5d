/** What is asked is what is answered: filters against a plain search, pages while entries come, and hostile words. */
import fc from 'fast-check'
import { type Test, test } from 'tap'
import '../kernel/seed.ts'
import { filterNames, filterOf } from '../../evidence/index/ask.ts'
import {
  cursorOf,
  type EntryFilter,
  receiptOf,
  receiptText,
  seqOfCursor,
  timeOf,
} from '../../evidence/index/filter.ts'
import { factColumns, factsOf } from '../../evidence/index/row.ts'
import type { Entry } from '../../ledger/entry.ts'
import { entriesOf, makePlace, noon, World } from '../ledger/open-ledger.ts'
import { all, ask, called, callMany, desk, seqsOf } from './index-world.ts'

/** The same question, answered by looking at every entry. */
function matches(entry: Entry, filter: EntryFilter): boolean {
  const facts = factsOf(entry)
  const at = (name: (typeof factColumns)[number]): string | null => {
    const value = facts[factColumns.indexOf(name)] ?? null
    return value === null ? null : String(value)
  }
  const words = ['kind', 'verdict', 'agent', 'run', 'host', 'domain', 'action', 'request'] as const
  if (words.some((name) => filter[name] !== undefined && filter[name] !== at(name))) return false
  const within = (list: string | null, word: string | undefined): boolean =>
    word === undefined || (list ?? '').split(' ').includes(word)
  if (!within(at('rules'), filter.rule) || !within(at('reasons'), filter.reason)) return false
  if (filter.from !== undefined && entry.ts < filter.from) return false
  if (filter.to !== undefined && entry.ts >= filter.to) return false
  const { receipt } = filter
  if (receipt === undefined) return true
  return entry.seq === receipt.seq && entry.hash.startsWith(receipt.hash)
}

const maybe = <T>(values: readonly T[]): fc.Arbitrary<T | undefined> =>
  fc.option(fc.constantFrom(...values), { nil: undefined, freq: 2 })

const instant = fc
  .integer({ min: noon - 5_000, max: noon + 70_000 })
  .map((at) => new Date(at).toISOString())

const filters = fc
  .record({
    from: fc.option(instant, { nil: undefined }),
    to: fc.option(instant, { nil: undefined }),
    kind: maybe(['decision', 'settlement', 'halt', 'segment.open', 'nothing']),
    verdict: maybe(['allow', 'deny', 'warn']),
    agent: maybe(['agent0', 'agent1', 'agent9']),
    run: maybe(['r0', 'r3']),
    host: maybe(['h0.example.com', 'h2.example.com']),
    request: maybe(['request-4', 'request-17']),
    rule: maybe(['open', 'shut', 'shu']),
    reason: maybe(['rule-denied', 'rule']),
    domain: maybe(['general']),
    action: maybe(['http.get']),
  })
  .map(
    (given) =>
      Object.fromEntries(
        Object.entries(given).filter(([, value]) => value !== undefined),
      ) as EntryFilter,
  )

test('a filter finds exactly the entries that a look at every one of them finds, in pages of any length', async (t) => {
  const { place } = await called(t)
  const entries = entriesOf(place)
  const index = desk(t, place)
  await index.feedAll()
  const lengths = fc.integer({ min: 1, max: 40 })
  const orders = fc.constantFrom('newest' as const, 'oldest' as const)
  await fc.assert(
    fc.asyncProperty(filters, lengths, orders, async (filter, limit, order) => {
      const found = await all(index, ask(filter, { limit, order, rowsMax: 30 }))
      const expected = entries.filter((entry) => matches(entry, filter)).map(({ seq }) => seq)
      t.same(found, order === 'newest' ? expected.reverse() : expected)
    }),
    { numRuns: 150 },
  )
})

test('a receipt finds its entry by any beginning of its hash, and no other', async (t) => {
  const { place } = await called(t)
  const index = desk(t, place)
  await index.feedAll()
  for (const { hash, seq } of entriesOf(place).slice(0, 20)) {
    const receipt = receiptOf(receiptText({ hash, seq })) ?? { seq: -1, hash: '' }
    t.same(seqsOf((await index.page(ask({ receipt }))).hits), [seq])
    const wrong = { seq, hash: hash.startsWith('0') ? 'f'.repeat(16) : '0'.repeat(16) }
    t.same(seqsOf((await index.page(ask({ receipt: wrong }))).hits), [])
  }
})

async function pagesWhileAppending(t: Test, order: 'newest' | 'oldest'): Promise<void> {
  const world = await called(t)
  const index = desk(t, world.place)
  const ledger = await world.open()
  await index.feedAll()
  const filter = { agent: 'agent1' }
  const before = entriesOf(world.place).filter((entry) => matches(entry, filter))
  const seen: number[] = []
  let after: number | null = null
  for (let turn = 0; turn < 200; turn += 1) {
    const page = await index.page(ask(filter, { order, limit: 3, after }))
    seen.push(...seqsOf(page.hits))
    if (page.after === null) break
    after = seqOfCursor(cursorOf(page.after))
    if (turn < 20) await callMany(world, ledger, 1_000 + turn, 1)
    await index.feedAll()
  }
  await ledger.close()
  t.equal(new Set(seen).size, seen.length, 'no entry comes twice')
  const missing = before.filter(({ seq }) => !seen.includes(seq))
  t.same(missing, [], 'none that was there is left out')
  const now = entriesOf(world.place).filter((entry) => matches(entry, filter))
  const wanted = order === 'newest' ? before : now
  t.equal(
    seen.length,
    wanted.length,
    'newest first ends with what was there; oldest first, with all',
  )
}

test('a cursor goes back through what was there while entries are appended', (t) =>
  pagesWhileAppending(t, 'newest'))

test('a cursor goes on to what is appended meanwhile', (t) => pagesWhileAppending(t, 'oldest'))

test('a cursor of ours comes back as its seq, and any other text is none', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 999_999_999_999_999 }), (seq) => {
      t.equal(seqOfCursor(cursorOf(seq)), seq)
    }),
  )
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const seq = seqOfCursor(text)
      t.ok(seq === null || cursorOf(seq) === text, text)
    }),
  )
  for (const text of [
    '',
    'e1:5',
    btoa('e1:-1'),
    btoa('e1:1e9'),
    btoa('e2:5'),
    'ZTE6NQ==',
    'ZTE6NR',
  ]) {
    t.equal(seqOfCursor(text), null, text)
  }
})

/** Each line: what somebody writes at noon of 2026-11-21, and what it means. */
const times: readonly (readonly [string, string | null])[] = [
  ['2026-11-21', '2026-11-21T00:00:00.000Z'],
  ['2026-11-21T04:30', '2026-11-21T04:30:00.000Z'],
  ['2026-11-21 04:30:15', '2026-11-21T04:30:15.000Z'],
  ['2026-11-21T04:30:15.5Z', '2026-11-21T04:30:15.500Z'],
  ['2026-11-21T04:30:15.123456Z', '2026-11-21T04:30:15.123Z'],
  ['2026-11-21T04:30+02:00', '2026-11-21T02:30:00.000Z'],
  ['2026-11-21T04:30-0530', '2026-11-21T10:00:00.000Z'],
  ['2024-02-29', '2024-02-29T00:00:00.000Z'],
  ['1h', '2026-11-21T11:00:00.000Z'],
  ['7d', '2026-11-14T12:00:00.000Z'],
  ['90s', '2026-11-21T11:58:30.000Z'],
  ['999999w', '1970-01-01T00:00:00.000Z'],
  ['2026-02-30', null],
  ['2023-02-29', null],
  ['2026-13-01', null],
  ['2026-11-21T24:00', null],
  ['2026-11-21T04:60', null],
  ['2026-11-21T04:30+24:00', null],
  ['9999-12-31T23:59-10:00', null],
  ['yesterday', null],
  ['-1h', null],
  ['1y', null],
  ['', null],
  ['2026-11-21T04', null],
  [' 2026-11-21', null],
]

test('a time is what people mean by it, or none at all', async (t) => {
  for (const [text, expected] of times) t.equal(timeOf(text, noon), expected, text)
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const time = timeOf(text, noon)
      t.ok(time === null || /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(time), text)
    }),
  )
})

test('no word of a filter, however hostile, is more than a word', async (t) => {
  const { place } = await called(t, 10)
  const index = desk(t, place)
  await index.feedAll()
  const hostile = [
    "' OR 1=1 --",
    'a\u0000b',
    '%',
    '_',
    '*',
    '\ud800',
    'x'.repeat(300),
    '"',
    ';DROP TABLE entry',
  ]
  for (const name of filterNames) {
    for (const word of hostile) {
      const read = filterOf({ [name]: word }, noon)
      if ('problem' in read) {
        t.equal(read.name, name)
        continue
      }
      t.same(seqsOf((await index.page(ask(read.filter))).hits), [], `${name} ${word}`)
    }
  }
  t.ok((await all(index, ask())).length > 10, 'and the table is still there')
})

test('a page of long lines is shorter than asked for, and the next one goes on behind it', async (t) => {
  const place = makePlace()
  t.teardown(place.remove)
  const world = new World(place)
  const ledger = await world.open()
  const long = Object.fromEntries(
    Array.from({ length: 240 }, (_, at) => [`k${String(at).padStart(3, '0')}`, 'x'.repeat(250)]),
  )
  for (let index = 0; index < 100; index += 1) {
    await ledger.append({ kind: 'incident', actor: {}, data: long })
  }
  await ledger.close()
  const index = desk(t, place)
  await index.feedAll()
  const page = await index.page(ask({ kind: 'incident' }))
  t.ok(page.hits.length > 10 && page.hits.length < 100, `${page.hits.length} of 100`)
  t.equal((await all(index, ask({ kind: 'incident' }))).length, 100)
  t.equal((await all(index, ask({ kind: 'incident' }, { order: 'newest' }))).length, 100)
})
