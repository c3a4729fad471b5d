/** Admission as tables: rules, defaults, budgets with each on_limit, reasons, holds and what a refusal leaves. */
import { test } from 'tap'
import { ContractError } from '../../kernel/contract.ts'
import type { KernelEvent } from '../../kernel/event.ts'
import { parseScope, pathOf, scopeOf } from '../../kernel/scope.ts'
import { snapshot } from '../../kernel/snapshot.ts'
import { emptyState } from '../../kernel/state.ts'
import { step } from '../../kernel/step.ts'
import type { Verdict } from '../../kernel/verdict.ts'
import { ann, budget, codes, minute, rule, scope, start, termsOf, World } from './world.ts'

const window = (lengthMs: number) => ({ kind: 'window', lengthMs }) as const

const rules = [
  rule('warns', 'warn'),
  rule('queues', 'queue'),
  rule('asks', 'approve', { reason: 'Ask Bea.' }),
  rule('denies', 'deny', { reason: 'Deletes are for people.' }),
  rule('halts', 'halt'),
  rule('drafted', 'deny', { state: 'draft' }),
]

const meets: readonly (readonly [readonly string[], Verdict, readonly string[]])[] = [
  [['ok'], 'allow', []],
  [['ok', 'warns'], 'warn', []],
  [['queues'], 'allow', []],
  [['ok', 'asks', 'warns'], 'approve', ['approval-required']],
  [['asks', 'denies'], 'deny', ['rule-denied', 'approval-required']],
  [['denies', 'halts', 'asks'], 'halt', ['rule-denied', 'rule-denied', 'approval-required']],
  [[], 'deny', ['no-rule']],
]
for (const [matching, verdict, expected] of meets) {
  test(`the rules [${matching.join(' ')}] meet to ${verdict}`, async (t) => {
    const answer = new World(termsOf({ rules })).admit({ rules: matching })
    t.equal(answer.verdict, verdict)
    t.equal(answer.draftVerdict, verdict)
    t.same(codes(answer), expected)
    t.equal(answer.hold === null, verdict !== 'allow' && verdict !== 'warn')
  })
}

for (const [defaultVerdict, verdict] of [
  ['allow', 'allow'],
  ['warn', 'warn'],
  ['deny', 'deny'],
] as const) {
  test(`without a rule the default ${defaultVerdict} answers ${verdict}`, async (t) => {
    t.equal(new World(termsOf({ defaultVerdict })).admit({ rules: [] }).verdict, verdict)
  })
}

test('a rule speaks with its own id and the words of the operator', async (t) => {
  const world = new World(termsOf({ rules }))
  const denied = world.admit({ rules: ['denies'] }).reasons[0]
  t.same(denied, {
    code: 'rule-denied',
    id: 'denies',
    message: 'Rule "denies" denies this request: Deletes are for people.',
  })
  const [halted] = world.admit({ rules: ['halts'] }).reasons
  t.equal(halted?.message, 'Rule "halts" denies this request and halts run:ann/r1.')
})

test('a refusal found before the kernel denies, beside every other reason', async (t) => {
  const world = new World(termsOf({ rules, budgets: [budget('b', { requests: 0 })] }))
  const refusals = [{ code: 'destination-forbidden', id: '', message: 'It is loopback.' }] as const
  const answer = world.admit({ refusals, rules: ['asks'] })
  t.equal(answer.verdict, 'deny')
  t.same(codes(answer), ['destination-forbidden', 'budget-exhausted', 'approval-required'])
})

test('a rule that halts, halts the run for ever, and no other run', async (t) => {
  const world = new World(termsOf({ rules }))
  const answer = world.admit({ rules: ['halts'] })
  t.same(answer.effects, [{ kind: 'sever', scope: 'run:ann/r1', cause: 'rule' }])
  t.same(codes(world.admit()), ['halted'])
  t.equal(world.admit({ principal: { ...ann, run: 'r2' } }).verdict, 'allow')
})

const lacking: readonly (readonly [Parameters<typeof budget>[2], Verdict, string])[] = [
  [{ onLimit: 'continue' }, 'allow', ''],
  [{ onLimit: 'warn' }, 'warn', 'budget-exhausted'],
  [{ onLimit: 'queue' }, 'deny', 'budget-exhausted'],
  [{ onLimit: 'queue', period: window(minute) }, 'queue', 'rate-limited'],
  [{ onLimit: 'approve' }, 'approve', 'approval-required'],
  [{ onLimit: 'block' }, 'deny', 'budget-exhausted'],
  [{ onLimit: 'block', period: window(minute) }, 'deny', 'rate-limited'],
  [{ onLimit: 'kill' }, 'halt', 'budget-exhausted'],
  [{ onLimit: 'kill', period: window(minute) }, 'halt', 'budget-exhausted'],
]
for (const [more, verdict, code] of lacking) {
  const name = `${more?.period ? 'window' : 'run'} budget with on_limit ${more?.onLimit}`
  test(`a spent ${name} answers ${verdict}`, async (t) => {
    const world = new World(termsOf({ budgets: [budget('b', { requests: 1 }, more)] }))
    t.equal(world.whole().verdict, 'allow')
    world.now += 1000
    const answer = world.admit()
    t.equal(answer.verdict, verdict)
    t.same(codes(answer), code === '' ? [] : [code])
    t.equal(answer.retryAt, code === 'rate-limited' ? start + minute : null)
    t.equal(world.account('b', 'requests').overrun, answer.hold === null ? 0 : 1)
    const halted = answer.effects.some((effect) => effect.kind === 'sever')
    t.equal(halted, verdict === 'halt')
  })
}

test('a window that can never fit the amount is exhausted, not rate-limited', async (t) => {
  const budgets = [budget('b', { effort: 5 }, { period: window(minute), onLimit: 'queue' })]
  const world = new World(termsOf({ budgets }))
  const answer = world.admit({ charge: { effort: 6 } })
  t.same([answer.verdict, ...codes(answer), answer.retryAt], ['deny', 'budget-exhausted', null])
})

test('a queue that is full or whose wait is over refuses with its own code', async (t) => {
  const budgets = [budget('b', { requests: 1 }, { period: window(minute), onLimit: 'queue' })]
  const world = new World(termsOf({ budgets }))
  world.whole()
  const full = world.admit({ queue: 'full' })
  t.same([full.verdict, ...codes(full), full.retryAt], ['deny', 'queue-full', start + minute])
  const expired = world.admit({ queue: 'expired' })
  t.same([expired.verdict, ...codes(expired)], ['deny', 'rate-limited'])
  world.now += minute
  t.equal(world.admit({ queue: 'expired' }).verdict, 'allow')
})

test('a rule that queues turns the block of a window into waiting, and of nothing else', async (t) => {
  const blocks = budget('b', { requests: 1 }, { period: window(minute) })
  const world = new World(termsOf({ rules, budgets: [blocks] }))
  world.whole()
  t.equal(world.admit({ rules: ['queues'] }).verdict, 'queue')
  t.equal(world.admit({ rules: ['ok'] }).verdict, 'deny')
  const plain = new World(termsOf({ rules, budgets: [budget('b', { requests: 0 })] }))
  t.equal(plain.admit({ rules: ['queues'] }).verdict, 'deny')
})

test('where open requests hold the window, it says to ask again soon', async (t) => {
  const budgets = [budget('b', { requests: 2 }, { period: window(minute) })]
  const world = new World(termsOf({ budgets }))
  world.admit()
  world.admit()
  t.equal(world.admit().retryAt, start + 1000)
})

test('every budget speaks, the deciding one first, and what is left of each dimension is told', async (t) => {
  const budgets = [
    budget('wide', { requests: 3, cost_usd: 5_000_000_000 }, { onLimit: 'approve' }),
    budget('tight', { requests: 1, risk: 4 }, { scope: 'agent' }),
    budget('rate', { requests: 1 }, { scope: 'agent', period: window(minute) }),
    budget('told', { requests: 0 }, { onLimit: 'warn' }),
  ]
  const world = new World(termsOf({ budgets }))
  world.whole({ charge: { cost_usd: 1_250_000_000 } })
  const answer = world.admit({ charge: { cost_usd: 4_000_000_000 } })
  t.same(codes(answer), [
    'budget-exhausted',
    'rate-limited',
    'approval-required',
    'budget-exhausted',
  ])
  t.same(
    answer.reasons.map((reason) => reason.message),
    [
      'Budget "tight" of agent:ann has 0 of 1 requests left, this request needs 1: do not send it again unless an operator grants more.',
      'Budget "rate" of agent:ann has 0 of 1 requests left, this request needs 1: try again in 60 s.',
      'Budget "wide" of run:ann/r1 has 3.75 of 5.00 USD left, this request needs 4.00: a person must approve it first.',
      'Budget "told" of run:ann/r1 has 0 of 0 requests left, this request needs 1: it goes on, and is counted.',
    ],
  )
  t.equal(answer.retryAt, null)
  t.same(answer.remaining, [
    { budget: 'wide', scope: 'run:ann/r1', dimension: 'cost_usd', limit: 5e9, left: 3.75e9 },
    { budget: 'tight', scope: 'agent:ann', dimension: 'requests', limit: 1, left: 0 },
    { budget: 'tight', scope: 'agent:ann', dimension: 'risk', limit: 4, left: 4 },
  ])
})

test('two windows that lack it are waited for until the later one has it', async (t) => {
  const budgets = [
    budget('short', { requests: 1 }, { period: window(1000), onLimit: 'queue' }),
    budget(
      'long',
      { requests: 1 },
      { period: window(minute), onLimit: 'queue', reason: 'Be slow.' },
    ),
  ]
  const world = new World(termsOf({ budgets }))
  world.whole()
  const answer = world.admit()
  t.same([answer.verdict, answer.retryAt], ['queue', start + minute])
  t.match(answer.reasons[1]?.message, /it waits about 60 s \(Be slow\.\)\.$/)
})

test('a charge is held on all purses or on none', async (t) => {
  const budgets = [
    budget('first', { requests: 5, db_queries: 5 }),
    budget('second', { db_queries: 2 }, { scope: 'agent' }),
    budget('tenants', { requests: 5 }, { scope: 'tenant' }),
    budget('actors', { requests: 0 }, { scope: 'actor' }),
  ]
  const world = new World(termsOf({ budgets }))
  const before = snapshot(world.state)
  t.equal(world.admit({ charge: { db_queries: 3 } }).verdict, 'deny')
  t.equal(snapshot(world.state), before)
  const { hold } = world.admit({ charge: { db_queries: 2 } })
  t.same(hold?.vector, { db_queries: 2, requests: 1 })
  t.equal(world.account('first', 'db_queries').held, 2)
  t.equal(world.account('second', 'db_queries').held, 2)
  t.equal(hold?.lines.length, 3, 'a path without an actor has no purse of one')
})

test('a pool is charged together by all who match it, and halted as one scope of their paths', async (t) => {
  const pool = budget(
    'shared',
    { requests: 2 },
    { scope: 'pool', pool: 'gpu', period: { kind: 'lifetime' } },
  )
  const nameless = budget('nameless', { requests: 0 }, { scope: 'pool' })
  const world = new World(termsOf({ budgets: [pool, nameless, { ...pool, id: 'twin' }] }))
  const { hold } = world.admit()
  t.same(hold?.path, [...pathOf(ann), scope('pool:gpu')])
  t.equal(world.admit({ principal: { ...ann, agent: 'bob' } }).verdict, 'allow')
  t.equal(world.admit({ principal: { ...ann, agent: 'cid' } }).verdict, 'deny')
  world.halt('pool:gpu')
  t.same(codes(world.admit()), ['halted'])
  t.match(world.admit().reasons[0]?.message, /^pool:gpu is halted .* nothing ever resumes it\.$/)
  t.equal(world.dispatch(hold?.request ?? '').verdict, 'halt')
  t.equal(world.admit({ budgets: [] }).verdict, 'allow', 'who is not of the pool goes on')
  world.load(termsOf({ digest: 'sha256:two', budgets: [{ ...pool, state: 'draft' }] }))
  t.equal(world.admit().verdict, 'allow', 'the pool of a draft is on no path')
})

test('an ask is given what is left on every purse, at least 1', async (t) => {
  const budgets = [
    budget('run', { bytes_down: 100, wall: 50 }),
    budget('agent', { bytes_down: 70 }, { scope: 'agent' }),
    budget('count', { bytes_down: 10, bytes_up: 5 }, { onLimit: 'continue' }),
    budget('draft', { bytes_down: 1, tokens: 1 }, { state: 'draft' }),
  ]
  const world = new World(termsOf({ budgets }))
  const ask = { bytes_down: 1000, bytes_up: 40, wall: 9, tokens: 7 }
  const { hold } = world.admit({ ask })
  t.same(hold?.vector, { bytes_down: 70, bytes_up: 40, wall: 9 })
  t.equal(world.account('draft', 'bytes_down').held, 70)
  t.equal(world.account('draft', 'tokens').held, 0, 'only a draft counts it')
  t.equal(world.account('count', 'bytes_down').overrun, 60)
  const refused = world.admit({ ask })
  t.same([refused.verdict, ...codes(refused)], ['deny', 'budget-exhausted'])
  t.match(
    refused.reasons[0]?.message,
    /has 0 of 70 bytes \(bytes_down\) left, this request needs 1/,
  )
  t.same(world.admit({ ask: { bytes_down: 0 } }).hold?.vector, {
    bytes_down: 0,
    bytes_up: 0,
    wall: 0,
  })
  const own = world.admit({ charge: { hosts: 5, refusals: 5 }, budgets: ['run'] }).hold
  t.same(own?.vector, { bytes_down: 0, wall: 0 })
  t.same(world.admit({ charge: { wall: 41 }, ask: { wall: 1 } }).verdict, 'allow', 'exact wins')
})

test('a draft rule or budget is heard and recorded, and does not bind', async (t) => {
  const budgets = [
    budget('draft', { requests: 0 }, { state: 'draft', onLimit: 'kill', tiers: [1] }),
  ]
  const world = new World(termsOf({ rules, budgets }))
  const spent = world.admit()
  t.same([spent.verdict, spent.draftVerdict], ['allow', 'halt'])
  t.same(spent.effects, [])
  t.equal(world.account('draft', 'requests').held, 1)
  const denied = world.admit({ drafts: ['drafted', 'gone'], budgets: [] })
  t.same([denied.verdict, denied.draftVerdict, denied.reasons], ['allow', 'deny', []])
  const opened = world.admit({ rules: [], drafts: ['drafted'], budgets: [] })
  t.same([opened.verdict, opened.draftVerdict], ['deny', 'deny'])
})

test('what the terms do not know is refused, not guessed', async (t) => {
  const world = new World(termsOf({ rules, budgets: [budget('b', { requests: 1 })] }))
  for (const parts of [{ rules: ['gone'] }, { rules: ['drafted'] }, { budgets: ['gone'] }]) {
    t.same(codes(world.admit(parts)), ['policy-mismatch'])
  }
  world.admit()
  // A policy that never came into force by an event: the purse has not its dimensions.
  world.terms = termsOf({ digest: 'sha256:two', budgets: [budget('b', { requests: 1, risk: 1 })] })
  t.same(codes(world.admit()), ['policy-mismatch'])
})

test('an agent may name 10,000 runs and no more, and a run too many leaves nothing behind', async (t) => {
  const limits = { refusals: 1, requests: 1 }
  const killer = budget('b', limits, { onLimit: 'kill' })
  const world = new World(
    termsOf({ rules, budgets: [killer, budget('a', { refusals: 9 }, { scope: 'agent' })] }),
  )
  world.whole()
  const full = { ...world.state, runs: world.state.runs.set('ann', 10_000) }
  const other = { ...ann, run: 'r2' }
  const answer = step(full, world.admission({ principal: other, rules: ['halts'] }), world.terms)
  t.same([answer.verdict, codes(answer).at(-1)], ['halt', 'too-many-runs'])
  t.notOk(answer.state.scopes.has('run:ann/r2'))
  t.equal(answer.state.runs.get('ann'), 10_000)
  t.same([...answer.state.purses].map(([key]) => key).sort(), [
    'agent:ann run a',
    'run:ann/r1 run b',
  ])
  t.equal(step(full, world.admission(), world.terms).verdict, 'halt', 'a known run is as before')
})

test('a request is of all scopes that its principal has, widest first', async (t) => {
  const all = { ...ann, actor: 'bea', key: 'k1' }
  const path = ['fleet', 'tenant:acme', 'project:acme/web', 'agent:ann', 'run:ann/r1']
  t.same(pathOf(all), [...path, 'actor:bea', 'key:k1'])
  t.same(
    pathOf({ ...ann, project: null }),
    path.filter((each) => !each.startsWith('project')),
  )
  t.same(pathOf({ ...ann, tenant: null }), ['fleet', 'agent:ann', 'run:ann/r1'])
  t.equal(scopeOf(all, 'pool'), null)
  t.throws(() => pathOf({ ...ann, run: '../x' }), ContractError)
  t.throws(() => pathOf({ ...ann, agent: '' }), ContractError)
  t.equal(parseScope('project:acme/web'), 'project:acme/web')
  for (const text of ['planet', 'run:a', 'agent:', 'fleet:x', 'tenant:a b', 'agent:a\n']) {
    t.equal(parseScope(text), null, text)
  }
})

test('an event of no kind is a bug of the caller', async (t) => {
  const event = { kind: 'wish', at: start } as unknown as KernelEvent
  t.throws(() => step(emptyState, event, termsOf()), ContractError)
})
