/** Appending in bad times: a full queue, a slow or full disk, a file that somebody touched, a bug. */
import {
  appendFileSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { ContractError } from '../../kernel/contract.ts'
import type { Failure } from '../../kernel/reasons.ts'
import type { Draft, Receipt } from '../../ledger/entry.ts'
import { failureOf } from '../../ledger/failure.ts'
import { type Files, realFiles } from '../../ledger/files.ts'
import { keptShare, Ledger, waitingEntriesMax } from '../../ledger/ledger.ts'
import { FaultyFiles } from './faulty-files.ts'
import { HeldDisk, Timers } from './held-disk.ts'
import { decision, entriesOf, type Place, segments, World } from './open-ledger.ts'
import { begin, unavailable } from './stored-ledger.ts'

async function outcome(promise: Promise<Receipt>): Promise<number | Failure> {
  return promise.then(
    ({ seq }) => seq,
    (failure: Failure) => failure,
  )
}

test('what does not fit the queue is refused, not recorded, and harms nothing', async (t) => {
  const world = begin(t)
  const disk = new HeldDisk()
  const ledger = await world.open({ files: disk.files })
  disk.holding = true
  const taken: Promise<Receipt>[] = []
  let firstObstacle = 0
  for (let index = 0; index < waitingEntriesMax * keptShare; index += 1) {
    if (firstObstacle === 0 && ledger.obstacle !== null) firstObstacle = index
    taken.push(ledger.append(decision(index)))
  }
  t.equal(firstObstacle, (waitingEntriesMax * 7) / 8, 'much is kept for what must be recorded')
  await t.rejects(ledger.append(decision(-1)), unavailable)
  disk.release()
  await Promise.all(taken)
  t.equal(ledger.obstacle, null)
  t.equal(ledger.poisoned, null)
  disk.holding = true
  const data = { text: 'x'.repeat(65_000) }
  const large: Promise<number | Failure>[] = []
  for (let index = 0; index < 1_045; index += 1) {
    large.push(outcome(ledger.append({ kind: 'incident', actor: {}, data })))
  }
  disk.release()
  const refused = (await Promise.all(large)).filter((result) => typeof result !== 'number')
  t.ok(refused.length > 5 && refused.length < 40, `${refused.length} of 1,045 beyond 64 MiB`)
  await ledger.close()
  t.notOk(entriesOf(world.place).some((entry) => entry.data['amount'] === -1))
})

test('a commit that takes too long is refused to those who wait, and may be recorded', async (t) => {
  const world = begin(t)
  const disk = new HeldDisk()
  const timers = new Timers()
  const ledger = await world.open({ files: disk.files, after: timers.after })
  disk.holding = true
  const syncing = outcome(ledger.append(decision(1)))
  await new Promise(setImmediate)
  const queued = outcome(ledger.append(decision(2)))
  timers.expire()
  t.match(await syncing, unavailable)
  t.match(await queued, unavailable)
  t.match(ledger.obstacle, unavailable, 'nothing new while the disk stands still')
  const later = outcome(ledger.append(decision(3)))
  timers.expire()
  t.match(await later, unavailable)
  t.equal(ledger.poisoned, null)
  disk.release()
  while (ledger.waiting > 0) await new Promise(setImmediate)
  t.equal(ledger.obstacle, null)
  t.equal(await outcome(ledger.append(decision(4))), 5)
  await ledger.close()
  const amounts = entriesOf(world.place).map(({ data }) => data['amount'])
  t.same(
    amounts.filter((amount) => amount !== undefined),
    [1, 2, 3, 4],
  )
})

test('a disk that is nearly full refuses before it is full, and recovers', async (t) => {
  const world = begin(t)
  let freeBytes = 1_000_000
  let asked = 0
  const filesystem = (): { type: number; freeBytes: number } => {
    asked += 1
    if (freeBytes < 0) throw Object.assign(new Error('EIO: i/o error, statfs'), { code: 'EIO' })
    return { type: 0, freeBytes }
  }
  const ledger = await world.open({ files: { ...realFiles, filesystem }, freeBytesMin: 1_000 })
  await ledger.append(decision(1))
  const before = asked
  freeBytes = 999
  await ledger.append(decision(2))
  t.equal(asked, before, 'asked once a second')
  world.clock.now += 1_000
  t.match(ledger.obstacle, unavailable)
  await ledger.append(decision(3))
  freeBytes = 499
  world.clock.now += 1_000
  await t.rejects(ledger.append(decision(4)), { ...unavailable, message: /499 bytes free/ })
  freeBytes = -1
  world.clock.now += 1_000
  await t.rejects(ledger.append(decision(5)), { ...unavailable, message: /EIO/ })
  freeBytes = 1_000
  world.clock.now += 1_000
  await ledger.append(decision(6))
  t.equal(ledger.poisoned, null)
  await ledger.close()
})

test('a draft that is no entry is a bug of its caller, and leaves the chain as it was', async (t) => {
  const world = begin(t)
  const ledger = await world.open()
  const wrong: Draft[] = [
    { kind: 'decision', actor: {}, data: { b: 1, a: 1 } },
    { kind: 'decision', actor: {}, data: { text: 'x'.repeat(70_000) } },
    { kind: 'log.genesis', actor: {}, data: {} },
    { kind: 'boot.close', actor: {}, data: {} },
  ]
  for (const draft of wrong) await t.rejects(ledger.append(draft), ContractError)
  t.equal((await ledger.append(decision(1))).seq, 2)
  const data = { amount: 2 }
  const waiting = ledger.append({ kind: 'decision', actor: {}, data })
  data.amount = 3
  await waiting
  await ledger.close()
  t.equal(entriesOf(world.place)[3]?.data['amount'], 2, 'a draft is read when it is appended')
})

/** What somebody else may do to the file of a running ledger. */
const foreign: readonly (readonly [string, (path: string, place: Place) => void])[] = [
  ['removed', (path) => unlinkSync(path)],
  ['moved away', (path, { data }) => renameSync(path, join(data, 'elsewhere'))],
  ['cut', (path) => truncateSync(path, statSync(path).size - 1)],
  ['grown', (path) => appendFileSync(path, 'x')],
  [
    'replaced by a copy',
    (path, { data }) => {
      renameSync(path, join(data, 'elsewhere'))
      writeFileSync(path, readFileSync(join(data, 'elsewhere')))
    },
  ],
]

test('a file that somebody else touched poisons the ledger for good', async (t) => {
  for (const [what, touch] of foreign) {
    const world = begin(t)
    const failures: Failure[] = []
    const ledger = await world.open({ onPoison: (failure) => failures.push(failure) })
    await ledger.append(decision(1))
    const [name = ''] = segments(world.place)
    touch(join(world.place.directory, name), world.place)
    const refused = await Promise.all([1, 2].map(() => outcome(ledger.append(decision(2)))))
    t.match(refused, [unavailable, unavailable], what)
    await t.rejects(ledger.append(decision(3)), { ...unavailable, message: /restart/ })
    t.equal(failures.length, 1, 'said once')
    t.equal(ledger.poisoned, failures[0])
    t.equal(ledger.obstacle, failures[0])
    t.equal(ledger.head.seq, 2)
    await ledger.close()
  }
})

test('short writes are gone on with, and no sync that failed is tried again', async (t) => {
  const world = begin(t)
  const short = new FaultyFiles({ at: Number.POSITIVE_INFINITY, code: '', writeBytesMax: 7 })
  const ledger = await world.open({ files: short.files })
  await Promise.all([1, 2, 3].map((amount) => ledger.append(decision(amount))))
  await ledger.close()
  t.equal(entriesOf(world.place).length, 6)
  let syncs = 0
  let fails = false
  const sync = async (descriptor: number): Promise<void> => {
    syncs += 1
    if (fails) throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' })
    await realFiles.sync(descriptor)
  }
  const again = await world.open({ files: { ...realFiles, sync } })
  fails = true
  syncs = 0
  await t.rejects(again.append(decision(4)), { ...unavailable, message: /EIO.*disk is failing/ })
  fails = false
  await t.rejects(again.append(decision(5)), unavailable)
  await again.close()
  t.equal(syncs, 1)
  const stuck = await new World(world.place)
    .open({
      files: {
        ...realFiles,
        write: (descriptor, bytes) => (bytes.length > 600 ? 0 : realFiles.write(descriptor, bytes)),
      },
    })
    .catch((failure: unknown) => failure)
  t.match(stuck, unavailable, 'a disk that takes nothing is an error, not a loop')
})

test('a snapshot that cannot be made poisons the ledger and loses nothing', async (t) => {
  const world = begin(t)
  const failures: Failure[] = []
  const ledger = await world.open({
    segmentBytesMax: 1,
    snapshot: () => {
      throw new ContractError('the state is broken')
    },
    onPoison: (failure) => failures.push(failure),
  })
  await t.rejects(ledger.append(decision(1)), unavailable)
  t.match(failures, [{ cause: { message: 'the state is broken' } }])
  await ledger.close()
})

test('a file that has lost its last name poisons', async (t) => {
  const world = begin(t)
  let links = 1
  const facts: Files['facts'] = (descriptor) => ({ ...realFiles.facts(descriptor), links })
  const ledger = await world.open({ files: { ...realFiles, facts } })
  await ledger.append(decision(1))
  links = 0
  await t.rejects(ledger.append(decision(2)), { ...unavailable, message: /was removed/ })
  await ledger.close()
})

test('a file in the place of the next segment poisons, and is not written over', async (t) => {
  const world = begin(t)
  const ledger = await world.open({ segmentBytesMax: 1 })
  const path = join(world.place.directory, 'ledger-000000000000003.jsonl')
  writeFileSync(path, 'not ours')
  const acknowledged = await ledger.append(decision(1))
  await t.rejects(ledger.append(decision(2)), { ...unavailable, message: /is there already/ })
  await ledger.close()
  t.equal(readFileSync(path, 'utf8'), 'not ours')
  t.equal(entriesOf(world.place)[2]?.hash, acknowledged.hash)
})

test('the real calls answer with their errors', async (t) => {
  await t.rejects(realFiles.sync(1_000_000), { code: 'EBADF' })
  await t.rejects(realFiles.syncDirectory(1_000_000), { code: 'EBADF' })
  t.equal(realFiles.factsAt('/nowhere/at/all'), null)
  t.match(failureOf('odd', 'it failed'), { ...unavailable, message: 'it failed: odd' })
})

test('what is left out of the options has its default', async (t) => {
  const world = begin(t)
  const { directory, lockFile } = world.place
  const { createdBy, fold, now, origin, random, restore, snapshot } = world.options()
  const base = { directory, lockFile, origin, createdBy, now, random, restore, fold, snapshot }
  const options = { ...base, durability: 'group' } as const
  const onWhat = await Ledger.open(options).catch((failure: Failure) => failure.message)
  if (typeof onWhat === 'string') {
    // Where the tests' disk is no disk, the default says so.
    t.match(onWhat, /is on /)
    return
  }
  await onWhat.append(decision(1))
  t.equal(entriesOf(world.place)[1]?.data['node'], process.version)
  unlinkSync(join(directory, 'ledger-000000000000000.jsonl'))
  await t.rejects(onWhat.append(decision(2)), unavailable)
  await onWhat.close()
})
