/**
 * A day's worth of random clients, compressed: a gate with inspection serves them for as long as SOAK_SECONDS says, and
 * after that it is open, its memory is what it was, every request has been settled, and its ledger verifies and replays.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createSecureServer as createH2Server, type Http2ServerRequest } from 'node:http2'
import { createServer as createSecureServer } from 'node:https'
import type { Server, Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { test } from 'tap'
import { WebSocketServer } from 'ws'
import { GateRun } from '../e2e/inspect-world.ts'
import { listen, makeDirectory, type Teardown } from '../e2e/world.ts'
import { seed, seedSentence } from '../kernel/seed.ts'
import { selfSigned, signedBy } from '../proxy/tls/certificates.ts'
import { clients, type Place } from './clients.ts'

const seconds = Number(process.env['SOAK_SECONDS'] ?? 10)

/** Clients at a time. */
const crowd = 16

/** More than a busy gate and one at rest differ by; a leak of 1 KiB a request is a hundred of MiB in ten minutes. */
const growthMax = 96 * 1024 * 1024

const secret = 'a-secret-of-the-gate-0123456789'
const large = Buffer.alloc(2 * 1024 * 1024, 'the quick brown fox jumps over the lazy dog ')

type Asked = IncomingMessage | Http2ServerRequest
type Answer = Pick<ServerResponse, 'end' | 'write' | 'once' | 'writeHead' | 'on'>

function serve(request: Asked, response: Answer): void {
  response.on('error', () => undefined)
  request.on('error', () => undefined)
  request.resume()
  if (request.url === '/events') {
    let count = 0
    const timer = setInterval(() => {
      count += 1
      response.write(`data: ${count}\n\n`)
    }, 30)
    response.once('close', () => clearInterval(timer))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
  } else if (request.url === '/large') response.end(large)
  else request.on('end', () => response.end('ok'))
}

function kept(t: Teardown, server: Server): Server {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
  })
  for (const event of ['tlsClientError', 'sessionError', 'clientError']) {
    server.on(event, () => undefined)
  }
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  return server
}

interface Origins {
  readonly ports: Place['ports']
  readonly caFile: string
}

async function startOrigins(t: Teardown): Promise<Origins> {
  const root = await selfSigned('test root')
  const own = await signedBy(root, 'localhost', { names: [{ type: 'dns', value: 'localhost' }] })
  const { cert, key } = own
  const inspected = createH2Server({ allowHTTP1: true, cert, key }, (request, response) =>
    serve(request, response as unknown as Answer),
  )
  const sockets = new WebSocketServer({ noServer: true })
  inspected.on('upgrade', (request: IncomingMessage, socket: Socket, early: Buffer) => {
    sockets.handleUpgrade(request, socket, early, (client) => {
      client.on('error', () => undefined)
      client.on('message', (bytes, binary) => client.send(bytes, { binary }))
    })
  })
  const caFile = join(makeDirectory(t), 'root.pem')
  writeFileSync(caFile, root.cert)
  return {
    caFile,
    ports: {
      secure: await listen(t, kept(t, inspected)),
      opaque: await listen(t, kept(t, createSecureServer({ cert, key }, serve))),
      plain: await listen(t, kept(t, createServer(serve))),
    },
  }
}

const policyOf = ({ opaque, plain, secure }: Place['ports']): string => `version: 1
defaults: { verdict: deny, tls: inspect }
agents: { local: {} }
credentials:
  key: { source: { env: KEY }, as: { header: Authorization, format: "{secret}" } }
rules:
  - { id: keyed, hosts: [localhost], ports: [${secure}], paths: [/keyed], addresses: [127.0.0.0/8, "::1/128"], inject: key, effect: allow }
  - { id: denied, hosts: [localhost], ports: [${secure}], paths: [/denied], effect: deny }
  - { id: origin, hosts: [localhost], ports: [${secure}, ${plain}], addresses: [127.0.0.0/8, "::1/128"], effect: allow }
  - { id: opaque, hosts: ["127.0.0.1"], ports: [${opaque}], addresses: [127.0.0.0/8], tls: tunnel, effect: allow }
budgets:
  - { id: bytes, scope: agent, limits: { bytes_down: 100TiB }, on_limit: block }
`

/** Numbers that follow from the seed alone (mulberry32). */
function randomOf(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Sampled {
  readonly counts: ReadonlyMap<string, number>
  /** Resident bytes of the gate, second by second. */
  readonly resident: readonly number[]
}

async function play(place: Place, run: GateRun): Promise<Sampled> {
  const counts = new Map<string, number>()
  const resident: number[] = []
  const names = Object.keys(clients)
  const end = performance.now() + seconds * 1000
  const watch = setInterval(() => resident.push(run.residentBytes() ?? 0), 1_000)
  const one = async (): Promise<void> => {
    while (performance.now() < end) {
      const name = names[Math.floor(place.random() * names.length)] ?? ''
      await clients[name]?.(place)
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: crowd }, one))
  clearInterval(watch)
  return { counts, resident }
}

const mib = (bytes: number): number => Math.round(bytes / 1024 / 1024)

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[values.length >> 1] ?? 0
}

void test(`${seconds} s of random clients: ${seedSentence}`, async (t) => {
  const origins = await startOrigins(t)
  const run = await GateRun.start(t, {
    policy: policyOf(origins.ports),
    upstreamCa: origins.caFile,
    environment: { KEY: secret },
  })
  const ca = readFileSync(run.environment['SSL_CERT_FILE'] ?? '')
  const { ports } = origins
  const place = { proxyPort: Number(run.proxy.port), ports, ca, secret, random: randomOf(seed) }
  const { counts, resident } = await play(place, run)
  for (const [name, count] of counts) t.comment(`${count} ${name}`)
  t.same(
    new Set(counts.keys()),
    new Set(Object.keys(clients)),
    'each manner of client had its turn',
  )
  const fifth = Math.max(1, Math.floor(resident.length / 5))
  const [early, late] = [median(resident.slice(fifth, 2 * fifth)), median(resident.slice(-fifth))]
  const most = Math.max(0, ...resident)
  t.comment(`resident: ${mib(early)} MiB early, ${mib(late)} MiB late, ${mib(most)} MiB at most`)
  const steps = resident.filter((_, index) => index % Math.max(1, fifth >> 1) === 0).map(mib)
  t.comment(`resident over time, MiB: ${steps.join(' ')}`)
  t.ok(late - early < growthMax, `${mib(late - early)} MiB more`)
  await wait(500)
  const { output } = await run.curl(`https://localhost:${ports.secure}/small`)
  t.equal(output.toString(), 'ok', 'it serves on')
  const unsettled = (): number => {
    const settled = new Set(run.entries('settlement').map(({ data }) => data['request']))
    const opened = run.entries('decision').filter(({ data }) => data['verdict'] === 'allow')
    return opened.filter(({ data }) => !settled.has(data['request'])).length
  }
  for (let turn = 0; unsettled() > 0 && turn < 40; turn += 1) await wait(250)
  t.equal(unsettled(), 0, 'every request is settled')
  t.comment(
    `${run.entries('decision').length} decisions, ${run.entries('settlement').length} settlements`,
  )
  const directory = join(run.dataDirectory, 'ledger')
  const told = readdirSync(directory).filter((name) => {
    return name.endsWith('.jsonl') && readFileSync(join(directory, name)).includes(secret)
  })
  t.same(told, [], 'no entry tells the secret')
  await run.end(t)
})
