/** A restart: the state is what the log says, with what was open forfeited, over many random sessions (I4, I8, I9). */
import fc from 'fast-check'
import { test } from 'tap'
import type { Passage } from '../../gate/passage.ts'
import { restore, snapshot } from '../../kernel/snapshot.ts'
import { step } from '../../kernel/step.ts'
import { settled } from './clock.ts'
import { MemoryDisk } from './disk.ts'
import { compiled, GateWorld, gateTest, policyText, settlement, voided } from './world.ts'

const budgets = `  - id: life
    scope: agent
    period: lifetime
    limits: { bytes_down: 2000, requests: 30, refusals: 9 }
    on_limit: kill
  - id: minute
    scope: run
    window: 60s
    limits: { requests: 6 }
    on_limit: block
  - id: hourly
    scope: tenant
    period: hour
    limits: { requests: 12 }
    on_limit: warn`

const policies = Promise.all([
  compiled(policyText(budgets)),
  compiled(policyText(budgets.replace('requests: 30', 'requests: 25'))),
])

type Act = { readonly kind: string; readonly pick: number; readonly amount: number }

const act: fc.Arbitrary<Act> = fc.record({
  kind: fc.constantFrom(
    ...['admit', 'admit', 'admit', 'open', 'open', 'extend', 'settle', 'void', 'refused', 'halt'],
    ...['reinstate', 'grant', 'time', 'jump', 'load', 'reopen'],
  ),
  pick: fc.nat({ max: 7 }),
  amount: fc.integer({ min: 1, max: 400 }),
})

class Session {
  readonly disk = new MemoryDisk()
  readonly world = new GateWorld({ disk: this.disk, segmentBytesMax: 4_000 })
  readonly #held: Passage[] = []
  readonly #open: Passage[] = []

  async take({ kind, pick, amount }: Act): Promise<void> {
    const { world } = this
    const run = `r${pick % 3}`
    const principal = { ...world.facts().principal, run }
    const [held, open] = [this.#held[pick % 4], this.#open[pick % 4]]
    if (kind === 'admit') {
      const answer = await world.admit({ principal }, { bytes_down: amount })
      if (!answer.refused) this.#held.push(answer)
    } else if (kind === 'refused') await world.admit({ principal, host: 'no.example.com' })
    else if (kind === 'open' && held !== undefined) {
      this.#held.splice(this.#held.indexOf(held), 1)
      if (held.open(() => undefined) === null) this.#open.push(held)
      else held.settle(voided)
    } else if (kind === 'void' && held !== undefined) {
      this.#held.splice(this.#held.indexOf(held), 1)
      held.settle(voided)
    } else if (kind === 'extend') await open?.extend({ bytes_down: amount })
    else if (kind === 'settle' && open !== undefined) {
      this.#open.splice(this.#open.indexOf(open), 1)
      const outcome = amount % 2 === 0 ? 'settled' : 'forfeited'
      open.settle({ ...settlement, outcome, actual: { bytes_down: amount } })
    } else if (kind === 'halt') await world.halt(pick < 6 ? `run:a/${run}` : 'agent:a')
    else if (kind === 'reinstate') {
      const { cause: _, ...order } = world.order('agent:a')
      await world.gate.reinstate(order)
    } else if (kind === 'grant') {
      await world.gate.grant({
        ...{ scope: world.order('agent:a').scope, reason: 'more', by: 'operator', budget: 'life' },
        ...{ kind: pick < 5 ? 'grant' : 'revoke', dimension: 'requests', amount: pick + 1 },
      })
    } else if (kind === 'time') await world.clock.pass(amount * 300)
    else if (kind === 'jump') world.clock.jump((amount - 200) * 3_600_000)
    else if (kind === 'load') {
      const chosen = (await policies)[pick % 2]
      if (chosen !== undefined) await world.load(chosen)
    } else if (kind === 'reopen') await this.reopen()
    await settled()
  }

  /** The process dies; answers the state that it had, every open hold of it forfeited by the real kernel. */
  async reopen(): Promise<{ readonly before: string; readonly after: string }> {
    const { world } = this
    const [first] = await policies
    if (first === undefined) throw new Error('there is a policy')
    let state = restore(world.digest)
    const terms = world.core.policy
    this.disk.die()
    await world.die()
    this.disk.crash(1)
    const now = world.clock.now()
    const requests = [...state.holds.values()].map(({ request }) => request).sort()
    for (const request of requests) {
      const end = { kind: 'settle', at: now, request, outcome: 'forfeited', actual: {} } as const
      state = step(state, end, terms).state
    }
    state = step(state, { kind: 'load', at: now, digest: first.digest }, first).state
    this.#held.length = 0
    this.#open.length = 0
    await world.open(first)
    return { before: snapshot(state), after: world.digest }
  }
}

void test('the state after a start is the state before, with all that was open forfeited', async (t) => {
  const [first] = await policies
  const property = fc.asyncProperty(
    fc.array(act, { minLength: 5, maxLength: 60 }),
    async (acts) => {
      const session = new Session()
      const { world } = session
      try {
        if (first !== undefined) await world.open(first)
        for (const each of acts) await session.take(each)
        if (world.seals.length > 0 && world.gate.sealed)
          throw new Error(JSON.stringify(world.seals))
        const { before, after } = await session.reopen()
        if (before !== after) throw new Error(`${before}\nbut\n${after}`)
        await world.close()
        if (world.replayed(t) !== world.digest) throw new Error('replay does not follow')
      } finally {
        world.place.remove()
      }
    },
  )
  const runs = Number(process.env['GATE_RUNS'] ?? 60)
  const details = await fc.check(property, { numRuns: runs, endOnFailure: false })
  t.equal(details.failed, false, fc.defaultReportMessage(details) ?? `seed ${details.seed}`)
  t.comment(`seed ${details.seed}, ${details.numRuns} sessions`)
})

gateTest(
  'a start with a policy that allows more raises no limit that is in use',
  { policy: policyText(budgets), disk: new MemoryDisk() },
  async (t, world) => {
    const passage = await world.pass()
    passage.settle(voided)
    const limit = (): number | undefined =>
      world.gate
        .status()
        .purses.find((purse) => purse.budget === 'life' && purse.dimension === 'requests')?.limit
    t.equal(limit(), 30)
    await world.close()
    await world.open(await compiled(policyText(budgets.replace('requests: 30', 'requests: 99'))))
    t.equal(limit(), 30)
  },
)

gateTest(
  'a start without the policy that decided its past refuses, and leaves the lock free',
  { policy: policyText(budgets), disk: new MemoryDisk() },
  async (t, world) => {
    await world.pass()
    await world.close()
    const [policy] = await policies
    if (policy === undefined) throw new Error('there is a policy')
    const forgetful = { ...world.options(policy), termsOf: () => null }
    const { openGate } = await import('../../gate/open.ts')
    await t.rejects(openGate(forgetful), { code: 'ledger-unavailable' })
    const unkept = {
      ...world.options(policy),
      keep: () => Promise.reject(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })),
    }
    await t.rejects(openGate(unkept), { code: 'ENOSPC' })
    await world.open(policy)
  },
)
