/** Keeps connections to upstreams: one pool for each host, port and judged address, so that none dials elsewhere (I5). */
import { isIP, Socket } from 'node:net'
import { LRUCache } from 'lru-cache'
import type { buildConnector, Pool } from 'undici'
import UndiciPool from 'undici/lib/dispatcher/pool.js'
import { assert } from '../kernel/contract.ts'
import { writeHost } from './host.ts'
import type { Limits } from './limits.ts'

/** A dial that took too long; the code is Node's own for the kernel's time-out. */
const dialTimeoutCode = 'ETIMEDOUT'

/** What is read from an upstream ahead of the client: Node's default of 16 KiB halves a download's speed. */
const readBytes = 64 * 1024

const socketOptions = { allowHalfOpen: false, highWaterMark: readBytes }

export interface Upstream {
  readonly host: string
  readonly port: number
  /** A judged address, literal. */
  readonly address: string
}

export class Pools {
  readonly #limits: Limits
  readonly #pools: LRUCache<string, Pool>
  #closed = false

  constructor(limits: Limits) {
    this.#limits = limits
    this.#pools = new LRUCache({
      max: limits.poolsMax,
      // What is in flight on a pool that has to make room ends as it would; its idle connections close.
      dispose: (pool) => {
        void (this.#closed ? pool.destroy() : pool.close())
      },
    })
  }

  /** The pool of one judged address; its connections lead nowhere else. */
  at(upstream: Upstream): Pool {
    const key = `${upstream.address} ${upstream.port} ${upstream.host}`
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
    assert(isIP(address) !== 0, 'an upstream is dialled by an address that was judged (I5)')
    const limits = this.#limits
    return new UndiciPool(`http://${writeHost(host, port, 80)}`, {
      bodyTimeout: limits.idleTimeoutMs,
      connect: (_options, callback) => {
        dial({ address, port, timeoutMs: limits.dialTimeoutMs }, callback)
      },
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
  readonly address: string
  readonly port: number
  readonly timeoutMs: number
}

/** Connects to the address; calls back once. */
function dial({ address, port, timeoutMs }: Dialling, connected: buildConnector.Callback): void {
  const socket = new UpstreamSocket(socketOptions)
  const failed = (error: Error): void => connected(error, null)
  const late = (): void => {
    socket.destroy(Object.assign(new Error('connect timed out'), { code: dialTimeoutCode }))
  }
  socket.setTimeout(timeoutMs)
  socket.once('timeout', late)
  socket.once('error', failed)
  socket.once('connect', () => {
    socket.setTimeout(0)
    socket.off('timeout', late)
    // Still there when undici has let go of the socket.
    socket.on('error', ignore)
    socket.off('error', failed)
    connected(null, socket)
  })
  socket.connect({ host: address, port, noDelay: true })
}

/** Says some errors in other words, where undici 7 would draw a wrong conclusion from them (client-h1.js). */
class UpstreamSocket extends Socket {
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    super._destroy(error === null ? null : translated(error), callback)
  }
}

function translated(error: Error & { code?: string }): Error {
  // Taken for the end of a body that has no length: to the client a clean end of half an answer.
  if (error.code === 'ECONNRESET') error.code = 'ECONNABORTED'
  // Of our own abort; taken for something to try again, on a new connection that nobody asked for.
  if (error.code === 'UND_ERR_INFO' && error.message === 'aborted') {
    return Object.assign(new Error('the exchange was aborted'), { code: 'ECONNABORTED' })
  }
  return error
}

function ignore(): void {}
