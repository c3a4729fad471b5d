/** Connections that are held for a person: answered at once when there is an answer, and by whatever ends the wait. */
import { heldMax } from '../../gate/waiting.ts'
import {
  type ApprovalTest,
  type ApprovalWorld,
  approvalTest,
  codeOf,
  policy,
} from './approval-world.ts'
import { settled } from './clock.ts'
import { MemoryDisk } from './disk.ts'
import { compiled, voided } from './world.ts'

const holding = (terms = 'wait: 20s, expires: 60s'): ApprovalTest => ({
  policy: policy(terms),
  disk: new MemoryDisk(),
})

interface Held {
  code: string
  path: string
  approval: string | null
}

/** Asks without waiting for the answer; what becomes of it stands in `held` when it is known. */
async function hold(world: ApprovalWorld, path: string, held: Held[]): Promise<void> {
  void world.ask({ path }).then((answer) => {
    const approval = answer.refused ? (answer.approval?.id ?? null) : null
    held.push({ code: codeOf(answer), path, approval })
    if (!answer.refused) answer.settle(voided)
  })
  await settled()
  await world.quiet()
}

const pending = (world: ApprovalWorld): string =>
  world.gate.approvals().find(({ state }) => state === 'pending')?.id ?? ''

for (const [what, end, expected] of [
  ['a yes', (world: ApprovalWorld) => world.approve(pending(world)), 'passes'],
  ['a no', (world: ApprovalWorld) => world.deny(pending(world)), 'approval-denied'],
  ['a halt', (world: ApprovalWorld) => world.halt('agent:a'), 'halted'],
  ['draining', async (world: ApprovalWorld) => world.gate.drain(), 'shutting-down'],
  ['closing', (world: ApprovalWorld) => world.close(), 'shutting-down'],
  ['the end of its time', (world: ApprovalWorld) => world.clock.pass(20_000), 'approval-required'],
] as const) {
  approvalTest(`${what} answers whoever is held, at once`, holding(), async (t, world) => {
    const held: Held[] = []
    await hold(world, '/one', held)
    t.match(world.last('decision'), { verdict: 'approve' }, 'what is asked is durable before')
    t.same(held, [])
    t.equal(world.core.approvals.waiting.size, 1)
    await end(world)
    await settled()
    t.match(held, [{ code: expected, path: '/one' }])
    t.equal(world.core.approvals.waiting.size, 0)
  })
}

approvalTest(
  'the end of its own wait is answered with what it was told, and without another entry',
  holding(),
  async (t, world) => {
    const held: Held[] = []
    await hold(world, '/one', held)
    const entries = world.entries().length
    const id = pending(world)
    t.equal((await world.grant('agent:b', 1)).ok, false)
    await settled()
    t.same(held, [], 'an order that changes nothing lets nobody go')
    await world.clock.pass(20_000)
    t.same(held, [{ code: 'approval-required', path: '/one', approval: id }])
    t.equal(world.entries('decision').length, 1)
    t.equal(world.entries().length, entries + 1)
    await world.approve(id)
    t.equal(await world.passes({ path: '/one' }), true)
  },
)

approvalTest(
  'the expiry of an approval answers whoever is held for it',
  holding('wait: 120s, expires: 60s'),
  async (t, world) => {
    const held: Held[] = []
    await hold(world, '/one', held)
    await world.clock.pass(60_000)
    await world.calm()
    t.match(held, [{ code: 'approval-expired' }])
  },
)

approvalTest(
  'of two that are held for the same, a yes lets one in; the other one asks anew, for what is left of its wait',
  holding(),
  async (t, world) => {
    const held: Held[] = []
    await hold(world, '/one', held)
    await world.clock.pass(5_000)
    await hold(world, '/one', held)
    const first = pending(world)
    await world.approve(first)
    await world.calm()
    t.match(held, [{ code: 'passes' }])
    const second = pending(world)
    t.not(second, first)
    await world.clock.pass(19_999)
    t.equal(held.length, 1)
    await world.clock.pass(1)
    t.match(held, [{ code: 'passes' }, { code: 'approval-required', approval: second }])
  },
)

approvalTest('a policy that comes while it is held judges it anew', holding(), async (t, world) => {
  const held: Held[] = []
  await hold(world, '/one', held)
  await hold(world, '/two', held)
  const rule = '  - { id: late, hosts: [ask.example.com], paths: ["/one"], effect: deny }\n'
  await world.load(await compiled(policy('wait: 20s', '', rule)))
  await world.calm()
  t.match(held, [{ code: 'rule-denied', path: '/one' }])
  t.match(world.gate.approvals(), [{ state: 'pending', matter: { path: '/two' } }])
  await world.approve(pending(world))
  await world.calm()
  t.match(held[1], { code: 'passes', path: '/two' })
})

approvalTest('a client that leaves uses up no yes', holding(), async (t, world) => {
  let gone = (): void => undefined
  const left = world.ask({ path: '/one' }, (leaves) => {
    gone = leaves
  })
  await world.calm()
  gone()
  t.equal(codeOf(await left), 'approval-required')
  const id = pending(world)
  await world.approve(id)
  await world.calm()
  t.match(world.gate.approvals(), [{ id, state: 'approved' }])
  t.equal(await world.passes({ path: '/one' }), true)
})

approvalTest(
  'the shortest wait of all rules counts, and no wait is answered at once',
  {
    policy: policy(
      'wait: 20s',
      '',
      '  - { id: quick, hosts: [ask.example.com], paths: ["/now"], effect: approve }\n',
    ),
    disk: new MemoryDisk(),
  },
  async (t, world) => {
    const held: Held[] = []
    await hold(world, '/now', held)
    await world.calm()
    t.match(held, [{ code: 'approval-required' }])
    t.match(world.gate.approvals(), [{ wantedBy: ['person', 'quick'] }])
  },
)

approvalTest(
  'no more connections are held than there is room for',
  { policy: policy('wait: 600s'), disk: new MemoryDisk() },
  async (t, world) => {
    const { waiting } = world.core.approvals
    const digest = 'other'
    const ends = Array.from({ length: heldMax }, () =>
      waiting.join({ digest, waitMs: 1_000, left: () => undefined }),
    )
    t.equal(codeOf(await world.ask()), 'approval-required', 'answered at once')
    waiting.wake(digest)
    t.same(new Set(await Promise.all(ends)), new Set(['changed']))
    t.equal(waiting.size, 0)
    t.ok(world.clock.timers <= 1)
  },
)

approvalTest(
  'a seal answers whoever is held',
  { policy: policy('wait: 60s') },
  async (t, world) => {
    const held: Held[] = []
    await hold(world, '/one', held)
    world.core.seal({ code: 'ledger-unavailable', message: 'a test' })
    await settled()
    t.match(held, [{ code: 'ledger-unavailable' }])
  },
)
