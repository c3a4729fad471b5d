/** The HTTP/1.1 connections to one judged address of one host: idle ones are used again, a few at a time are open. */
import type { Limits } from '../limits.ts'
import type { Ticker } from '../ticker.ts'
import { UpstreamError } from '../tls/upstream-error.ts'
import { type ConnectionOptions, type Flight, H1Connection, type Reached } from './connection.ts'

export interface H1PoolOptions {
  readonly limits: Limits
  readonly ticker: Ticker
  /** Makes one connection to the judged address, and calls back once (I5). */
  dial(done: (error: Error | null, reached: Reached | null) => void): void
}

export class H1Pool {
  readonly #options: H1PoolOptions
  readonly #connectionOptions: ConnectionOptions
  readonly #connections = new Set<H1Connection>()
  /** Those that were used last at the end. */
  readonly #idle: H1Connection[] = []
  #waiting: Flight[] = []
  #ending = false

  constructor(options: H1PoolOptions) {
    this.#options = options
    const { limits, ticker } = options
    const ticks = (spanMs: number): number => Math.ceil(spanMs / ticker.tickMs)
    this.#connectionOptions = {
      headBytesMax: limits.headerBytesMax * 4,
      patience: {
        headTicks: ticks(limits.upstreamHeadersTimeoutMs),
        bodyTicks: ticks(limits.idleTimeoutMs),
        idleTicks: ticks(limits.upstreamKeepAliveTimeoutMs),
        tickMs: ticker.tickMs,
      },
      onFree: (connection) => this.#serve(connection),
      onClosed: (connection) => this.#forget(connection),
    }
  }

  /** Sends it by an idle connection, or a new one, or as soon as one is free. */
  dispatch(flight: Flight): void {
    const connection = this.#idle.pop()
    if (connection !== undefined) {
      // Where nothing is sent after all, whoever asked gave it up, or was told why.
      if (!connection.send(flight)) this.#keep(connection)
    } else if (this.#connections.size < this.#options.limits.upstreamConnectionsMax)
      this.#open(flight)
    else this.#waiting.push(flight)
  }

  /** What is under way ends as it would. */
  close(): void {
    this.#ending = true
    for (const connection of this.#idle.splice(0)) connection.destroy(closed())
  }

  /** Ends every connection, busy or not. */
  destroy(): void {
    this.close()
    for (const { handler } of this.#waiting.splice(0)) handler.onError(closed())
    for (const connection of [...this.#connections]) connection.destroy(closed())
  }

  #open(flight: Flight): void {
    const connection = new H1Connection(this.#connectionOptions)
    this.#connections.add(connection)
    this.#options.dial((error, reached) => {
      if (reached === null) {
        connection.destroy(closed())
        flight.handler.onError(error ?? closed())
        return
      }
      this.#options.ticker.add(connection)
      connection.attach(reached)
      if (connection.send(flight)) return
      // Nobody wants what it was dialled for any more, and perhaps nothing else of this host.
      if (this.#waiting.length > 0) this.#serve(connection)
      else connection.destroy(closed())
    })
  }

  /** Gives a free connection the next request, or keeps it. */
  #serve(connection: H1Connection): void {
    // One that was closed meanwhile has made room for another: what waits is not told of its end.
    while (this.#connections.has(connection)) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      if (connection.send(next)) return
    }
    this.#keep(connection)
  }

  #keep(connection: H1Connection): void {
    if (!this.#connections.has(connection)) return
    if (this.#ending) connection.destroy(closed())
    else this.#idle.push(connection)
  }

  #forget(connection: H1Connection): void {
    this.#options.ticker.remove(connection)
    this.#connections.delete(connection)
    const place = this.#idle.indexOf(connection)
    if (place >= 0) this.#idle.splice(place, 1)
    const next = this.#waiting.shift()
    if (next !== undefined) this.#open(next)
  }
}

const closed = (): UpstreamError =>
  new UpstreamError({ code: 'upstream-unreachable', message: 'The connections were closed.' })
