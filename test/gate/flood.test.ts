/** Floods of refusals: every refusal is counted once, in an entry of its own or in one that stands for many. */
import { refusedEntriesPerSecond } from '../../gate/flood.ts'
import { MemoryDisk } from './disk.ts'
import { allGood, compiled, type GateWorld, gateTest, policyText, settlement } from './world.ts'

const inMemory = (text: string): { policy: string; disk: MemoryDisk; deepCheck: boolean } => ({
  policy: text,
  disk: new MemoryDisk(),
  deepCheck: false,
})

/** Asks as often as said, and answers how many of the answers name an entry. */
async function flood(
  world: GateWorld,
  count: number,
  more: Parameters<GateWorld['admit']>[0] = { host: 'no.example.com' },
): Promise<number> {
  let receipts = 0
  const answers = await Promise.all(Array.from({ length: count }, () => world.admit(more)))
  for (const { receipt } of answers) if (receipt !== null) receipts += 1
  return receipts
}

/** Refusals that the ledger tells of. */
function told(world: GateWorld): number {
  let refusals = 0
  for (const { kind, data } of world.entries('decision', 'rejected')) {
    if (kind === 'rejected') refusals += Number(data['count'])
    else if (data['verdict'] !== 'allow') refusals += 1
  }
  return refusals
}

gateTest(
  'an agent that is refused as fast as it can ask writes a bounded number of entries, which count every refusal',
  inMemory(policyText()),
  async (t, world) => {
    const seconds = 3
    const before = world.entries().length
    for (let second = 0; second < seconds; second += 1) {
      t.equal(await flood(world, 1_000), refusedEntriesPerSecond, 'entries of their own')
      await world.clock.pass(1_000)
    }
    t.equal(told(world), seconds * 1_000, 'each is counted once')
    const written = world.entries().length - before
    t.ok(written <= seconds * (refusedEntriesPerSecond + 1), `${written} entries`)
    const [folded] = world.entries('rejected')
    t.strictSame(folded?.actor, { agent: 'a' }, 'of the agent, and of no run')
    t.match(folded?.data, {
      ...{ code: 'rule-denied', count: 950, listener: 'gate', policy: world.gate.policy.digest },
      ...{ message: 'Rule "shut" denies this request.', status: 403 },
    })
    t.equal(world.decided.filter((verdict) => verdict === 'deny rule-denied').length, 3_000)
  },
)

gateTest('a close writes what was counted', inMemory(policyText()), async (t, world) => {
  await flood(world, 60)
  t.equal(told(world), refusedEntriesPerSecond)
  await world.close()
  t.equal(told(world), 60)
  t.equal(world.clock.timers, 0)
})

gateTest(
  'agents, codes and policies are counted apart, and a quiet agent has entries of its own beside a loud one',
  inMemory(policyText()),
  async (t, world) => {
    await flood(world, 100)
    await flood(world, 10, { host: 'unknown.example.com' })
    const principal = { ...world.facts().principal, agent: 'b' }
    t.equal(await flood(world, 20, { host: 'no.example.com', principal }), 20)
    await world.load(
      await compiled(
        policyText('', { rules: '  - { id: more, effect: deny, hosts: [x.test] }\n' }),
      ),
    )
    await flood(world, 7)
    await world.halt('agent:a')
    await flood(world, 5)
    await world.clock.pass(1_000)
    const counts = world.entries('rejected').map(({ data }) => [data['code'], data['count']])
    t.strictSame(counts, [
      ['rule-denied', 50],
      ['no-rule', 10],
      ['rule-denied', 7],
      ['halted', 5],
    ])
    t.equal(told(world), 142)
  },
)

const refusals = `  - id: patience
    scope: agent
    period: lifetime
    limits: { refusals: 70 }
    on_limit: kill`

gateTest(
  'a refusal that moves an account or halts has an entry of its own, however many there are',
  inMemory(policyText(refusals)),
  async (t, world) => {
    t.equal(await flood(world, 70), 70)
    t.strictSame(world.severed, ['agent:a stagnation'])
    const found = await flood(world, 60)
    t.equal(found, refusedEntriesPerSecond, 'from then on it only finds itself halted')
    await world.clock.pass(1_000)
    t.equal(told(world), 130)
  },
)

gateTest(
  'a spent budget and a forbidden destination are folded too, and what passes never is',
  inMemory(
    policyText('  - { id: life, scope: agent, period: lifetime, limits: { requests: 60 } }'),
  ),
  async (t, world) => {
    const bad = { ok: false, code: 'destination-forbidden', message: 'no', addresses: [] } as const
    let receipts = 0
    for (let index = 0; index < 55; index += 1) {
      if ((await world.admit({}, {}, () => bad)).receipt !== null) receipts += 1
    }
    t.equal(receipts, refusedEntriesPerSecond)
    for (let index = 0; index < 60; index += 1) {
      const passage = await world.pass()
      passage.open(() => undefined)
      passage.settle(settlement)
    }
    t.equal(await flood(world, 9, {}), 0)
    await world.clock.pass(1_000)
    t.equal(told(world), 64)
    t.strictSame(
      world.entries('rejected').map(({ data }) => data['code']),
      ['destination-forbidden', 'budget-exhausted'],
    )
  },
)

gateTest(
  'what observe mode lets pass is never folded, and its halts are',
  inMemory(policyText('', { mode: 'observe' })),
  async (t, world) => {
    for (let index = 0; index < 60; index += 1) {
      const answer = await world.admit({ host: 'no.example.com' }, {}, allGood)
      t.match(answer, { refused: false, observed: true })
    }
    t.equal(world.entries('decision').length, 60)
    await world.halt('fleet')
    t.equal(await flood(world, 60), refusedEntriesPerSecond)
  },
)

const full = new MemoryDisk()

gateTest(
  'what was counted while the disk was full is written when there is room',
  { policy: policyText(), disk: full, freeBytesMin: 100, deepCheck: false },
  async (t, world) => {
    await flood(world, 80)
    full.freeBytes = 10
    await world.clock.pass(1_500)
    t.equal(told(world), refusedEntriesPerSecond)
    full.freeBytes = 10_000
    await world.clock.pass(2_000)
    t.equal(told(world), 80)
  },
)

gateTest(
  'the answers to what reach refuses are bounded alike',
  inMemory(policyText()),
  async (t, world) => {
    let receipts = 0
    for (let index = 0; index < 70; index += 1) {
      const answer = await world.gate.reach(world.facts({ kind: 'reach', host: 'no.example.com' }))
      if ('receipt' in answer && answer.receipt !== null) receipts += 1
    }
    t.equal(receipts, refusedEntriesPerSecond)
    await world.clock.pass(1_000)
    t.equal(told(world), 70)
  },
)
