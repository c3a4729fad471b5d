/** Whatever is said about a request, its entry fits: too much is refused for that, and the gate stays open. */
import { type Test, test } from 'tap'
import type { Judgement } from '../../kernel/domain.ts'
import type { Policy } from '../../kernel/policy.ts'
import { ApprovalWorld, approvalTest, asking, codeOf } from './approval-world.ts'
import { compiled, policyText } from './world.ts'

const names = Array.from({ length: 64 }, (_, index) => `fact_${index}`)

const manyFacts = policyText('', {
  rules: `  - id: many
    hosts: [many.example.com]
    decoder: json
    context: { ${names.map((name) => `${name}: body.v`).join(', ')} }
    effect: allow
`,
})

approvalTest(
  'facts that an agent fills with what takes most room are left out of the entry, and seal nothing',
  { policy: manyFacts },
  async (t, world) => {
    world.body = JSON.stringify({ v: '\u0001'.repeat(256) })
    t.equal(await world.passes({ host: 'many.example.com' }), true)
    const { context } = world.last('decision') ?? {}
    const kept = Object.keys(context as object).length
    t.ok(kept > 0 && kept < names.length, `${kept} are kept`)
    world.body = '{"v":"short"}'
    t.equal(await world.passes({ host: 'many.example.com' }), true)
    t.equal(Object.keys(world.last('decision')?.['context'] as object).length, names.length)
    t.strictSame(world.seals, [])
  },
)

const people = Array.from({ length: 100 }, (_, index) => `${'p'.repeat(60)}-${index}`)

const quiet: Judgement = {
  ...{ violations: [], checks: [], charge: {}, marks: [], controls: [], added: {} },
  riskLevel: 0,
}

const violation = {
  domain: 'finance',
  severity: 'high',
  message: 'People must agree.',
  recommendation: 'Wait.',
} as const

/** What a domain may say at most: everything that it may ask of people. */
const loud: Judgement = {
  ...quiet,
  violations: Array.from({ length: 64 }, (_, index) => ({
    ...violation,
    ...{ code: `check-${index}`, verdict: 'approve', need: 1 },
    of: people.map((name) => `${name}-${index}`.slice(0, 64)),
  })),
}

async function judging(t: Test, judge: Policy['judge']): Promise<ApprovalWorld> {
  const world = new ApprovalWorld()
  t.teardown(() => world.place.remove())
  await world.open({ ...(await compiled(policyText())), judge })
  t.teardown(() => world.close())
  return world
}

test('a domain that wants more people than an entry holds has the request refused', async (t) => {
  let said: Judgement = loud
  const world = await judging(t, () => said)
  const facts = { host: 'ok.example.com' }
  const answer = await world.ask(facts)
  t.match(answer, { code: 'validator-refused', reasons: [{ message: /More is said about/ }] })
  t.match(world.last('decision'), { verdict: 'deny', refusals: [{ code: 'validator-refused' }] })
  t.equal(world.gate.approvals().length, 0, 'and nobody is asked')
  const [rehearsed] = await world.gate.rehearse([{ facts: world.facts(facts), refusals: [] }])
  t.match(rehearsed, { verdict: 'deny', reasons: [{ code: 'validator-refused' }] })
  t.not(rehearsed?.receipt, null)
  said = quiet
  t.equal(await world.passes(facts), true, 'the gate stands open')
  t.strictSame(world.seals, [])
  t.equal(codeOf(await world.ask({ host: 'no.example.com' })), 'rule-denied')
})

approvalTest(
  'an answer of somebody with more groups than are heard is refused, and its entry fits',
  { policy: policyText('', { rules: asking() }) },
  async (t, world) => {
    const id = await world.wait()
    const groups = Array.from({ length: 1_000 }, (_, index) => `${'g'.repeat(59)}-${index}`)
    const answer = await world.approve(id, { groups })
    t.match(answer, { ok: false, reasons: [{ code: 'malformed-request' }] })
    t.match(await world.approve(id, { groups: groups.slice(0, 64) }), { ok: true })
    t.equal(await world.passes(), true)
    t.strictSame(world.seals, [])
  },
)
