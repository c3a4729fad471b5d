/** The anchorer against a store that keeps the rules of S3: cadence, slots, lag, forks, retries, the end. */
import '../kernel/seed.ts'
import { createHash } from 'node:crypto'
import { test } from 'tap'
import { anchorMs } from '../../ledger/anchor.ts'
import { AnchorWorld, asAdministrator, keyOfSlot, Log, until } from './anchor-world.ts'

test('the first checkpoint is anchored at once, the next one 60 s later, in the next slot', async (t) => {
  const world = await AnchorWorld.open(t)
  const log = new Log('one')
  const anchorer = world.anchorer(log)
  log.grow(3)
  const first = log.checkpoint(world.clock.now())
  anchorer.offer(first)
  t.same(anchorer.lag, { entries: 3, ms: 0 }, 'it waits for nothing')
  await until(() => world.anchored.length === 1)
  t.same(anchorer.lag, { entries: 0, ms: 0 })
  log.grow(5)
  anchorer.offer(log.checkpoint(world.clock.now()))
  log.grow(1)
  anchorer.offer(log.checkpoint(world.clock.now() + 5))
  await world.clock.pass(anchorMs - 1)
  t.equal(world.anchored.length, 1, 'not before its time')
  t.same(anchorer.lag, { entries: 6, ms: anchorMs - 1 })
  await world.clock.pass(1)
  await until(() => world.anchored.length === 2)
  t.same(
    world.anchored.map(({ size, slot }) => ({ size, slot })),
    [
      { size: 3, slot: 0 },
      { size: 9, slot: 1 },
    ],
    'the newest of those that waited',
  )
  const [stored] = world.store.objects.of(keyOfSlot(0))
  t.equal(stored?.bytes.toString(), first.note, 'the note is there byte for byte')
  t.equal(stored?.lock?.mode, 'COMPLIANCE')
  t.ok((stored?.lock?.until ?? 0) > world.clock.now() + 399 * 86_400_000, 'and held for 400 days')
  const sha256 = createHash('sha256').update(first.note).digest('hex')
  t.match(world.anchored[0], {
    sha256,
    store: 's3://anchors/some/prefix',
    version: stored?.id ?? '',
  })
  t.same(world.store.refused, [], 'each signature was right')
  await anchorer.close()
  t.equal(world.clock.timers, 0, 'no timer is left')
})

test('16,384 entries, a rotation and a close do not wait for the cadence', async (t) => {
  const world = await AnchorWorld.open(t)
  const log = new Log('one')
  const anchorer = world.anchorer(log)
  const offered = async (entries: number, cause: 'cadence' | 'close' | 'rotate'): Promise<void> => {
    log.grow(entries)
    anchorer.offer(log.checkpoint(world.clock.now(), cause))
    await world.clock.pass(10)
  }
  await offered(1, 'cadence')
  await until(() => world.anchored.length === 1)
  await offered(16_383, 'cadence')
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.equal(world.anchored.length, 1, 'one entry too few')
  await offered(1, 'cadence')
  await until(() => world.anchored.length === 2)
  await offered(1, 'rotate')
  await until(() => world.anchored.length === 3)
  await offered(1, 'close')
  await anchorer.close()
  t.equal(world.anchored.at(-1)?.size, 16_387)
  log.grow(1)
  anchorer.offer(log.checkpoint(world.clock.now()))
  t.equal(anchorer.lag.entries, 0, 'what comes behind a close is not heard')
})

test('a close anchors what waited for the cadence', async (t) => {
  const world = await AnchorWorld.open(t)
  const log = new Log('one')
  const anchorer = world.anchorer(log)
  log.grow(1)
  anchorer.offer(log.checkpoint(world.clock.now()))
  await until(() => world.anchored.length === 1)
  log.grow(1)
  anchorer.offer(log.checkpoint(world.clock.now()))
  await anchorer.close()
  t.equal(world.anchored.length, 2)
})

test('a close does not wait longer than 10 s for a store that is silent', async (t) => {
  const world = await AnchorWorld.open(t)
  const log = new Log('one')
  world.store.fail('silent', 'PUT', '/anchor/', 100)
  const anchorer = world.anchorer(log)
  log.grow(1)
  anchorer.offer(log.checkpoint(world.clock.now()))
  const closed = anchorer.close()
  await world.clock.pass(10_000)
  await closed
  t.same(world.anchored, [])
  t.match(world.logged.join('\n'), /closed unanchored/)
  await until(() => anchorer.counts.failures > 0)
  t.match(anchorer.failure?.message, /it was not waited for any longer|in time/)
})

test('another log in a slot is a fork, told once, and nothing is put any more', async (t) => {
  const world = await AnchorWorld.open(t)
  const [one, other] = [new Log('one'), new Log('other')]
  one.grow(4)
  other.grow(4)
  await world.anchorOnce(other)
  const anchorer = world.anchorer(one)
  anchorer.offer(one.checkpoint(world.clock.now()))
  await until(() => world.forks.length > 0)
  t.match(world.forks[0], /0000000000\.note holds another log's note: its root over 4 entries is/)
  one.grow(20_000)
  const asked = world.store.asked.length
  anchorer.offer(one.checkpoint(world.clock.now()))
  anchorer.segmentClosed('/nowhere', 'ledger-000000000000000.jsonl')
  await world.clock.pass(120_000)
  t.equal(world.store.asked.length, asked)
  t.equal(world.forks.length, 1)
  t.equal(world.anchored.length, 1, 'only the other was anchored')
  t.match(anchorer.failure?.message, /holds another log/)
  await world.close(anchorer)
})

test('a copy that is ahead of this ledger is a fork, too, and so is a note of another origin', async (t) => {
  const world = await AnchorWorld.open(t)
  const [one, same] = [new Log('one'), new Log('one')]
  one.grow(4)
  same.grow(5)
  await world.anchorOnce(same)
  const anchorer = world.anchorer(one)
  anchorer.offer(one.checkpoint(world.clock.now()))
  await until(() => world.forks.length > 0)
  t.match(world.forks[0], /it covers 5 entries, more than this ledger has/)
  await world.close(anchorer)
})

test('what an earlier life put late into a slot is ours: the next slot is taken', async (t) => {
  const world = await AnchorWorld.open(t)
  const [earlier, now] = [new Log('one'), new Log('one')]
  earlier.grow(4)
  await world.anchorOnce(earlier)
  now.grow(7)
  const anchor = await world.anchorOnce(now)
  t.match(anchor, { size: 7, slot: 1 })
  t.same(world.forks, [])
})

const passing = [
  'InternalError',
  'SlowDown',
  'cut',
  'redirect',
  'nonsense',
  'endless',
  'silent',
] as const

for (const kind of passing) {
  test(`a store that answers '${kind}' twice is asked again, with the same note`, async (t) => {
    const world = await AnchorWorld.open(t)
    const log = new Log('one')
    world.store.fail(kind, kind === 'nonsense' ? 'GET' : 'PUT', '/anchor', 2)
    const anchorer = world.anchorer(log)
    log.grow(2)
    anchorer.offer(log.checkpoint(world.clock.now()))
    for (const failures of [1, 2]) {
      if (kind === 'silent') {
        await until(() => world.store.faults[0]?.times === 2 - failures)
        await world.clock.pass(10_000)
      }
      await until(() => anchorer.counts.failures === failures)
      t.match(anchorer.failure?.message, /^s3:\/\/anchors\/some\/prefix: /)
      t.ok(anchorer.lag.entries > 0)
      log.grow(1)
      anchorer.offer(log.checkpoint(world.clock.now()))
      await world.clock.pass(4_000)
    }
    await until(() => world.anchored.length === 1)
    t.match(world.anchored[0], { size: 2, slot: 0 })
    t.equal(anchorer.failure, null)
    t.equal(world.store.objects.of(keyOfSlot(0)).length, 1)
    await world.close(anchorer)
    t.notMatch(world.logged.join('\n'), /secret|AKTEST|Signature/, 'no key in any log')
  })
}

test('a put that arrived although its answer did not is found to be ours', async (t) => {
  const world = await AnchorWorld.open(t)
  const log = new Log('one')
  world.store.fail('done and cut', 'PUT', '/anchor/')
  const anchorer = world.anchorer(log)
  log.grow(2)
  anchorer.offer(log.checkpoint(world.clock.now()))
  await until(() => anchorer.counts.failures === 1)
  await world.clock.pass(4_000)
  await until(() => world.anchored.length === 1)
  t.same(world.forks, [])
  t.equal(world.store.objects.of(keyOfSlot(0)).length, 1)
  await world.close(anchorer)
})

test('a store that says 200 and keeps nothing is not believed', async (t) => {
  const world = await AnchorWorld.open(t)
  const log = new Log('one')
  world.store.fail('lie', 'PUT', '/anchor/')
  const anchorer = world.anchorer(log)
  log.grow(2)
  anchorer.offer(log.checkpoint(world.clock.now()))
  await until(() => anchorer.counts.failures === 1)
  t.match(anchorer.failure?.message, /it said that it is there, and it is not/)
  t.same(world.anchored, [])
  await world.clock.pass(4_000)
  await until(() => world.anchored.length === 1)
  await world.close(anchorer)
})

test('other bytes read once are no fork; read again and again they are one', async (t) => {
  const world = await AnchorWorld.open(t)
  const log = new Log('one')
  const part = '/anchor/0000000000.note?versionId'
  world.store.fail('wrong bytes', 'GET', part)
  const anchorer = world.anchorer(log)
  log.grow(2)
  anchorer.offer(log.checkpoint(world.clock.now()))
  await until(() => anchorer.counts.failures === 1)
  t.match(anchorer.failure?.message, /it changes as it is read/)
  t.same([world.anchored, world.forks], [[], []])
  world.store.fail('wrong bytes', 'GET', part, 100)
  await world.clock.pass(4_000)
  await until(() => world.forks.length === 1)
  t.match(world.forks[0], /it is no note/)
  t.same(world.anchored, [])
  await world.close(anchorer)
})

test('a bucket without Object Lock anchors nothing, and the failure says what to do', async (t) => {
  const world = await AnchorWorld.open(t, { objectLock: false })
  const log = new Log('one')
  const anchorer = world.anchorer(log)
  log.grow(2)
  anchorer.offer(log.checkpoint(world.clock.now()))
  await until(() => anchorer.counts.failures === 1)
  t.match(
    anchorer.failure?.message,
    /it answered 400 InvalidRequest; .*Object Lock: see docs\/anchors/,
  )
  t.same(world.anchored, [])
  await world.close(anchorer)
})

test('keys that the store does not know fail with a sentence that holds none of them', async (t) => {
  const world = await AnchorWorld.open(t)
  const log = new Log('one')
  const environment = { ...world.store.environment, AWS_SECRET_ACCESS_KEY: 'another-secret' }
  const anchorer = world.anchorer(log, { environment })
  log.grow(2)
  anchorer.offer(log.checkpoint(world.clock.now()))
  await until(() => anchorer.counts.failures === 1)
  t.match(
    anchorer.failure?.message,
    /403 SignatureDoesNotMatch; AWS_SECRET_ACCESS_KEY or AWS_REGION/,
  )
  t.notMatch(anchorer.failure?.message, /another-secret|AKTEST/)
  await world.close(anchorer)
})

test('where a store ignores the condition, a second version with other bytes is a fork', async (t) => {
  const world = await AnchorWorld.open(t, { ignoresCondition: true })
  const [one, other] = [new Log('one'), new Log('other')]
  other.grow(3)
  one.grow(3)
  await world.anchorOnce(other)
  const anchorer = world.anchorer(one)
  anchorer.offer(one.checkpoint(world.clock.now()))
  await until(() => world.forks.length === 1)
  t.equal(world.store.objects.of(keyOfSlot(0)).length, 2, 'the store kept both')
  await world.close(anchorer)
})

test('where a store ignores the condition, a retry that arrived twice is ours', async (t) => {
  const world = await AnchorWorld.open(t, { ignoresCondition: true })
  const log = new Log('one')
  world.store.fail('done and cut', 'PUT', '/anchor/')
  const anchorer = world.anchorer(log)
  log.grow(2)
  anchorer.offer(log.checkpoint(world.clock.now()))
  await until(() => anchorer.counts.failures === 1)
  await world.clock.pass(4_000)
  await until(() => world.anchored.length === 1)
  t.equal(world.store.objects.of(keyOfSlot(0)).length, 2)
  t.same(world.forks, [])
  await world.close(anchorer)
})

test('an anchor cannot be removed or held shorter, and a delete marker over it is reported', async (t) => {
  const world = await AnchorWorld.open(t)
  const log = new Log('one')
  log.grow(2)
  const { version } = await world.anchorOnce(log)
  const { environment } = world.store
  const now = world.clock.now()
  const path = `/anchors/${keyOfSlot(0)}`
  const gone = await asAdministrator(environment, 'DELETE', `${path}?versionId=${version}`, { now })
  t.equal(gone.status, 403)
  const sooner = new Date(now + 1_000).toISOString()
  const body = `<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>${sooner}</RetainUntilDate></Retention>`
  const retain = `${path}?retention=&versionId=${version}`
  const shorter = await asAdministrator(environment, 'PUT', retain, { body, now })
  t.equal(shorter.status, 403)
  t.equal((await asAdministrator(environment, 'DELETE', path, { now })).status, 204)
  const other = new Log('other')
  other.grow(9)
  const anchorer = world.anchorer(other)
  anchorer.offer(other.checkpoint(now))
  await until(() => world.forks.length === 1)
  t.pass('the slot behind a delete marker is free for a put, and is taken all the same')
  await world.close(anchorer)
})
