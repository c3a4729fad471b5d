/** What may be done to an admitted request: dispatch, extension and settlement, each once and each recorded. */

import type { Refusal } from '../../gate/refusal.ts'
import { ContractError } from '../../kernel/contract.ts'
import { settled } from './clock.ts'
import { MemoryDisk } from './disk.ts'
import { compiled, type GateWorld, gateTest, policyText, settlement, voided } from './world.ts'

const bytes = (limit: number, onLimit = 'block'): string => `  - id: life
    scope: agent
    period: lifetime
    limits: { bytes_down: ${limit}, requests: 10 }
    on_limit: ${onLimit}`

gateTest(
  'an extension grows the hold by what is left, and is refused where nothing is',
  { policy: policyText(bytes(100)) },
  async (t, world) => {
    const passage = await world.pass({}, { bytes_down: 40 })
    t.equal(passage.limits['bytes_down'], 40)
    passage.open(() => t.fail('a limit that blocks cuts nothing by itself'))
    t.equal(await passage.extend({ bytes_down: 50 }), null)
    t.equal(passage.limits['bytes_down'], 90)
    t.equal(await passage.extend({ bytes_down: 50 }), null, 'it is given what is left')
    t.equal(passage.limits['bytes_down'], 100)
    const refusal = await passage.extend({ bytes_down: 1 })
    t.equal(refusal?.code, 'budget-exhausted')
    t.equal(world.entries('extension').length, 3)
    t.strictSame(refusal?.receipt?.seq, world.entries('extension').at(-1)?.seq)
    passage.settle({ ...settlement, actual: { bytes_down: 100 } })
    t.equal(world.used('life', 'bytes_down'), 100)
  },
)

gateTest(
  'an extension past the limit of a budget that kills halts, and cuts in the same turn',
  { policy: policyText(bytes(100, 'kill')) },
  async (t, world) => {
    const cuts: Refusal[] = []
    const passage = await world.pass({}, { bytes_down: 100 })
    passage.open((refusal) => void cuts.push(refusal))
    const extending = passage.extend({ bytes_down: 1 })
    t.equal(cuts[0]?.code, 'halted', 'before anything is on disk')
    t.equal(cuts[0]?.halt?.cause, 'on_limit')
    t.equal((await extending)?.code, 'budget-exhausted')
    passage.settle({ ...settlement, actual: { bytes_down: 100 }, cut: 'halted' })
    t.equal((await world.pass().catch(String)).toString().includes('halted'), true)
    t.equal(world.last('settlement')['source'], 'halt')
  },
)

gateTest(
  'an extension that is asked of a request that was cut is refused, and replay follows it',
  { policy: policyText(bytes(100)) },
  async (t, world) => {
    const passage = await world.pass({}, { bytes_down: 10 })
    passage.open(() => undefined)
    t.equal(await passage.extend({ bytes_down: 10 }), null)
    const other = await world.pass({}, { bytes_down: 10 })
    other.open(() => undefined)
    await world.halt('agent:a')
    t.equal((await other.extend({ bytes_down: 10 }))?.code, 'halted')
    t.equal((await passage.extend({ bytes_down: 10 }))?.code, 'halted')
    passage.settle(settlement)
    other.settle(settlement)
    t.equal((await other.extend({ bytes_down: 1 }))?.code, 'shutting-down', 'it has ended')
  },
)

const disk = new MemoryDisk()

gateTest(
  'an extension resolves when it is durable, and the limits grow no sooner',
  { policy: policyText(bytes(100)), disk },
  async (t, world) => {
    const passage = await world.pass({}, { bytes_down: 10 })
    passage.open(() => undefined)
    disk.hold()
    let done = false
    const extending = passage.extend({ bytes_down: 20 }).then(() => {
      done = true
    })
    await settled()
    t.notOk(done)
    t.equal(passage.limits['bytes_down'], 10)
    disk.release()
    await extending
    t.equal(passage.limits['bytes_down'], 30)
    passage.settle(settlement)
  },
)

gateTest(
  'a passage is settled once: a second settlement is a bug, and moves nothing',
  { policy: policyText(bytes(100)) },
  async (t, world) => {
    const passage = await world.pass({}, { bytes_down: 10 })
    passage.open(() => undefined)
    passage.settle(settlement)
    const before = world.digest
    t.throws(() => passage.settle(settlement), ContractError)
    t.throws(() => passage.settle(voided), ContractError)
    t.equal(world.digest, before)
    t.equal(world.ended, 1)
  },
)

gateTest(
  'the truth is posted uncapped after a halt, and a forfeit posts the whole hold',
  { policy: policyText(bytes(100)) },
  async (t, world) => {
    const one = await world.pass({}, { bytes_down: 10 })
    const two = await world.pass({}, { bytes_down: 20 })
    const three = await world.pass({}, { bytes_down: 30 })
    for (const each of [one, two]) each.open(() => undefined)
    await world.halt('agent:a')
    one.settle({ ...settlement, actual: { bytes_down: 15 } })
    two.settle({ ...settlement, outcome: 'forfeited', actual: { bytes_down: 5 } })
    three.settle(voided)
    t.equal(world.used('life', 'bytes_down'), 35)
    t.equal(world.used('life'), 2)
    t.equal(world.gate.status().requestsOpen, 0)
  },
)

gateTest(
  'a halt cuts what is open under its scope and nothing else, and a reinstatement dispatches nothing old',
  { policy: policyText(bytes(100)) },
  async (t, world) => {
    const cuts: string[] = []
    const other = { ...world.facts().principal, agent: 'b' }
    const mine = await world.pass()
    const old = await world.pass()
    const theirs = await world.pass({ principal: other })
    mine.open((refusal) => void cuts.push(`mine ${refusal.code}`))
    theirs.open((refusal) => void cuts.push(`theirs ${refusal.code}`))
    await world.halt('agent:a')
    t.strictSame(cuts, ['mine halted'])
    const { cause: _, ...order } = world.order('agent:a')
    t.equal((await world.gate.reinstate(order)).ok, true)
    t.equal(old.open(() => undefined)?.code, 'halted', 'an older incarnation')
    const fresh = await world.pass()
    await world.halt('fleet')
    t.strictSame(cuts, ['mine halted', 'theirs halted'])
    t.equal(fresh.open(() => undefined)?.code, 'halted')
    const { cause: __, ...fleet } = world.order('fleet')
    t.equal((await world.gate.reinstate(fleet)).ok, false, 'the fleet never comes back')
    for (const each of [mine, theirs]) each.settle({ ...settlement, cut: 'halted' })
    for (const each of [old, fresh]) each.settle(voided)
  },
)

const slow = new MemoryDisk()

gateTest(
  'a commit that takes longer than 2 s refuses the request, gives its hold back in the record, and seals nothing',
  { policy: policyText(bytes(100)), disk: slow },
  async (t, world) => {
    const open = await world.pass({}, { bytes_down: 10 })
    open.open(() => undefined)
    slow.hold()
    const waiting = world.admit()
    await settled()
    open.settle(settlement)
    await world.clock.pass(2_001)
    const answer = await waiting
    t.equal(answer.refused && answer.code, 'ledger-unavailable')
    const meanwhile = await world.admit()
    t.equal(meanwhile.refused && meanwhile.status, 503, 'nothing is decided while the disk is late')
    t.equal((await world.grant('agent:a', 5)).ok, false)
    await world.clock.pass(4_000)
    t.equal(world.gate.sealed, false, 'a disk that is slow is not broken')
    slow.release()
    await world.quiet()
    const { data } = world.entries('settlement').at(-1) ?? {}
    t.match(data, { outcome: 'voided', cut: 'ledger-unavailable' })
    t.equal(world.used('life'), 1, 'what was settled meanwhile is recorded too')
    const again = await world.pass()
    again.settle(voided)
  },
)

gateTest(
  'what the gate has closed is neither dispatched nor settled, and the next start forfeits it',
  { policy: policyText(bytes(100)) },
  async (t, world) => {
    const held = await world.pass({}, { bytes_down: 10 })
    const open = await world.pass({}, { bytes_down: 20 })
    const cuts: string[] = []
    open.open((refusal) => {
      cuts.push(refusal.code)
      open.settle({ ...settlement, actual: { bytes_down: 1 } })
    })
    const quick = await world.pass({}, { bytes_down: 7 })
    const closing = world.gate.close()
    t.strictSame(cuts, ['shutting-down'])
    t.equal(
      quick.open((refusal) => void cuts.push(`late ${refusal.code}`)),
      null,
      'under way',
    )
    await world.quiet()
    await world.clock.pass(4_000)
    await closing
    t.strictSame(cuts, ['shutting-down', 'late shutting-down'], 'it is cut at the end')
    quick.settle(settlement)
    t.equal(held.open(() => t.fail('nobody would cut it'))?.code, 'shutting-down')
    held.settle(voided)
    t.equal((await world.halt('agent:a')).ok, false)
    t.strictSame(world.seals, [])
    await reopen(world)
    t.equal(world.used('life', 'bytes_down'), 18, 'one byte was settled, the rest is forfeited')
  },
)

async function reopen(world: GateWorld): Promise<void> {
  await world.open(await compiled(policyText(bytes(100))))
}
