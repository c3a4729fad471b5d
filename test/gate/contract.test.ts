/** A bug of ours is recorded, halts the fleet for ever and shuts the gate; the next start keeps the halt. */
import { test } from 'tap'
import { MemoryDisk } from './disk.ts'
import { compiled, GateWorld, policyText, settlement } from './world.ts'

const day = 86_400_000

const life = `  - id: life
    scope: agent
    period: lifetime
    limits: { requests: 50 }
    on_limit: block`

const policy = compiled(policyText(life))

for (const segmentBytesMax of [1_000, 1_000_000]) {
  const title = `an id that is used twice shuts the gate and halts the fleet, in segments of ${segmentBytesMax}`
  void test(title, async (t) => {
    const disk = new MemoryDisk()
    const world = new GateWorld({ disk, segmentBytesMax })
    t.teardown(() => world.place.remove())
    await world.open(await policy)
    const cuts: string[] = []
    const held = await world.pass({ id: 'twice' })
    const open = await world.pass()
    open.open((refusal) => void cuts.push(refusal.code))
    const answer = await world.admit({ id: 'twice' })
    t.match(answer, { code: 'contract-violated', status: 503, retry: 'operator' })
    t.match(world.seals, [{ code: 'contract-violated' }], 'told once')
    t.strictSame(cuts, ['contract-violated'])
    t.equal(held.open(() => t.fail('nothing is dispatched'))?.code, 'contract-violated')
    held.settle({ ...settlement, outcome: 'voided' })
    open.settle(settlement)
    t.match(await world.admit(), { code: 'contract-violated' }, 'and from then on')
    t.match(await world.gate.reach(world.facts()), { code: 'contract-violated' })
    t.match(await world.grant('agent:a', 1), { ok: false })
    t.match(await world.halt('agent:a'), { ok: false })
    t.strictSame(world.severed, ['fleet contract'])
    await world.close()
    t.equal(world.entries('incident').length, 1)
    t.match(world.last('halt'), { scope: 'fleet', cause: 'contract', by: 'kernel' })
    world.clock.jump(day)
    await world.open(await policy)
    t.match(await world.admit(), { code: 'halted', halt: { scope: 'fleet', cause: 'contract' } })
    t.equal(world.used('life'), 2, 'what was held is forfeited')
    const { cause: _, ...fleet } = world.order('fleet')
    t.match(await world.gate.reinstate(fleet), { ok: false })
    await world.close()
    t.equal(world.replayed(t), world.digest)
  })
}

void test('a new segment that begins with the incident keeps the halt in its snapshot', async (t) => {
  const disk = new MemoryDisk()
  const world = new GateWorld({ disk })
  t.teardown(() => world.place.remove())
  await world.open(await policy)
  await world.pass({ id: 'twice' })
  world.clock.jump(day)
  await world.admit({ id: 'twice' })
  await world.close()
  t.ok(disk.texts(/^ledger-/).size > 1, 'the day is over, so that a segment began')
  const snapshots = [...disk.texts(/^snapshot-/).values()]
  t.match(snapshots.at(-1), /"cause":"contract"/)
  await world.open(await policy)
  t.match(await world.admit(), { code: 'halted' })
  await world.close()
})

void test('an entry that is not canonical shuts the gate, and is not in the log', async (t) => {
  const disk = new MemoryDisk()
  const world = new GateWorld({ disk })
  t.teardown(() => world.place.remove())
  await world.open(await policy)
  const answer = await world.admit({ port: 0.5 })
  t.equal(answer.refused, true)
  t.match(world.seals, [{ code: 'contract-violated' }])
  await world.close()
  t.strictSame(world.entries('decision'), [])
  await world.open(await policy)
  t.match(await world.admit(), { code: 'halted' })
  await world.close()
})

void test('a dispatch that breaks a contract is refused, and does not throw', async (t) => {
  const disk = new MemoryDisk()
  const world = new GateWorld({ disk })
  t.teardown(() => world.place.remove())
  await world.open(await policy)
  const passage = await world.pass()
  t.equal(
    passage.open(() => undefined),
    null,
  )
  t.match(
    passage.open(() => undefined),
    { code: 'contract-violated' },
  )
  passage.settle(settlement)
  await world.close()
})
