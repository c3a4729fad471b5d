/** Closed segments beside the anchors: streamed, once, whole, held; and another file in their place is a fork. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { World as LedgerWorld, makePlace, segments } from '../ledger/open-ledger.ts'
import { AnchorWorld, Log, origin, until } from './anchor-world.ts'

const name = 'ledger-000000000000000.jsonl'
const keyOf = (segment: string): string => `some/prefix/${origin}/segment/${segment}`

function fileWith(t: Test, bytes: Buffer): string {
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-segments-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, name)
  writeFileSync(path, bytes)
  return path
}

test('a closed segment is copied byte for byte, with its SHA-256, and held', async (t) => {
  const world = await AnchorWorld.open(t)
  const bytes = Buffer.alloc(3_000_001, 'a line of a ledger\n')
  const anchorer = world.anchorer(new Log('one'))
  anchorer.segmentClosed(fileWith(t, bytes), name)
  t.equal(anchorer.counts.segmentsWaiting, 1)
  await until(() => anchorer.counts.segmentsWaiting === 0)
  const [stored, ...others] = world.store.objects.of(keyOf(name))
  t.ok(stored?.bytes.equals(bytes))
  t.equal(others.length, 0)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  t.equal(stored?.metadata['x-amz-meta-sha256'], sha256)
  t.equal(stored?.lock?.mode, 'COMPLIANCE')
  t.same(world.store.refused, [])
  await world.close(anchorer)
})

test('a start names all segments again, and those that are there are not sent again', async (t) => {
  const world = await AnchorWorld.open(t)
  const path = fileWith(t, Buffer.from('a line\n'))
  for (const life of [1, 2]) {
    const anchorer = world.anchorer(new Log('one'))
    anchorer.segmentClosed(path, name)
    await until(() => anchorer.counts.segmentsWaiting === 0)
    await world.close(anchorer)
    const puts = world.store.asked.filter((asked) => asked.startsWith('PUT'))
    t.equal(puts.length, 1, `life ${life}`)
  }
})

test('a failure is tried again, and a segment that cannot be read stands in nobody’s way', async (t) => {
  const world = await AnchorWorld.open(t)
  world.store.fail('SlowDown', 'PUT', '/segment/')
  world.store.fail('cut', 'PUT', '/segment/')
  world.store.fail('done and cut', 'PUT', '/segment/')
  const anchorer = world.anchorer(new Log('one'))
  anchorer.segmentClosed('/nowhere/at/all', 'ledger-000000000000009.jsonl')
  anchorer.segmentClosed(fileWith(t, Buffer.alloc(700_000, 'x')), name)
  for (let failures = 1; anchorer.counts.segmentsWaiting > 1; failures += 1) {
    await until(
      () => anchorer.counts.segmentFailures >= failures || anchorer.counts.segmentsWaiting === 1,
    )
    await world.clock.pass(60_000)
  }
  t.equal(world.store.objects.of(keyOf(name)).length, 1)
  t.match(world.logged.join('\n'), /\/nowhere\/at\/all cannot be read/)
  await world.close(anchorer)
})

test('another file under the name of a segment is a fork', async (t) => {
  for (const ignoresCondition of [false, true]) {
    const world = await AnchorWorld.open(t, { ignoresCondition })
    const [one, other] = [world.anchorer(new Log('one')), world.anchorer(new Log('other'))]
    one.segmentClosed(fileWith(t, Buffer.from('a line\n')), name)
    await until(() => one.counts.segmentsWaiting === 0)
    other.segmentClosed(fileWith(t, Buffer.from('b line\n')), name)
    await until(() => world.forks.length === 1)
    t.match(world.forks[0], /is another file than this ledger's ledger-000000000000000\.jsonl/)
    await world.close(one)
    await world.close(other)
  }
})

test('a start compares what is outside with what the next segment records, and reads it no more', async (t) => {
  const place = makePlace()
  t.teardown(() => place.remove())
  const written = new LedgerWorld(place)
  const ledger = await written.open({ segmentBytesMax: 8_192 })
  for (let count = 0; count < 60; count += 1) await written.decide(ledger, count)
  await ledger.close()
  const closed = segments(place).slice(0, -1)
  t.ok(closed.length > 1)
  const world = await AnchorWorld.open(t)
  const copyAll = async (): Promise<void> => {
    const anchorer = world.anchorer(new Log('one'))
    for (const one of [...closed, ...closed])
      anchorer.segmentClosed(join(place.directory, one), one)
    await until(() => anchorer.counts.segmentsWaiting === 0 || world.forks.length > 0)
    const waiting = anchorer.counts.segmentsWaiting
    for (const one of closed) anchorer.segmentClosed(join(place.directory, one), one)
    t.equal(anchorer.counts.segmentsWaiting, waiting, 'told again, they are not looked at again')
    await anchorer.close()
  }
  await copyAll()
  for (const one of closed) {
    const [stored] = world.store.objects.of(keyOf(one))
    t.ok(stored?.bytes.equals(readFileSync(join(place.directory, one))), one)
  }
  // Its length stays: only who reads it again would see the difference.
  const [first = ''] = closed
  const path = join(place.directory, first)
  writeFileSync(path, Buffer.alloc(readFileSync(path).length, 'x'))
  await copyAll()
  t.same(world.forks, [])
  const metadata = { 'x-amz-meta-sha256': 'f'.repeat(64) }
  world.store.objects.put(keyOf(first), Buffer.from('other'), { lock: null, metadata, modified: 0 })
  await copyAll()
  t.match(world.forks[0], /is another file than this ledger's/)
})
