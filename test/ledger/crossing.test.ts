/** Every operation with a fault at its n-th system call, for n = 1, 2, …: what was acknowledged is there after. */
import { test } from 'tap'
import { Failure } from '../../kernel/reasons.ts'
import type { Receipt } from '../../ledger/entry.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import { type Fault, FaultyFiles } from './faulty-files.ts'
import { entriesOf, makePlace, type Place, World } from './open-ledger.ts'
import { copyOf, unsynced } from './stored-ledger.ts'

/** How a ledger lies on the disk before the operation. */
const before: Readonly<Record<string, (world: World) => Promise<void>>> = {
  nothing: async () => {},
  'a clean end': async (world) => {
    const ledger = await world.open({ files: unsynced })
    await Promise.all([1, 2, 3].map((amount) => world.decide(ledger, amount)))
    await ledger.close()
  },
  'a crash': async (world) => {
    const dead = new FaultyFiles({ at: 60, code: 'EIO', dead: true })
    const ledger = await world.open({ files: dead.files })
    for (let amount = 0; ledger.poisoned === null; amount += 1) {
      await world.decide(ledger, amount).catch(() => undefined)
    }
    await ledger.close()
    dead.losePower(0.7)
  },
}

/** Opens, appends in rounds over several segments, closes; whatever fails, it goes on as a gate would not. */
async function operate(world: World, files: FaultyFiles): Promise<Receipt[]> {
  const acknowledged: Receipt[] = []
  const failures: Failure[] = []
  const ledger = await world
    .open({
      files: files.files,
      segmentBytesMax: 1_500,
      onPoison: (failure) => failures.push(failure),
    })
    .catch((error: unknown) => {
      if (!(error instanceof Failure)) throw error
      return null
    })
  if (ledger === null) return acknowledged
  for (let round = 0; round < 4; round += 1) {
    const waiting = [
      world.note(ledger, 4),
      ...[1, 2, 3].map((amount) => world.decide(ledger, amount)),
    ]
    for (const result of await Promise.allSettled(waiting)) {
      if (result.status === 'fulfilled') acknowledged.push(result.value)
      else if (!(result.reason instanceof Failure)) throw result.reason
    }
  }
  const poisoned = ledger.poisoned !== null
  await ledger.close().catch((error: unknown) => {
    if (!files.struck) throw error
  })
  if (failures.length !== (ledger.poisoned === null ? 0 : 1)) throw new Error('poison is said once')
  if (poisoned && !files.struck) throw new Error('nothing poisons a sound disk')
  return acknowledged
}

/** What must hold of a directory after anything: it opens, and holds what it promised. */
async function check(place: Place, acknowledged: readonly Receipt[]): Promise<void> {
  const entries = entriesOf(place)
  for (const { hash, seq } of acknowledged) {
    if (entries[seq]?.hash !== hash) throw new Error(`the acknowledged entry ${seq} is gone`)
  }
  const found = await verifyLedger({ directory: place.directory })
  if (entries.length > 0 && found.exit !== 0 && found.exit !== 3) {
    throw new Error(`verify says ${JSON.stringify(found.findings)}`)
  }
  const world = new World(place)
  const ledger = await world.open({ files: unsynced, verifyAll: true })
  const last = await world.decide(ledger, 1)
  await ledger.close()
  const decisions = entriesOf(place).filter(({ kind }) => kind === 'decision')
  const total = decisions.reduce((sum, { data }) => sum + Number(data['amount']), 0)
  if (world.state.count !== decisions.length || world.state.total !== total) {
    throw new Error('the state is not the fold of the entries')
  }
  if (decisions.at(-1)?.hash !== last.hash) throw new Error('the last entry is another one')
  const after = await verifyLedger({ directory: place.directory })
  if (after.exit !== 0) throw new Error(`verify says ${JSON.stringify(after.findings)}`)
}

interface Kind extends Omit<Fault, 'at'> {
  readonly keep?: number
}

const kinds: Readonly<Record<string, Kind>> = {
  'one EIO': { code: 'EIO' },
  'a full disk, or a kill': { code: 'ENOSPC', dead: true },
  'a power loss that takes all that was not synced': { code: 'EIO', dead: true, keep: 0 },
  'a power loss that takes names too': { code: 'EIO', dead: true, keep: 0.3 },
  'a power loss that leaves a torn tail': { code: 'EIO', dead: true, keep: 0.6 },
  'one EIO among short writes': { code: 'EIO', writeBytesMax: 100 },
}

for (const [state, prepare] of Object.entries(before)) {
  for (const [what, kind] of Object.entries(kinds)) {
    test(`after ${state}, ${what} at any call loses nothing that was acknowledged`, async (t) => {
      const origin = makePlace()
      t.teardown(origin.remove)
      await prepare(new World(origin))
      let at = 0
      let struck = true
      while (struck) {
        // The calls of one round are much like those of another: past the first, every other one is struck.
        at += at < 40 ? 1 : 2
        const place = copyOf(t, origin)
        const faulty = new FaultyFiles({ ...kind, at })
        try {
          const acknowledged = await operate(new World(place), faulty)
          struck = faulty.struck
          if (kind.keep !== undefined) faulty.losePower(kind.keep)
          await check(place, acknowledged)
        } catch (error) {
          const call = faulty.calls[at - 1] ?? ''
          t.fail(`call ${at} (${call}): ${error instanceof Error ? error.stack : String(error)}`)
        }
        place.remove()
      }
      t.ok(at > 30, `${at} calls were struck`)
    })
  }
}
