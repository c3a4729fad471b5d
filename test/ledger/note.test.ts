/** Entries that nothing stands still for: they take no commit of their own where another comes soon enough. */
import { test } from 'tap'
import type { Failure } from '../../kernel/reasons.ts'
import { commitMsMax, lazyMs } from '../../ledger/commit.ts'
import { waitingEntriesMax } from '../../ledger/ledger.ts'
import { batchBytesMax, batchEntriesMax } from '../../ledger/queue.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import { HeldDisk, Timers } from './held-disk.ts'
import { decision, entriesOf, segments, World } from './open-ledger.ts'
import { begin, unavailable } from './stored-ledger.ts'

/** Lets every promise and every real sync go as far as it can. */
async function idle(turns = 20): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate)
}

/** Waits for the disk, until nothing but the time of notes is waited for. */
async function lazy(timers: Timers): Promise<void> {
  while (timers.delays.join() !== String(lazyMs)) await new Promise(setImmediate)
}

test('a note begins no commit, and goes to the disk with the next append', async (t) => {
  const world = begin(t)
  const [disk, timers] = [new HeldDisk(), new Timers()]
  const ledger = await world.open({ files: disk.files, after: timers.after })
  disk.syncs = 0
  const noted = [world.note(ledger, 1), world.note(ledger, 2)]
  await idle()
  t.equal(disk.syncs, 0)
  t.equal(ledger.waiting, 2)
  t.same(timers.delays, [lazyMs], 'one timer for all of them')
  const appended = await world.decide(ledger, 3)
  const receipts = await Promise.all(noted)
  t.same(
    [...receipts, appended].map(({ seq }) => seq),
    [2, 3, 4],
  )
  t.equal(disk.syncs, 1)
  t.same(timers.delays, [])
  await ledger.close()
  t.same(
    entriesOf(world.place).flatMap(({ data }) => data['amount'] ?? []),
    [1, 2, 3],
  )
})

test('a note that no append follows goes to the disk when its time is over', async (t) => {
  const world = begin(t)
  const [disk, timers] = [new HeldDisk(), new Timers()]
  const ledger = await world.open({ files: disk.files, after: timers.after })
  disk.syncs = 0
  const noted = world.note(ledger, 1)
  await lazy(timers)
  timers.expire()
  t.equal((await noted).seq, 2)
  t.equal(disk.syncs, 1)
  t.equal(ledger.waiting, 0)
  t.same(timers.delays, [], 'nothing ticks where nothing waits')
  await ledger.close()
})

test('what is noted during a commit begins none behind it, and what is appended does', async (t) => {
  const world = begin(t)
  const [disk, timers] = [new HeldDisk(), new Timers()]
  const ledger = await world.open({ files: disk.files, after: timers.after })
  disk.syncs = 0
  disk.holding = true
  const first = world.decide(ledger, 1)
  await idle()
  const noted = world.note(ledger, 2)
  t.same(timers.delays, [commitMsMax])
  disk.release()
  await first
  await idle()
  t.equal(disk.syncs, 1)
  t.equal(ledger.waiting, 1)
  t.same(timers.delays, [lazyMs])
  disk.holding = true
  const second = world.decide(ledger, 3)
  await idle()
  const [behind, third] = [world.note(ledger, 4), world.decide(ledger, 5)]
  disk.release()
  await Promise.all([noted, second, behind, third])
  t.equal(disk.syncs, 3, 'an append that came during a commit has one of its own')
  await ledger.close()
})

test('half a batch of notes does not wait for its time', async (t) => {
  const large = { kind: 'incident', actor: {}, data: { text: 'x'.repeat(60_000) } } as const
  const cases = [
    { draft: decision(1), count: batchEntriesMax / 2 },
    { draft: large, count: Math.ceil(batchBytesMax / 2 / 60_000) },
  ]
  for (const { count, draft } of cases) {
    const world = begin(t)
    const [disk, timers] = [new HeldDisk(), new Timers()]
    const ledger = await world.open({ files: disk.files, after: timers.after })
    const noted = Array.from({ length: count - 1 }, () => ledger.note(draft))
    await idle()
    t.equal(ledger.waiting, count - 1)
    await Promise.all([...noted, ledger.note(draft)])
    t.same([ledger.waiting, timers.delays], [0, []])
    await ledger.close()
  }
})

test('a close takes notes to the disk before its last entry', async (t) => {
  const world = begin(t)
  const timers = new Timers()
  const ledger = await world.open({ after: timers.after })
  const noted = Array.from({ length: 5 }, (_, amount) => world.note(ledger, amount))
  await ledger.close()
  t.equal((await Promise.all(noted)).length, 5)
  t.equal(entriesOf(world.place).at(-1)?.kind, 'boot.close')
  t.same(timers.delays, [])
  await t.rejects(ledger.note(decision(1)), unavailable)
  const again = new World(world.place)
  await (await again.open()).close()
  t.same(again.state, world.state)
})

test('a rotation takes notes into the segment whose snapshot they are in', async (t) => {
  const world = begin(t)
  const timers = new Timers()
  const ledger = await world.open({ segmentBytesMax: 1, after: timers.after })
  for (let round = 0; round < 4; round += 1) {
    const noted = [world.note(ledger, 1), world.note(ledger, 2)]
    if (round % 2 === 0) await world.decide(ledger, 3)
    else {
      await lazy(timers)
      timers.expire()
    }
    await Promise.all(noted)
  }
  await ledger.close()
  t.ok(segments(world.place).length > 2)
  const again = new World(world.place)
  await (await again.open()).close()
  t.same(again.state, world.state)
  t.equal((await verifyLedger({ directory: world.place.directory })).exit, 0)
})

test('notes are bounded as appends are', async (t) => {
  const world = begin(t)
  const disk = new HeldDisk()
  const ledger = await world.open({ files: disk.files })
  disk.holding = true
  const noted: Promise<unknown>[] = []
  while (ledger.obstacle === null) noted.push(ledger.note(decision(1)))
  t.equal(noted.length, (waitingEntriesMax * 7) / 8)
  disk.release()
  await Promise.all(noted)
  await ledger.close()
})

test('a disk that fails under nothing but notes poisons all the same', async (t) => {
  const world = begin(t)
  const [disk, timers] = [new HeldDisk(), new Timers()]
  const failures: Failure[] = []
  const sync = async (descriptor: number): Promise<void> => {
    if (disk.holding) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
    await disk.files.sync(descriptor)
  }
  const ledger = await world.open({
    files: { ...disk.files, sync },
    after: timers.after,
    onPoison: (failure) => failures.push(failure),
  })
  disk.holding = true
  const noted = ledger.note(decision(1))
  await lazy(timers)
  timers.expire()
  await t.rejects(noted, unavailable)
  t.equal(failures.length, 1)
  t.equal(ledger.obstacle, failures[0])
  await t.rejects(ledger.append(decision(2)), unavailable)
  await t.rejects(ledger.note(decision(3)), unavailable)
  t.same(timers.delays, [], 'nothing is tried again')
  await ledger.close()
})
