/** What domains and tokens add to a decision: they can only make it stricter, and whatever fails refuses. */

import { type Test, test } from 'tap'
import type { Prove } from '../../gate/ports.ts'
import type { Judgement, Proof } from '../../kernel/domain.ts'
import type { Policy } from '../../kernel/policy.ts'
import { ApprovalWorld, codeOf, noop } from './approval-world.ts'
import { compiled, policyText } from './world.ts'

const quiet: Judgement = {
  violations: [],
  checks: ['finance/order-value'],
  charge: {},
  marks: [],
  controls: [],
  riskLevel: 0,
  added: {},
}

const violation = {
  domain: 'finance',
  code: 'order-value',
  severity: 'high',
  message: 'The order is too large.',
  recommendation: 'Order less.',
} as const

const budget = `  - id: few
    scope: agent
    period: lifetime
    limits: { risk: 100 }
    on_limit: block`

interface Judged {
  readonly judge?: Policy['judge']
  readonly capability?: 'require'
  readonly prove?: Prove
}

/** A world whose policy judges as the test says; closed at its end. */
async function judging(t: Test, { judge, capability, prove }: Judged): Promise<ApprovalWorld> {
  const world = new ApprovalWorld()
  world.prove = prove ?? null
  t.teardown(() => world.place.remove())
  const policy = await compiled(policyText(budget))
  const classify: Policy['classify'] = (facts) => {
    const found = policy.classify(facts)
    return capability === undefined ? found : { ...found, capability }
  }
  await world.open({ ...policy, classify, judge: judge ?? (() => null) })
  t.teardown(() => world.close())
  return world
}

const at = { host: 'ok.example.com' } as const

test('a violation that denies refuses with its own code, or as a validator', async (t) => {
  const codes = ['order-value', 'facts-missing', 'type-unknown', 'proof-expired'] as const
  for (const code of codes) {
    const found: Judgement = { ...quiet, violations: [{ ...violation, code, verdict: 'deny' }] }
    const world = await judging(t, { judge: () => found })
    const answer = await world.ask(at)
    const expected = code === 'order-value' ? 'validator-refused' : code
    t.match(answer, { code: expected, reasons: [{ id: `finance/${code}`, message: /too large/ }] })
    t.match(world.last('decision'), { refusals: [{ code: expected, id: `finance/${code}` }] })
    t.equal(world.resolved, 0, 'and asks for no name')
  }
})

test('a violation that halts halts the run', async (t) => {
  const found: Judgement = { ...quiet, violations: [{ ...violation, verdict: 'halt' }] }
  const world = await judging(t, { judge: () => found })
  t.match(await world.ask(at), { code: 'validator-refused', decision: 'halt' })
  t.match(world.severed, ['run:a/r1 rule'])
})

test('a violation may ask a person, of its own quorum, beside what the rules want', async (t) => {
  const asks = { ...violation, verdict: 'approve', need: 2, of: ['risk'] } as const
  const world = await judging(t, { judge: () => ({ ...quiet, violations: [asks] }) })
  const id = await world.wait(at)
  t.match(world.gate.approvals(), [
    { quorums: [{ need: 2, of: ['risk'] }], wantedBy: ['finance/order-value'] },
  ])
  for (const by of ['maria', 'jo']) await world.approve(id, { by, groups: ['risk'] })
  t.equal(await world.passes(at), true)
})

test('a warning passes, and says so', async (t) => {
  const world = await judging(t, {
    judge: () => ({ ...quiet, violations: [{ ...violation, verdict: 'warn' }] }),
  })
  const answer = await world.ask(at)
  t.match(answer, { refused: false, verdict: 'warn' })
  t.match(world.last('decision'), { demands: [{ id: 'finance/order-value', verdict: 'warn' }] })
})

test('a domain charges the larger of its amount and the one there is', async (t) => {
  const world = await judging(t, { judge: () => ({ ...quiet, charge: { risk: 60, requests: 0 } }) })
  t.equal(await world.passes(at), true)
  t.match(world.last('decision'), { charge: { risk: 60, requests: 1 } })
  t.equal(codeOf(await world.ask(at)), 'budget-exhausted')
})

test('what a domain remembers refuses a later one with its reason', async (t) => {
  const reason = {
    code: 'validator-refused',
    id: 'finance/nonce',
    message: 'Sent before.',
  } as const
  const mark = { op: 'once', key: 'finance/n-1', amount: 0, limit: 0, reason } as const
  const world = await judging(t, {
    judge: (_facts, _found, when) => ({ ...quiet, marks: [{ ...mark, until: when.at + 60_000 }] }),
  })
  t.equal(await world.passes(at), true)
  t.match(await world.ask(at), { code: 'validator-refused', reasons: [{ id: 'finance/nonce' }] })
})

test('a judge that throws has denied', async (t) => {
  const world = await judging(t, {
    judge: () => {
      throw new TypeError('a bug')
    },
  })
  t.match(await world.ask(at), { code: 'plugin-failed', status: 403 })
})

/** A token that was verified. */
const token = (claims: Proof['claims'], more: Partial<Proof> = {}): Proof => ({
  ...{ kind: 'capability', issuer: 'haltgate', id: 'one', subject: 'run:a/r1' },
  ...{ issuedAt: 0, expiresAt: Date.UTC(2030, 0, 1), claims, ...more },
})

const headers = { 'haltgate-capability': 'a.b.c' }

/** What a token is bound to for what `ask` sends to ok.example.com, as a rehearsal tells it. */
async function digestIn(world: ApprovalWorld): Promise<string> {
  const facts = world.facts({ ...at, method: 'POST', path: '/orders' })
  const [rehearsed] = await world.gate.rehearse([{ facts, refusals: [], body: world.body }])
  return rehearsed?.act ?? ''
}

test('where a token is required it is for this action, scope and policy, and spent once', async (t) => {
  let shown: Proof | null = null
  const world = await judging(t, {
    capability: 'require',
    prove: async () => ({ ok: true, proofs: shown === null ? [] : [shown] }),
  })
  world.body = '{"qty":1}'
  const pol = world.gate.policy.digest
  const act = await digestIn(world)
  t.match(act, /^[0-9a-f]{64}$/)
  const good = { act, pol, root: 'root-1' }
  const bad: readonly (readonly [string, Proof | null, string])[] = [
    ['none', null, 'capability-required'],
    ['another action', token({ ...good, act: 'ab'.repeat(32) }), 'capability-invalid'],
    ['another policy', token({ ...good, pol: 'sha256:0' }), 'capability-invalid'],
    ['another agent', token(good, { subject: 'agent:b' }), 'capability-invalid'],
    ['another run', token(good, { subject: 'run:a/r2' }), 'capability-invalid'],
    ['no root', token({ act, pol }), 'capability-invalid'],
    ['a root that is no id', token({ ...good, root: 'a b' }), 'capability-invalid'],
    ['an old one', token(good, { expiresAt: 1 }), 'capability-expired'],
  ]
  for (const [what, proof, code] of bad) {
    shown = proof
    t.equal(codeOf(await world.ask({ ...at, headers })), code, what)
  }
  t.equal(codeOf(await world.ask(at)), 'capability-required', 'without the header')
  shown = token(good)
  world.body = '{"qty":2}'
  t.equal(codeOf(await world.ask({ ...at, headers })), 'capability-invalid', 'another body')
  world.body = '{"qty":1}'
  t.equal(await world.passes({ ...at, headers }), true)
  t.equal(codeOf(await world.ask({ ...at, headers })), 'capability-used')
  shown = token(good, { id: 'two', subject: 'agent:a' })
  t.equal(codeOf(await world.ask({ ...at, headers })), 'capability-used', 'one of a line')
})

test('a token that does not verify says why; a verifier that fails proves nothing', async (t) => {
  const message = 'The token is not of this gate.'
  const bad = await judging(t, {
    capability: 'require',
    prove: async () => ({ ok: false, code: 'capability-invalid', message }),
  })
  t.match(await bad.ask({ ...at, headers }), { code: 'capability-invalid', reasons: [{ message }] })
  const broken = await judging(t, {
    capability: 'require',
    prove: async () => {
      throw new Error('no key')
    },
  })
  t.equal(codeOf(await broken.ask({ ...at, headers })), 'capability-required')
})

test('statements are verified only where the policy names who may make them', async (t) => {
  const asked: unknown[] = []
  const world = await judging(t, {
    prove: async (shown) => {
      asked.push(shown)
      return { ok: true, proofs: [] }
    },
  })
  const said = { ...at, headers: { 'haltgate-proof': 'a.b.c' } }
  t.equal(await world.passes(said), true)
  t.same(asked, [], 'it names nobody')
  const issuers = new Map([['clinic', { name: 'clinic', kinds: ['consent'], key: 'x' }]])
  await world.load({ ...world.gate.policy, issuers })
  t.equal(await world.passes(said), true)
  t.same(asked, [{ statements: 'a.b.c', capability: null }])
  t.equal(await world.passes(at), true)
  t.equal(asked.length, 1, 'nothing was shown')
})

test('a passage that was judged is opened and settled as any other', async (t) => {
  const world = await judging(t, { judge: () => quiet })
  const answer = await world.ask(at)
  t.equal(answer.refused, false)
  if (answer.refused) return
  t.equal(answer.open(noop), null)
  answer.settle({ outcome: 'settled', actual: {}, status: 200, cut: '' })
})
