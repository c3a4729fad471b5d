/** Appending in good times: order, batches, segments, and the bytes themselves. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import type { Draft, Receipt } from '../../ledger/entry.ts'
import { realFiles } from '../../ledger/files.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import { HeldDisk } from './held-disk.ts'
import { decision, entriesOf, noon, segments, World } from './open-ledger.ts'
import { begin, unavailable } from './stored-ledger.ts'

test('256 writers at once: the order of calls is the order of entries', async (t) => {
  const world = begin(t)
  const commits: number[] = []
  const watch = { committed: (entries: number): unknown => commits.push(entries) }
  const ledger = await world.open({ watch })
  const called: number[] = []
  const receipts: Receipt[] = []
  await Promise.all(
    Array.from({ length: 256 }, async (_, writer) => {
      for (let round = 0; round < 20; round += 1) {
        const amount = writer * 100 + round
        called.push(amount)
        receipts.push(await ledger.append(decision(amount)))
      }
    }),
  )
  t.equal(ledger.waiting, 0)
  const { head } = ledger
  await ledger.close()
  const entries = entriesOf(world.place)
  const recorded = entries.filter(({ kind }) => kind === 'decision')
  t.same(
    recorded.map(({ data }) => data['amount']),
    called,
  )
  t.same(
    receipts.map(({ seq }) => seq),
    recorded.map(({ seq }) => seq),
    'acknowledged in the order of the entries',
  )
  t.ok(receipts.every(({ hash, seq }) => entries[seq]?.hash === hash))
  t.equal(head.seq, entries.length - 2, 'boot.close comes behind')
  t.equal(Math.max(...commits), 256, 'all who wait share one commit')
})

test('one clean close is gone on from in the same file', async (t) => {
  const world = begin(t)
  const first = await world.open()
  await world.decide(first, 5)
  await first.close()
  await first.close()
  await t.rejects(first.append(decision(1)), unavailable)
  t.match(first.obstacle, unavailable)
  const again = await world.open()
  t.same(world.restored, [null, null])
  t.same(world.state, { count: 1, total: 5 })
  t.not(again.bootId, first.bootId)
  t.same(again.genesis, first.genesis)
  await world.decide(again, 6)
  await again.close()
  t.equal(segments(world.place).length, 1)
  t.same(
    entriesOf(world.place).map(({ kind }) => kind),
    [
      ...['log.genesis', 'boot.open', 'decision', 'boot.close'],
      ...['boot.open', 'decision', 'boot.close'],
    ],
  )
  const { mode } = statSync(world.place.directory)
  t.equal(mode & 0o777, 0o700)
  for (const name of readdirSync(world.place.directory)) {
    t.equal(statSync(join(world.place.directory, name)).mode & 0o777, 0o600, name)
  }
})

test('a segment that is large enough is followed by another that begins with its state', async (t) => {
  const world = begin(t)
  const ledger = await world.open({ segmentBytesMax: 20_000 })
  for (let round = 0; round < 10; round += 1) {
    await Promise.all(Array.from({ length: 30 }, (_, index) => world.decide(ledger, index)))
  }
  await ledger.close()
  const names = segments(world.place)
  t.ok(names.length > 3, `${names.length} segments`)
  const entries = entriesOf(world.place)
  for (const name of names.slice(1)) {
    const first = Number(name.slice(7, 22))
    const opening = entries[first]
    t.equal(opening?.kind, 'segment.open')
    const before = entries.slice(0, first).filter(({ kind }) => kind === 'decision')
    const total = before.reduce((sum, { data }) => sum + Number(data['amount']), 0)
    const snapshot = readFileSync(
      join(world.place.directory, name.replace('ledger', 'snapshot').replace('jsonl', 'json')),
      'utf8',
    )
    t.same(JSON.parse(snapshot), { count: before.length, total }, 'the snapshot is the fold')
    t.equal(opening?.data['clean'], true)
  }
  const after = new World(world.place)
  const again = await after.open()
  t.same(after.state, world.state)
  t.not(after.restored[0], null)
  t.ok(after.folded.length < 60, 'only the last segment is folded')
  await again.close()
  const all = new World(world.place)
  await (await all.open({ verifyAll: true })).close()
  t.same(all.state, world.state)
  const report = await verifyLedger({ directory: world.place.directory })
  t.same(report.findings, [])
})

test('a segment does not outlive its day, and time does not run backward', async (t) => {
  const world = begin(t)
  const ledger = await world.open()
  await world.decide(ledger, 1)
  world.clock.now = Date.UTC(2026, 10, 22) - 1
  await world.decide(ledger, 2)
  t.equal(segments(world.place).length, 1)
  world.clock.now += 1
  await world.decide(ledger, 3)
  world.clock.now -= 3_600_000
  await world.decide(ledger, 4)
  t.equal(segments(world.place).length, 2)
  await ledger.close()
  const entries = entriesOf(world.place)
  t.equal(entries.at(-1)?.ts, '2026-11-22T00:00:00.000Z')
  const again = await new World(world.place).open()
  await again.close()
  t.equal(segments(world.place).length, 2, 'a clock that went back opens no segment')
  const next = new World(world.place)
  next.clock.now = noon + 2 * 86_400_000
  await (await next.open()).close()
  t.equal(segments(world.place).length, 3, 'a start on another day opens one')
  t.equal(
    entriesOf(world.place).findLast(({ kind }) => kind === 'segment.open')?.data['clean'],
    true,
  )
  t.equal((await verifyLedger({ directory: world.place.directory })).exit, 0)
})

test('the bytes of a ledger with a fixed clock and chance are those of the golden files', async (t) => {
  const world = begin(t)
  const ledger = await world.open({ segmentBytesMax: 2_500 })
  const drafts: Draft[] = [
    decision(1),
    {
      kind: 'settlement',
      actor: { agent: 'a', key: 'k', principal: 'p', project: 'q', run: 'r', tenant: 't' },
      data: { list: [1, 'two', null, true, [], {}], text: 'Grüße, 世界 🌍 "\\\u0001\n' },
    },
    {
      kind: 'halt',
      actor: {},
      data: { max: Number.MAX_SAFE_INTEGER, min: Number.MIN_SAFE_INTEGER },
    },
  ]
  for (const draft of [...drafts, ...drafts]) {
    world.clock.now += 1_234
    await ledger.append(draft)
  }
  await ledger.close()
  const golden = join(process.cwd(), 'test/ledger/golden')
  const names = segments(world.place)
  if (process.env['HALTGATE_GOLDEN'] === 'write') {
    mkdirSync(golden, { recursive: true })
    for (const name of names) {
      writeFileSync(join(golden, name), readFileSync(join(world.place.directory, name)))
    }
  }
  t.same(readdirSync(golden).sort(), names)
  for (const name of names) {
    const made = readFileSync(join(world.place.directory, name), 'utf8')
    t.equal(made, readFileSync(join(golden, name), 'utf8'), name)
  }
  const snapshot = join(world.place.directory, 'snapshot-000000000000007.json')
  t.equal(readFileSync(snapshot, 'utf8'), '{"count":0,"total":0}')
  t.equal((await verifyLedger({ directory: world.place.directory })).exit, 0)
})

test('a batch takes 1,024 entries or 1 MiB, and the next one forms while it syncs', async (t) => {
  const world = begin(t)
  const disk = new HeldDisk()
  const ledger = await world.open({ files: disk.files })
  disk.holding = true
  disk.writes = []
  disk.syncs = 0
  const first = ledger.append(decision(0))
  await new Promise(setImmediate)
  const small = Array.from({ length: 3_000 }, (_, index) => ledger.append(decision(index)))
  const text = 'x'.repeat(60_000)
  const large = Array.from({ length: 40 }, () =>
    ledger.append({ kind: 'incident', actor: {}, data: { text } }),
  )
  t.equal(ledger.waiting, 3_041)
  t.equal(disk.writes.length, 1)
  disk.release()
  const receipts = await Promise.all([first, ...small, ...large])
  t.equal(receipts.length, 3_041)
  t.ok(disk.writes.every((bytes) => bytes <= 1024 * 1024))
  t.ok(disk.writes.length <= 7, `${disk.writes.length} writes`)
  t.equal(disk.syncs, disk.writes.length)
  await ledger.close()
})

test('a rotation takes all that waits into the old segment, in order', async (t) => {
  const world = begin(t)
  const disk = new HeldDisk()
  const ledger = await world.open({ files: disk.files, segmentBytesMax: 100_000 })
  disk.holding = true
  const first = world.decide(ledger, 0)
  await new Promise(setImmediate)
  const waiting = Array.from({ length: 3_000 }, (_, index) => world.decide(ledger, index))
  disk.release()
  await Promise.all([first, ...waiting])
  const late = await world.decide(ledger, 1)
  await ledger.close()
  t.same(segments(world.place), ['ledger-000000000000000.jsonl', 'ledger-000000000003003.jsonl'])
  t.equal(late.seq, 3_004)
  t.equal(entriesOf(world.place).length, 3_006)
  t.equal((await verifyLedger({ directory: world.place.directory })).exit, 0)
  const again = new World(world.place)
  await (await again.open()).close()
  t.same(again.state, world.state)
})

test('without syncs every entry is still written in order', async (t) => {
  const world = begin(t)
  let syncs = 0
  const sync = async (descriptor: number): Promise<void> => {
    syncs += 1
    await realFiles.sync(descriptor)
  }
  const ledger: Ledger = await world.open({ durability: 'os', files: { ...realFiles, sync } })
  const before = syncs
  await Promise.all(Array.from({ length: 500 }, (_, index) => ledger.append(decision(index))))
  t.equal(syncs, before)
  await ledger.close()
  t.equal(entriesOf(world.place).length, 503)
  t.equal(entriesOf(world.place)[1]?.data['durability'], 'os')
})
