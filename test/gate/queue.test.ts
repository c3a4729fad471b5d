/** The lines of rate limits: first come, first served, bounded in length and in time, and never in the way of an end. */
import { settled } from './clock.ts'
import { MemoryDisk } from './disk.ts'
import {
  allGood,
  compiled,
  type GateTest,
  type GateWorld,
  gateTest,
  policyText,
  settlement,
  voided,
} from './world.ts'

const window = (limit: number, queue = '{ length: 3, wait: 90s }', onLimit = 'queue'): string =>
  `  - id: rate
    scope: agent
    window: 60s
    limits: { requests: ${limit} }
    on_limit: ${onLimit}
${onLimit === 'queue' ? `    queue: ${queue}` : ''}`

/** Virtual time must not outrun a real disk. */
const inMemory = (policy: string): GateTest => ({ policy, disk: new MemoryDisk() })

/** Asks, one after the other; the log says what became of each, when it is known. Who passes spends one. */
async function ask(world: GateWorld, names: readonly string[], log: string[]): Promise<void> {
  for (const name of names) {
    void world.admit({ path: `/${name}` }).then((answer) => {
      log.push(`${name} ${answer.refused ? answer.code : 'passes'}`)
      if (answer.refused) return
      answer.open(() => undefined)
      answer.settle(settlement)
    })
    await settled()
  }
}

const pass = (world: GateWorld, byMs: number): Promise<void> => world.clock.pass(byMs)

async function fill(world: GateWorld, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const passage = await world.pass()
    passage.open(() => undefined)
    passage.settle(settlement)
  }
}

gateTest(
  'who waits is let in by turns as the window refills, and nobody overtakes',
  inMemory(policyText(window(2))),
  async (t, world) => {
    const log: string[] = []
    await fill(world, 1)
    await pass(world, 30_000)
    await fill(world, 1)
    await ask(world, ['one', 'two', 'three', 'four'], log)
    await settled()
    t.strictSame(log, ['four queue-full'], 'the line has three places')
    t.match(world.last('decision'), { queue: 'full', verdict: 'deny' })
    await pass(world, 29_999)
    t.equal(log.length, 1, 'the window has not moved yet')
    await pass(world, 1)
    t.strictSame(log.slice(1), ['one passes'])
    await ask(world, ['five'], log)
    await pass(world, 30_000)
    t.strictSame(log.slice(2), ['two passes'])
    await pass(world, 30_000)
    t.strictSame(log.slice(3), ['three passes'], 'five came after three')
    await pass(world, 30_000)
    t.strictSame(log.slice(4), ['five passes'])
    t.equal(world.core.lines.empty, true)
  },
)

gateTest(
  'who has waited as long as the queue allows is refused with one entry, whatever the wall clock did',
  inMemory(policyText(window(1, '{ length: 3, wait: 10s }'))),
  async (t, world) => {
    const year = 365 * 86_400_000
    const log: string[] = []
    await fill(world, 1)
    await ask(world, ['patient'], log)
    world.clock.jump(-year)
    await ask(world, ['later'], log)
    const before = world.entries().length
    await pass(world, 9_999)
    t.strictSame(log, [])
    t.ok(world.clock.timers <= 3, 'one timer a line')
    await pass(world, 2)
    t.strictSame(log, ['patient rate-limited', 'later rate-limited'])
    t.equal(world.entries().length, before + 2)
    t.match(world.last('decision'), { queue: 'expired', verdict: 'deny' })
    world.clock.jump(year)
    await ask(world, ['fresh'], log)
    world.clock.jump(year)
    await pass(world, 10_000)
    t.equal(log[2], 'fresh passes', 'a wall clock that ran ahead has refilled the window')
  },
)

for (const [what, order, codes] of [
  ['a halt', (world: GateWorld) => world.halt('agent:a'), ['halted', 'halted']],
  ['draining', (world: GateWorld) => world.gate.drain(), ['shutting-down', 'shutting-down']],
  ['closing', (world: GateWorld) => world.close(), ['shutting-down', 'shutting-down']],
] as const) {
  gateTest(
    `${what} answers those who wait at once`,
    inMemory(policyText(window(1))),
    async (t, world) => {
      const log: string[] = []
      await fill(world, 1)
      await ask(world, ['one', 'two'], log)
      await order(world)
      await settled()
      t.strictSame(log, [`one ${codes[0]}`, `two ${codes[1]}`])
      t.equal(world.clock.timers, 0, 'no timer is left')
    },
  )
}

gateTest(
  'a grant lets in as many of those who wait as it is for',
  inMemory(policyText(window(1))),
  async (t, world) => {
    const log: string[] = []
    await fill(world, 1)
    await ask(world, ['one', 'two', 'three'], log)
    t.equal((await world.grant('agent:a', 2)).ok, true)
    await settled()
    t.strictSame(log, ['one passes', 'two passes'])
    await pass(world, 60_000)
    t.equal(log[2], 'three passes')
  },
)

gateTest('a seal answers those who wait', { policy: policyText(window(1)) }, async (t, world) => {
  const log: string[] = []
  await fill(world, 1)
  await ask(world, ['one'], log)
  world.core.seal({ code: 'ledger-unavailable', message: 'a test' })
  await settled()
  t.strictSame(log, ['one ledger-unavailable'])
})

gateTest(
  'a policy that comes while they wait judges them anew, and every entry follows from the policy it names',
  inMemory(policyText(window(2))),
  async (t, world) => {
    const log: string[] = []
    await fill(world, 2)
    await ask(world, ['one', 'two'], log)
    const shut = '  - { id: late, hosts: [ok.example.com], paths: ["/one"], effect: deny }\n'
    const stricter = await compiled(policyText(window(1), { rules: shut }))
    t.equal((await world.load(stricter)).ok, true)
    await settled()
    t.strictSame(log, ['one rule-denied'])
    t.equal(world.last('decision')['policy'], stricter.digest)
    await pass(world, 60_000)
    t.strictSame(log.slice(1), ['two passes'])
  },
)

gateTest(
  'observe mode lets nobody wait',
  inMemory(policyText(window(1), { mode: 'observe' })),
  async (t, world) => {
    await fill(world, 1)
    const passage = await world.pass()
    t.equal(passage.verdict, 'queue')
    t.equal(passage.observed, true)
    t.equal(world.last('decision')['verdict'], 'queue')
    passage.settle(voided)
  },
)

gateTest(
  'a rate limit that blocks says when to come back, and holds nobody',
  inMemory(policyText(window(1, '', 'block'))),
  async (t, world) => {
    await fill(world, 1)
    await pass(world, 15_000)
    const answer = await world.admit()
    t.match(answer, { code: 'rate-limited', status: 429, retryAfterSeconds: 45 })
  },
)

gateTest(
  'a newcomer joins the end of a line, although the window has refilled already',
  inMemory(policyText(window(1, '{ length: 3, wait: 200s }'))),
  async (t, world) => {
    const log: string[] = []
    await fill(world, 1)
    await ask(world, ['first'], log)
    world.clock.jump(60_000)
    await ask(world, ['newcomer'], log)
    await settled()
    t.strictSame(log, [], 'the line has not moved yet')
    await pass(world, 60_000)
    t.equal(log[0], 'first passes')
    await pass(world, 60_000)
    t.equal(log[1], 'newcomer passes')
  },
)

gateTest(
  'two agents wait in lines of their own, and a request that fits passes beside them',
  inMemory(policyText(window(1))),
  async (t, world) => {
    const log: string[] = []
    await fill(world, 1)
    await ask(world, ['one'], log)
    const other = { ...world.facts().principal, agent: 'b' }
    const answer = await world.gate.admit(
      world.facts({ principal: other }),
      { charge: {}, ask: {} },
      { resolve: allGood, read: world.read },
    )
    t.equal(answer.refused, false)
    if (!answer.refused) answer.settle(voided)
    t.strictSame(log, [])
    await pass(world, 60_000)
  },
)
