/** The proxy's one port: an HTTP server that forwards, tunnels and upgrades, and serves nothing of its own. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { type AddressInfo, Socket } from 'node:net'
import type { Clock, Resolve } from '../gate/ports.ts'
import { assert } from '../kernel/contract.ts'
import { answerRefusal } from './answer.ts'
import { Client } from './client.ts'
import type { Connection, Deciding, Log, ProxyContext } from './context.ts'
import { Desk } from './desk.ts'
import { drain } from './drain.ts'
import {
  handleClientError,
  handleIdle,
  handleOpening,
  handleRequest,
  type Openers,
} from './handle.ts'
import { defaultLimits, type Limits } from './limits.ts'
import { Ticker } from './ticker.ts'

export interface ProxyOptions {
  readonly gate: Deciding
  readonly resolve: Resolve
  readonly openers: Openers
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
  readonly listenerAgent: string | null
  readonly limits?: Partial<Limits>
  readonly log: Log
  readonly newId: () => string
  readonly monotonic: () => number
  readonly after: Clock['after']
}

export interface ProxyServer {
  readonly address: AddressInfo
  /** Open client connections, tunnels included. */
  readonly connections: number
  /** Stops accepting, lets what is in flight finish within `drainMs`, then cuts it. */
  close(): Promise<void>
}

/** How often connections are looked at whose header section is late. */
const lateCheckMs = 1000

/** Refused connections that are still being told so, on top of the limit. */
const refusedMax = 256

/** Starts to listen. errors  those of listen: the port is taken, the address is not ours. */
export async function startProxy(options: ProxyOptions): Promise<ProxyServer> {
  const limits = { ...defaultLimits, ...options.limits }
  const server = createServer({
    connectionsCheckingInterval: Math.min(lateCheckMs, limits.headersTimeoutMs),
    headersTimeout: limits.headersTimeoutMs,
    insecureHTTPParser: false,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    // Room for the request line, which Node counts too; the front counts exactly.
    maxHeaderSize: limits.headerBytesMax + limits.urlBytesMax,
    noDelay: true,
    requestTimeout: 0,
    // A missing Host is refused by the front, with a refusal that can be read.
    requireHostHeader: false,
  })
  // Node would drop headers above this without a word; the front refuses instead.
  server.maxHeadersCount = 0
  server.timeout = limits.idleTimeoutMs
  const { gate, resolve, listenerAgent, log, newId, monotonic, after } = options
  const context: ProxyContext = {
    ...{ gate, limits, resolve, listenerAgent, log, newId, monotonic, after },
    ticker: new Ticker(after),
    serveInner: (connection, socket, head) =>
      serveInner(server, desk, { connection, socket, head }),
  }
  const desk = new Desk(context)
  attach(server, desk, options)
  await listen(server, options)
  const address = server.address()
  assert(address !== null && typeof address === 'object', 'a listening proxy has a port')
  return {
    address,
    get connections(): number {
      return desk.clients.size
    },
    close: () => drain(desk, server),
  }
}

function attach(server: Server, desk: Desk, options: ProxyOptions): void {
  const listener = `proxy:${options.listenerAgent ?? '*'}`
  const outer: Connection = { listener, principal: null, authority: null }
  server.on('connection', (socket) => accept(desk, outer, socket))
  server.on('request', (request, response) => handleRequest(desk, request, response))
  server.on('checkContinue', (request, response) => handleRequest(desk, request, response))
  server.on('checkExpectation', (request, response) => handleRequest(desk, request, response))
  const opening =
    (kind: 'tunnel' | 'websocket') =>
    (request: IncomingMessage, _duplex: unknown, head: Buffer): void => {
      const { socket } = request
      void handleOpening(desk, options.openers, { request, socket, head, kind })
    }
  server.on('connect', opening('tunnel'))
  server.on('upgrade', opening('websocket'))
  server.on('clientError', (error, socket) => {
    if (socket instanceof Socket) void handleClientError(desk, error, socket)
    else socket.destroy()
  })
  server.on('timeout', (socket) => handleIdle(desk, socket))
  server.on('error', (error) => options.log('error', { error: error.message }, 'listener failed'))
}

/** Takes a connection in, or refuses it where there are too many. */
function accept(desk: Desk, outer: Connection, socket: Socket): void {
  // The inside of a tunnel is known already.
  if (desk.clients.has(socket)) return
  const { connectionsMax } = desk.context.limits
  const client = new Client(outer, socket)
  desk.clients.set(socket, client)
  socket.on('error', ignore)
  socket.once('close', () => desk.clients.delete(socket))
  if (desk.clients.size <= connectionsMax) return
  client.done = true
  if (desk.clients.size > connectionsMax + refusedMax) socket.destroy()
  else void refuseConnection(desk, outer, socket)
}

async function refuseConnection(desk: Desk, outer: Connection, socket: Socket): Promise<void> {
  const { gate, limits } = desk.context
  const message = `There are ${limits.connectionsMax} connections already: close some, or wait.`
  const { listener } = outer
  const refusal = await gate.reject({ code: 'rate-limited', message, principal: null, listener })
  answerRefusal(desk.context, socket, refusal)
}

/** Reads plain HTTP out of a tunnel with the same server, so that every limit and check holds there too. */
function serveInner(
  server: Server,
  desk: Desk,
  inner: { readonly connection: Connection; readonly socket: Socket; readonly head: Buffer },
): void {
  const { connection, socket, head } = inner
  if (socket.destroyed) return
  desk.clients.set(socket, new Client(connection, socket))
  if (head.length > 0) socket.unshift(head)
  server.emit('connection', socket)
  socket.resume()
}

function listen(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function ignore(): void {}
