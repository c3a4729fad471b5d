/**
 * Anchors in a store that others wrote: Ceph's S3 gateway with Object Lock, where it is installed (Debian: radosgw,
 * ceph-mon, ceph-osd, ceph-common). Ceph 16 ignores If-None-Match: what it makes of a second put is tested here.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { Anchorer } from '../../evidence/anchor/anchorer.ts'
import { readAnchors } from '../../evidence/anchor/read.ts'
import { reconcile } from '../../evidence/anchor/reconcile.ts'
import type { AnchorData } from '../../ledger/anchor.ts'
import { realAfter } from '../../ledger/deadline.ts'
import { asAdministrator, keyOfSlot, Log, origin, storeText, until } from './anchor-world.ts'

const programs = ['radosgw', 'ceph-mon', 'ceph-osd', 'ceph', 'radosgw-admin']
const missing = programs.filter((name) => spawnSync('which', [name]).status !== 0)
const skip =
  missing.length > 0 && `SKIPPED: ${missing.join(', ')} not installed; nothing of Ceph was tested`

const clock = { now: () => Date.now(), after: realAfter }
const retentionMs = 86_400_000

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Ceph in a directory of its own; it ends with the test. */
async function openCeph(t: Test): Promise<Readonly<Record<string, string>>> {
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-ceph-'))
  const home = join(directory, 'home')
  spawnSync('mkdir', [home])
  const [monitor, gateway] = [await freePort(), await freePort()]
  const [access, secret] = ['AKCEPH', 'a-secret-of-the-test']
  const script = 'test/evidence/s3/radosgw.sh'
  const child = spawn('bash', [script, home, String(monitor), String(gateway), access, secret])
  const heard = { text: '' }
  child.stdout.on('data', (piece: Buffer) => {
    heard.text += piece.toString()
  })
  child.stderr.on('data', (piece: Buffer) => {
    heard.text += piece.toString()
  })
  const ended = new Promise((resolve) => child.on('exit', resolve))
  t.teardown(async () => {
    child.stdin.end()
    await ended
    const left = spawnSync('grep', ['-lsF', home, ...cmdlines()]).stdout.toString()
    rmSync(directory, { recursive: true })
    if (left !== '') throw new Error(`processes of Ceph are left: ${left}`)
  })
  const started = performance.now()
  while (!heard.text.includes('ready\n')) {
    if (child.exitCode !== null || performance.now() - started > 50_000) {
      throw new Error(`Ceph did not begin: ${heard.text}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return {
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${gateway}`,
    AWS_ACCESS_KEY_ID: access,
    AWS_SECRET_ACCESS_KEY: secret,
  }
}

/** The environment of each Ceph process names its configuration. */
function cmdlines(): readonly string[] {
  const listed = spawnSync('pgrep', ['-f', '^(ceph-mon|ceph-osd|radosgw) ']).stdout.toString()
  return listed
    .split('\n')
    .filter((id) => id !== '')
    .map((id) => `/proc/${id}/environ`)
}

interface Life {
  readonly anchorer: Anchorer
  readonly anchored: AnchorData[]
  readonly forks: string[]
}

function lifeOf(log: Log, environment: Readonly<Record<string, string>>, slot: number): Life {
  const [anchored, forks] = [[] as AnchorData[], [] as string[]]
  const anchorer = new Anchorer({
    store: storeText,
    origin,
    environment,
    clock,
    from: { slot, size: 0 },
    random: () => 0,
    log: { warn: () => undefined, error: () => undefined },
    rootAt: log.rootAt,
    anchored: (anchor) => anchored.push(anchor),
    onFork: (message) => forks.push(message),
    retentionMs,
  })
  return { anchorer, anchored, forks }
}

test('Ceph holds anchors and segments, and shows a fork although it ignores the condition', {
  skip,
}, async (t) => {
  const environment = await openCeph(t)
  const headers = { 'x-amz-bucket-object-lock-enabled': 'true' }
  t.equal((await asAdministrator(environment, 'PUT', '/anchors', { headers })).status, 200)
  const log = new Log('one')
  const sound = { store: storeText, origin, environment, clock, rootAt: log.rootAt }
  t.same(await reconcile(sound), { kind: 'sound', size: 0, slot: 0 })
  const { anchored, anchorer, forks } = lifeOf(log, environment, 0)
  for (const size of [1, 2, 3]) {
    log.grow(1)
    anchorer.offer(log.checkpoint(Date.now(), 'rotate'))
    await until(() => anchored.length === size || anchorer.failure !== null)
    t.equal(anchorer.failure, null)
  }
  t.same(await reconcile(sound), { kind: 'sound', size: 3, slot: 3 })
  t.same(await reconcile({ ...sound, known: 2 }), { kind: 'sound', size: 3, slot: 3 })
  const name = 'ledger-000000000000000.jsonl'
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-segments-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  writeFileSync(join(directory, name), Buffer.alloc(2_000_000, 'a line\n'))
  anchorer.segmentClosed(join(directory, name), name)
  await until(() => anchorer.counts.segmentsWaiting === 0)
  const segment = await asAdministrator(
    environment,
    'GET',
    `/anchors/some/prefix/${origin}/segment/${name}`,
  )
  t.equal(segment.text, readFileSync(join(directory, name), 'utf8'))
  await anchorer.close()
  const path = `/anchors/${keyOfSlot(1)}`
  const version = `${path}?versionId=${anchored[1]?.version}`
  t.equal((await asAdministrator(environment, 'DELETE', version)).status, 403, 'it is held')
  const body = `<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>${new Date(Date.now() + 60_000).toISOString()}</RetainUntilDate></Retention>`
  const retain = `${path}?retention=&versionId=${anchored[1]?.version}`
  const md5 = { 'content-md5': createHash('md5').update(body).digest('base64') }
  const shorter = await asAdministrator(environment, 'PUT', retain, { body, headers: md5 })
  t.equal(shorter.status, 403, 'and cannot be held shorter')
  t.same(forks, [])
  const other = new Log('other')
  other.grow(3)
  t.match(await reconcile({ ...sound, rootAt: other.rootAt }), { kind: 'fork' })
  const second = lifeOf(other, environment, 1)
  second.anchorer.offer(other.checkpoint(Date.now()))
  await until(() => second.forks.length === 1)
  t.match(second.forks[0], /0000000001\.note holds another log's note: its root over 2 entries/)
  await second.anchorer.close()
  const { slots } = await readAnchors({ store: storeText, origin, environment, now: clock.now })
  t.same(
    slots.map(({ compliance, deleted, slot }) => ({ compliance, deleted, slot })),
    [0, 1, 2].map((slot) => ({ compliance: true, deleted: false, slot })),
  )
  t.ok(slots.every(({ heldUntil }) => (heldUntil ?? 0) > Date.now() + retentionMs - 120_000))
  t.same(
    slots.map(({ versions }) => versions > 1),
    [false, true, false],
    'Ceph 16 kept the second put as a second version; the first one counts',
  )
})
