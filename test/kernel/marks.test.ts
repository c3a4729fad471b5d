/** Marks: what a domain remembers of what was admitted, and nothing of what was refused. */
import fc from 'fast-check'
import { test } from 'tap'
import { ContractError } from '../../kernel/contract.ts'
import { type MarkCheck, markChecksMax, marksMax } from '../../kernel/mark.ts'
import { snapshot } from '../../kernel/snapshot.ts'
import { emptyState } from '../../kernel/state.ts'
import { step } from '../../kernel/step.ts'
import { Table } from '../../kernel/table.ts'
import { seed, seedSentence } from './seed.ts'
import { budget, codes, hour, minute, start, termsOf, World } from './world.ts'

const reason = { code: 'validator-refused', id: 'd/check', message: 'No.' } as const

function check(op: MarkCheck['op'], parts: Partial<MarkCheck> = {}): MarkCheck {
  return { op, key: 'd/k', amount: 0, limit: 0, until: start + minute, reason, ...parts }
}

test(seedSentence, async (t) => t.ok(Number.isSafeInteger(seed)))

test('once: an admission marks, a second one is refused until the mark ends', async (t) => {
  const world = new World(termsOf())
  t.equal(world.admit({ marks: [check('once')] }).verdict, 'allow')
  const refused = world.admit({ marks: [check('once')] })
  t.same([refused.verdict, refused.reasons], ['deny', [reason]])
  world.now += minute
  const again = { marks: [check('once', { until: start + hour })] }
  t.equal(world.admit(again).verdict, 'allow')
})

test('a refused admission marks nothing', async (t) => {
  const world = new World(termsOf({ budgets: [budget('b', { requests: 0 })] }))
  const marks = [check('once'), check('add', { key: 'd/sum', amount: 1, limit: 9 })]
  t.equal(world.admit({ marks }).verdict, 'deny')
  t.equal(world.state.marks.size, 0)
  t.equal(world.admit({ marks, budgets: [] }).verdict, 'allow')
  const before = snapshot(world.state)
  const more = [...marks, check('once', { key: 'd/other' })]
  t.equal(world.admit({ marks: more, budgets: [] }).verdict, 'deny')
  t.equal(snapshot(world.state), before, 'one check refuses, and none is applied')
})

test('add: sums stay within their limit, several of one admission together', async (t) => {
  const world = new World(termsOf())
  const add = (amount: number, limit = 10) => check('add', { amount, limit })
  t.equal(world.admit({ marks: [add(4), add(4)] }).verdict, 'allow')
  t.equal(world.state.marks.get('d/k')?.amount, 8)
  t.equal(world.admit({ marks: [add(1), add(2)] }).verdict, 'deny', 'together they pass it')
  t.equal(world.admit({ marks: [add(2)] }).verdict, 'allow')
  t.equal(world.admit({ marks: [add(0, 9)] }).verdict, 'deny', 'under a limit that is lower now')
  t.equal(
    world.admit({ marks: [add(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)] }).verdict,
    'deny',
  )
})

test('raise and below: what was raised refuses what must stay below it, and never falls', async (t) => {
  const world = new World(termsOf())
  const raise = (amount: number, until = start + minute) => check('raise', { amount, until })
  const below = (limit: number) => check('below', { limit, until: 0 })
  t.equal(world.admit({ marks: [below(0)] }).verdict, 'allow')
  t.equal(world.state.marks.size, 0)
  t.equal(
    world.admit({ marks: [below(2), raise(3)] }).verdict,
    'allow',
    'asked before it is raised',
  )
  t.equal(world.admit({ marks: [below(2)] }).verdict, 'deny')
  t.equal(world.admit({ marks: [below(3), raise(1, start + 1)] }).verdict, 'allow')
  t.same(world.state.marks.get('d/k'), { key: 'd/k', amount: 3, until: start + minute })
  t.equal(world.admit({ marks: [raise(0, start + hour)] }).verdict, 'allow')
  t.equal(world.state.marks.get('d/k')?.until, start + hour, 'an end moves later only')
})

test('a memory that is full refuses what is new, forgets what has ended, and is swept with the hour', async (t) => {
  let marks = Table.empty<{ key: string; amount: number; until: number }>()
  for (let index = 0; index < marksMax; index += 1) {
    const key = `d/${index}`
    marks = marks.set(key, { key, amount: 1, until: start + (index === 0 ? 5 : 5 * hour) })
  }
  const world = new World(termsOf())
  const state = { ...world.state, marks }
  const at = (now: number, check: MarkCheck) =>
    step(state, { ...world.admission({ marks: [check] }), at: now }, world.terms)
  const refused = at(start, check('once'))
  t.same([refused.verdict, ...codes(refused)], ['deny', 'validator-refused'])
  t.match(refused.reasons[0]?.message, /remember 100000 things/)
  t.equal(at(start, check('raise', { key: 'd/1', amount: 2 })).verdict, 'allow', 'a known key fits')
  t.equal(at(start + 5, check('once')).verdict, 'allow', 'in the place of one that has ended')
  t.equal(at(start + 6 * hour, check('below')).state.marks.size, 0)
})

test('a question that is none is a failure of the plugin, and an amount that is none a bug', async (t) => {
  const world = new World(termsOf())
  for (const key of ['', 'k', 'D/k', 'd/\u00e9', 'd/\n', `d/${'x'.repeat(200)}`]) {
    t.same(codes(world.admit({ marks: [check('once', { key })] })), ['plugin-failed'], key)
  }
  const many = Array.from({ length: markChecksMax + 1 }, (_, at) =>
    check('once', { key: `d/${at}` }),
  )
  t.same(codes(world.admit({ marks: many })), ['plugin-failed'])
  t.throws(() => world.admit({ marks: [check('add', { amount: -1 })] }), ContractError)
  t.throws(() => world.admit({ marks: [check('add', { limit: 0.5 })] }), ContractError)
})

test('over random lives no sum passes its limit, no key is used twice, and nothing is forgotten early', async () => {
  const beat = fc.record({
    ms: fc.constantFrom(0, 1, 5, -3, hour),
    op: fc.constantFrom('once' as const, 'add' as const),
    amount: fc.nat({ max: 4 }),
    lives: fc.integer({ min: 1, max: 9 }),
    refused: fc.boolean(),
  })
  const property = fc.property(fc.array(beat, { maxLength: 60, size: 'max' }), (beats) => {
    const terms = termsOf()
    let state = step(emptyState, { kind: 'load', at: start, digest: terms.digest }, terms).state
    const world = new World(terms)
    // What was admitted under the key, written down a second time.
    const kept = { once: { until: 0, amount: 0 }, add: { until: 0, amount: 0 } }
    let clock = start
    for (const { ms, op, amount, lives, refused } of beats) {
      clock += ms
      const now = Math.max(state.now, clock)
      const until = now + lives
      const marks = [check(op, { key: `d/${op}`, amount, limit: 7, until })]
      const refusals = refused ? [reason] : []
      const answer = step(state, { ...world.admission({ marks, refusals }), at: clock }, terms)
      state = answer.state
      const known = kept[op].until > now ? kept[op] : { until: 0, amount: 0 }
      const sum = known.amount + amount
      const free = op === 'once' ? known.until === 0 : sum <= 7
      if ((answer.verdict === 'allow') !== (free && !refused)) {
        throw new Error(`${op} answered ${answer.verdict}`)
      }
      if (answer.hold !== null) kept[op] = { until: Math.max(known.until, until), amount: sum }
    }
  })
  fc.assert(property, { seed, numRuns: 300 })
})
