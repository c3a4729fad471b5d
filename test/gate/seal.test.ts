/** The ledger fails at its n-th call, for every n: the gate shuts for good, and loses nothing that it had said. */
import { type Test, test } from 'tap'
import type { Passage } from '../../gate/passage.ts'
import type { Policy } from '../../kernel/policy.ts'
import { Failure } from '../../kernel/reasons.ts'
import { settled } from './clock.ts'
import { MemoryDisk } from './disk.ts'
import { compiled, GateWorld, policyText, settlement } from './world.ts'

const budget = (limit: number): string => `  - id: life
    scope: agent
    period: lifetime
    limits: { bytes_down: ${limit}, requests: 50 }
    on_limit: block`

/** What a session was told, and what it did: to be compared with what a later start knows. */
interface Told {
  /** Hashes of every entry whose receipt was given. */
  readonly receipts: string[]
  /** Requests and bytes that were dispatched. */
  requests: number
  bytes: number
  halted: boolean
  cuts: number
  open: number
}

async function session(world: GateWorld, policies: readonly Policy[], told: Told): Promise<void> {
  const [first, second] = policies
  if (first === undefined || second === undefined) throw new Error('a session has two policies')
  await world.open(first)
  const send = async (bytes: number): Promise<Passage | null> => {
    const answer = await world.admit({}, { bytes_down: bytes })
    if (answer.refused) return null
    told.receipts.push(answer.receipt.hash)
    const cut = (): void => {
      told.cuts += 1
      told.open -= 1
    }
    if (answer.open(cut) !== null) return null
    told.requests += 1
    told.bytes += bytes
    told.open += 1
    return answer
  }
  const end = (passage: Passage | null): void => {
    if (passage === null || world.gate.sealed) return
    told.open -= 1
    passage.settle(settlement)
  }
  const stays = await send(1)
  const one = await send(10)
  if (one !== null && (await one.extend({ bytes_down: 5 })) === null) told.bytes += 5
  end(one)
  const granted = await world.grant('agent:a', 5)
  if (granted.ok) told.receipts.push(granted.receipt.hash)
  const loaded = await world.load(second)
  if (loaded.ok) told.receipts.push(loaded.receipt.hash)
  await Promise.all([send(3), send(4)].map((sent) => sent.then(end)))
  const halt = await world.halt('run:a/other')
  if (halt.ok) {
    told.receipts.push(halt.receipt.hash)
    told.halted = true
  }
  end(await send(2))
  end(stays)
  await world.close()
}

async function failAt(t: Test, call: number, dead: boolean): Promise<boolean> {
  const policies = [
    await compiled(policyText(budget(1_000))),
    await compiled(policyText(budget(900))),
  ]
  const disk = new MemoryDisk()
  const world = new GateWorld({ disk, segmentBytesMax: 3_000 })
  const told: Told = { receipts: [], requests: 0, bytes: 0, halted: false, cuts: 0, open: 0 }
  disk.failAt = call
  disk.dead = dead
  try {
    await session(world, policies, told)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    t.equal(error.code, 'ledger-unavailable', `call ${call}: ${error.message}`)
  }
  const struck = disk.calls.length >= call
  const broken = world.isOpen && world.gate.ledger.poisoned !== null
  if (broken) await shut(t, world, told)
  disk.crash(dead ? 0 : 1)
  await again(t, world, told)
  t.comment(`call ${call}: ${disk.calls[call - 1] ?? 'none'}, ${told.receipts.length} receipts`)
  return struck
}

/** The gate whose ledger failed: nothing passes any more, nothing is open, and the owner was told once. */
async function shut(t: Test, world: GateWorld, told: Told): Promise<void> {
  await settled()
  t.equal(world.gate.sealed, true)
  t.equal(world.seals.length, 1, 'told once')
  t.equal(told.open, 0, 'what was open was cut')
  const [one, other] = [await world.admit(), await world.admit({ host: 'no.example.com' })]
  t.match([one, other], [{ code: 'ledger-unavailable' }, { code: 'ledger-unavailable' }])
  t.equal((await world.grant('agent:a', 1)).ok, false)
  await world.close()
}

/** A later start with a good disk: every receipt is there, and no budget was refilled. */
async function again(t: Test, world: GateWorld, told: Told): Promise<void> {
  world.seals.length = 0
  await world.open(await compiled(policyText(budget(900))))
  const known = new Set(world.entries().map(({ hash }) => hash))
  t.strictSame(
    told.receipts.filter((hash) => !known.has(hash)),
    [],
    'every receipt is an entry',
  )
  t.ok(world.used('life') >= told.requests, `${world.used('life')} of ${told.requests} requests`)
  t.ok(world.used('life', 'bytes_down') >= told.bytes, `of ${told.bytes} bytes`)
  const halted = world.gate.status().halted.some(({ scope }) => scope === 'run:a/other')
  t.ok(halted || !told.halted, 'an acknowledged halt is kept')
  t.equal(world.gate.status().holdsOpen, 0)
  await world.close()
  t.equal(world.replayed(t), world.digest)
  world.place.remove()
}

for (const dead of [false, true]) {
  const what = dead ? 'the machine dies at' : 'one error at'
  void test(`${what} the n-th call of the disk, for every n of a session`, async (t) => {
    let calls = 0
    for (let call = 1; await failAt(t, call, dead); call += 1) calls = call
    t.ok(calls > 40, `the session made ${calls} calls`)
  })
}

void test('a disk that is nearly full refuses before the state moves, and goes on when there is room', async (t) => {
  const disk = new MemoryDisk()
  const world = new GateWorld({ disk, freeBytesMin: 1_000 })
  t.teardown(() => world.place.remove())
  await world.open(await compiled(policyText(budget(1_000))))
  const open = await world.pass({}, { bytes_down: 5 })
  open.open(() => undefined)
  disk.freeBytes = 999
  await world.clock.pass(1_000)
  const before = world.digest
  const answer = await world.admit()
  t.match(answer, { code: 'ledger-unavailable', status: 503, receipt: null })
  t.match(await world.grant('agent:a', 5), { ok: false })
  t.match(await world.load(await compiled(policyText(budget(5)))), { ok: false })
  t.equal((await open.extend({ bytes_down: 1 }))?.code, 'ledger-unavailable')
  const rejection = {
    code: 'malformed-request',
    message: 'x',
    principal: null,
    listener: 'p',
  } as const
  t.match(await world.gate.reject(rejection), { code: 'ledger-unavailable' })
  await world.gate.refuseLoad(['a typo'])
  t.equal(world.digest, before, 'nothing has moved')
  open.settle(settlement)
  t.equal((await world.halt('run:a/r9')).ok, true, 'what may not be lost is still recorded')
  t.equal(world.gate.sealed, false)
  disk.freeBytes = 2_000
  await world.clock.pass(1_000)
  const later = await world.pass()
  later.settle({ ...settlement, outcome: 'voided' })
  await world.close()
  t.equal(world.replayed(t), world.digest)
})

void test('a halt that finds no room at all shuts the gate, and the log that is left replays', async (t) => {
  const disk = new MemoryDisk()
  const world = new GateWorld({ disk, freeBytesMin: 1_000 })
  t.teardown(() => world.place.remove())
  await world.open(await compiled(policyText(budget(1_000))))
  disk.freeBytes = 10
  await world.clock.pass(1_000)
  t.equal((await world.halt('agent:a')).ok, false)
  t.equal(world.seals.length, 1, 'since the state has moved and the log has not')
  t.match(await world.admit(), { code: 'ledger-unavailable' })
  await world.close()
  disk.freeBytes = 2 ** 40
  await world.open(await compiled(policyText(budget(1_000))))
  const passage = await world.pass()
  passage.settle({ ...settlement, outcome: 'voided' })
  await world.close()
  t.equal(world.replayed(t), world.digest)
})

void test('a full queue refuses before the state moves, and what is settled meanwhile has room', async (t) => {
  const disk = new MemoryDisk()
  const world = new GateWorld({ disk, deepCheck: false })
  t.teardown(() => world.place.remove())
  // Each refusal moves an account, so that none is folded with others.
  const counted = '  - { id: patience, scope: agent, period: lifetime, limits: { refusals: 1M } }'
  await world.open(await compiled(policyText(`${budget(1_000)}\n${counted}`)))
  const open = await world.pass({}, { bytes_down: 5 })
  open.open(() => undefined)
  disk.hold()
  const waiting: Promise<unknown>[] = []
  while (world.gate.ledger.refusal === null) waiting.push(world.admit({ host: 'no.example.com' }))
  t.ok(waiting.length > 5_000, `${waiting.length} wait`)
  const before = world.digest
  t.match(await world.admit(), { code: 'ledger-unavailable' })
  t.match(await world.admit({ host: 'bomb.example.com' }), { code: 'ledger-unavailable' })
  t.match(await world.grant('agent:a', 5), { ok: false })
  t.equal(world.digest, before)
  open.settle(settlement)
  const halting = world.halt('agent:a')
  disk.release()
  t.equal((await halting).ok, true)
  await Promise.all(waiting)
  t.equal(world.gate.sealed, false)
  await world.close()
  t.equal(world.replayed(t), world.digest)
})
