/** Bodies: when they are asked for, what may come meanwhile, and what of them is recorded. */
import type { Content, Decoded } from '../../kernel/content.ts'
import type { Classification, Policy } from '../../kernel/policy.ts'
import type { RequestFacts } from '../../kernel/request.ts'
import { settled } from './clock.ts'
import { MemoryDisk } from './disk.ts'
import { compiled, type GateWorld, gateTest, policyText, settlement, voided } from './world.ts'

const content: Content = {
  decoder: 'openai',
  body: { model: 'm-1' },
  facts: {},
  model: {
    wire: 'openai-chat',
    model: 'm-1',
    streams: false,
    tokensInMax: 10,
    tokensOutMax: null,
    choices: 1,
  },
}
const read: Decoded = { ok: true, content }

/** A policy whose rules need the body; once it is there, what they say of it. */
function needing(policy: Policy, then: Partial<Classification> = {}): Policy {
  return {
    ...policy,
    classify: (facts: RequestFacts) => {
      const { headers } = facts
      const found = policy.classify({ ...facts, headers, content: null })
      return facts.content === null ? { ...found, decoder: 'openai' } : { ...found, ...then }
    },
  }
}

const tokens = (limit: number): string => `  - id: life
    scope: agent
    period: lifetime
    limits: { tokens: ${limit} }`

/** Puts a policy in force that needs bodies, which arrive when they are let go. */
async function needs(
  world: GateWorld,
  then: Partial<Classification> = {},
  text = policyText(),
): Promise<{ asked: string[]; arrive: (decoded: Decoded) => void }> {
  await world.load(needing(await compiled(text), then))
  const asked: string[] = []
  let arrived: (decoded: Decoded) => void = () => undefined
  const body = new Promise<Decoded>((resolve) => {
    arrived = resolve
  })
  world.read = ({ decoder }) => {
    asked.push(decoder)
    return body
  }
  return { asked, arrive: arrived }
}

const inMemory = (text = policyText()): { policy: string; disk: MemoryDisk } => ({
  policy: text,
  disk: new MemoryDisk(),
})

gateTest(
  'a request that is refused without its body asks neither for it nor for an address',
  inMemory(),
  async (t, world) => {
    const { asked } = await needs(world)
    let resolved = 0
    const answer = await world.admit({ host: 'no.example.com' }, {}, () => {
      resolved += 1
      return { ok: true, addresses: ['192.0.2.1'] }
    })
    t.match(answer, { refused: true, code: 'rule-denied' })
    t.strictSame([asked, resolved], [[], 0])
    t.notOk('decoder' in world.last('decision'), 'nothing was read')
  },
)

gateTest(
  'what a body says is judged before any address is asked for, and the passage has what was said of it',
  inMemory(policyText(tokens(100))),
  async (t, world) => {
    const then = { ask: { tokens: 60 }, least: { tokens: 20 } }
    const { asked, arrive } = await needs(world, then, policyText(tokens(100)))
    let resolved = 0
    const admitting = world.admit({}, { bytes_down: 5 }, () => {
      resolved += 1
      return { ok: true, addresses: ['192.0.2.1'] }
    })
    await settled()
    t.strictSame([asked, resolved], [['openai'], 0], 'the body comes first')
    arrive(read)
    const passage = await admitting
    if (passage.refused) throw new Error(passage.code)
    t.match(passage.classification, { decoder: '', ...then })
    t.equal(passage.limits['tokens'], 60)
    t.match(world.last('decision'), {
      ...{ ask: { bytes_down: 5, tokens: 60 }, least: { tokens: 20 } },
      ...{ decoder: 'openai', model: 'm-1', hold: { tokens: 60 } },
    })
    t.notOk(JSON.stringify(world.entries()).includes('"body"'), 'I6: no body in an entry')
    passage.open(() => undefined)
    passage.settle({ ...settlement, actual: { tokens: 60 } })
    const second = await world.pass()
    t.equal(second.limits['tokens'], 40, 'less than asked, and more than the least')
    const third = await world.admit()
    t.match(third, { refused: true, code: 'budget-exhausted' })
    second.settle(voided)
  },
)

gateTest('a body that cannot be read refuses with its code', inMemory(), async (t, world) => {
  for (const [code, mode] of [
    ['malformed-request', 'enforce'],
    ['request-too-large', 'observe'],
  ] as const) {
    const { arrive } = await needs(world, {}, policyText('', { mode }))
    arrive({ ok: false, code, message: 'no' })
    let resolved = 0
    const answer = await world.admit({}, {}, () => {
      resolved += 1
      return { ok: true, addresses: ['192.0.2.1'] }
    })
    t.match(answer, { refused: true, code }, mode)
    t.equal(resolved, 0, 'policy before DNS')
    t.match(world.last('decision'), { decoder: 'openai', refusals: [{ code }], verdict: 'deny' })
  }
})

gateTest(
  'rules that need a second decoder refuse; the same one is read already',
  inMemory(),
  async (t, world) => {
    const other = await needs(world, { decoder: 'json' })
    other.arrive(read)
    t.match(await world.admit(), { refused: true, code: 'inspection-required' })
    t.strictSame(other.asked, ['openai'], 'no body is read twice')
    const same = await needs(world, { decoder: 'openai' })
    same.arrive(read)
    const passage = await world.pass()
    passage.settle(voided)
  },
)

gateTest('a halt that comes while a body arrives refuses it', inMemory(), async (t, world) => {
  const { arrive } = await needs(world)
  let resolved = 0
  const admitting = world.admit({}, {}, () => {
    resolved += 1
    return { ok: true, addresses: ['192.0.2.1'] }
  })
  await settled()
  await world.halt('agent:a')
  arrive(read)
  t.match(await admitting, { refused: true, code: 'halted' })
  t.equal(resolved, 0)
})

gateTest('a gate that drains while a body arrives refuses it', inMemory(), async (t, world) => {
  const { arrive } = await needs(world)
  const admitting = world.admit()
  await settled()
  world.gate.drain()
  arrive(read)
  t.match(await admitting, { refused: true, code: 'shutting-down', receipt: { seq: Number } })
})

gateTest(
  'a policy that comes while a body arrives judges anew, and does not read it again',
  inMemory(),
  async (t, world) => {
    const { asked, arrive } = await needs(world)
    const [one, other] = [world.admit(), world.admit({ host: 'slow.example.com' })]
    await settled()
    const shut = policyText('', {
      rules: '  - { id: late, hosts: [ok.example.com], effect: deny }\n',
    })
    const next = needing(await compiled(shut))
    await world.load(next)
    arrive(read)
    t.match(await one, { refused: true, code: 'rule-denied', policy: next.digest })
    const passage = await other
    t.match(passage, { refused: false, policy: next.digest })
    if (!passage.refused) passage.settle(voided)
    t.strictSame(asked, ['openai', 'openai'], 'once for each request')
  },
)

gateTest(
  'a body that another policy had read in between is read anew, so that what is judged is what was read last (I12)',
  inMemory(),
  async (t, world) => {
    const { asked, arrive } = await needs(world)
    arrive(read)
    let answers: ((destination: { ok: true; addresses: string[] }) => void)[] = []
    const admitting = world.admit({}, {}, () => new Promise((resolve) => answers.push(resolve)))
    const first = world.gate.policy
    await settled()
    const looking = policyText('', {
      rules: '  - { id: late, hosts: [x.example], effect: deny }\n',
    })
    const between = await compiled(looking)
    const terms = { action: 'block', detectors: ['jwt'], responses: false, rule: 'r' } as const
    await world.load(needing({ ...between, classify: withPayload(between, [terms]) }))
    for (const policy of [first, null]) {
      const waiting = answers
      answers = []
      for (const answer of waiting) answer({ ok: true, addresses: ['192.0.2.1'] })
      await settled()
      if (policy !== null) await world.load(policy)
    }
    for (const answer of answers) answer({ ok: true, addresses: ['192.0.2.1'] })
    const passage = await admitting
    if (passage.refused) throw new Error(passage.code)
    passage.settle(voided)
    t.equal(passage.policy, first.digest)
    t.equal(asked.length, 3)
  },
)

function withPayload(policy: Policy, payload: Classification['payload']): Policy['classify'] {
  return (facts) => ({ ...policy.classify(facts), payload })
}

gateTest(
  'what was found and measured is recorded by name, place and number',
  inMemory(),
  async (t, world) => {
    const finding = {
      count: 2,
      detector: 'jwt',
      hash: '0123456789abcdef',
      place: 'request-body',
    } as const
    const facts = world.facts()
    const amounts = { charge: {}, ask: {}, findings: [finding] }
    const resolve = () => ({ ok: true, addresses: ['192.0.2.1'] }) as const
    const passage = await world.gate.admit(facts, amounts, { resolve, read: world.read })
    if (passage.refused) throw new Error(passage.code)
    t.strictSame(world.last('decision')['findings'], [finding])
    passage.open(() => undefined)
    const hashes = { response: `sha256:${'1'.repeat(64)}`, prompt: `sha256:${'0'.repeat(64)}` }
    const findings = [{ ...finding, place: 'response-body' } as const]
    passage.settle({ ...settlement, findings, hashes, usage_source: 'response' })
    await world.quiet()
    t.match(world.last('settlement'), { findings, hashes, usage_source: 'response' })
    const plain = await world.pass()
    plain.settle(voided)
    await world.quiet()
    const empty = world.last('settlement')
    t.notOk('findings' in empty || 'hashes' in empty || 'usage_source' in empty)
    const many = Array.from({ length: 100 }, () => finding)
    const full = await world.gate.admit(
      world.facts(),
      { ...amounts, findings: many },
      { resolve, read: world.read },
    )
    if (!full.refused) full.settle(voided)
    t.equal((world.last('decision')['findings'] as unknown[]).length, 40, 'bounded')
  },
)
