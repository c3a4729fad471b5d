/** The life of a hold: dispatch, extension, settlement, forfeit, void and recovery, in every period. */
import { test } from 'tap'
import { ContractError } from '../../kernel/contract.ts'
import { hostsMax } from '../../kernel/purse.ts'
import { snapshot } from '../../kernel/snapshot.ts'
import { ann, budget, codes, hour, minute, rule, start, termsOf, World } from './world.ts'

const window = (lengthMs: number) => ({ kind: 'window', lengthMs }) as const

/** A world whose first request is admitted, and dispatched unless told otherwise. */
function opened(budgets: readonly ReturnType<typeof budget>[], ask: Record<string, number> = {}) {
  const world = new World(termsOf({ budgets }))
  const { hold } = world.admit({ ask })
  const request = hold?.request ?? ''
  world.dispatch(request)
  return { world, request }
}

test('a settlement posts the truth in what it names, the hold in the rest, and inflight as 0', async (t) => {
  const { world, request } = opened(
    [budget('b', { requests: 9, effort: 9, inflight: 9, bytes_down: 100 })],
    { bytes_down: 60 },
  )
  t.equal(world.account('b', 'bytes_down').held, 60)
  t.equal(world.settle(request, { bytes_down: 7, inflight: 5, hosts: 3 }).verdict, 'allow')
  for (const [dimension, posted] of [
    ['bytes_down', 7],
    ['requests', 1],
    ['inflight', 0],
  ] as const) {
    t.match(world.account('b', dimension), { posted, held: 0, overrun: 0 })
  }
  t.equal(world.state.holds.size, 0)
})

test('a settlement is never capped: what is beyond the limit is overrun', async (t) => {
  const { world, request } = opened([budget('b', { tokens: 10 })])
  world.settle(request, { tokens: 25 })
  t.match(world.account('b', 'tokens'), { posted: 25, overrun: 15 })
  world.whole({}, { tokens: 4 })
  t.match(world.account('b', 'tokens'), { posted: 29, overrun: 19 })
})

test('an account that is full at 2^53 counts no further and never wraps', async (t) => {
  const max = Number.MAX_SAFE_INTEGER
  const budgets = [
    budget('b', { cost_usd: 5 }, { onLimit: 'continue' }),
    budget('w', { cost_usd: 5 }, { period: window(minute) }),
  ]
  const world = new World(termsOf({ budgets }))
  const first = world.admit({ budgets: ['b', 'w'] }).hold?.request ?? ''
  world.settle(first, { cost_usd: max })
  world.whole({ charge: { cost_usd: max }, budgets: ['b'] }, { cost_usd: max })
  t.match(world.account('b', 'cost_usd'), { posted: max, held: 0, overrun: max - 5 })
  world.now += hour
  t.equal(world.admit({ charge: { cost_usd: 1 }, budgets: ['w'] }).verdict, 'deny')
})

test('an account that is full keeps room for what is held on it', async (t) => {
  const world = new World(termsOf({ budgets: [budget('b', { tokens: 9 })] }))
  const first = world.admit({ charge: { tokens: 1 } }).hold?.request ?? ''
  const second = world.admit({ charge: { tokens: 5 } }).hold?.request ?? ''
  world.settle(first, { tokens: Number.MAX_SAFE_INTEGER })
  t.match(world.account('b', 'tokens'), { posted: Number.MAX_SAFE_INTEGER - 5, held: 5 })
  world.settle(second, {}, 'forfeited')
  t.match(world.account('b', 'tokens'), { posted: Number.MAX_SAFE_INTEGER, held: 0 })
})

test('a forfeit spends the whole hold, and more where more is known', async (t) => {
  const { world, request } = opened([budget('b', { bytes_down: 100, wall: 9 })], {
    bytes_down: 50,
    wall: 9,
  })
  world.settle(request, { bytes_down: 70, wall: 1 }, 'forfeited')
  t.equal(world.account('b', 'bytes_down').posted, 70)
  t.equal(world.account('b', 'wall').posted, 9)
})

test('a void gives the whole hold back, and only before the dispatch', async (t) => {
  const world = new World(termsOf({ budgets: [budget('b', { requests: 1 })] }))
  const first = world.admit().hold?.request ?? ''
  t.equal(world.admit().verdict, 'deny')
  t.equal(world.settle(first, {}, 'voided').verdict, 'allow')
  const second = world.admit().hold?.request ?? ''
  world.dispatch(second)
  t.throws(() => world.settle(second, {}, 'voided'), ContractError)
})

test('what has ended stays ended: a second settlement moves nothing', async (t) => {
  const { world, request } = opened([budget('b', { requests: 5 })])
  world.settle(request)
  const before = snapshot(world.state)
  for (const outcome of ['settled', 'forfeited', 'voided'] as const) {
    t.same(codes(world.settle(request, {}, outcome)), ['halted'])
  }
  t.equal(world.dispatch(request).verdict, 'halt')
  t.equal(world.extend(request, { wall: 1 }).verdict, 'halt')
  t.equal(snapshot(world.state), before)
})

test('a hold is dispatched once, extended only then, and an id is used once', async (t) => {
  const { world, request } = opened([budget('b', { wall: 5 })], { wall: 1 })
  t.throws(() => world.dispatch(request), ContractError)
  t.throws(() => world.admit({ request }), ContractError)
  const waiting = world.admit({ ask: { wall: 1 } }).hold?.request ?? ''
  t.throws(() => world.extend(waiting, { wall: 1 }), ContractError)
  t.throws(() => world.admit({ charge: { effort: -1 } }), ContractError)
  t.throws(() => world.admit({ ask: { wall: 0.5 } }), ContractError)
  t.throws(() => world.settle(request, { wall: Number.NaN }), ContractError)
  t.throws(() => world.admit({ budgets: ['b', 'b'] }), ContractError)
  t.throws(() => world.admit({ at: -1 }), ContractError)
})

test('a halt since the admission refuses the dispatch, and a reinstated agent is another one', async (t) => {
  const world = new World(termsOf({ budgets: [budget('b', { requests: 5 }, { scope: 'agent' })] }))
  const request = world.admit().hold?.request ?? ''
  world.halt('agent:ann')
  t.same(codes(world.dispatch(request)), ['halted'])
  world.reinstate('agent:ann')
  const moved = world.dispatch(request)
  t.same([moved.verdict, ...codes(moved)], ['halt', 'halted'])
  t.match(moved.reasons[0]?.message, /^agent:ann was halted since/)
  t.equal(world.account('b', 'requests').held, 1, 'it stays held, to be voided')
  world.settle(request, {}, 'voided')
  t.equal(world.whole().verdict, 'allow')
})

test('an extension gives what is left, at least 1, on every purse, or nothing at all', async (t) => {
  const { world, request } = opened(
    [
      budget('run', { bytes_down: 100, wall: 50 }),
      budget('agent', { bytes_down: 80 }, { scope: 'agent' }),
      budget('count', { bytes_down: 20 }, { onLimit: 'continue' }),
      budget('draft', { bytes_down: 1 }, { state: 'draft' }),
    ],
    { bytes_down: 30, wall: 50 },
  )
  const longer = world.extend(request, { bytes_down: 1000, bytes_up: 7 })
  t.same(longer.hold?.vector, { bytes_down: 80, wall: 50 })
  t.equal(world.account('count', 'bytes_down').held, 80)
  const before = snapshot(world.state)
  const refused = world.extend(request, { bytes_down: 5, wall: 5 })
  t.same([refused.verdict, refused.hold], ['deny', null])
  t.same(codes(refused), ['budget-exhausted', 'budget-exhausted'])
  t.same(
    refused.remaining.map((each) => each.left),
    [0, 0],
  )
  t.equal(snapshot(world.state), before)
  t.same(world.extend(request, { wall: 0, tokens: 3 }).hold?.vector, { bytes_down: 80, wall: 50 })
  world.halt('agent:ann')
  t.same(codes(world.extend(request, { bytes_down: 1 })), ['halted'])
})

test('an extension beyond a window is cut at once, and of a kill budget halts', async (t) => {
  const windowed = budget('w', { bytes_down: 5 }, { period: window(minute), onLimit: 'queue' })
  const first = opened([windowed], { bytes_down: 9 })
  const refused = first.world.extend(first.request, { bytes_down: 1 })
  t.same([refused.verdict, ...codes(refused)], ['deny', 'rate-limited'])
  const kill = budget('k', { bytes_down: 5 }, { onLimit: 'kill' })
  const second = opened([kill], { bytes_down: 9 })
  const killed = second.world.extend(second.request, { bytes_down: 1 })
  t.same([killed.verdict, killed.effects[0]?.kind], ['halt', 'sever'])
  const warns = opened([budget('o', { wall: 5 }, { onLimit: 'warn' })], { wall: 9 })
  t.equal(warns.world.extend(warns.request, { wall: 1 }).verdict, 'warn')
})

test('an extension after its budget left the policy is only counted', async (t) => {
  const { world, request } = opened([budget('b', { wall: 5 })], { wall: 5 })
  world.load(termsOf({ digest: 'sha256:two' }))
  t.same(world.extend(request, { wall: 3 }).hold?.vector, { wall: 8 })
  t.match(world.account('b', 'wall'), { held: 8, overrun: 3 })
  world.extend(request, { wall: Number.MAX_SAFE_INTEGER })
  t.equal(world.account('b', 'wall').held, Number.MAX_SAFE_INTEGER)
  world.settle(request, { wall: 6 })
  t.equal(world.account('b', 'wall').posted, 6)
})

test('what is spent at once leaves the window after the admission, what flows after the settlement', async (t) => {
  const limits = { requests: 1, bytes_down: 10 }
  const { world, request } = opened([budget('w', limits, { period: window(minute) })], {
    bytes_down: 10,
  })
  world.now += 20_000
  world.settle(request, { bytes_down: 10 })
  t.same(world.account('w', 'requests').refills, [{ at: start + minute, amount: 1 }])
  t.same(world.account('w', 'bytes_down').refills, [{ at: start + 80_000, amount: 10 }])
  world.now = start + minute
  const refused = world.admit({ ask: { bytes_down: 1 } })
  t.equal(refused.reasons.length, 1, 'the request fits again, the bytes not yet')
  t.equal(refused.retryAt, start + 80_000)
  world.now = start + 80_000
  const late = world.admit({ ask: { bytes_down: 1 } }).hold?.request ?? ''
  world.now += 2 * minute
  world.settle(late, { bytes_down: 1 })
  t.match(world.account('w', 'requests'), { posted: 2, expired: 2, refills: [] })
})

test('hosts are counted once each, at the admission, and for good', async (t) => {
  const world = new World(termsOf({ budgets: [budget('b', { hosts: 2 })] }))
  const first = world.admit({ host: 'a' }).hold
  t.same(first?.vector, {})
  world.settle(first?.request ?? '', {}, 'voided')
  t.equal(world.whole({ host: 'a' }).verdict, 'allow')
  t.equal(world.whole({ host: 'b' }).verdict, 'allow')
  t.equal(world.whole({ host: 'c' }).verdict, 'deny')
  t.equal(world.whole({ host: 'b' }).verdict, 'allow')
  t.equal(world.account('b', 'hosts').posted, 2)
})

test('in a window a host stays counted for the length from its last use', async (t) => {
  const budgets = [budget('w', { hosts: 1, requests: 99 }, { period: window(minute) })]
  const world = new World(termsOf({ budgets }))
  world.whole({ host: 'a' })
  world.now += 40_000
  world.whole({ host: 'a' })
  world.now = start + minute
  const refused = world.admit({ host: 'b' })
  t.same([refused.verdict, refused.retryAt], ['deny', start + 100_000])
  world.now = start + 100_000
  t.equal(world.whole({ host: 'b' }).verdict, 'allow')
  t.match(world.account('w', 'hosts'), { posted: 2, expired: 1 })
  world.now += 30_000
  world.whole({ host: 'b' })
  world.now += 40_000
  t.equal(world.whole({ host: 'b' }).verdict, 'allow')
})

test('a full set of hosts counts each request to an unknown host as a new one', async (t) => {
  const limits = { hosts: hostsMax + 2 }
  const budgets = [budget('r', limits), budget('w', limits, { period: window(minute) })]
  const world = new World(termsOf({ budgets }))
  for (let index = 0; index < hostsMax; index += 1) world.whole({ host: `h${index}` })
  for (let index = 0; index < 2; index += 1) t.equal(world.whole({ host: 'x' }).verdict, 'allow')
  t.equal(world.admit({ host: 'x' }).verdict, 'deny')
  t.equal(world.admit({ host: 'h0' }).verdict, 'allow')
  world.now += minute
  t.equal(world.admit({ host: 'y', budgets: ['w'] }).verdict, 'allow')
  t.same(world.purse('w').hosts, ['y'])
  t.match(world.account('w', 'hosts'), { posted: hostsMax + 3, expired: hostsMax + 2 })
})

test('refusals are counted on active budgets, and fill a kill budget to stagnation', async (t) => {
  const budgets = [
    budget('run', { refusals: 2 }, { onLimit: 'kill', tiers: [50] }),
    budget('rate', { refusals: 9 }, { scope: 'agent', period: window(minute) }),
    budget('draft', { refusals: 9 }, { state: 'draft' }),
    budget('none', { requests: 0 }, { onLimit: 'queue', period: window(minute) }),
  ]
  const world = new World(termsOf({ budgets, rules: [rule('no', 'deny')] }))
  const first = world.admit({ rules: ['no'] })
  t.same(
    first.effects.map((effect) => effect.kind),
    ['alert'],
  )
  t.equal(world.state.runs.get('ann'), 1, 'a refused run is taken note of')
  const second = world.admit({ rules: ['no'] })
  t.same(second.effects.at(-1), { kind: 'sever', scope: 'run:ann/r1', cause: 'stagnation' })
  t.equal(world.admit().verdict, 'halt')
  t.equal(world.account('run', 'refusals').posted, 2, 'as far as its limit')
  world.now += minute
  world.admit({ principal: { ...ann, run: 'r2' }, rules: ['no'] })
  t.match(world.account('rate', 'refusals'), { posted: 4, expired: 3 })
  t.throws(() => world.account('draft', 'refusals'), /no purse/)
})

test('a queued request is no refusal', async (t) => {
  const limits = { requests: 1, refusals: 1 }
  const budgets = [budget('w', limits, { period: window(minute), onLimit: 'queue' })]
  const world = new World(termsOf({ budgets }))
  world.whole()
  t.equal(world.admit().verdict, 'queue')
  t.equal(world.account('w', 'refusals').posted, 0)
})

test('a kill budget whose limit the truth exceeds halts its scope', async (t) => {
  const kills = budget('k', { tokens: 5 }, { onLimit: 'kill', scope: 'agent' })
  const { world, request } = opened([kills])
  const answer = world.settle(request, { tokens: 6 })
  t.same(answer.effects, [{ kind: 'sever', scope: 'agent:ann', cause: 'on_limit' }])
  const exact = opened([kills])
  t.same(exact.world.settle(exact.request, { tokens: 5 }).effects, [])
})

test('mode observe answers what it would do, and halts nothing of itself', async (t) => {
  const budgets = [budget('k', { tokens: 5, refusals: 1 }, { onLimit: 'kill' })]
  const rules = [rule('halts', 'halt')]
  const world = new World(termsOf({ mode: 'observe', budgets, rules }))
  t.equal(world.whole({}, { tokens: 9 }).verdict, 'allow')
  t.equal(world.admit({ charge: { tokens: 1 } }).verdict, 'halt')
  t.equal(world.admit({ rules: ['halts'] }).verdict, 'halt')
  t.equal(world.admit().verdict, 'allow')
  world.halt('run:ann/r1')
  t.equal(world.admit().verdict, 'halt', 'an operator halts in every mode')
})

test('recovery forfeits every open hold in full and says so', async (t) => {
  const budgets = [
    budget('b', { wall: 100, inflight: 3 }),
    budget('k', { wall: 9 }, { onLimit: 'kill', scope: 'agent' }),
  ]
  const world = new World(termsOf({ budgets }))
  world.admit({ ask: { wall: 4 } })
  const { hold } = world.admit({ ask: { wall: 5 } })
  world.dispatch(hold?.request ?? '')
  world.grant('agent:ann k', 'wall', 8, 'revoke')
  const answer = world.step({ kind: 'recover', at: world.now })
  t.same(
    answer.effects.map((effect) => effect.kind),
    ['ended', 'sever', 'ended'],
  )
  t.equal(world.state.holds.size, 0)
  t.match(world.account('b', 'wall'), { posted: 9, held: 0 })
  t.match(world.account('b', 'inflight'), { posted: 0, held: 0 })
})
