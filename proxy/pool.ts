/** Keeps connections to upstreams: one pool for each host, port and judged address, so that none dials elsewhere (I5). */
import { connect, isIP, type Socket } from 'node:net'
import { LRUCache } from 'lru-cache'
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
import type { Reached } from './h1/connection.ts'
import { H1Pool } from './h1/pool.ts'
import { Trough } from './h1/trough.ts'
import { writeHost } from './host.ts'
import { readByEvents, type Source } from './inlet.ts'
import type { Limits } from './limits.ts'
import { Ticker } from './ticker.ts'
import type { Abort, Carrier, UpstreamHandler, UpstreamRequest } from './upstream-call.ts'

/** A dial that took too long; the code is Node's own for the kernel's time-out. */
const dialTimeoutCode = 'ETIMEDOUT'

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
  readonly #ticker: Ticker
  readonly #trough = new Trough()
  readonly #pools: LRUCache<string, H1Pool>
  #closed = false

  constructor(limits: Limits, after: Clock['after']) {
    this.#limits = limits
    this.#after = after
    this.#ticker = new Ticker(after)
    this.#pools = new LRUCache({
      max: limits.poolsMax,
      // What is in flight on a pool that has to make room ends as it would; its idle connections close.
      dispose: (pool) => {
        if (this.#closed) pool.destroy()
        else pool.close()
      },
    })
  }

  /** Sends a request to one judged address, over a connection that leads nowhere else. */
  dispatch(upstream: Upstream, request: UpstreamRequest, handler: UpstreamHandler): void {
    const { proxy } = upstream
    if (proxy?.by !== 'name') this.#at(upstream).dispatch({ request, handler })
    else {
      const form = new AbsoluteForm(proxy, handler)
      this.#at(upstream).dispatch({ request: form.of(upstream, request), handler: form })
    }
  }

  #at(upstream: Upstream): H1Pool {
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
    this.#ticker.stop()
  }

  #open(upstream: Upstream): H1Pool {
    const { address } = upstream
    assert(isIP(address) !== 0, 'an upstream is dialled by an address that was judged (I5)')
    const [after, limits, ticker, trough] = [this.#after, this.#limits, this.#ticker, this.#trough]
    const dialling = { upstream, after, timeoutMs: limits.dialTimeoutMs, trough }
    return new H1Pool({ limits, ticker, dial: (done) => dial(dialling, done) })
  }
}

interface Dialling {
  readonly upstream: Upstream
  /** For the connection, and the answer of a proxy on it. */
  readonly timeoutMs: number
  readonly after: Clock['after']
  readonly trough: Trough
}

/**
 * One request in absolute-form, to a proxy that finds the way by itself. Whoever asks is told nothing of the proxy:
 * where it wants other credentials, that is a failure of the upstream.
 */
class AbsoluteForm implements UpstreamHandler {
  readonly #proxy: ChainedProxy
  readonly #handler: UpstreamHandler
  #abort: Abort | null = null

  constructor(proxy: ChainedProxy, handler: UpstreamHandler) {
    this.#proxy = proxy
    this.#handler = handler
  }

  /** The request as the proxy is asked; its Host stays as it is (RFC 9112 3.2.2). */
  of({ host, port }: Upstream, request: UpstreamRequest): UpstreamRequest {
    const { authorization } = this.#proxy
    const shown = authorization === null ? [] : ['Proxy-Authorization', authorization]
    return {
      ...request,
      path: `http://${writeHost(host, port, 80)}${request.path}`,
      headers: [...request.headers, ...shown],
    }
  }

  carriedBy(carrier: Carrier): void {
    this.#handler.carriedBy?.(carrier)
  }

  onConnect(abort: Abort): void {
    this.#abort = abort
    this.#handler.onConnect(abort)
  }

  onHeaders(status: number, raw: readonly string[], resume: () => void, phrase: string): boolean {
    if (status !== 407) return this.#handler.onHeaders(status, raw, resume, phrase)
    this.#abort?.(unwelcome(this.#proxy))
    return false
  }

  onData(chunk: Buffer): boolean {
    return this.#handler.onData(chunk)
  }

  onComplete(raw: readonly string[]): void {
    this.#handler.onComplete(raw)
  }

  onError(error: Error): void {
    this.#handler.onError(error)
  }
}

/** Connects to the address, or to the proxy that leads there; calls back once. */
function dial(
  { after, timeoutMs, trough, upstream }: Dialling,
  done: (error: Error | null, reached: Reached | null) => void,
): void {
  const { proxy } = upstream
  const hop = { ...hopOf(proxy, upstream), noDelay: true }
  const { socket, source } = proxy?.by === 'address' ? readLater(hop) : readAtOnce(hop, trough)
  const failed = (error: Error): void => {
    cancel()
    done(proxy === null ? error : chainError(proxy, error), null)
  }
  const cancel = after(timeoutMs, () => {
    socket.destroy(Object.assign(new Error('connect timed out'), { code: dialTimeoutCode }))
  })
  const ready = (): void => {
    cancel()
    socket.on('error', ignore)
    socket.off('error', failed)
    done(null, { source, raw: socket })
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
}

interface Hop {
  readonly host: string
  readonly port: number
  readonly noDelay: boolean
}

function readAtOnce(
  hop: Hop,
  trough: Trough,
): { readonly socket: Socket; readonly source: Source } {
  const { from, onread } = trough.open()
  const socket = connect({ ...hop, onread })
  return { socket, source: from(socket) }
}

/** A proxy on the way answers first: what it says is read by whoever asked it. */
function readLater(hop: Hop): { readonly socket: Socket; readonly source: Source } {
  const socket = connect(hop)
  return { socket, source: readByEvents(socket) }
}

function ignore(): void {}
