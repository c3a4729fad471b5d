/** Many cuts at once: who is cut, in which turn, and that what they settle is waited for by nobody and lost by none. */
import { settlementsPerTurn } from '../../gate/backlog.ts'
import type { Passage } from '../../gate/passage.ts'
import type { Refusal } from '../../gate/refusal.ts'
import { settled } from './clock.ts'
import { MemoryDisk } from './disk.ts'
import { compiled, type GateWorld, gateTest, policyText } from './world.ts'

/** Opens passages that settle in the turn in which they are cut, as the proxy does. */
async function open(
  world: GateWorld,
  count: number,
  more: Parameters<GateWorld['pass']>[0] = {},
): Promise<Refusal[]> {
  const cuts: Refusal[] = []
  const passages: Passage[] = await Promise.all(
    Array.from({ length: count }, () => world.pass(more)),
  )
  for (const passage of passages) {
    passage.open((refusal) => {
      cuts.push(refusal)
      const cut = refusal.code
      passage.settle({ outcome: 'settled', actual: { bytes_down: 1 }, status: 200, cut })
    })
  }
  return cuts
}

const many = 5_000
const life = policyText(
  '  - { id: life, scope: agent, period: lifetime, limits: { requests: 9000 } }',
)

gateTest(
  'a halt of 5,000 open requests cuts them all in its turn, and is acknowledged before they are all settled',
  { policy: life, disk: new MemoryDisk(), deepCheck: false },
  async (t, world) => {
    const cuts = await open(world, many)
    const halting = world.halt('fleet')
    t.equal(cuts.length, many, 'in the same turn')
    t.equal(world.gate.status().requestsOpen, 0)
    t.equal(world.gate.status().holdsOpen, many, 'and none is settled in it')
    t.equal((await halting).ok, true)
    t.ok(world.gate.status().holdsOpen > 0, 'nobody waited for the settlements')
    await world.clock.pass(1_000)
    t.equal(world.gate.status().holdsOpen, 0)
    await world.quiet()
    const entries = world.entries('settlement', 'halt')
    t.equal(entries[0]?.kind, 'halt', 'the halt comes first')
    t.equal(new Set(entries.map(({ data }) => data['request'])).size, many + 1, 'I2: each once')
    t.equal(world.used('life'), many)
  },
)

gateTest(
  'a close waits for what is cut, and every hold is settled',
  { policy: life, disk: new MemoryDisk(), deepCheck: false },
  async (t, world) => {
    await open(world, 1_000)
    const closing = world.gate.close()
    t.equal(world.gate.status().holdsOpen, 1_000)
    await world.clock.pass(100)
    await world.quiet()
    await closing
    t.equal(world.entries('settlement').length, 1_000)
    t.equal(world.clock.timers, 0)
  },
)

gateTest(
  'a small cut is settled in its own turn, a larger one in turns that follow',
  { policy: life, disk: new MemoryDisk(), deepCheck: false },
  async (t, world) => {
    const other = { ...world.facts().principal, agent: 'b' }
    await open(world, settlementsPerTurn)
    await open(world, settlementsPerTurn + 1, { principal: other })
    const held = (): number => world.gate.status().holdsOpen
    const small = world.halt('agent:a')
    t.equal(held(), settlementsPerTurn + 1)
    const large = world.halt('agent:b')
    t.equal(held(), settlementsPerTurn + 1)
    await world.clock.pass(0)
    t.equal(held(), 0)
    t.match(await Promise.all([small, large]), [{ ok: true }, { ok: true }])
  },
)

gateTest(
  'what still waits when the time for closing is over is left to the next start',
  { policy: life, disk: new MemoryDisk(), deepCheck: false },
  async (t, world) => {
    const cut = settlementsPerTurn + 10
    await open(world, cut)
    world.core.cutAll()
    world.core.end()
    await world.clock.pass(100)
    t.equal(world.gate.status().holdsOpen, cut)
    t.equal(world.core.backlog.busy, false)
  },
)

const kill = policyText(
  '  - { id: cap, scope: run, period: lifetime, limits: { bytes_down: 100 }, on_limit: kill }',
)

gateTest(
  'a settlement of one cut that halts another scope cuts that one too',
  { policy: kill, disk: new MemoryDisk(), deepCheck: false },
  async (t, world) => {
    const other = { ...world.facts().principal, agent: 'b' }
    const cuts = await open(world, 1, { principal: other })
    const passage = await world.pass()
    passage.open(() => {
      const actual = { bytes_down: 1_000 }
      passage.settle({ outcome: 'settled', actual, status: 200, cut: 'halted' })
    })
    const sibling = await world.pass({ principal: { ...world.facts().principal } })
    let siblingCut = 0
    sibling.open(() => {
      siblingCut += 1
      sibling.settle({ outcome: 'settled', actual: {}, status: 200, cut: 'halted' })
    })
    await world.halt('agent:a')
    t.strictSame(world.severed, ['agent:a operator', 'run:a/r1 on_limit'])
    t.strictSame([cuts.length, siblingCut], [0, 1])
    await world.clock.pass(10)
    t.equal(world.gate.status().holdsOpen, 1)
    await world.halt('fleet')
  },
)

const agents = (list: string): string => `version: 1
defaults: { verdict: allow, tls: tunnel }
agents: { ${list} }
`
const hash = (digit: string): string => `sha256:${digit.repeat(64)}`
const token = (digit: string): string => digit.repeat(16)

gateTest(
  'a reload cuts what is open of agents and tokens that it took away, and nothing else',
  {
    policy: agents(`a: {}, b: {}, c: { tokens: ["${hash('1')}", "${hash('2')}"] }`),
    disk: new MemoryDisk(),
  },
  async (t, world) => {
    const base = { ...world.facts().principal, tenant: null }
    const who = {
      gone: { ...base, agent: 'a' },
      stays: { ...base, agent: 'b' },
      revoked: { ...base, agent: 'c', key: token('1') },
      kept: { ...base, agent: 'c', key: token('2') },
      bound: { ...base, agent: 'c' },
    }
    const cuts = new Map<string, readonly Refusal[]>()
    for (const [name, principal] of Object.entries(who)) {
      cuts.set(name, await open(world, 1, { principal }))
    }
    const late = await world.pass({ principal: who.revoked })
    let resolve = (): void => undefined
    const resolving = world.admit({ principal: who.gone }, {}, () => {
      return new Promise((answer) => {
        resolve = () => answer({ ok: true, addresses: ['192.0.2.1'] })
      })
    })
    const loading = world.load(await compiled(agents(`b: {}, c: { tokens: ["${hash('2')}"] }`)))
    const cut = [...cuts].flatMap(([name, refusals]) => (refusals.length > 0 ? [name] : []))
    t.strictSame(cut, ['gone', 'revoked'], 'in the turn of the load')
    t.match(cuts.get('gone'), [{ code: 'identity-unknown', status: 407 }])
    await loading
    await world.quiet()
    const codes = world.entries('settlement').map(({ data }) => data['cut'])
    t.strictSame(codes, ['identity-unknown', 'identity-unknown'])
    t.match(
      late.open(() => undefined),
      { code: 'identity-unknown' },
      'nothing is dispatched',
    )
    late.settle({ outcome: 'voided', actual: {}, status: 407, cut: 'identity-unknown' })
    resolve()
    t.match(await resolving, { code: 'identity-unknown', receipt: { seq: Number } })
    const asked = await world.admit({ principal: who.revoked })
    t.match(asked, { code: 'identity-unknown', receipt: { seq: Number } }, 'one entry each')
    const reached = await world.gate.reach(world.facts({ kind: 'reach', principal: who.gone }))
    t.match(reached, { code: 'identity-unknown' })
    await settled()
    t.equal(world.gate.status().requestsOpen, 3)
  },
)

gateTest(
  'an observed passage of an agent that is gone is cut, and none is opened',
  {
    policy: `${agents('a: {}, b: {}')}mode: observe\nrules: [{ id: no, effect: deny }]\n`,
    disk: new MemoryDisk(),
  },
  async (t, world) => {
    const principal = { ...world.facts().principal, tenant: null }
    const passage = await world.pass({ principal })
    const late = await world.pass({ principal })
    const codes: string[] = []
    passage.open(({ code }) => codes.push(code))
    await world.load(await compiled(agents('b: {}')))
    t.strictSame(codes, ['identity-unknown'])
    t.match(
      late.open(() => undefined),
      { code: 'identity-unknown' },
    )
  },
)
