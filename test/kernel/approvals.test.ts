/** Approvals and permits: what holds budget while it waits, who may answer, what a yes lets pass, and how it ends. */
import { test } from 'tap'
import type { Answer } from '../../kernel/answer.ts'
import {
  type ApprovalAsk,
  openApprovalsPerAgentMax,
  permitsMax,
  reasonMax,
} from '../../kernel/approval.ts'
import type { AdmitEvent, AnswerEvent } from '../../kernel/event.ts'
import { restore, snapshot } from '../../kernel/snapshot.ts'
import { step } from '../../kernel/step.ts'
import { ann, budget, codes, hour, minute, rule, termsOf, World } from './world.ts'

const rules = [rule('asks', 'approve'), rule('denies', 'deny')]
const lifetime = { scope: 'agent', period: { kind: 'lifetime' } } as const
const anyone = { need: 1, of: [] }

function worldOf(limit = 3, more: Partial<Parameters<typeof termsOf>[0]> = {}): World {
  const budgets = [budget('b', { inflight: 1, requests: limit }, lifetime)]
  return new World(termsOf({ rules, budgets, ...more }))
}

function ask(parts: Partial<ApprovalAsk> = {}): Partial<AdmitEvent> {
  const approval = { digest: 'd1', kind: 'k', quorums: [anyone], expiresMs: minute, ...parts }
  return { rules: ['asks'], approval }
}

function say(world: World, approval: string, parts: Partial<AnswerEvent> = {}): Answer {
  const event = { kind: 'approve', at: world.now, approval, by: 'bea', groups: [] } as const
  return world.step({ ...event, reason: '', permits: 0, permitsMs: 0, ...parts })
}

const expire = (world: World, approval: string): Answer =>
  world.step({ kind: 'expire', at: world.now, approval })

const held = (world: World): number => world.account('b', 'requests').held

test('a request that wants a yes waits, holds its budget, and is no refusal of its own', async (t) => {
  const world = worldOf()
  const first = world.admit(ask())
  t.same([first.verdict, ...codes(first)], ['approve', 'approval-required'])
  t.equal(first.approval?.id, 'q0001')
  t.same(first.effects, [{ kind: 'approval', approval: 'q0001', digest: 'd1', state: 'pending' }])
  t.same(first.approval?.wantedBy, ['asks'])
  t.equal(held(world), 1)
  t.equal(world.account('b', 'inflight').held, 0, 'it is not in flight while it waits')
  const before = snapshot(world.state)
  const again = world.admit(ask())
  t.same([again.verdict, again.approval?.id, again.effects], ['approve', 'q0001', []])
  t.equal(snapshot(world.state), before, 'to ask again changes nothing')
})

test('a yes lets exactly this action pass, once, on the budget that was held for it', async (t) => {
  const world = worldOf(1)
  world.admit(ask())
  t.same(codes(world.admit()), ['budget-exhausted'], 'what waits holds the last of it')
  t.same(codes(world.admit(ask({ digest: 'd2' }))), ['budget-exhausted', 'approval-required'])
  const yes = say(world, 'q0001', { reason: 'Go on.' })
  t.same(yes.effects, [{ kind: 'approval', approval: 'q0001', digest: 'd1', state: 'approved' }])
  t.equal(held(world), 1)
  t.equal(world.admit(ask({ digest: 'd2' })).hold, null, 'another action is another question')
  const passed = world.admit(ask())
  t.same([passed.verdict, passed.approval?.id, passed.reasons], ['allow', 'q0001', []])
  t.equal(held(world), 1)
  world.settle(passed.hold?.request ?? '', {}, 'voided')
  t.equal(world.admit(ask()).verdict, 'approve', 'the yes is used up')
})

test('a no denies, says why, and gives the budget back', async (t) => {
  const world = worldOf()
  world.admit(ask())
  t.same(say(world, 'q0001', { kind: 'deny', reason: 'Not today.' }).verdict, 'allow')
  t.equal(held(world), 0)
  const denied = world.admit(ask())
  t.same([denied.verdict, ...codes(denied)], ['deny', 'approval-denied', 'approval-required'])
  t.equal(denied.reasons[0]?.message, 'A person denied this request: Not today.')
  t.same(codes(say(world, 'q0001')), ['approval-closed'])
  world.now += minute
  t.same(codes(expire(world, 'q0001')), ['malformed-request'], 'it is kept as long again')
  world.now += minute
  t.equal(world.admit(ask()).effects.length, 1, 'then people are asked anew')
})

test('silence is a no: it expires at its time and not before, and is asked anew after one refusal', async (t) => {
  const world = worldOf()
  world.admit(ask())
  world.now += minute - 1
  t.same(codes(expire(world, 'q0001')), ['malformed-request'])
  world.now += 1
  t.same(codes(say(world, 'q0001')), ['approval-closed'], 'a yes that is late counts for nothing')
  t.equal(expire(world, 'q0001').effects.length, 1)
  t.equal(held(world), 0)
  const expired = world.admit(ask())
  t.same([expired.verdict, codes(expired)[0]], ['deny', 'approval-expired'])
  t.equal(world.state.approvals.size, 0)
  t.equal(world.admit(ask()).verdict, 'approve')
  t.same(codes(expire(world, 'gone')), ['approval-unknown'])
})

test('what ran out is refused although nobody said yet that it did, approved or not', async (t) => {
  for (const answered of [false, true]) {
    const world = worldOf()
    world.admit(ask())
    if (answered) say(world, 'q0001')
    world.now += minute
    t.same(codes(world.admit(ask()))[0], 'approval-expired')
    t.same([held(world), world.state.approvals.size], [0, 0])
  }
})

test('nobody answers its own request, for its human, twice, or from outside of the quorum', async (t) => {
  const world = worldOf()
  const principal = { ...ann, actor: 'zoe' }
  const quorums = [
    { need: 2, of: ['risk', 'eve'] },
    { need: 1, of: ['legal'] },
  ]
  world.admit({ ...ask({ quorums }), principal })
  const refused = (by: string, groups: readonly string[], kind: 'approve' | 'deny' = 'approve') =>
    codes(say(world, 'q0001', { by, groups, kind }))
  t.same(refused('ann', ['risk']), ['approver-refused'])
  t.same(refused('zoe', ['risk']), ['approver-refused'])
  t.same(refused('ann', ['risk'], 'deny'), ['approver-refused'])
  t.same(refused('dan', ['sales']), ['approver-refused'])
  t.same(refused('dan', [], 'deny'), ['approver-refused'])
  t.same(refused('bea', ['risk', 'legal']), [])
  t.same(refused('bea', ['risk', 'legal']), ['approver-refused'])
  t.equal(world.admit({ ...ask({ quorums }), principal }).verdict, 'approve', 'one is missing')
  t.same(refused('eve', []), [], 'by name; and bea counts in both quorums')
  t.equal(world.admit({ ...ask({ quorums }), principal }).verdict, 'allow')
})

test('an answer that is no answer is refused, and moves nothing', async (t) => {
  const world = worldOf()
  world.admit(ask())
  const before = snapshot(world.state)
  for (const parts of [
    { by: '' },
    { by: 'a b' },
    { groups: ['../x'] },
    { reason: 'x'.repeat(reasonMax + 1) },
    { reason: '\ud800' },
    { permits: -1 },
    { permits: permitsMax + 1 },
    { permitsMs: 0.5 },
  ]) {
    t.same(codes(say(world, 'q0001', parts)), ['malformed-request'], JSON.stringify(parts))
  }
  t.same(codes(say(world, 'q0009')), ['approval-unknown'])
  t.equal(snapshot(world.state), before)
})

test('a halt on its path and another policy take back what waits and what was allowed', async (t) => {
  for (const end of ['run:ann/r1', 'agent:ann', 'fleet', 'load'] as const) {
    const world = worldOf()
    world.admit(ask())
    say(world, 'q0001', { permits: 5, permitsMs: hour })
    world.admit(ask({ digest: 'd2', kind: 'other' }))
    t.same([world.state.approvals.size, world.state.permits.size, held(world)], [2, 1, 2])
    const answer =
      end === 'load' ? world.load(termsOf({ digest: 'sha256:two', rules })) : world.halt(end)
    const ended = answer.effects.filter(({ kind }) => kind === 'approval')
    t.equal(ended.length, 2, end)
    t.same([world.state.approvals.size, world.state.permits.size, held(world)], [0, 0, 0])
    t.same(codes(say(world, 'q0001')), ['approval-unknown'])
  }
  const world = worldOf()
  world.admit(ask())
  world.load(world.terms)
  world.step({ kind: 'recover', at: world.now })
  t.equal(world.state.approvals.size, 1, 'the same policy and a restart leave it')
  world.halt('run:ann/other')
  t.equal(world.state.approvals.size, 1, 'and so does a halt elsewhere')
})

test('a permit lets as many of its class pass as everybody allowed, in its time, for whom the yes was enough', async (t) => {
  const world = worldOf(20)
  const quorums = [{ need: 2, of: ['risk'] }]
  world.admit(ask({ quorums }))
  say(world, 'q0001', { groups: ['risk'], permits: 9, permitsMs: hour })
  say(world, 'q0001', { by: 'cat', groups: ['risk'], permits: 2, permitsMs: minute })
  t.match([...world.state.permits.values()], [{ left: 2, until: world.now + minute }])
  const other = ask({ digest: 'd2', quorums })
  t.equal(world.whole({ ...other, rules: ['asks', 'denies'] }).verdict, 'deny')
  t.equal([...world.state.permits.values()][0]?.left, 2, 'a refusal uses nothing')
  t.equal(world.whole(other).verdict, 'allow')
  const more = ask({ digest: 'd3', quorums: [{ need: 1, of: ['legal'] }] })
  t.equal(world.whole(more).verdict, 'approve', 'who wants others is asked')
  t.equal(world.whole(ask({ digest: 'd4', kind: 'other' })).verdict, 'approve', 'another class is')
  t.equal(world.whole(ask({ digest: 'd5', quorums })).verdict, 'allow')
  t.equal(world.state.permits.size, 0)
  t.equal(world.whole(ask({ digest: 'd6', quorums })).verdict, 'approve')
  const late = worldOf(20)
  late.admit(ask())
  say(late, 'q0001', { permits: 9, permitsMs: 5 })
  late.now += 5
  t.equal(late.admit(ask({ digest: 'd2' })).verdict, 'approve')
})

test('a budget that is spent and asks goes on to count with a yes, and raises nobody’s authority', async (t) => {
  const spent = budget('b', { requests: 1 }, { ...lifetime, onLimit: 'approve' })
  const hard = budget('h', { requests: 3 }, lifetime)
  const world = new World(termsOf({ budgets: [spent, hard] }))
  const parts = { ...ask(), rules: ['ok'] }
  t.equal(world.whole(parts).verdict, 'allow')
  const waits = world.admit(parts)
  t.same([waits.verdict, waits.approval?.wantedBy], ['approve', ['b']])
  t.same([held(world), world.account('h', 'requests').held], [0, 1])
  say(world, waits.approval?.id ?? '')
  const passed = world.admit(parts)
  t.same([passed.verdict, ...codes(passed)], ['warn', 'budget-exhausted'])
  const { granted, overrun } = world.account('b', 'requests')
  t.same([granted, overrun, world.account('h', 'requests').overrun], [1, 1, 0])
})

test('a request that wants nobody any more passes, and what waited for it is over', async (t) => {
  const world = worldOf(2)
  world.admit(ask())
  const passed = world.admit({ ...ask(), rules: ['ok'] })
  t.same([passed.verdict, passed.approval], ['allow', null])
  t.same(passed.effects, [{ kind: 'approval', approval: 'q0001', digest: 'd1', state: 'expired' }])
  t.same([held(world), world.state.approvals.size], [1, 0])
})

test('what could not be held is not asked, and stays as it was while another refusal stands', async (t) => {
  const window = {
    ...lifetime,
    period: { kind: 'window', lengthMs: minute },
    onLimit: 'queue',
  } as const
  const world = new World(termsOf({ rules, budgets: [budget('b', { requests: 1 }, window)] }))
  world.whole()
  const full = world.admit(ask())
  t.same([full.verdict, full.approval, world.state.approvals.size], ['approve', null, 0])
  world.now += minute
  const waits = world.admit(ask())
  const before = snapshot(world.state)
  const denied = world.admit({ ...ask(), rules: ['asks', 'denies'] })
  t.same([denied.verdict, denied.approval], ['deny', null])
  t.equal(snapshot(world.state), before)
  t.equal(waits.approval?.state, 'pending')
})

test('mode observe asks nobody, and an event without a binding asks nobody', async (t) => {
  const world = worldOf(3, { mode: 'observe' })
  t.same([world.admit(ask()).verdict, world.state.approvals.size], ['approve', 0])
  const enforced = worldOf()
  t.same(
    [enforced.admit({ rules: ['asks'] }).verdict, enforced.state.approvals.size],
    ['approve', 0],
  )
})

test('so many of one agent wait and no more, and an answered one makes room', async (t) => {
  const world = new World(termsOf({ rules }))
  const { terms } = world
  for (let index = 0; index < openApprovalsPerAgentMax; index += 1) {
    const event = world.admission(ask({ digest: `x${index}` }))
    world.state = step(world.state, event, terms).state
  }
  const full = world.admit(ask())
  t.same([full.verdict, full.approval], ['approve', null])
  t.match(full.reasons.at(-1)?.message, /^100 requests of ann wait for people/)
  t.not(world.admit({ ...ask(), principal: { ...ann, agent: 'bob' } }).approval, null)
  say(world, 'q0001', { kind: 'deny' })
  t.not(world.admit(ask()).approval, null)
})

test('a domain’s demand is heard like a rule: it asks, warns, denies and halts', async (t) => {
  const reason = { code: 'validator-refused', id: 'finance/order', message: 'Too much.' } as const
  const demand = (verdict: 'warn' | 'approve' | 'deny' | 'halt') => [
    { verdict, reason, need: 1, of: [] },
  ]
  const { approval } = ask()
  const asked = worldOf().admit({ demands: demand('approve'), ...(approval && { approval }) })
  t.same([asked.verdict, asked.approval?.wantedBy], ['approve', ['finance/order']])
  t.equal(worldOf().admit({ demands: demand('warn') }).verdict, 'warn')
  t.equal(worldOf().admit({ demands: demand('deny') }).verdict, 'deny')
  const world = worldOf()
  t.equal(world.admit({ demands: demand('halt') }).verdict, 'halt')
  t.same(codes(world.admit()), ['halted'])
})

test('what is over is swept with the hour, and what waits keeps its purse', async (t) => {
  const budgets = [budget('b', { requests: 9 }, { scope: 'agent', period: { kind: 'hour' } })]
  const world = new World(termsOf({ rules, budgets }))
  world.admit(ask({ digest: 'no', kind: 'other' }))
  say(world, 'q0001', { kind: 'deny' })
  world.admit(ask({ expiresMs: 5 * hour }))
  say(world, 'q0002', { permits: 1, permitsMs: 5 })
  world.now += 2 * hour
  world.admit({ budgets: [] })
  t.same(
    [...world.state.approvals.values()].map(({ id }) => id),
    ['q0002'],
  )
  t.same([world.state.permits.size, world.state.purses.size], [0, 1])
  t.equal(snapshot(restore(snapshot(world.state))), snapshot(world.state))
  t.equal(world.admit(ask({ expiresMs: 5 * hour })).verdict, 'allow', 'in the purse of this hour')
})
