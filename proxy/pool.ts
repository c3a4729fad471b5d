/** Keeps connections to upstreams: one pool for each host, port and judged address, so that none dials elsewhere (I5). */
import { isIP, type Socket } from 'node:net'
import { LRUCache } from 'lru-cache'
import type { buildConnector, Dispatcher, Pool } from 'undici'
import UndiciClient from 'undici/lib/dispatcher/client.js'
import UndiciPool from 'undici/lib/dispatcher/pool.js'
import type { Clock } from '../gate/ports.ts'
import { assert } from '../kernel/contract.ts'
import {
  askByEvents,
  type ChainedProxy,
  chainError,
  hopOf,
  loopOf,
  unwelcome,
  wayKey,
} from './chain.ts'
import { writeHost } from './host.ts'
import type { Limits } from './limits.ts'
import { UpstreamSocket } from './upstream-socket.ts'

/** A dial that took too long; the code is Node's own for the kernel's time-out. */
const dialTimeoutCode = 'ETIMEDOUT'

/** What is read from an upstream ahead of the client: Node's default of 16 KiB halves a download's speed. */
const readBytes = 64 * 1024

const socketOptions = { allowHalfOpen: false, highWaterMark: readBytes }

/** What a pool's connection has to carry: it is told by which one, so that a halt can sever the socket itself. */
export interface Carried extends Dispatcher.DispatchHandler {
  carriedBy(carrier: Carrier): void
}

/** One connection of a pool, with one request on it at a time. */
export interface Carrier {
  /** The socket that is connected now. */
  readonly socket: Socket | null
  /** The request is about to be written. */
  begin(): void
}

export interface Upstream {
  readonly host: string
  readonly port: number
  /** A judged address, literal. */
  readonly address: string
  /** The proxy that leads there; null where it is dialled. */
  readonly proxy: ChainedProxy | null
}

export class Pools {
  readonly #limits: Limits
  readonly #after: Clock['after']
  readonly #pools: LRUCache<string, Pool>
  #closed = false

  constructor(limits: Limits, after: Clock['after']) {
    this.#limits = limits
    this.#after = after
    this.#pools = new LRUCache({
      max: limits.poolsMax,
      // What is in flight on a pool that has to make room ends as it would; its idle connections close.
      dispose: (pool) => {
        void (this.#closed ? pool.destroy() : pool.close())
      },
    })
  }

  /** Sends a request to one judged address, over a connection that leads nowhere else. */
  dispatch(upstream: Upstream, options: Dispatcher.DispatchOptions, handler: Carried): void {
    const { proxy } = upstream
    if (proxy?.by !== 'name') this.#at(upstream).dispatch(options, handler)
    else {
      const form = new AbsoluteForm(proxy, handler)
      this.#at(upstream).dispatch(form.optionsFor(upstream, options), form)
    }
  }

  #at(upstream: Upstream): Pool {
    const key = `${upstream.address} ${upstream.port} ${upstream.host}${wayKey(upstream.proxy)}`
    const known = this.#pools.get(key)
    if (known !== undefined) return known
    const pool = this.#open(upstream)
    this.#pools.set(key, pool)
    return pool
  }

  /** Ends every connection, busy or not. */
  destroy(): void {
    this.#closed = true
    this.#pools.clear()
  }

  #open(upstream: Upstream): Pool {
    const { address, host, port } = upstream
    const after = this.#after
    assert(isIP(address) !== 0, 'an upstream is dialled by an address that was judged (I5)')
    const limits = this.#limits
    return new UndiciPool(`http://${writeHost(host, port, 80)}`, {
      bodyTimeout: limits.idleTimeoutMs,
      factory: (origin, options) =>
        new UpstreamConnection(origin, options, {
          upstream,
          after,
          timeoutMs: limits.dialTimeoutMs,
        }),
      connections: limits.upstreamConnectionsMax,
      headersTimeout: limits.upstreamHeadersTimeoutMs,
      keepAliveMaxTimeout: limits.upstreamKeepAliveTimeoutMs,
      keepAliveTimeout: limits.upstreamKeepAliveTimeoutMs,
      maxHeaderSize: limits.headerBytesMax * 4,
      // Deeper pipelines wedged for good when clients left (measured 2026-11).
      pipelining: 1,
    })
  }
}

interface Dialling {
  readonly upstream: Upstream
  /** For the connection, and the answer of a proxy on it. */
  readonly timeoutMs: number
  readonly after: Clock['after']
}

/** A client of undici's that knows its socket, and tells each request that it carries it. */
class UpstreamConnection extends UndiciClient implements Carrier {
  socket: UpstreamSocket | null = null

  constructor(origin: URL, options: object, dialling: Dialling) {
    super(origin, {
      ...options,
      connect: (_options, callback) => {
        this.socket = dial(dialling, callback)
      },
    })
  }

  begin(): void {
    this.socket?.awaitResponse()
  }

  override dispatch(
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
  ): boolean {
    if ('carriedBy' in handler && typeof handler.carriedBy === 'function') handler.carriedBy(this)
    return super.dispatch(options, handler)
  }
}

type Abort = (error?: Error) => void

/**
 * One request in absolute-form, to a proxy that finds the way by itself. Whoever asks is told nothing of the proxy:
 * where it wants other credentials, that is a failure of the upstream.
 */
class AbsoluteForm implements Carried {
  readonly #proxy: ChainedProxy
  readonly #handler: Carried
  #abort: Abort | null = null

  constructor(proxy: ChainedProxy, handler: Carried) {
    this.#proxy = proxy
    this.#handler = handler
  }

  /** The request as the proxy is asked; its Host stays as it is (RFC 9112 3.2.2). */
  optionsFor(
    { host, port }: Upstream,
    options: Dispatcher.DispatchOptions,
  ): Dispatcher.DispatchOptions {
    const { authorization } = this.#proxy
    const { headers } = options
    const shown = authorization === null ? [] : ['Proxy-Authorization', authorization]
    return {
      ...options,
      path: `http://${writeHost(host, port, 80)}${options.path}`,
      headers: [...(Array.isArray(headers) ? headers : []), ...shown],
    }
  }

  carriedBy(carrier: Carrier): void {
    this.#handler.carriedBy(carrier)
  }

  onConnect(abort: Abort): void {
    this.#abort = abort
    this.#handler.onConnect?.(abort)
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void, phrase: string): boolean {
    if (status !== 407) return this.#handler.onHeaders?.(status, raw, resume, phrase) ?? true
    this.#abort?.(unwelcome(this.#proxy))
    return false
  }

  onData(chunk: Buffer): boolean {
    return this.#handler.onData?.(chunk) ?? true
  }

  onComplete(trailers: string[] | null): void {
    this.#handler.onComplete?.(trailers)
  }

  onError(error: Error): void {
    this.#handler.onError?.(error)
  }
}

/** Connects to the address, or to the proxy that leads there; calls back once. */
function dial(
  { after, timeoutMs, upstream }: Dialling,
  connected: buildConnector.Callback,
): UpstreamSocket {
  const { proxy } = upstream
  const socket = new UpstreamSocket(socketOptions)
  const failed = (error: Error): void => {
    cancel()
    connected(proxy === null ? error : chainError(proxy, error), null)
  }
  const cancel = after(timeoutMs, () => {
    socket.destroy(Object.assign(new Error('connect timed out'), { code: dialTimeoutCode }))
  })
  const ready = (): void => {
    cancel()
    // Still there when undici has let go of the socket.
    socket.on('error', ignore)
    socket.off('error', failed)
    connected(null, socket)
  }
  const asked = (error: Error | null): void => {
    if (error === null) ready()
    else socket.destroy(error)
  }
  socket.once('error', failed)
  socket.once('connect', () => {
    if (proxy === null) ready()
    // Each request of it says where it goes.
    else if (proxy.by === 'name') asked(loopOf(proxy, socket))
    else askByEvents(socket, { proxy, target: upstream }, asked)
  })
  socket.connect({ ...hopOf(proxy, upstream), noDelay: true })
  return socket
}

function ignore(): void {}
