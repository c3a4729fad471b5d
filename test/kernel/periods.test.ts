/** Purses through time and through policies: calendar periods, and budgets that change under open requests. */
import { test } from 'tap'
import { budget, day, hour, termsOf, World } from './world.ts'

test('a hold of nothing keeps its purse over the end of the period', async (t) => {
  const budgets = [budget('b', { cost_usd: 5 }, { period: { kind: 'hour' } })]
  const world = new World(termsOf({ budgets }))
  const request = world.admit().hold?.request ?? ''
  world.dispatch(request)
  world.now += hour
  world.admit({ budgets: [] })
  t.equal(world.settle(request, { cost_usd: 3 }).verdict, 'allow')
  t.match(world.account('b', 'cost_usd'), { posted: 3, held: 0 })
})

for (const [kind, length] of [
  ['hour', hour],
  ['day', day],
  ['month', 30 * day],
] as const) {
  test(`a new ${kind} opens a new purse, and old ones are dropped when no hold is on them`, async (t) => {
    const budgets = [budget('b', { requests: 1 }, { period: { kind } })]
    const world = new World(termsOf({ budgets }))
    const request = world.admit().hold?.request ?? ''
    world.dispatch(request)
    t.equal(world.admit().verdict, 'deny')
    world.now += length
    t.equal(world.whole().verdict, 'allow')
    t.equal(world.state.purses.size, 2, 'something is held on the old one')
    world.settle(request)
    world.now += length
    world.admit({ budgets: [] })
    t.equal(world.state.purses.size, 0)
    world.now -= 3 * length
    t.equal(world.whole().verdict, 'allow', 'the clock does not run back')
    t.equal(world.admit().verdict, 'deny')
  })
}

test('a request is charged to the period in which it was admitted, its extensions too', async (t) => {
  const budgets = [budget('b', { wall: 10 }, { period: { kind: 'hour' } })]
  const world = new World(termsOf({ budgets }))
  const request = world.admit({ ask: { wall: 6 } }).hold?.request ?? ''
  world.dispatch(request)
  world.now += hour
  t.same(world.extend(request, { wall: 9 }).hold?.vector, { wall: 10 })
  t.equal(world.extend(request, { wall: 1 }).verdict, 'deny')
  t.same(world.admit({ ask: { wall: 9 } }).hold?.vector, { wall: 9 })
})

for (const [name, change] of [
  ['scope', { scope: 'agent' }],
  ['period', { period: { kind: 'lifetime' } }],
] as const) {
  test(`a budget of another ${name} no longer binds or kills what was admitted under the old one`, async (t) => {
    const old = budget('b', { wall: 5 }, { onLimit: 'kill' })
    const world = new World(termsOf({ budgets: [old] }))
    const request = world.admit({ ask: { wall: 5 } }).hold?.request ?? ''
    world.dispatch(request)
    world.load(termsOf({ digest: 'sha256:two', budgets: [{ ...old, ...change }] }))
    t.same(world.extend(request, { wall: 3 }).hold?.vector, { wall: 8 })
    t.same(world.settle(request, { wall: 8 }).effects, [])
    t.equal(world.whole({ ask: { wall: 5 } }, { wall: 5 }).verdict, 'allow', 'it has a purse anew')
    t.equal(world.whole({ ask: { wall: 1 } }).verdict, 'halt')
  })
}
