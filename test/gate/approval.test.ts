/** What waits for people: asked once, answered once, bound to the byte, and denied where nobody answers. */
import fc from 'fast-check'
import type { RequestFacts } from '../../kernel/request.ts'
import {
  type Answering,
  approvalTest,
  asking,
  codeOf,
  noop,
  people,
  policy,
  sha256,
} from './approval-world.ts'
import { MemoryDisk } from './disk.ts'
import { compiled, policyText, settlement, voided } from './world.ts'

approvalTest(
  'a request that a person approves passes once when it is sent again, and its like is asked anew',
  { policy: policy() },
  async (t, world) => {
    world.body = '{"qty":1}'
    const asked = await world.ask()
    t.match(asked, { refused: true, status: 403, code: 'approval-required', decision: 'approve' })
    if (!asked.refused) return
    t.match(asked, { retry: 'operator', approval: { state: 'pending' } })
    const id = asked.approval?.id ?? ''
    t.equal(world.resolved, 0, 'no name is asked for before a person was')
    t.match(world.gate.approvals(), [
      { id, state: 'pending', agent: 'a', host: 'ask.example.com', matter: { path: '/orders' } },
    ])
    t.equal(world.gate.status().approvalsPending, 1)
    t.match(world.last('decision'), { verdict: 'approve', approval_id: id })
    t.match(await world.ask(), { code: 'approval-required', approval: { id } }, 'asked once')
    t.match(await world.approve(id, { reason: 'fine' }), { ok: true })
    t.match(world.last('approval'), { approval: id, by: 'maria', op: 'approve', reason: 'fine' })
    const passage = await world.ask()
    t.equal(codeOf(passage), 'passes')
    if (!passage.refused) passage.settle(voided)
    t.match(world.last('decision'), { verdict: 'allow', approval_id: id })
    t.equal(world.gate.approvals().length, 0, 'it is used up')
    const again = await world.ask()
    t.equal(codeOf(again), 'approval-required')
    t.not(again.refused && again.approval?.id, id, 'and asked anew')
    t.match(world.told, [
      { id, state: 'pending', view: { matter: { method: 'POST' } } },
      { id, state: 'approved' },
      { state: 'pending' },
    ])
  },
)

/** What a retry changes, each of which makes it another action. */
const others: readonly (readonly [string, Partial<RequestFacts>, string])[] = [
  ['another body', {}, '{"qty":2}'],
  ['another path', { path: '/orders/2' }, '{"qty":1}'],
  ['another query', { query: 'fast=1' }, '{"qty":1}'],
  ['another method', { method: 'PUT' }, '{"qty":1}'],
  ['another port', { port: 443 }, '{"qty":1}'],
  ['another scheme', { scheme: 'https' }, '{"qty":1}'],
]

approvalTest(
  'a yes is for one action to the byte: whatever differs is asked anew, and the yes stays for its own',
  { policy: policy() },
  async (t, world) => {
    world.body = '{"qty":1}'
    const id = await world.wait()
    await world.approve(id)
    for (const [what, more, body] of others) {
      world.body = body
      t.not(await world.wait(more), id, what)
    }
    const { principal } = world.facts()
    world.body = '{"qty":1}'
    t.not(await world.wait({ principal: { ...principal, run: 'r2' } }), id, 'another run')
    t.not(await world.wait({ principal: { ...principal, agent: 'b' } }), id, 'another agent')
    t.equal(await world.passes(), true)
    t.equal(world.gate.approvals().filter(({ state }) => state === 'pending').length, 8)
  },
)

approvalTest(
  'two requests are one action only where every part of them is the same',
  { policy: policy() },
  async (t, world) => {
    const part = fc.constantFrom('/a', '/b', '/%E2%82%AC')
    const text = fc.constantFrom('', 'x=1', 'x=1&x=1')
    const body = fc.oneof(fc.constantFrom('', '{}', '{ }', '\ud800'), fc.string())
    const request = fc.record({ path: part, query: text, body })
    const ids = new Map<string, string>()
    const property = fc.asyncProperty(request, async ({ path, query, body: sent }) => {
      world.body = sent
      const id = await world.wait({ path, query })
      const key = JSON.stringify([path, query, Buffer.from(sent, 'utf8').toString('hex')])
      const known = ids.get(key) ?? id
      ids.set(key, id)
      return known === id && new Set(ids.values()).size === ids.size
    })
    await fc.assert(property, { numRuns: 60 })
    t.ok(ids.size > 10)
  },
)

approvalTest(
  'a no is for good while it is remembered, and its reason reaches the agent',
  { policy: policy(), disk: new MemoryDisk() },
  async (t, world) => {
    const id = await world.wait()
    t.match(await world.deny(id, { reason: 'far too much' }), { ok: true })
    const answer = await world.ask()
    t.match(answer, { code: 'approval-denied', retry: 'never', decision: 'deny' })
    t.match(answer.refused && answer.approval, { id, state: 'denied', reason: 'far too much' })
    t.match(answer.refused && answer.reasons[0]?.message, /far too much/)
    t.match(await world.approve(id), { ok: false, reasons: [{ code: 'approval-closed' }] })
    t.equal(world.resolved, 0)
  },
)

const ofRisk = ['maria', 'jo', 'kim'].map((name) => ({ name, group: 'risk', hash: sha256(name) }))

/** Each line: who may not answer, and what it is told. */
const strangers: readonly (readonly [string, Answering, string])[] = [
  ['the agent that asks', { by: 'a' }, 'approver-refused'],
  ['somebody of no group that is asked', { by: 'eve', groups: ['sales'] }, 'approver-refused'],
  ['a name that is none', { by: 'a b' }, 'malformed-request'],
]

approvalTest(
  'nobody answers its own request, nor one that waits for others, and each try has its entry',
  { policy: policy('of: [risk], need: 2').replace('agents:', people(ofRisk)) },
  async (t, world) => {
    const id = await world.wait()
    for (const [who, more, code] of strangers) {
      const answer = await world.approve(id, more)
      t.match(answer, { ok: false, reasons: [{ code }] }, who)
      t.match(world.last('approval'), { op: 'approve', verdict: 'deny' }, who)
    }
    t.match(await world.approve('request-0'), {
      ok: false,
      reasons: [{ code: 'approval-unknown' }],
    })
    const groups = ['risk']
    t.match(await world.approve(id, { groups }), { ok: true })
    t.match(await world.approve(id, { groups }), { reasons: [{ code: 'approver-refused' }] })
    t.equal(codeOf(await world.ask()), 'approval-required', 'one of two')
    t.match(world.gate.approvals(), [{ state: 'pending', yes: ['maria'] }])
    t.match(await world.approve(id, { by: 'jo', groups }), { ok: true })
    t.match(await world.approve(id, { by: 'kim', groups }), {
      reasons: [{ code: 'approval-closed' }],
    })
    t.equal(await world.passes(), true)
  },
)

approvalTest(
  'silence is a denial: when its time is over an entry says so, and the next request asks anew',
  { policy: policy('expires: 60s'), disk: new MemoryDisk() },
  async (t, world) => {
    const id = await world.wait()
    await world.clock.pass(59_999)
    t.match(world.gate.approvals(), [{ id, state: 'pending' }])
    await world.clock.pass(1)
    t.match(world.last('approval'), { approval: id, op: 'expire', verdict: 'allow' })
    t.match(world.told.at(-1), { id, state: 'expired' })
    t.match(await world.approve(id), { ok: false, reasons: [{ code: 'approval-closed' }] })
    t.match(await world.ask(), { code: 'approval-expired', retry: 'operator' })
    t.not(await world.wait(), id)
    t.equal(world.clock.timers, 1, 'one timer for all of them')
  },
)

approvalTest(
  'a yes that nobody uses is over with its time too',
  { policy: policy('expires: 60s'), disk: new MemoryDisk() },
  async (t, world) => {
    await world.approve(await world.wait())
    await world.clock.pass(60_000)
    t.equal(codeOf(await world.ask()), 'approval-expired')
    t.equal(world.gate.status().approvalsPending, 0)
  },
)

approvalTest(
  'what waits outlives the process: it can be answered after a kill, and what was due meanwhile is over',
  { policy: policy('expires: 1h') },
  async (t, world) => {
    const first = await world.wait()
    const second = await world.wait({ path: '/second' })
    await world.approve(second)
    await world.die()
    await world.open(await compiled(policy('expires: 1h')))
    t.match(world.gate.approvals(), [
      { id: first, state: 'pending', matter: { method: 'POST', path: '/orders' } },
      { id: second, state: 'approved', matter: { path: '/second' } },
    ])
    t.equal((await world.approve(first)).ok, true)
    t.equal(await world.passes({ path: '/second' }), true)
    await world.die()
    world.clock.jump(3_600_000)
    await world.open(await compiled(policy('expires: 1h')))
    await world.calm()
    t.match(world.last('approval'), { approval: first, op: 'expire' })
    t.equal(codeOf(await world.ask()), 'approval-expired')
  },
)

const lifetime = (limit: number, onLimit = 'block'): string => `  - id: few
    scope: agent
    agents: [a]
    period: lifetime
    limits: { requests: ${limit} }
    on_limit: ${onLimit}`

approvalTest(
  'what waits holds its budget, so that a yes can never overdraw, and gives it back with a no',
  { policy: policy('', lifetime(2)) },
  async (t, world) => {
    const first = await world.wait()
    const second = await world.wait({ path: '/second' })
    t.equal(world.used('few'), 2)
    t.equal(codeOf(await world.ask({ path: '/third' })), 'budget-exhausted')
    t.equal(codeOf(await world.admit()), 'budget-exhausted')
    await world.deny(second, { reason: 'no' })
    t.equal(world.used('few'), 1)
    await world.approve(first)
    t.equal(await world.passes(), true)
    t.equal(world.used('few'), 1)
  },
)

approvalTest(
  'a budget that is spent may ask a person too',
  { policy: policyText(lifetime(1, 'approve')) },
  async (t, world) => {
    const passage = await world.pass()
    passage.open(noop)
    passage.settle(settlement)
    const id = await world.wait({ host: 'ok.example.com' })
    t.match(world.gate.approvals(), [{ wantedBy: ['few'] }])
    await world.approve(id)
    t.equal(await world.passes({ host: 'ok.example.com' }), true)
    t.equal(codeOf(await world.ask({ host: 'ok.example.com' })), 'approval-required')
  },
)

approvalTest(
  'a yes may be for more of its kind, so many and so long; another kind is asked',
  { policy: policy(), disk: new MemoryDisk() },
  async (t, world) => {
    const id = await world.wait()
    await world.approve(id, { permits: 2, permitsMs: 60_000 })
    t.equal(await world.passes(), true)
    t.equal(await world.passes({ path: '/other' }), true)
    t.equal(codeOf(await world.ask({ method: 'DELETE' })), 'approval-required')
    t.equal(await world.passes({ path: '/third' }), true)
    t.equal(codeOf(await world.ask({ path: '/fourth' })), 'approval-required', 'two were given')
    const more = await world.wait({ path: '/fifth' })
    await world.approve(more, { permits: 9, permitsMs: 60_000 })
    await world.clock.pass(60_000)
    t.equal(codeOf(await world.ask({ path: '/sixth' })), 'approval-required', 'its time is over')
  },
)

approvalTest(
  'nobody is asked in observe mode, nor where something stricter speaks',
  { policy: policyText('', { mode: 'observe', rules: asking() }) },
  async (t, world) => {
    t.match(await world.ask(), { refused: false, observed: true, verdict: 'approve' })
    t.equal(world.gate.approvals().length, 0)
    const deny = '  - { id: never, hosts: [ask.example.com], effect: deny }\n'
    await world.load(await compiled(policyText('', { rules: asking() + deny })))
    t.equal(codeOf(await world.ask()), 'rule-denied')
    t.equal(world.gate.approvals().length, 0)
    t.equal(world.reads, 0, 'and no body is read for it')
  },
)

approvalTest(
  'a halt and a new policy take every yes back',
  { policy: policy() },
  async (t, world) => {
    await world.approve(await world.wait())
    await world.load(await compiled(policy('expires: 30m')))
    t.equal(world.gate.approvals().length, 0)
    const id = await world.wait()
    await world.approve(id)
    await world.halt('agent:a')
    t.equal(world.gate.approvals().length, 0)
    t.equal(codeOf(await world.ask()), 'halted')
    const { cause: _, ...order } = world.order('agent:a')
    t.equal((await world.gate.reinstate(order)).ok, true)
    t.equal(codeOf(await world.ask()), 'approval-required')
  },
)

approvalTest(
  'a body that cannot be read whole asks nobody',
  { policy: policy() },
  async (t, world) => {
    const { read } = world
    const message = 'too long'
    world.read = async () => ({ ok: false, code: 'request-too-large', message })
    t.match(await world.ask(), { code: 'request-too-large', status: 413, approval: null })
    world.read = async () => ({ ok: true, content: null })
    t.match(await world.ask(), { code: 'approval-required', approval: null }, 'nor one unhashed')
    world.read = read
    t.equal(world.gate.approvals().length, 0)
  },
)

approvalTest(
  'a tunnel may wait for a person, and its retry passes once',
  { policy: policy() },
  async (t, world) => {
    const tunnel = {
      kind: 'tunnel',
      method: 'CONNECT',
      path: '',
      scheme: 'https',
      port: 443,
    } as const
    const id = await world.wait(tunnel)
    t.match(world.gate.approvals(), [{ matter: { method: 'CONNECT', port: 443 } }])
    await world.approve(id)
    t.equal(await world.passes(tunnel), true)
    t.equal(world.reads, 0)
    const { headers, ...reach } = world.facts({ ...tunnel, host: 'ask.example.com' })
    const reached = await world.gate.reach({ ...reach, headers, kind: 'reach' })
    t.notOk('refused' in reached, 'a host that people decide about can be reached')
  },
)

approvalTest(
  'a budget that others spend while its name resolves asks a person then',
  { policy: policyText(lifetime(1, 'approve')) },
  async (t, world) => {
    let known = noop
    const late = world.admit({ path: '/late' }, {}, async () => {
      await new Promise<void>((resolve) => {
        known = resolve
      })
      return { ok: true, addresses: ['192.0.2.1'] }
    })
    await world.calm()
    t.equal(await world.passes({ host: 'ok.example.com' }), true)
    known()
    t.match(await late, { code: 'approval-required', approval: { state: 'pending' } })
    t.match(world.gate.approvals(), [{ wantedBy: ['few'], matter: { path: '/late' } }])
  },
)
