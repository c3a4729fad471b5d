/** Authority and halts: grants, revocations, policies that come into force, tiers, halts and reinstatements. */
import { test } from 'tap'
import { ContractError } from '../../kernel/contract.ts'
import { loosened } from '../../kernel/loosened.ts'
import type { BudgetTerms } from '../../kernel/policy.ts'
import { fleet } from '../../kernel/scope.ts'
import { amountText, secondsText, unitText } from '../../kernel/sentence.ts'
import { snapshot } from '../../kernel/snapshot.ts'
import { haltOf, haltViews, modeOf, purseViews, runViews } from '../../kernel/view.ts'
import { ann, budget, codes, hour, minute, scope, start, termsOf, World } from './world.ts'

const pooled = budget('pool', { requests: 1 }, { scope: 'pool', pool: 'gpu' })

test('a grant raises the limit of one account, also of a purse that nobody used yet', async (t) => {
  const world = new World(termsOf({ budgets: [budget('b', { requests: 1, risk: 1 }), pooled] }))
  t.equal(world.grant('run:ann/r1 b', 'requests', 2).verdict, 'allow')
  t.match(world.account('b', 'requests'), { granted: 3, declared: 1 })
  t.match(world.account('b', 'risk'), { granted: 1 })
  for (const verdict of ['allow', 'allow', 'allow', 'deny']) {
    t.equal(world.whole({ budgets: ['b'] }).verdict, verdict)
  }
  t.equal(
    world.grant('run:ann/r1', 'requests', 1).verdict,
    'allow',
    'the only budget needs no name',
  )
  t.equal(world.grant('pool:gpu', 'requests', 1).verdict, 'allow')
  t.equal(world.account('b', 'requests').granted, 4)
})

const hourly = budget('hourly', { requests: 1 }, { scope: 'agent', period: { kind: 'hour' } })

test('a grant to a calendar budget ends with its instance', async (t) => {
  const world = new World(termsOf({ budgets: [hourly] }))
  world.grant('agent:ann hourly', 'requests', 1)
  t.equal(world.purse('hourly').instance, '2026-11-21T04')
  world.now += hour
  t.equal(world.whole().verdict, 'allow')
  t.equal(world.whole().verdict, 'deny')
})

const refusedGrants: readonly (readonly [string, string, number, RegExp])[] = [
  ['run:ann/r1 b', 'requests', 0, /positive integer/],
  ['run:ann/r1 b', 'requests', 1.5, /positive integer/],
  ['run:ann/r1 b', 'requests', 2 ** 53, /positive integer/],
  ['run:ann/r1 b', 'requests', Number.MAX_SAFE_INTEGER, /more than an account can count/],
  ['run:ann/r1 gone', 'requests', 1, /no budget "gone"/],
  ['agent:ann b', 'requests', 1, /does not count in agent:ann/],
  ['pool:cpu pool', 'requests', 1, /does not count in pool:cpu/],
  ['run:ann/r1 b', 'wall', 1, /does not limit wall: it limits requests/],
  ['agent:ann', 'requests', 1, /No budget of agent:ann limits requests/],
  ['run:ann/r1', 'requests', 1, /name one of b, c\.$/],
]
for (const [at, dimension, amount, message] of refusedGrants) {
  test(`a grant of ${amount} ${dimension} to ${at} is refused with its reason`, async (t) => {
    const budgets = [
      budget('b', { requests: 1 }),
      budget('c', { requests: 1 }),
      budget('d', { requests: 1 }, { state: 'draft' }),
      pooled,
    ]
    const world = new World(termsOf({ budgets }))
    const before = snapshot(world.state)
    const answer = world.grant(at, dimension, amount)
    t.same([answer.verdict, ...codes(answer)], ['deny', 'malformed-request'])
    t.match(answer.reasons[0]?.message, message)
    t.equal(snapshot(world.state), before)
  })
}

test('nothing is granted where it is halted, by its own name or above; a revocation is', async (t) => {
  const budgets = [
    budget('r', { requests: 5 }),
    budget('p', { requests: 5 }, { scope: 'project' }),
    budget('a', { requests: 5 }, { scope: 'agent' }),
  ]
  for (const [halted, granted] of [
    ['run:ann/r1', 'run:ann/r1'],
    ['agent:ann', 'run:ann/r1'],
    ['tenant:acme', 'project:acme/web'],
    ['fleet', 'agent:ann'],
  ] as const) {
    const world = new World(termsOf({ budgets }))
    world.halt(halted)
    t.same(codes(world.grant(granted, 'requests', 1)), ['halted'])
    t.equal(world.grant(granted, 'requests', 1, 'revoke').verdict, 'allow')
  }
})

test('a revocation lowers the limit at once, at most to 0, also below what is used', async (t) => {
  const world = new World(termsOf({ budgets: [budget('b', { requests: 3 })] }))
  world.whole()
  world.admit()
  world.grant('run:ann/r1 b', 'requests', 2, 'revoke')
  t.match(world.account('b', 'requests'), { granted: 3, revoked: 2, overrun: 1 })
  t.equal(world.admit().verdict, 'deny')
  t.equal(
    world.admit({ charge: { requests: 0 } }).verdict,
    'allow',
    'what costs nothing always fits',
  )
  world.grant('run:ann/r1 b', 'requests', 99, 'revoke')
  t.match(world.account('b', 'requests'), { revoked: 3, overrun: 2 })
  t.same(world.admit().remaining, [
    { budget: 'b', scope: 'run:ann/r1', dimension: 'requests', limit: 0, left: 0 },
  ])
})

test('tiers fire once on the way up, in order, and again only after a grant', async (t) => {
  const limits = { requests: 10, bytes_down: 10 }
  const world = new World(termsOf({ budgets: [budget('b', limits, { tiers: [50, 90, 100] })] }))
  const tiers = (answer: ReturnType<World['admit']>) =>
    answer.effects.map((effect) => (effect.kind === 'alert' ? [effect.dimension, effect.tier] : []))
  t.same(tiers(world.admit({ charge: { requests: 5 }, ask: { bytes_down: 10 } })), [
    ['requests', 50],
  ])
  t.same(tiers(world.admit({ charge: { requests: 5 } })), [
    ['requests', 90],
    ['requests', 100],
  ])
  world.settle('q0002', { requests: 0 })
  t.same(tiers(world.settle('q0001', { bytes_down: 9 })), [
    ['bytes_down', 50],
    ['bytes_down', 90],
  ])
  t.same(tiers(world.admit({ charge: { requests: 5 } })), [], 'latched')
  world.grant('run:ann/r1 b', 'requests', 10)
  t.equal(world.account('b', 'requests').tier, 50)
  t.same(tiers(world.admit({ charge: { requests: 8 } })), [['requests', 90]])
  world.grant('run:ann/r1 b', 'requests', 100)
  t.equal(world.account('b', 'requests').tier, 0)
  t.same(tiers(world.grant('run:ann/r1 b', 'requests', 100, 'revoke')), [
    ['requests', 50],
    ['requests', 90],
  ])
})

test('a grant that leaves an account above a tier does not fire it again', async (t) => {
  const world = new World(
    termsOf({ budgets: [budget('b', { requests: 10 }, { tiers: [50, 90] })] }),
  )
  t.equal(world.whole({ charge: { requests: 10 } }).effects.length, 2)
  world.grant('run:ann/r1 b', 'requests', 1)
  t.equal(world.account('b', 'requests').tier, 90)
  t.same(world.admit().effects, [])
})

const next = (budgets: readonly BudgetTerms[]) => termsOf({ digest: 'sha256:two', budgets })

test('a stricter policy lowers open purses at once, and no policy raises one', async (t) => {
  const world = new World(termsOf({ budgets: [budget('b', { requests: 10 })] }))
  world.whole()
  world.grant('run:ann/r1 b', 'requests', 5)
  world.load(next([budget('b', { requests: 10 })]))
  t.match(
    world.account('b', 'requests'),
    { granted: 15, revoked: 0 },
    'the same limit keeps grants',
  )
  world.load(next([budget('b', { requests: 4 })]))
  t.match(world.account('b', 'requests'), { granted: 15, revoked: 11, declared: 4 })
  t.equal(world.state.policy, 'sha256:two')
  world.load(next([budget('b', { requests: 50 })]))
  t.match(world.account('b', 'requests'), { granted: 15, revoked: 11, declared: 4 })
  world.grant('run:ann/r1 b', 'requests', 4, 'revoke')
  world.load(next([budget('b', { requests: 2 })]))
  t.match(world.account('b', 'requests'), { revoked: 15, declared: 2, overrun: 1 })
})

test('a budget that newly limits a dimension opens it beside open holds, and a vanished one stays', async (t) => {
  const old = [
    budget('b', { requests: 5, wall: 9 }),
    budget('gone', { requests: 5 }),
    budget('moved', { requests: 5 }, { scope: 'agent' }),
    budget('longer', { requests: 5 }, { scope: 'agent', period: { kind: 'day' } }),
  ]
  const world = new World(termsOf({ budgets: old }))
  const held = world.admit({ ask: { wall: 9 } }).hold?.request ?? ''
  const other = world.admit({ budgets: ['gone'] }).hold?.request ?? ''
  world.load(
    next([
      budget('b', { cost_usd: 7, requests: 5 }),
      budget('moved', { requests: 1 }, { scope: 'fleet' }),
      budget('longer', { requests: 1 }, { scope: 'agent', period: { kind: 'month' } }),
    ]),
  )
  t.same(world.purse('b').dimensions, ['cost_usd', 'requests', 'wall'])
  t.same(world.state.holds.get(held)?.lines[0]?.amounts, [0, 1, 9])
  t.equal(world.account('longer', 'requests').revoked, 0)
  t.equal(world.whole({ charge: { cost_usd: 5 }, ask: { wall: 1 } }).verdict, 'allow')
  world.settle(held, { cost_usd: 2 })
  world.settle(other)
  t.equal(world.account('b', 'cost_usd').posted, 7)
  t.equal(world.account('gone', 'requests').posted, 2)
  t.throws(() => world.step({ kind: 'load', at: world.now, digest: 'sha256:other' }), ContractError)
})

test('a halt absorbs: it is kept by every event, and a second one changes nothing', async (t) => {
  const world = new World(termsOf({ budgets: [budget('b', { requests: 5 })] }))
  const request = world.admit().hold?.request ?? ''
  world.dispatch(request)
  t.same(world.halt('run:ann/r1').effects, [
    { kind: 'sever', scope: 'run:ann/r1', cause: 'operator' },
  ])
  const halted = world.state.scopes.get('run:ann/r1')
  world.now += minute
  t.same(world.halt('run:ann/r1').effects, [])
  t.equal(world.settle(request).verdict, 'allow', 'the truth is posted while halted too')
  world.load(termsOf({ digest: 'sha256:two' }))
  t.equal(world.reinstate('run:ann/r1').verdict, 'deny')
  t.same(world.state.scopes.get('run:ann/r1'), halted)
  t.equal(world.halt('run:new/r9').verdict, 'allow')
  t.equal(world.state.runs.get('new'), 1)
  world.halt('fleet')
  const refused = world.admit()
  t.same(
    refused.reasons.map((reason) => reason.id),
    ['fleet', 'run:ann/r1'],
  )
  t.same(refused.remaining, [])
})

for (const name of ['agent:ann', 'project:acme/web', 'tenant:acme']) {
  test(`${name} comes back by an operator alone, as a new incarnation that has spent what it spent`, async (t) => {
    const spent = budget('b', { requests: 2 }, { scope: 'agent' })
    const world = new World(termsOf({ budgets: [spent] }))
    t.equal(world.reinstate(name).verdict, 'deny')
    world.whole()
    world.halt(name)
    t.match(world.admit().reasons[0]?.message, /only an operator can reinstate it\.$/)
    t.equal(world.reinstate(name).verdict, 'allow')
    t.match(world.state.scopes.get(name), { mode: 'running', incarnation: 1, cause: null })
    t.equal(world.whole().verdict, 'allow')
    t.equal(world.whole().verdict, 'deny')
    world.halt(name)
    world.reinstate(name)
    t.equal(world.state.scopes.get(name)?.incarnation, 2)
  })
}

test('fleet, runs, actors, keys and pools never come back', async (t) => {
  for (const name of ['fleet', 'run:ann/r1', 'actor:bea', 'key:k1', 'pool:gpu']) {
    const world = new World(termsOf())
    world.halt(name)
    const answer = world.reinstate(name)
    t.same([answer.verdict, ...codes(answer)], ['deny', 'malformed-request'], name)
    t.equal(modeOf(world.state, scope(name)), 'halted')
  }
})

test('views tell purses, runs and halts as they are at the clock of the state', async (t) => {
  const rate = budget(
    'rate',
    { requests: 2 },
    { scope: 'agent', period: { kind: 'window', lengthMs: minute } },
  )
  const world = new World(termsOf({ budgets: [rate, hourly] }))
  world.whole()
  world.admit({ budgets: ['rate'], principal: { ...ann, run: 'r2' } })
  const row = { scope: 'agent:ann', dimension: 'requests', overrun: 0 }
  t.same(purseViews(world.state), [
    { ...row, budget: 'hourly', instance: '2026-11-21T04', limit: 1, posted: 1, held: 0, left: 0 },
    { ...row, budget: 'rate', instance: '', limit: 2, posted: 1, held: 1, left: 0 },
  ])
  world.admit({ budgets: ['hourly'], at: start + hour - 1, principal: { ...ann, agent: 'bob' } })
  const held = { ...world.state, now: start + hour }
  t.same(
    purseViews(held).map((each) => [each.budget, each.posted]),
    [['rate', 0]],
  )
  world.halt('run:ann/r1')
  const view = { agent: 'ann', since: start, cause: null, mode: 'running', open: 1 }
  t.match(runViews(world.state), [
    {
      ...view,
      scope: 'run:ann/r1',
      run: 'r1',
      mode: 'halted',
      open: 0,
      cause: 'operator',
      since: start + hour - 1,
    },
    { ...view, scope: 'run:ann/r2', run: 'r2' },
    { scope: 'run:bob/r1' },
  ])
  t.equal(modeOf(world.state, fleet), 'running')
  t.equal(haltOf(world.state, [fleet]), null)
  const halt = { scope: 'run:ann/r1', since: start + hour - 1, cause: 'operator' } as const
  t.same(haltOf(world.state, [fleet, halt.scope as typeof fleet]), halt)
  t.same(haltViews(world.state), [halt])
  world.halt('agent:zoe')
  t.equal(runViews(world.state).length, 3, 'an agent is no run')
})

const limited = budget('b', { cost_usd: 5_500_000_000, requests: 5 }, { onLimit: 'block' })
const loosenings: readonly (readonly [string, BudgetTerms | null, RegExp | null])[] = [
  ['the same', limited, null],
  ['a lower limit', budget('b', { cost_usd: 1, requests: 5, wall: 1 }, { onLimit: 'kill' }), null],
  ['no budget', null, /^Budget "b" is gone\.$/],
  ['a draft', { ...limited, state: 'draft' }, /no longer active but draft/],
  ['another scope', { ...limited, scope: 'fleet' }, /counts by fleet and no longer by run/],
  ['another pool', { ...limited, pool: 'p' }, /another pool: p/],
  [
    'another period',
    { ...limited, period: { kind: 'day' } },
    /has period day and no longer period run/,
  ],
  ['a weaker on_limit', { ...limited, onLimit: 'approve' }, /approve, which is weaker than block/],
  [
    'a missing limit',
    budget('b', { cost_usd: 1 }),
    /no longer limits requests \(it was 5 requests\)/,
  ],
  ['a raised limit', budget('b', { cost_usd: 6e9, requests: 5 }), /from 5\.50 USD to 6\.00 USD\.$/],
]
for (const [name, after, message] of loosenings) {
  test(`a policy with ${name} loosens ${message === null ? 'nothing' : 'a limit'}`, async (t) => {
    const old = termsOf({ budgets: [limited, budget('d', { requests: 1 }, { state: 'draft' })] })
    const found = loosened(old, termsOf({ budgets: after === null ? [] : [after] }))
    t.equal(found.length, message === null ? 0 : 1)
    if (message !== null) t.match(found[0], { budget: 'b', message })
  })
}

test('another window and mode observe loosen limits too', async (t) => {
  const period = { kind: 'window', lengthMs: 5 } as const
  const old = termsOf({ budgets: [{ ...limited, period }] })
  const shorter = termsOf({ budgets: [{ ...limited, period: { ...period, lengthMs: 4 } }] })
  t.match(loosened(old, shorter)[0]?.message, /a window of 4 ms and no longer a window of 5 ms/)
  t.match(loosened(old, { ...old, mode: 'observe' }), [{ budget: '', message: /observe/ }])
})

test('amounts are told in the unit that a person reads', async (t) => {
  t.equal(amountText('cost_usd', 1), '0.000000001')
  t.equal(amountText('cost_usd', 12_340_000_000), '12.34')
  t.equal(amountText('bytes_up', 5), '5')
  t.same(['cost_usd', 'requests', 'db_queries', 'effort', 'wall', 'constructor'].map(unitText), [
    'USD',
    'requests',
    'db_queries',
    'effort',
    'ms (wall)',
    'constructor',
  ])
  t.same([-5, 1, 1001].map(secondsText), ['1 s', '1 s', '2 s'])
})
