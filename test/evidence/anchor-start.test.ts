/** What a start finds in the slots: where they end, and whether they are this ledger's past; and what an auditor reads. */
import '../kernel/seed.ts'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'tap'
import { errorCodeOf, pageOf } from '../../evidence/anchor/listing.ts'
import { placeOf } from '../../evidence/anchor/place.ts'
import { readAnchors } from '../../evidence/anchor/read.ts'
import { AnchorWorld, asAdministrator, keyOfSlot, Log, origin, storeText } from './anchor-world.ts'

/** Slots put there without the anchorer, as quickly as a test needs them. */
function fill(world: AnchorWorld, log: Log, slots: number): void {
  const { note } = log.checkpoint(world.clock.now())
  const lock = { mode: 'COMPLIANCE', until: world.clock.now() + 1_000_000 }
  for (let slot = 0; slot < slots; slot += 1) {
    const more = { lock, metadata: {}, modified: world.clock.now() }
    world.store.objects.put(keyOfSlot(slot), Buffer.from(note), more)
  }
}

test('an empty bucket begins with slot 0', async (t) => {
  const world = await AnchorWorld.open(t)
  t.same(await world.reconcile(new Log('one')), { kind: 'sound', size: 0, slot: 0 })
})

for (const slots of [1, 2, 999, 1_000, 1_001, 2_000, 2_001, 3_500, 9_000]) {
  test(`the end of ${slots} slots is found, in few requests`, async (t) => {
    const world = await AnchorWorld.open(t)
    const log = new Log('one')
    log.grow(5)
    fill(world, log, slots)
    t.same(await world.reconcile(log), { kind: 'sound', size: 5, slot: slots })
    t.ok(world.store.asked.length <= 20, `${world.store.asked.length} requests`)
    const before = world.store.asked.length
    t.same(await world.reconcile(log, slots - 1), { kind: 'sound', size: 5, slot: slots })
    t.equal(world.store.asked.length - before, 3, 'the slot of the last entry makes it three')
  })
}

test('a ledger with fewer entries than were anchored is rolled back', async (t) => {
  const world = await AnchorWorld.open(t)
  const [before, restored] = [new Log('one'), new Log('one')]
  before.grow(9)
  await world.anchorOnce(before)
  restored.grow(8)
  const found = await world.reconcile(restored)
  t.match(found, { kind: 'rollback', message: /it covers 9 entries, more than this ledger has/ })
})

test('a ledger with other entries than were anchored is a fork', async (t) => {
  const world = await AnchorWorld.open(t)
  const [before, rewritten] = [new Log('one'), new Log('other')]
  before.grow(9)
  await world.anchorOnce(before)
  rewritten.grow(12)
  t.match(await world.reconcile(rewritten), { kind: 'fork', message: /its root over 9 entries/ })
})

test('an overwritten newest slot is a fork at the start, whichever of its notes is ours', async (t) => {
  const world = await AnchorWorld.open(t, { ignoresCondition: true })
  const [one, other] = [new Log('one'), new Log('other')]
  one.grow(3)
  other.grow(3)
  await world.anchorOnce(one)
  const more = { lock: null, metadata: {}, modified: 0 }
  world.store.objects.put(keyOfSlot(0), Buffer.from(other.checkpoint(0).note), more)
  t.match(await world.reconcile(one), { kind: 'fork' })
  t.match(await world.reconcile(other), { kind: 'fork' })
})

test('slots that the ledger knows of, and that are not there, are a fork', async (t) => {
  const world = await AnchorWorld.open(t)
  t.match(await world.reconcile(new Log('one'), 4), { kind: 'fork', message: /slot 4 is anchored/ })
})

test('a store that cannot be asked fails the start with a sentence', async (t) => {
  const world = await AnchorWorld.open(t)
  world.store.fail('InternalError', 'GET', 'versions')
  const asked = world.reconcile(new Log('one'))
  await t.rejects(asked, { name: 'Failure', message: /GET: it answered 500 InternalError/ })
})

test('an auditor reads each slot, its lock, its versions and delete markers, over pages', async (t) => {
  const world = await AnchorWorld.open(t, { pageMax: 50 })
  const log = new Log('one')
  log.grow(2)
  fill(world, log, 125)
  const now = world.clock.now()
  const { environment } = world.store
  await asAdministrator(environment, 'DELETE', `/anchors/${keyOfSlot(3)}`, { now })
  const more = { lock: null, metadata: {}, modified: now }
  world.store.objects.put(keyOfSlot(4), Buffer.from('second'), more)
  world.store.objects.put(keyOfSlot(125), Buffer.from('x'.repeat(100_000)), more)
  world.store.objects.put(`${keyOfSlot(7)}.txt`, Buffer.from('of somebody else'), more)
  const options = { store: storeText, origin, environment, now: () => now }
  const { slots, store } = await readAnchors(options)
  t.equal(store, storeText)
  t.same(
    slots.map(({ slot }) => slot),
    Array.from({ length: 126 }, (_, slot) => slot),
  )
  const { note } = log.checkpoint(now)
  const plain = { note: slots[0]?.note, versions: 1, deleted: false, compliance: true }
  t.equal(slots[0]?.note.split('\n\n')[0], note.split('\n\n')[0])
  t.match(slots[124], { ...plain, heldUntil: now + 1_000_000 })
  t.match(slots[3], { ...plain, deleted: true }, 'what lies under a delete marker is read')
  t.match(slots[4], { ...plain, versions: 2 }, 'the first version counts')
  t.match(slots[125], { compliance: false, heldUntil: null })
  t.ok((slots[125]?.note.length ?? 0) < 20_000, 'what is longer than a note is not read whole')
})

test('an auditor reads a directory that somebody copied the notes to', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-anchors-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  writeFileSync(join(directory, '0000000001.note'), 'one')
  writeFileSync(join(directory, '0000000000.note'), 'zero')
  writeFileSync(join(directory, 'README.txt'), 'not one of them')
  const options = { store: directory, origin, environment: {}, now: () => 0 }
  const none = { versions: 1, deleted: false, heldUntil: null, compliance: false }
  t.same(await readAnchors(options), {
    store: directory,
    slots: [
      { slot: 0, note: 'zero', ...none },
      { slot: 1, note: 'one', ...none },
    ],
  })
  const missing = readAnchors({ ...options, store: join(directory, 'missing') })
  await t.rejects(missing, { name: 'Failure', message: /cannot be read/ })
})

const keys = { AWS_ACCESS_KEY_ID: 'AK', AWS_SECRET_ACCESS_KEY: 'SK' }

test('a store and its environment say where a bucket is', async (t) => {
  const cases: [string, Record<string, string>, string | { base: string; prefix: string }][] = [
    [
      's3://logs',
      { AWS_REGION: 'eu-west-1' },
      { base: 'https://logs.s3.eu-west-1.amazonaws.com', prefix: '' },
    ],
    [
      's3://a.b/c/d/',
      { AWS_REGION: 'cn-north-1' },
      { base: 'https://s3.cn-north-1.amazonaws.com.cn/a.b', prefix: 'c/d/' },
    ],
    [
      's3://logs/x',
      { AWS_ENDPOINT_URL: 'https://minio.example:9000/' },
      { base: 'https://minio.example:9000/logs', prefix: 'x/' },
    ],
    ['s3://logs', {}, 'set AWS_REGION, or AWS_ENDPOINT_URL_S3 for a store of your own'],
    [
      's3://logs',
      { AWS_ENDPOINT_URL: 'ftp://x' },
      'AWS_ENDPOINT_URL_S3 is an http or https URL without user, password and query',
    ],
    [
      's3://logs',
      { AWS_ENDPOINT_URL: 'https://user:word@x' },
      'AWS_ENDPOINT_URL_S3 is an http or https URL without user, password and query',
    ],
    [
      's3://logs/../other',
      { AWS_REGION: 'eu-west-1' },
      "the prefix of s3://logs/../other may have letters, digits, '.', '-', '_' and '/'",
    ],
    [
      'https://logs',
      {},
      "an anchor store is s3://BUCKET or s3://BUCKET/PREFIX, not 'https://logs'",
    ],
    ['s3://UPPER', {}, "an anchor store is s3://BUCKET or s3://BUCKET/PREFIX, not 's3://UPPER'"],
  ]
  for (const [store, environment, expected] of cases) {
    const place = placeOf(store, { ...keys, ...environment })
    if (typeof expected === 'string') t.equal(place, expected)
    else t.match(place, expected)
  }
  t.match(placeOf('s3://logs', { AWS_REGION: 'eu-west-1' }), /set AWS_ACCESS_KEY_ID and AWS_SECRET/)
})

const version = (key: string): string =>
  `<Version><Key>${key}</Key><VersionId>1</VersionId><IsLatest>true</IsLatest><Size>3</Size></Version>`

const page = (inner: string): string =>
  `<?xml version="1.0"?><ListVersionsResult xmlns="x">${inner}</ListVersionsResult>`

test('a list of versions has its form, or is a sentence', async (t) => {
  const last = '<IsTruncated>false</IsTruncated>'
  t.match(pageOf(page(`${last}${version('a&amp;b&#x41;&#66;&lt;')}`)), {
    versions: [{ key: 'a&bAB<', id: '1', latest: true, deleted: false, bytes: 3 }],
    next: null,
  })
  const wrong = [
    '',
    '<html></html>',
    page(''),
    page(version('a')),
    page('<IsTruncated>true</IsTruncated>'),
    page(`${last}<Version><Key>a</Key>`),
    page(`${last}<Version><Key>a</Key></Version>`),
    page(`${last}${version('a').replace('<Size>3', '<Size>-3')}`),
    page(`${last}${version('')}`),
    page(`<Version><IsTruncated>false</IsTruncated></Version>`),
    `${page(last).slice(0, -3)}`,
  ]
  for (const xml of wrong) t.type(pageOf(xml), 'string', xml)
  t.equal(errorCodeOf('<Error><Code>SlowDown</Code></Error>'), 'SlowDown')
  t.equal(errorCodeOf('<Error><Code>Slow\u001b[2JDown</Code></Error>'), '')
  t.equal(errorCodeOf('<Code>SlowDown</Code>'), '')
})

test('a list that was made to be slow is read in one pass', async (t) => {
  const started = performance.now()
  for (const piece of [
    '<Version>',
    '<ListVersionsResult>',
    '</ListVersionsResult>',
    '<Key>',
    '<DeleteMarker></Version>',
  ]) {
    pageOf(page(piece.repeat(Math.floor(4_000_000 / piece.length))))
  }
  const tookMs = performance.now() - started
  t.ok(tookMs < 2_000, `${tookMs} ms`)
})

test('no list, however odd, throws', async (t) => {
  const right = page(
    `<IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker>${version('a')}`,
  )
  fc.assert(
    fc.property(
      fc.nat(right.length),
      fc.nat(30),
      fc.string({ unit: fc.constantFrom(...'<>/&;#x0aKVe"\u0000\n\u00e9'), maxLength: 30 }),
      (at, length, other) => {
        const found = pageOf(`${right.slice(0, at)}${other}${right.slice(at + length)}`)
        return typeof found === 'string' || found.versions.every(({ key }) => key !== '')
      },
    ),
  )
  t.pass()
})
