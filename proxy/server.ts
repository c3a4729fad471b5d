/** The proxy's one port: an HTTP server that forwards, tunnels and upgrades, and serves nothing of its own. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import {
  type AddressInfo,
  createServer as createTcpServer,
  Socket,
  type Server as TcpServer,
} from 'node:net'
import type { Clock, Resolve } from '../gate/ports.ts'
import { assert } from '../kernel/contract.ts'
import { answerBytes, answerRefusal } from './answer.ts'
import { Client } from './client.ts'
import type { Connection, Deciding, Log, ProxyContext } from './context.ts'
import { Desk } from './desk.ts'
import { drain } from './drain.ts'
import {
  handleClientError,
  handleIdle,
  handleOpening,
  handleRequest,
  launchFor,
  type Openers,
} from './handle.ts'
import { launch } from './launch.ts'
import { defaultLimits, type Limits } from './limits.ts'
import { handleRedirected } from './redirected.ts'
import { sever } from './sever.ts'
import { blind, remembering, type Sight } from './sight.ts'
import { Ticker } from './ticker.ts'
import { httpVoice } from './voice.ts'

/** Connections that wait to be accepted, as far as the system lets them: with fewer, a burst of clients is dropped. */
const backlogMax = 4_096

export interface ProxyOptions {
  readonly gate: Deciding
  readonly resolve: Resolve
  readonly openers: Openers
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
  readonly listenerAgent: string | null
  /** Where the network redirects to what asks no proxy; absent or null where nothing is. It needs a listenerAgent. */
  readonly transparent?: { readonly host: string; readonly port: number } | null
  readonly limits?: Partial<Limits>
  /** Absent where nothing is inspected. */
  readonly sight?: Sight
  readonly log: Log
  readonly newId: () => string
  readonly monotonic: () => number
  readonly after: Clock['after']
  readonly soon?: ProxyContext['soon']
}

export interface ProxyServer {
  readonly address: AddressInfo
  /** Of the transparent listener; null where there is none. */
  readonly transparent: AddressInfo | null
  /** Open client connections, tunnels included. */
  readonly connections: number
  /** Stops accepting, lets what is in flight finish within `drainMs`, then cuts it. */
  close(): Promise<void>
}

/** How often connections are looked at whose header section is late. */
const lateCheckMs = 1000

/** Refused connections that are still being told so, on top of the limit, and no more than the limit. */
const refusedMax = 256

/** Starts to listen. errors  those of listen: the port is taken, the address is not ours. */
export async function startProxy(options: ProxyOptions): Promise<ProxyServer> {
  const { listenerAgent, transparent = null } = options
  assert(transparent === null || listenerAgent !== null, 'a transparent listener has an agent')
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
  const { gate, resolve, newId, monotonic, after } = options
  const log = seldom(options.log, monotonic)
  const context: ProxyContext = {
    ...{ gate, limits, resolve, listenerAgent, log, newId, monotonic, after },
    ticker: new Ticker(after),
    soon: options.soon ?? ((callback) => callback()),
    voice: httpVoice,
    sight: remembering(options.sight ?? blind, (pools) => {
      desk.securePools = pools
    }),
    serveInner: (connection, socket, head) =>
      serveInner(server, desk, { connection, socket, head }),
    serveStreams: (connection, socket) => {
      launch(
        log,
        import('./streams.ts').then((room) => room.serveStreams(desk, connection, socket)),
        () => sever([socket]),
      )
    },
  }
  const desk = new Desk(context)
  attach(server, desk, options)
  const redirecting = createTcpServer({ allowHalfOpen: true, noDelay: true })
  attachRedirected(redirecting, desk)
  const redirected = transparent === null ? null : await listen(redirecting, transparent)
  return {
    address: await listen(server, options).catch((error: unknown) => {
      redirecting.close()
      throw error
    }),
    transparent: redirected,
    get connections(): number {
      return desk.clients.size
    },
    close: () => {
      redirecting.close()
      return drain(desk, server)
    },
  }
}

function attach(server: Server, desk: Desk, options: ProxyOptions): void {
  const listener = `proxy:${options.listenerAgent ?? '*'}`
  const outer: Connection = { listener, principal: null, authority: null }
  server.on('connection', (socket) => accept(desk, outer, socket))
  const asked = (request: IncomingMessage, response: ServerResponse): void =>
    handleRequest(desk, { request, response })
  server.on('request', asked)
  server.on('checkContinue', asked)
  server.on('checkExpectation', asked)
  const opening =
    (kind: 'tunnel' | 'websocket') =>
    (request: IncomingMessage, _duplex: unknown, head: Buffer): void => {
      const { socket } = request
      const leaving = { request, socket, head, kind }
      launchFor(desk, socket, handleOpening(desk, options.openers, leaving))
    }
  server.on('connect', opening('tunnel'))
  server.on('upgrade', opening('websocket'))
  server.on('clientError', (error, socket) => {
    if (socket instanceof Socket) launchFor(desk, socket, handleClientError(desk, error, socket))
    else socket.destroy()
  })
  server.on('timeout', (socket) => handleIdle(desk, socket))
  logErrors(server, desk)
}

/** Takes in what the network redirects: within the same limits, and to the same line. */
function attachRedirected(server: TcpServer, desk: Desk): void {
  const listener = `transparent:${desk.context.listenerAgent ?? '*'}`
  const outer: Connection = { listener, principal: null, authority: null, redirected: true }
  server.on('connection', (socket) => {
    accept(desk, outer, socket)
    const client = desk.clients.get(socket)
    if (client?.done === false) launchFor(desk, socket, handleRedirected(desk, client))
  })
  logErrors(server, desk)
}

/** Of one accept, mostly for want of a file descriptor: the server goes on listening. */
function logErrors(server: TcpServer, desk: Desk): void {
  server.on('error', ({ message }) => desk.context.log('error', { error: message }, acceptFailed))
}

const acceptFailed = 'a connection could not be accepted'

/** How often the same sentence is logged: what a flood of connections does is said now and then. */
const sameLogMs = 1000

/** A log that says each sentence once a second at most, and with the next one how often it was not said. */
function seldom(log: Log, monotonic: () => number): Log {
  const said = new Map<string, { at: number; unsaid: number }>()
  return (level, fields, message) => {
    const now = monotonic()
    const last = said.get(message)
    if (last !== undefined && now - last.at < sameLogMs) {
      last.unsaid += 1
      return
    }
    said.set(message, { at: now, unsaid: 0 })
    log(level, last === undefined ? fields : { ...fields, unsaid: last.unsaid }, message)
  }
}

/** Takes a connection in, or refuses it where there are too many. */
function accept(desk: Desk, outer: Connection, socket: Socket): void {
  // The inside of a tunnel is known already.
  if (desk.clients.has(socket)) return
  const { connectionsMax } = desk.context.limits
  const client = new Client(outer, socket, desk.ahead)
  desk.clients.set(socket, client)
  socket.on('error', ignore)
  socket.once('close', () => desk.clients.delete(socket))
  if (desk.clients.size <= connectionsMax) return
  client.done = true
  const refusedNow = desk.clients.size - connectionsMax
  if (refusedNow > Math.min(refusedMax, connectionsMax)) socket.destroy()
  else launchFor(desk, socket, refuseConnection(desk, outer, socket))
}

async function refuseConnection(desk: Desk, outer: Connection, socket: Socket): Promise<void> {
  const { gate, limits } = desk.context
  const message = `There are ${limits.connectionsMax} connections already: close some, or wait.`
  const { listener } = outer
  const refusal = await gate.reject({ code: 'rate-limited', message, principal: null, listener })
  // What a redirected client speaks is not known yet: it gets the end alone.
  if (outer.redirected === true) answerBytes(desk.context, socket, '')
  else answerRefusal(desk.context, socket, refusal)
}

/** Reads plain HTTP out of a tunnel with the same server, so that every limit and check holds there too. */
function serveInner(
  server: Server,
  desk: Desk,
  inner: { readonly connection: Connection; readonly socket: Socket; readonly head: Buffer },
): void {
  const { connection, socket, head } = inner
  if (socket.destroyed) return
  // A TLS socket is a new one; the socket of a plain tunnel is known, and let go of, already.
  if (!desk.clients.has(socket)) socket.once('close', () => desk.clients.delete(socket))
  desk.clients.set(socket, new Client(connection, socket, desk.ahead))
  // As long as any tunnel: what is under way then is cut, and settles.
  const { after, limits } = desk.context
  socket.once(
    'close',
    after(limits.tunnelLifetimeMs, () => sever([socket])),
  )
  if (head.length > 0) socket.unshift(head)
  server.emit('connection', socket)
  socket.resume()
}

function listen(
  server: TcpServer,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: backlogMax }, () => {
      server.off('error', reject)
      const address = server.address()
      assert(address !== null && typeof address === 'object', 'a listening proxy has a port')
      resolve(address)
    })
  })
}

function ignore(): void {}
