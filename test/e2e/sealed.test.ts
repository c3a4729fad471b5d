/** A ledger that cannot be written any more shuts the gate: nothing passes, probes say so, the process ends with 74. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import type { RequestListener, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { layoutOf } from '../../cli/settings.ts'
import { type GateProcess, startGate } from './child.ts'
import { ask } from './wire.ts'
import { makeDirectory, type Origin, policyText, startOrigin, verifyData } from './world.ts'

/** What sysexits(3) calls an error of input or output. */
const ioError = 74

/** Answers /slow when it is told to, and everything else at once. */
function slowly(): { readonly serve: RequestListener; readonly slow: Promise<ServerResponse> } {
  let tell: (response: ServerResponse) => void = () => undefined
  const slow = new Promise<ServerResponse>((resolve) => {
    tell = resolve
  })
  const serve: RequestListener = (request, response) => {
    if (request.url !== '/slow') {
      response.end('ok')
      return
    }
    response.write('begun')
    tell(response)
  }
  return { serve, slow }
}

interface Place {
  readonly gate: GateProcess
  readonly origin: Origin
  /** The one segment of the ledger. */
  readonly segment: string
}

async function openPlace(t: Test, directory: string, serve?: RequestListener): Promise<Place> {
  const origin = await startOrigin(t, serve)
  writeFileSync(join(directory, 'policies.yaml'), policyText({ ports: [origin.port] }))
  const gate = await startGate(t, directory)
  t.equal((await ask(gate.port, origin.url)).status, 200)
  const { ledger } = layoutOf(gate.settings.dataDirectory)
  const [name = ''] = readdirSync(ledger).filter((file) => file.startsWith('ledger-'))
  return { gate, origin, segment: join(ledger, name) }
}

/** The gate is shut: requests and tunnels get 503 without a byte upstream, and a probe sees it. */
async function checkSealed(t: Test, { gate, origin }: Place): Promise<void> {
  const before = origin.total
  const paths = ['/1', '/2', '/3', '/4']
  const answers = await Promise.all(paths.map((path) => ask(gate.port, `${origin.url}${path}`)))
  for (const { status, phrase, headers } of answers) {
    t.equal(status, 503)
    t.equal(phrase, 'Service Unavailable (haltgate: ledger-unavailable)')
    t.notOk(headers.has('haltgate-receipt'), 'no receipt for what was not recorded')
  }
  const probes = [gate.control('GET', '/readyz'), gate.control('GET', '/healthz')]
  t.match(await Promise.all(probes), [{ status: 503 }, { status: 200 }], 'alive, and not ready')
  t.equal(origin.total, before, 'nothing reached the origin')
}

/** Resolves when the proxy has ended a download that was under way. */
function download(
  port: number,
  url: string,
): { readonly cut: Promise<void>; readonly begun: Promise<void> } {
  const socket = connect(port, '127.0.0.1')
  socket.write(`GET ${url} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n\r\n`)
  socket.on('error', () => undefined)
  const begun = new Promise<void>((resolve) => socket.once('data', () => resolve()))
  const cut = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  return { begun, cut }
}

interface Damage {
  readonly name: string
  /** Done under the running gate; the copy lies beside the segment. */
  readonly harm: (segment: string, copy: string) => void
}

const damages: readonly Damage[] = [
  { name: 'deleted', harm: (segment) => rmSync(segment) },
  {
    name: 'replaced by its copy',
    harm: (segment, copy) => {
      copyFileSync(copy, `${segment}.other`)
      renameSync(`${segment}.other`, segment)
    },
  },
  { name: 'truncated', harm: (segment) => truncateSync(segment, statSync(segment).size - 10) },
  { name: 'appended to', harm: (segment) => appendFileSync(segment, '{"v":1}\n') },
]

async function checkDamage(t: Test, { name, harm }: Damage): Promise<void> {
  const { serve, slow } = slowly()
  const directory = makeDirectory(t)
  const place = await openPlace(t, directory, serve)
  const { gate, origin, segment } = place
  const under = download(gate.port, `${origin.url}/slow`)
  await Promise.all([under.begun, slow])
  // Settlements of what came before are in the file when the next entry is.
  t.equal((await ask(gate.port, 'http://denied.test/')).status, 403)
  const copy = join(directory, 'copy.jsonl')
  copyFileSync(segment, copy)
  harm(segment, copy)
  const reached = origin.total
  const first = Promise.race([
    under.cut.then(() => 'the download is cut'),
    gate.ended.then(() => 'the process ends'),
  ])
  await checkSealed(t, place)
  t.equal(origin.total, reached, 'not even the first request after the damage')
  t.equal(await first, 'the download is cut', 'what was under way is cut at once')
  t.equal(await gate.ended, ioError, 'the process ends by itself')
  t.match(gate.said(), /the gate sealed itself/)
  copyFileSync(copy, segment)
  await checkNext(t, directory, origin, `the segment was ${name}`)
}

/** With the file put back, the next start goes on, and the whole chain verifies. */
async function checkNext(t: Test, directory: string, origin: Origin, why: string): Promise<void> {
  const next = await startGate(t, directory)
  t.equal((await ask(next.port, origin.url)).status, 200, `${why}; a new start goes on`)
  next.child.kill('SIGTERM')
  t.equal(await next.ended, 0)
  await verifyData(t, next.settings.dataDirectory)
}

void test('a segment that somebody else touches shuts the gate', { jobs: 3 }, async (t) => {
  const tests = damages.map((damage) =>
    t.test(`the segment is ${damage.name}`, (t) => checkDamage(t, damage)),
  )
  await Promise.all(tests)
})

void test('a directory that became read-only does not stop an open file', async (t) => {
  const directory = makeDirectory(t)
  const { gate, origin, segment } = await openPlace(t, directory)
  chmodSync(join(segment, '..'), 0o500)
  t.equal((await ask(gate.port, origin.url)).status, 200)
  gate.child.kill('SIGTERM')
  t.equal(await gate.ended, 0)
  chmodSync(join(segment, '..'), 0o700)
  await verifyData(t, gate.settings.dataDirectory)
})

const imageBytes = 160 * 1024 * 1024

function run(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { stdio: 'pipe' })
}

/** A small disk of its own, gone when the test has ended; the reason where this machine does not let us. */
function mountDisk(t: Test): { readonly directory: string } | { readonly reason: string } {
  if (process.getuid?.() !== 0) return { reason: 'mounting needs root' }
  const base = makeDirectory(t)
  const [image, directory] = [join(base, 'disk.img'), join(base, 'disk')]
  try {
    writeFileSync(image, '')
    truncateSync(image, imageBytes)
    mkdirSync(directory)
    run('mkfs.ext4', '-q', '-m', '0', image)
    run('mount', '-o', 'loop', image, directory)
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) }
  }
  t.teardown(() => run('umount', '--lazy', directory))
  return { directory }
}

const spareBytes = 2 * 1024 * 1024

/** Takes space until no more than so many bytes are free; the answer gives it back. */
function fill(directory: string, freeBytes: number): () => void {
  const filler = join(directory, 'filler')
  const { bavail, bsize } = statfsSync(directory)
  const bytes = bavail * bsize - Math.max(freeBytes, spareBytes)
  run('fallocate', '-l', String(bytes), filler)
  if (freeBytes === 0) {
    // To the last block: dd ends with an error when there is none left.
    const last = [`of=${join(directory, 'filler-last')}`, 'if=/dev/zero', 'bs=4096']
    spawnSync('dd', last, { stdio: 'ignore' })
  }
  return () => {
    rmSync(filler)
    rmSync(join(directory, 'filler-last'), { force: true })
  }
}

/** Resolves when an answer is what is waited for; the gate looks at its disk once a second. */
async function until(t: Test, ask: () => Promise<number>, status: number): Promise<void> {
  const end = performance.now() + 5_000
  let last = 0
  while (last !== status && performance.now() < end) {
    last = await ask()
    if (last !== status) await new Promise((resolve) => setTimeout(resolve, 50))
  }
  t.equal(last, status)
}

void test('a full disk refuses everything, and what cannot be settled seals the gate', async (t) => {
  const disk = mountDisk(t)
  if ('reason' in disk) {
    t.comment(`NOT TESTED: ${disk.reason}`)
    t.pass('no disk can be mounted here', { skip: disk.reason })
    return
  }
  const { directory } = disk
  const { serve, slow } = slowly()
  const place = await openPlace(t, directory, serve)
  const { gate, origin } = place
  const status = async (): Promise<number> => (await ask(gate.port, origin.url)).status
  const under = download(gate.port, `${origin.url}/slow`)
  const [response] = await Promise.all([slow, under.begun])
  const nearly = fill(directory, 48 * 1024 * 1024)
  await until(t, status, 503)
  const reached = origin.total
  await checkSealed(t, place)
  t.notMatch(gate.said(), /sealed itself/, 'nearly full is not sealed: what is open can be settled')
  nearly()
  await until(t, status, 200)
  t.equal(origin.total, reached + 1, 'with room again, it goes on')
  const wholly = fill(directory, 0)
  await until(t, status, 503)
  response.end('settle me')
  await gate.says(/the gate sealed itself/)
  await checkSealed(t, place)
  t.equal(await gate.ended, ioError)
  t.equal(statfsSync(directory).bavail, 0, 'not a block is free')
  wholly()
  await checkNext(t, directory, origin, 'the disk was full')
})
