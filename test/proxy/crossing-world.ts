/** The real front with tunnels and upgrades, before a scripted gate; origins and raw clients to go with it. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Settlement } from '../../gate/passage.ts'
import type { Clock } from '../../gate/ports.ts'
import type { RequestFacts } from '../../kernel/request.ts'
import { handleConnect } from '../../proxy/connect.ts'
import type { Rejection } from '../../proxy/context.ts'
import { createResolver } from '../../proxy/resolve.ts'
import { startProxy } from '../../proxy/server.ts'
import { handleUpgrade } from '../../proxy/websocket.ts'
import { CrossingGate, refusal, type Script } from './crossing-gate.ts'

export interface Teardown {
  teardown(handler: () => unknown): void
}

export interface World {
  readonly port: number
  readonly settled: Settlement[]
  readonly rejected: Rejection[]
  readonly admitted: RequestFacts[]
  readonly reached: RequestFacts[]
  /** Passages that were admitted and are not settled. */
  open(): number
  /** Sockets of clients that are not destroyed. */
  connections(): number
  halt(): void
  /** Resolves once so many were settled. */
  settle(count: number): Promise<void>
}

/** Timers that end with the test. */
export function createTimers(t: Teardown): Clock['after'] {
  const timers = new Set<NodeJS.Timeout>()
  t.teardown(() => {
    for (const timer of timers) clearTimeout(timer)
  })
  return (delayMs, callback) => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      callback()
    }, delayMs)
    timers.add(timer)
    return () => {
      timers.delete(timer)
      clearTimeout(timer)
    }
  }
}

export async function createWorld(t: Teardown, script: Script = {}): Promise<World> {
  const gate = new CrossingGate(script)
  const after = createTimers(t)
  const lookup = script.lookup ?? {}
  let ids = 0
  const proxy = await startProxy({
    gate,
    limits: { drainMs: 1, ...script.limits },
    resolve:
      script.resolve ??
      createResolver({
        own: () => [],
        after,
        lookup: (host, callback) => setImmediate(() => callback(null, lookup[host] ?? [])),
      }),
    openers: { tunnel: handleConnect, websocket: handleUpgrade },
    host: '127.0.0.1',
    port: 0,
    listenerAgent: 'researcher',
    log: () => {},
    newId: () => {
      ids += 1
      return `r${ids}`
    },
    monotonic: () => performance.now(),
    after,
  })
  t.teardown(() => proxy.close())
  return {
    port: proxy.address.port,
    settled: gate.settled,
    rejected: gate.rejected,
    admitted: gate.admitted,
    reached: gate.reached,
    open: () => gate.cuts.size,
    connections: () => proxy.connections,
    halt: () => {
      for (const cut of [...gate.cuts]) cut(refusal('halted'))
    },
    settle: (count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (gate.settled.length >= count) resolve()
          else gate.waiting.push(look)
        }
        look()
      }),
  }
}

/** Listens on a free port of 127.0.0.1, and closes with the test. */
export async function listen(t: Teardown, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise((resolve) => server.close(resolve)))
  return (server.address() as AddressInfo).port
}

/** A plain TCP origin; every socket it accepts has an error handler and ends with the test. */
export async function createOrigin(
  t: Teardown,
  serve: (socket: Socket) => void,
): Promise<{ port: number; sockets: Socket[] }> {
  const sockets: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    serve(socket)
  })
  const port = await listen(t, server)
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  return { port, sockets }
}

/** A raw client of the proxy; `read(n)` waits until so many bytes came, or the connection ended. */
export async function createClient(t: Teardown, port: number): Promise<Client> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const client = new Client(socket)
  t.teardown(() => socket.destroy())
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  return client
}

export class Client {
  readonly socket: Socket
  received = Buffer.alloc(0)
  ended = false
  closed = false
  #wake: (() => void)[] = []
  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk])
      this.#news()
    })
    socket.on('end', () => {
      this.ended = true
      this.#news()
    })
    socket.on('close', () => {
      this.closed = true
      this.#news()
    })
  }
  #news(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#wake.push(resolve))
  }
  /** Takes the head of an answer off what was received. */
  async head(): Promise<string> {
    await this.until(() => this.received.includes('\r\n\r\n') || this.ended || this.closed)
    const end = this.received.indexOf('\r\n\r\n')
    const head = this.received
      .subarray(0, end < 0 ? this.received.length : end + 4)
      .toString('latin1')
    this.received = this.received.subarray(head.length)
    return head
  }
  async bytes(count: number): Promise<Buffer> {
    await this.until(() => this.received.length >= count || this.ended || this.closed)
    return this.received
  }
  async gone(): Promise<void> {
    await this.until(() => this.ended || this.closed)
  }
  connect(target: string, more: Buffer | string = ''): void {
    this.socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`)
    if (more.length > 0) this.socket.write(more)
  }
}

let certificate: { key: Buffer; cert: Buffer } | null = null

/** A self-signed certificate for origin.test, made once for a run. */
export function makeCertificate(): { key: Buffer; cert: Buffer } {
  if (certificate !== null) return certificate
  const folder = mkdtempSync(join(tmpdir(), 'haltgate-cert-'))
  const key = join(folder, 'key.pem')
  const cert = join(folder, 'cert.pem')
  const subject = ['-subj', '/CN=origin.test', '-addext', 'subjectAltName=DNS:origin.test']
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const out = ['-keyout', key, '-out', cert, '-days', '2']
  execFileSync('openssl', ['req', '-x509', ...curve, ...subject, ...out], { stdio: 'ignore' })
  certificate = { key: readFileSync(key), cert: readFileSync(cert) }
  return certificate
}
