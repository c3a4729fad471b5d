/**
 * Keeps connections to upstreams that are spoken to by TLS: one set for each host, port and judged address (I5), of
 * HTTP/1.1 and of HTTP/2. The client's protocol is offered upstream: an exchange that came by HTTP/1.1 leaves by it,
 * and one that came by HTTP/2 leaves by HTTP/2 where the upstream has it.
 */
import { isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../../gate/ports.ts'
import { assert } from '../../kernel/contract.ts'
import { wayKey } from '../chain.ts'
import { H1Pool } from '../h1/pool.ts'
import { H2Upstream } from '../h2/upstream.ts'
import { readByEvents } from '../inlet.ts'
import type { Limits } from '../limits.ts'
import type { Upstream } from '../pool.ts'
import { Ticker } from '../ticker.ts'
import type { UpstreamHandler, UpstreamRequest } from '../upstream-call.ts'
import { type Dialled, dialTls, type SecureDialling, type Secured, type Trust } from './dial-tls.ts'
import { UpstreamError } from './upstream-error.ts'

/** HTTP/2 connections to one judged address; a further stream waits in one of them. */
const sessionsMax = 8

export interface SecurePoolsOptions {
  readonly limits: Limits
  readonly trust: Trust
  readonly after: Clock['after']
}

/** Sends requests to one judged address and to no other. */
interface Dispatching {
  dispatch(request: UpstreamRequest, handler: UpstreamHandler): void
}

/** What the client speaks, and so what is offered upstream. */
export type Spoken = 'h2' | 'http/1.1'

interface RouteOptions extends SecurePoolsOptions {
  readonly ticker: Ticker
}

export class SecurePools {
  readonly #options: RouteOptions
  readonly #routes: LRUCache<string, Route>
  #closed = false

  constructor(options: SecurePoolsOptions) {
    this.#options = { ...options, ticker: new Ticker(options.after) }
    this.#routes = new LRUCache({
      max: options.limits.poolsMax,
      // What is in flight on a route that has to make room ends as it would; its idle connections close.
      dispose: (route) => route.end(this.#closed),
    })
  }

  /** Sends a request to one judged address, over a connection that leads nowhere else and was verified. */
  dispatch(
    upstream: Upstream & { readonly protocol: Spoken },
    request: UpstreamRequest,
    handler: UpstreamHandler,
  ): void {
    const { address, host, port, protocol, proxy } = upstream
    const key = `${address} ${port} ${host}${wayKey(proxy)}`
    let route = this.#routes.get(key)
    if (route === undefined) {
      route = new Route(this.#options, { address, host, port, proxy })
      this.#routes.set(key, route)
    }
    const dispatching = protocol === 'h2' ? route : route.plain
    dispatching.dispatch(request, handler)
  }

  /** A verified connection that belongs to no pool, for what leaves HTTP behind. */
  dial(dialling: Omit<SecureDialling, 'after' | 'trust'>, done: Dialled): void {
    const { after, trust } = this.#options
    dialTls({ ...dialling, after, trust }, done)
  }

  /** Ends every connection, busy or not. */
  destroy(): void {
    this.#closed = true
    this.#routes.clear()
    this.#options.ticker.stop()
  }
}

const closed = (): UpstreamError =>
  new UpstreamError({ code: 'upstream-unreachable', message: 'The connections were closed.' })

interface Waiting {
  readonly request: UpstreamRequest
  readonly handler: UpstreamHandler
}

/** All connections to one judged address of one host; by itself it sends over HTTP/2 where it can. */
class Route implements Dispatching {
  /** HTTP/1.1 only. */
  readonly plain: Dispatching
  readonly #pool: H1Pool
  readonly #options: RouteOptions
  readonly #upstream: Upstream
  readonly #sessions = new Set<H2Upstream>()
  /** What waits for the dial that is under way. */
  #waiting: Waiting[] = []
  #dialling = false
  /** The upstream chose HTTP/1.1 when it had the choice. */
  #plainOnly = false
  /** A connection on which that was found, for the pool's next dial. */
  #spare: Secured | null = null
  #ended = false

  constructor(options: RouteOptions, upstream: Upstream) {
    const { address } = upstream
    assert(isIP(address) !== 0, 'an upstream is dialled by an address that was judged (I5)')
    this.#options = options
    this.#upstream = upstream
    const { limits } = options
    this.plain = { dispatch: (request, handler) => this.#dispatchPlain(request, handler) }
    this.#pool = new H1Pool({
      limits,
      ticker: options.ticker,
      dial: (done) => {
        const spare = this.#takeSpare()
        const reached: Dialled = (error, secured) => {
          if (secured === null) done(error ?? closed(), null)
          else done(null, { source: readByEvents(secured.secure), raw: secured.raw })
        }
        if (spare === null) this.#dial(['http/1.1'], reached)
        else reached(null, spare)
      },
    })
  }

  dispatch(request: UpstreamRequest, handler: UpstreamHandler): void {
    if (this.#plainOnly) {
      this.#dispatchPlain(request, handler)
      return
    }
    const session = this.#session()
    if (session !== null) {
      session.dispatch(request, handler)
      return
    }
    this.#waiting.push({ request, handler })
    if (this.#dialling) return
    this.#dialling = true
    this.#dial(['h2', 'http/1.1'], (error, secured) => this.#dialled(error, secured))
  }

  /** now  whether what is in flight is broken off. */
  end(now: boolean): void {
    this.#ended = true
    this.#spare?.secure.destroy()
    if (now) this.#pool.destroy()
    else this.#pool.close()
    for (const session of this.#sessions) {
      if (now) session.destroy()
      else session.close()
    }
  }

  /** The session with room, or the least busy where there can be no more of them; null: dial. */
  #session(): H2Upstream | null {
    let best: H2Upstream | null = null
    for (const session of this.#sessions) {
      if (!session.open) continue
      if (session.roomy) return session
      if (best === null || session.streams < best.streams) best = session
    }
    return this.#sessions.size < sessionsMax ? null : best
  }

  #dialled(error: UpstreamError | null, secured: Secured | null): void {
    this.#dialling = false
    const waiting = this.#waiting
    this.#waiting = []
    if (secured === null || this.#ended) {
      secured?.secure.destroy()
      const why = error ?? closed()
      for (const { handler } of waiting) handler.onError(why)
      return
    }
    if (secured.secure.alpnProtocol === 'h2') this.#add(secured.secure)
    else {
      this.#plainOnly = true
      this.#keepSpare(secured)
    }
    for (const { request, handler } of waiting) this.dispatch(request, handler)
  }

  #add(socket: TLSSocket): void {
    const { limits } = this.#options
    const session = new H2Upstream({
      socket,
      headerBytesMax: limits.headerBytesMax * 4,
      idleTimeoutMs: limits.idleTimeoutMs,
      keepAliveTimeoutMs: limits.upstreamKeepAliveTimeoutMs,
      onClosed: () => this.#sessions.delete(session),
    })
    this.#sessions.add(session)
  }

  #dispatchPlain(request: UpstreamRequest, handler: UpstreamHandler): void {
    this.#pool.dispatch({ request, handler })
  }

  #keepSpare(secured: Secured): void {
    this.#spare = secured
    secured.secure.once('close', () => {
      if (this.#spare === secured) this.#spare = null
    })
  }

  #takeSpare(): Secured | null {
    const spare = this.#spare
    this.#spare = null
    return spare?.secure.writable === true ? spare : null
  }

  #dial(alpn: readonly Spoken[], done: Dialled): void {
    const { after, limits, trust } = this.#options
    const timeoutMs = limits.dialTimeoutMs
    dialTls({ ...this.#upstream, after, alpn, timeoutMs, trust }, done)
  }
}
