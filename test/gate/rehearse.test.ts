/** Decisions about what is not sent: the same judgement, one entry each, and nothing that stays. */
import { test } from 'tap'
import { commitmentMs, commitmentsMax } from '../../gate/commitments.ts'
import { rehearsalsMax } from '../../gate/rehearse.ts'
import type { RequestFacts } from '../../kernel/request.ts'
import { ApprovalWorld, approvalTest, codeOf, policy } from './approval-world.ts'
import { MemoryDisk } from './disk.ts'
import { compiled, policyText } from './world.ts'

const lifetime = (limit: number): string => `  - id: few
    scope: agent
    agents: [a]
    period: lifetime
    limits: { requests: ${limit} }
    on_limit: block`

const call = (
  world: ApprovalWorld,
  more: Partial<RequestFacts> = {},
): { facts: RequestFacts; refusals: [] } => ({
  facts: world.facts(more),
  refusals: [],
})

approvalTest(
  'a rehearsal answers what a request would be answered, in an entry of its own, and holds nothing',
  { policy: policy('', lifetime(1)) },
  async (t, world) => {
    const before = world.digest
    const [allowed] = await world.gate.rehearse([call(world)])
    t.match(allowed, { verdict: 'allow', reasons: [], hold: null, approval: null, cached: false })
    t.match(allowed, { domain: 'general', action: 'axn_request', digest: /^[0-9a-f]{64}$/ })
    const entry = world.entries('preview').at(-1)
    t.match(entry, {
      seq: allowed?.receipt?.seq,
      data: { verdict: 'allow', host: 'ok.example.com' },
    })
    const [denied] = await world.gate.rehearse([call(world, { host: 'no.example.com' })])
    t.match(denied, { verdict: 'deny', reasons: [{ code: 'rule-denied', id: 'shut' }] })
    const [asked] = await world.gate.rehearse([call(world, { host: 'ask.example.com' })])
    t.match(asked, { verdict: 'approve', approval: null }, 'nobody is asked')
    const [bomb] = await world.gate.rehearse([call(world, { host: 'bomb.example.com' })])
    t.match(bomb, { verdict: 'halt' })
    t.same(world.severed, [], 'and nothing is halted')
    t.equal(world.digest, before, 'nothing moved')
    t.equal(world.resolved, 0)
    await world
      .pass()
      .then((passage) => passage.settle({ outcome: 'voided', actual: {}, status: 0, cut: '' }))
  },
)

approvalTest(
  'each of several sees what those before it would hold, and its entry says so',
  { policy: policy('', lifetime(2)) },
  async (t, world) => {
    const asks = [call(world), call(world), call(world)]
    const answers = await world.gate.rehearse(asks)
    t.same(
      answers.map(({ verdict }) => verdict),
      ['allow', 'allow', 'deny'],
    )
    t.match(answers[2], { reasons: [{ code: 'budget-exhausted', id: 'few' }] })
    const entries = world.entries('preview')
    t.same(
      entries.map(({ data }) => data['verdict']),
      ['allow', 'allow', 'allow'],
    )
    t.match(entries[2]?.data, {
      in_turn: { after: 2, verdict: 'deny', reasons: [{ code: 'budget-exhausted' }] },
    })
    t.equal(world.used('few'), 0)
    const many = Array.from({ length: rehearsalsMax + 1 }, () => call(world))
    t.equal((await world.gate.rehearse(many)).length, rehearsalsMax)
  },
)

approvalTest(
  'what already speaks against it is heard, and its body is known by its bytes',
  { policy: policy() },
  async (t, world) => {
    const reason = { code: 'type-unknown', id: '', message: 'Another action.' } as const
    const refused = await world.gate.rehearse([{ facts: world.facts(), refusals: [reason] }])
    t.match(refused, [{ verdict: 'deny', reasons: [{ code: 'type-unknown' }] }])
    const facts = world.facts({ host: 'ask.example.com', method: 'POST', path: '/orders' })
    world.body = '{"qty":1}'
    const id = await world.wait()
    const [known] = await world.gate.rehearse([{ facts, refusals: [], body: '{"qty":1}' }])
    t.match(known, { verdict: 'approve', approval: { id } }, 'others asked for it')
    t.equal(known?.digest, world.gate.approvals()[0]?.digest)
    await world.approve(id)
    t.match(await world.gate.rehearse([{ facts, refusals: [], body: '{"qty":1}' }]), [
      { verdict: 'allow' },
    ])
    t.match(await world.gate.rehearse([{ facts, refusals: [], body: '{"qty":2}' }]), [
      { verdict: 'approve' },
    ])
    t.equal(await world.passes(), true, 'the yes was not used up by that')
  },
)

approvalTest(
  'a commitment holds its budget until it is settled, and asks people where it has to',
  { policy: policy('', lifetime(3)) },
  async (t, world) => {
    const [one] = await world.gate.rehearse([call(world)], { commit: true })
    t.match(one, { verdict: 'allow', hold: String, receipt: { seq: Number } })
    t.equal(world.last('decision')['verdict'], 'allow')
    t.equal(world.used('few'), 1)
    t.equal(world.gate.settleHold(one?.hold ?? '', { cost_usd: 5 }), null)
    await world.quiet()
    t.match(world.last('settlement'), { outcome: 'settled', actual: { cost_usd: 5 } })
    t.match(world.gate.settleHold(one?.hold ?? '', {}), { refused: true }, 'once')
    const asking = call(world, { host: 'ask.example.com' })
    const [asked] = await world.gate.rehearse([asking], { commit: true })
    t.match(asked, { verdict: 'approve', hold: null, approval: { id: asking.facts.id } })
    await world.approve(asking.facts.id)
    const [yes] = await world.gate.rehearse([call(world, { host: 'ask.example.com' })], {
      commit: true,
    })
    t.match(yes, { verdict: 'allow', hold: String })
    await world.halt('agent:a')
    t.match(world.gate.settleHold(yes?.hold ?? '', {}), { code: 'halted' })
    await world.quiet()
    t.match(world.last('settlement'), { outcome: 'voided' })
    const [late] = await world.gate.rehearse([call(world)], { commit: true })
    t.match(late, { verdict: 'halt', hold: null })
  },
)

approvalTest(
  'a commitment that nobody settles is given back',
  { policy: policy('', lifetime(2)), disk: new MemoryDisk() },
  async (t, world) => {
    await world.gate.rehearse([call(world), call(world), call(world)], { commit: true })
    t.equal(world.used('few'), 2)
    await world.clock.pass(commitmentMs - 1)
    t.equal(world.used('few'), 2)
    await world.clock.pass(1)
    t.equal(world.used('few'), 0)
    t.match(world.last('settlement'), { outcome: 'voided' })
    await world.gate.rehearse([call(world)], { commit: true })
  },
)

approvalTest(
  'there is room for so many commitments, and a gate that drains gives none',
  { policy: policyText(), disk: new MemoryDisk() },
  async (t, world) => {
    for (let done = 0; done < commitmentsMax; done += rehearsalsMax) {
      const asks = Array.from({ length: rehearsalsMax }, () => call(world))
      await world.gate.rehearse(asks, { commit: true })
    }
    t.match(await world.gate.rehearse([call(world)], { commit: true }), [
      { verdict: 'deny', reasons: [{ code: 'rate-limited' }], hold: null },
    ])
    world.gate.drain()
    for (const commit of [true, false]) {
      const [answer] = await world.gate.rehearse([call(world)], { commit })
      t.match(answer, { verdict: 'deny', reasons: [{ code: 'shutting-down' }], receipt: null })
    }
  },
)

approvalTest(
  'an action of no request is judged too, and hostile names seal nothing',
  { policy: policy() },
  async (t, world) => {
    const content = {
      decoder: 'json',
      body: { qty: 1, text: 'x' },
      facts: {},
      model: null,
    } as const
    const asked = { domain: 'finance', action: 'axn_order', resource: '', actor: '' }
    const action = { kind: 'action', host: '', path: '', port: 0, method: '', content } as const
    const [answer] = await world.gate.rehearse([call(world, { ...action, action: asked })])
    t.match(answer, { verdict: 'deny', reasons: [{ code: 'domain-unknown' }, { code: 'no-rule' }] })
    const { principal } = world.facts()
    for (const run of ['', 'a b', '../x', 'x'.repeat(65)]) {
      const hostile = call(world, { principal: { ...principal, run } })
      t.match(await world.gate.rehearse([hostile]), [{ reasons: [{ code: 'malformed-request' }] }])
    }
    const lone = { ...content, body: { text: '\ud800' } }
    t.match(await world.gate.rehearse([call(world, { ...action, content: lone, action: asked })]), [
      { verdict: 'deny' },
    ])
    t.equal(world.gate.sealed, false)
    t.equal(codeOf(await world.ask({ host: 'no.example.com' })), 'rule-denied')
  },
)

approvalTest(
  'an agent that the policy does not declare is refused, and so is a body that nobody read',
  {
    policy: policyText('', {
      rules:
        '  - { id: sees, hosts: [ok.example.com], decoder: json, when: "body.n == 1", effect: deny }\n',
    }),
  },
  async (t, world) => {
    const { principal } = world.facts()
    const ghost = call(world, { principal: { ...principal, agent: 'ghost' } })
    for (const commit of [false, true]) {
      t.match(await world.gate.rehearse([ghost], { commit }), [
        { verdict: 'deny', reasons: [{ code: 'identity-unknown' }], hold: null },
      ])
    }
    t.match(await world.gate.rehearse([call(world)]), [{ reasons: [{ code: 'facts-missing' }] }])
  },
)

test('a ledger that cannot write answers so, and nothing is held', async (t) => {
  for (const commit of [false, true]) {
    const disk = new MemoryDisk()
    const world = new ApprovalWorld({ disk })
    t.teardown(() => world.place.remove())
    await world.open(await compiled(policyText()))
    disk.failAt = disk.calls.length + 1
    disk.dead = true
    t.match(await world.gate.rehearse([call(world), call(world)], { commit }), [
      { verdict: 'deny', reasons: [{ code: 'ledger-unavailable' }], receipt: null, hold: null },
      { verdict: 'deny', reasons: [{ code: 'ledger-unavailable' }] },
    ])
    t.equal(world.seals.length, 1)
  }
})

const issuers =
  'issuers: { clinic: { kinds: [consent], key: 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo } }\n'

test('a policy that comes while a statement is verified judges anew', async (t) => {
  const world = new ApprovalWorld()
  t.teardown(() => world.place.remove())
  const shut = '  - { id: late, hosts: [ok.example.com], effect: deny }\n'
  const next = await compiled(issuers + policyText('', { rules: shut }))
  let loads = 0
  world.prove = async () => {
    loads += 1
    if (loads === 1) await world.load(next)
    return { ok: true, proofs: [] }
  }
  await world.open(await compiled(issuers + policyText()))
  t.teardown(() => world.close())
  const shown = { headers: { 'haltgate-proof': 'a.b.c' } }
  t.match(await world.gate.rehearse([call(world, shown)]), [{ reasons: [{ id: 'late' }] }])
  t.equal(loads, 2)
  loads = 0
  await world.load(await compiled(issuers + policyText()))
  t.equal(codeOf(await world.admit(shown)), 'rule-denied', 'a request too')
})
