/** The parts that know no policy: the persistent table, civil time, canonical JSON and the refill list. */
import { readdirSync, readFileSync } from 'node:fs'
import canonicalizeModule from 'canonicalize'
import fc from 'fast-check'
import { test } from 'tap'
import { canonical, depthMax } from '../../kernel/canonical.ts'
import { ContractError, never, present } from '../../kernel/contract.ts'
import { hourOf, instanceOf, samePeriod } from '../../kernel/period.ts'
import type { Period } from '../../kernel/policy.ts'
import { Table } from '../../kernel/table.ts'
import { refillsMax, withRefill } from '../../kernel/window.ts'
import { seed, seedSentence } from './seed.ts'

// The package says `export default`, and is CommonJS.
const independent = canonicalizeModule as unknown as (value: unknown) => string

test(seedSentence, async (t) => t.ok(Number.isSafeInteger(seed)))

test('a table answers what a Map answers, and an older table stays as it was', async (t) => {
  const change = fc.record({ key: fc.string({ maxLength: 3 }), value: fc.option(fc.nat()) })
  const property = fc.property(fc.array(change, { maxLength: 200, size: 'max' }), (changes) => {
    let table = Table.empty<number>()
    const map = new Map<string, number>()
    const older: (readonly [Table<number>, string])[] = []
    for (const { key, value } of changes) {
      older.push([table, JSON.stringify(table.sorted())])
      table = value === null ? table.delete(key) : table.set(key, value)
      if (value === null) map.delete(key)
      else map.set(key, value)
      t.equal(table.size, map.size)
      t.equal(table.get(key), map.get(key))
      t.equal(table.has(key), map.has(key))
    }
    const expected = [...map].sort(([left], [right]) => (left < right ? -1 : 1))
    t.same(table.sorted(), expected)
    t.same([...table.values()].sort(), [...map.values()].sort())
    for (const [each, text] of older) t.equal(JSON.stringify(each.sorted()), text)
  })
  fc.assert(property, { seed, numRuns: 50 })
})

/** Three keys whose 32-bit hashes are equal, found by search over eight million. */
const clashing = ['run:ann/an2hpc3d7dw4g', 'run:ann/1dh3jnn4e5kgbh', 'run:ann/14fw273my05fsx']

test('keys with equal hashes are kept and lost each one alone, beside others', async (t) => {
  const key = fc.constantFrom(...clashing, 'run:ann/r1', 'run:ann/r2', 'run:bob/r1')
  const change = fc.record({ key, value: fc.option(fc.nat()) })
  const property = fc.property(fc.array(change, { maxLength: 40, size: 'max' }), (changes) => {
    let table = Table.empty<number>()
    const map = new Map<string, number>()
    for (const each of changes) {
      table = each.value === null ? table.delete(each.key) : table.set(each.key, each.value)
      if (each.value === null) map.delete(each.key)
      else map.set(each.key, each.value)
      for (const known of clashing) t.equal(table.get(known), map.get(known))
    }
    t.equal(table.size, map.size)
    t.same(
      table.sorted(),
      [...map].sort(([left], [right]) => (left < right ? -1 : 1)),
    )
  })
  fc.assert(property, { seed, numRuns: 100 })
})

test('a table of 20,000 keys keeps and loses each one alone', async (t) => {
  const keys = Array.from({ length: 20_000 }, (_, index) => `run:agent/${index}`)
  let table = Table.empty<number>()
  for (const [index, key] of keys.entries()) table = table.set(key, index)
  for (const [index, key] of keys.entries()) table = table.set(key, index + 1)
  t.equal(table.size, keys.length)
  t.ok(keys.every((key, index) => table.get(key) === index + 1))
  t.equal([...table].length, keys.length)
  t.ok(keys.every((key) => table.get(`${key}.`) === undefined))
  for (const key of keys) table = table.delete(`${key}.`)
  t.equal(table.size, keys.length)
  for (const key of keys) table = table.delete(key)
  t.equal(table.size, 0)
  t.same(table.sorted(), [])
})

const calendar: readonly Period[] = [{ kind: 'hour' }, { kind: 'day' }, { kind: 'month' }]

test('calendar instances agree with Date for every instant from 1970 to 9999', async (t) => {
  const instants = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) })
  const property = fc.property(instants, (instant) => {
    const text = new Date(instant).toISOString()
    const expected = [text.slice(0, 13), text.slice(0, 10), text.slice(0, 7)]
    t.same(
      calendar.map((period) => instanceOf(period, instant)),
      expected,
    )
  })
  fc.assert(property, { seed, numRuns: 2000 })
  for (const text of ['1970-01-01T00', '2000-02-29T23', '2024-12-31T23', '2100-03-01T00']) {
    t.equal(instanceOf({ kind: 'hour' }, Date.parse(`${text}:00:00Z`)), text)
  }
  for (const kind of ['run', 'lifetime'] as const) t.equal(instanceOf({ kind }, 5), '')
  t.equal(instanceOf({ kind: 'window', lengthMs: 5 }, 5), '')
  t.throws(() => instanceOf({ kind: 'day' }, -1), ContractError)
  t.equal(hourOf(3_600_000), 1)
})

test('only windows of one length are the same period', async (t) => {
  const short: Period = { kind: 'window', lengthMs: 1 }
  t.ok(samePeriod(short, { kind: 'window', lengthMs: 1 }))
  t.notOk(samePeriod(short, { kind: 'window', lengthMs: 2 }))
  t.notOk(samePeriod(short, { kind: 'run' }))
  t.ok(samePeriod({ kind: 'day' }, { kind: 'day' }))
})

test('canonical JSON agrees with an independent RFC 8785 implementation', async (t) => {
  const property = fc.property(fc.jsonValue(), (value) => {
    t.equal(canonical(value), independent(value))
  })
  fc.assert(property, { seed, numRuns: 500 })
  t.equal(
    canonical({ b: [1, -0, 1e21], a: '\u20ac\u0000"', '\ud83d\ude00': null, '\ufb33': true }),
    '{"a":"€\\u0000\\"","b":[1,0,1e+21],"😀":null,"\ufb33":true}',
  )
})

test('canonical JSON refuses what has no one text', async (t) => {
  let deep: unknown = 1
  for (let level = 0; level <= depthMax; level += 1) deep = [deep]
  const bad: readonly unknown[] = [
    undefined,
    { a: undefined },
    [undefined],
    new Array(1),
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '\ud800',
    { '\udc00': 1 },
    1n,
    () => 1,
    Symbol('a'),
    new Map(),
    new Date(0),
    deep,
  ]
  for (const value of bad) t.throws(() => canonical(value), ContractError)
  t.equal(canonical(Object.create(null)), '{}')
})

test('a refill list merges later, never earlier, and stays bounded', async (t) => {
  const refill = fc.record({
    at: fc.integer({ min: 1, max: 500 }),
    amount: fc.integer({ min: 1, max: 9 }),
  })
  let merges = 0
  const property = fc.property(fc.array(refill, { maxLength: 300, size: 'max' }), (fresh) => {
    let refills: readonly { at: number; amount: number }[] = []
    for (const each of fresh) refills = withRefill(refills, each)
    const before = (at: number, list: readonly { at: number; amount: number }[]): number =>
      list.filter((each) => each.at <= at).reduce((sum, each) => sum + each.amount, 0)
    t.ok(refills.length <= refillsMax)
    if (new Set(fresh.map((each) => each.at)).size > refillsMax) merges += 1
    t.ok(refills.every((each, index) => index === 0 || each.at > (refills[index - 1]?.at ?? 0)))
    for (let at = 0; at <= 500; at += 1) {
      if (before(at, refills) > before(at, fresh)) t.fail(`too much leaves by ${at}`)
    }
    t.equal(before(500, refills), before(500, fresh))
  })
  fc.assert(property, { seed, numRuns: 100 })
  t.ok(merges > 10, `${merges} lists were merged`)
})

test('a full refill list merges the two that are nearest in time', async (t) => {
  let refills: readonly { at: number; amount: number }[] = []
  for (let index = 1; index <= refillsMax; index += 1) {
    refills = withRefill(refills, { at: index * 100, amount: 1 })
  }
  refills = withRefill(refills, { at: 3010, amount: 5 })
  t.equal(refills.length, refillsMax)
  t.same(refills.slice(28, 31), [
    { at: 2900, amount: 1 },
    { at: 3010, amount: 6 },
    { at: 3100, amount: 1 },
  ])
})

test('present and never say what was expected', async (t) => {
  t.equal(present(0, 'a number'), 0)
  t.throws(() => present(null, 'a number'), { message: 'a number' })
  t.throws(() => present(undefined, 'a number'), { message: 'a number' })
  t.throws(() => never('x' as never), { message: /unknown case.*x/ })
})

test('the kernel imports nothing but itself', async (t) => {
  for (const file of readdirSync('kernel').filter((name) => name.endsWith('.ts'))) {
    const text = readFileSync(`kernel/${file}`, 'utf8')
    for (const [, from] of text.matchAll(/from '([^']+)'/g)) t.match(from, /^\.\/[a-z-]+\.ts$/)
    t.notMatch(text, /\b(Date|Math\.random|setTimeout|process)\b\.?\(/, file)
  }
})
