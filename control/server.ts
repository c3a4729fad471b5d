/** The control listener: probes and metrics open, all else under a token, never reachable from the proxy's port. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Failure, reasons } from '../kernel/reasons.ts'
import { type Api, createApi } from './api.ts'
import type { AuditPorts } from './audit/ports.ts'
import type { DecisionPorts } from './decide/ports.ts'
import type { ErasurePort } from './erasure-port.ts'
import { isLoopback, type Listen, objection } from './front.ts'
import { type ControlLimits, controlLimits } from './limits.ts'
import type { Metrics } from './metrics.ts'
import { problem, type Reply, textOf, write } from './problem.ts'
import type { Reloaded, Route, RouteContext } from './route.ts'
import { routes } from './routes.ts'
import { FailedTokens, nobody, Tokens, type TokenTerms } from './token.ts'
import { bindPrivately, clearStale } from './unix-socket.ts'
import type { GateView } from './view.ts'

export interface ControlOptions {
  readonly listen: Listen
  readonly gate: GateView
  readonly tokens: readonly TokenTerms[]
  /** Puts the policy file into force anew; counts its own failures in the metrics. */
  readonly reload: () => Promise<Reloaded>
  readonly metrics: Pick<Metrics, 'text'>
  readonly version: string
  readonly durability: string
  /** What decides about actions that are asked by this API; absent where nothing does. */
  readonly decisions?: DecisionPorts
  /** Who erases from the vault; absent or null where there is none. */
  readonly erasures?: ErasurePort | null
  /** The index of the ledger; absent where there is none. */
  readonly audit?: AuditPorts
  /** Lets a listener stand that is not on loopback, although there is no TLS. */
  readonly insecure?: boolean
  readonly limits?: Partial<ControlLimits>
  /** Told of a bug of ours after it was answered; by default it ends the process as an uncaught exception. */
  readonly fault?: (error: unknown) => void
}

export interface Control {
  /** Where it listens, the port chosen by the system filled in. */
  readonly address: Listen
  /** Lets answers under way go out, for a bounded time. */
  close(): Promise<void>
}

/** errors  Failure policy-unavailable: not loopback and not `insecure`, or the address cannot be had. */
export async function startControl(options: ControlOptions): Promise<Control> {
  const { listen } = options
  if ('host' in listen && !isLoopback(listen.host) && options.insecure !== true) {
    throw new Failure(
      'policy-unavailable',
      `control listener ${listen.host}:${listen.port} is not on loopback, and has no TLS: tokens could be ` +
        'read on the network. Listen on 127.0.0.1 or a unix socket (--control unix:PATH), or allow it ' +
        'with --insecure-control.',
    )
  }
  const door = new Door(options)
  try {
    const address = await door.open()
    return { address, close: () => door.close() }
  } catch (error) {
    const where = 'host' in listen ? `${listen.host}:${listen.port}` : listen.path
    const why = error instanceof Error ? error.message : String(error)
    throw new Failure(
      'policy-unavailable',
      `the control listener cannot have ${where} (${why}); choose another with --control`,
      { cause: error },
    )
  }
}

const openRoutes: ReadonlyMap<string, Route> = new Map(
  routes.filter(({ access }) => access === 'open').map((route) => [route.path, route]),
)

/** Probes are served here, without the API's library: they answer while it loads, and if it never does. */
class Door {
  readonly #options: ControlOptions
  readonly #limits: ControlLimits
  readonly #tokens: Tokens
  readonly #failed: FailedTokens
  readonly #context: RouteContext
  readonly #server: Server
  readonly #fault: (error: unknown) => void
  #api: Promise<Api> | null = null
  #apiTimer: NodeJS.Timeout | null = null
  #scrape: { readonly at: number; readonly text: Promise<string> } | null = null

  constructor(options: ControlOptions) {
    this.#options = options
    const limits = { ...controlLimits, ...options.limits }
    this.#limits = limits
    this.#tokens = new Tokens(options.tokens)
    this.#failed = new FailedTokens(limits.failedTokensMax, limits.failedTokensWindowMs)
    const { audit = null, decisions = null, erasures = null, gate, reload } = options
    const { durability, version } = options
    const { listMax } = limits
    const scrape = (): Promise<string> => this.#scraped()
    const ports = { audit, decisions, erasures, gate }
    this.#context = { ...ports, reload, scrape, version, durability, listMax }
    this.#fault = options.fault ?? rethrow
    this.#server = createListener(limits, (request, response) => this.#take(request, response))
  }

  async open(): Promise<Listen> {
    const { listen } = this.#options
    const server = this.#server
    if ('path' in listen) await clearStale(listen.path)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.once('listening', () => {
        server.off('error', reject)
        // From here on accept() can fail (no file descriptors left); the next one may succeed.
        server.on('error', () => undefined)
        resolve()
      })
      if ('path' in listen) bindPrivately(server, listen.path)
      else server.listen({ host: listen.host, port: listen.port })
    })
    this.#apiTimer = setTimeout(
      () => this.#loadApi().catch(this.#fault),
      this.#limits.apiLoadDelayMs,
    )
    this.#apiTimer.unref()
    const bound = server.address()
    if (bound === null || typeof bound === 'string') return listen
    return { host: bound.address, port: bound.port }
  }

  async close(): Promise<void> {
    if (this.#apiTimer !== null) clearTimeout(this.#apiTimer)
    const server = this.#server
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    const timer = setTimeout(() => server.closeAllConnections(), this.#limits.closeTimeoutMs)
    server.closeIdleConnections()
    await closed
    clearTimeout(timer)
  }

  /** Never rejects: what goes wrong is answered, and a bug is told to whoever ends the process. */
  #take(request: IncomingMessage, response: ServerResponse): void {
    this.#answer(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy()
      else if (error instanceof Failure) {
        return write(response, problem(reasons[error.code].status, error.message))
      } else write(response, problem(500, 'The control listener met a fault of its own.'))
      this.#fault(error)
    })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refused = objection(request, this.#options.listen)
    if (refused !== null) return write(response, refused)
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
    const route = openRoutes.get(path)
    if (route !== undefined) return write(response, await this.#probe(request, route))
    const { policy } = this.#options.gate
    const caller = this.#tokens.callerOf(request.headers.authorization, policy)
    if (caller === null) return write(response, this.#unknown(request))
    const api = await this.#loadApi()
    api.handle(request, response, caller)
  }

  async #probe(request: IncomingMessage, route: Route): Promise<Reply> {
    const { method } = request
    if (method !== 'GET' && method !== 'HEAD') {
      return problem(405, 'This route answers GET and HEAD.', { allow: 'GET, HEAD' })
    }
    const { role } = nobody
    return route.handle(this.#context, { body: null, caller: nobody, params: {}, query: {}, role })
  }

  #unknown(request: IncomingMessage): Reply {
    const scheme = 'Bearer realm="haltgate control"'
    if (request.headers.authorization === undefined) {
      const detail = 'Send Authorization: Bearer with the token of the file control.token.'
      return problem(401, detail, { 'www-authenticate': scheme })
    }
    const seconds = this.#failed.note(performance.now())
    if (seconds !== null) {
      return problem(429, 'Too many wrong tokens.', { 'retry-after': String(seconds) })
    }
    const challenge = `${scheme}, error="invalid_token"`
    return problem(401, 'This token is not known.', { 'www-authenticate': challenge })
  }

  #loadApi(): Promise<Api> {
    this.#api ??= createApi({
      routes,
      context: this.#context,
      bodyBytesMax: this.#limits.bodyBytesMax,
      fault: this.#fault,
    })
    return this.#api
  }

  #scraped(): Promise<string> {
    const now = performance.now()
    if (this.#scrape === null || now - this.#scrape.at > this.#limits.scrapeCacheMs) {
      this.#scrape = { at: now, text: this.#options.metrics.text() }
    }
    return this.#scrape.text
  }
}

function createListener(
  limits: ControlLimits,
  take: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, limits.headersTimeoutMs),
    },
    take,
  )
  server.maxConnections = limits.connectionsMax
  server.setTimeout(limits.idleTimeoutMs)
  server.on('clientError', answerUnparsed)
  return server
}

const unparsed: ReadonlyMap<string, number> = new Map([
  ['HPE_HEADER_OVERFLOW', 431],
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
])

/** Bytes that are no request: answered once if the socket still takes it, and ended in any case. */
function answerUnparsed(error: Error & { code?: string }, socket: Socket): void {
  socket.on('error', () => undefined)
  if (!socket.writable || error.code === 'ECONNRESET' || socket.bytesWritten > 0) {
    socket.destroy()
    return
  }
  const status = unparsed.get(error.code ?? '') ?? 400
  const reply = problem(status, 'The request could not be read.')
  const text = textOf(reply)
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nContent-Type: ${reply.type}\r\nConnection: close\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
    () => socket.destroy(),
  )
}

/** Outside of every promise, so that nothing can catch it: the process's own handler ends with 70. */
function rethrow(error: unknown): void {
  setImmediate(() => {
    throw error
  })
}
