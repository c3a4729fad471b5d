/** A request on its way to an upstream, and what whoever sends it is told: the same over HTTP/1.1 and HTTP/2. */
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'

export interface UpstreamRequest {
  readonly path: string
  readonly method: string
  /** Flat, Host the first; a body without a Content-Length is sent in chunks. */
  readonly headers: readonly string[]
  readonly body: Readable | null
}

export type Abort = (error?: Error) => void

/** What an exchange is told of its request, and of its end once: by `onComplete`, or by `onError`. */
export interface UpstreamHandler {
  /** By which connection it is carried. Over HTTP/2 there is none of its own to sever. */
  carriedBy?(carrier: Carrier): void
  /** About to write: from here on bytes may have left. Calling `abort` now lets none leave. */
  onConnect(abort: Abort): void
  /** raw  flat name and value. False where `resume` will be called once more may come. */
  onHeaders(status: number, raw: readonly string[], resume: () => void, phrase: string): boolean
  onData(chunk: Buffer): boolean
  /** raw  trailers, flat. */
  onComplete(raw: readonly string[]): void
  onError(error: Error): void
}

/** One connection with one request on it at a time. */
export interface Carrier {
  /** The connection that a halt has to sever; null where there is none yet. */
  readonly socket: Socket | null
}
