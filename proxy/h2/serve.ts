/** Serves HTTP/2 on the inside of an inspected tunnel: each stream becomes a request of its own, within limits. */
import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../gate/ports.ts'
import { Bucket } from '../tls/bucket.ts'
import { readStreamHead } from './head.ts'
import { H2Request } from './request.ts'
import { H2Response } from './response.ts'

const { NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_PROTOCOL_ERROR } = constants

/** What one connection may take. */
export interface H2Limits {
  /** Open streams; RFC 9113 section 6.5.2 asks for no less than 100. */
  readonly streamsMax: number
  /** What the front allows of names and values; twice that is read, so that it is the front that refuses. */
  readonly headerBytesMax: number
  readonly headerCountMax: number
  /** Of a request's body, what is read ahead on each stream. */
  readonly windowBytes: number
  /** MiB that nghttp2 may hold of one connection. */
  readonly memoryMiB: number
  /** A connection without an open stream. */
  readonly keepAliveTimeoutMs: number
  /** A stream on which nothing moves. */
  readonly idleTimeoutMs: number
  /** Of a body that is still sent when it was answered, what is read so that the client gets to read the answer. */
  readonly lingerBytesMax: number
  readonly lingerMs: number
  /** Streams that the client may reset at once, and again each second (CVE-2023-44487). */
  readonly resetsBurst: number
  readonly resetsPerSecond: number
  /** PING and SETTINGS frames, which cost an answer each (CVE-2019-9512, CVE-2019-9515). */
  readonly controlsBurst: number
  readonly controlsPerSecond: number
}

export const defaultH2Limits: H2Limits = {
  streamsMax: 100,
  headerBytesMax: 16 * 1024,
  headerCountMax: 100,
  windowBytes: 64 * 1024,
  memoryMiB: 16,
  keepAliveTimeoutMs: 65_000,
  idleTimeoutMs: 300_000,
  lingerBytesMax: 1024 * 1024,
  lingerMs: 2_000,
  resetsBurst: 200,
  resetsPerSecond: 20,
  controlsBurst: 200,
  controlsPerSecond: 50,
}

export interface ServingH2 {
  /** From acceptTls. */
  readonly socket: TLSSocket
  readonly limits?: Partial<H2Limits>
  /** Milliseconds that never run backward. */
  monotonicMs(): number
  readonly after: Clock['after']
  /** A stream that is a request; `response` is told of by 'close' however it ends. */
  onRequest(request: H2Request, response: H2Response): void
  /** A stream that was reset because it is none, for the record. */
  onMalformed(message: string): void
  /** Nothing moved on a stream for `idleTimeoutMs`: it may be the upstream that is slow. */
  onIdle(response: H2Response): void
  /** Once: the connection is gone, and every stream with it. flooded  cut off for resets or control frames. */
  onEnd(end: { readonly flooded: boolean }): void
}

export interface ServedH2 {
  /** Open streams. */
  readonly streams: number
  /** GOAWAY: no new stream, and an end when the last one has ended. */
  close(): void
  /** Ends every stream in this turn. */
  destroy(): void
}

/** Settings frames of ours and connection window: an upload is not slower than a stream of its own. */
const connectionWindowBytes = 1024 * 1024

/** What HPACK's own bookkeeping adds to each field (RFC 7541 section 4.1). */
const fieldOverheadBytes = 32

/** Takes the socket over; everything that happens on it is told by the callbacks. */
export function serveH2(serving: ServingH2): ServedH2 {
  const limits = { ...defaultH2Limits, ...serving.limits }
  const { socket } = serving
  const session = performServerHandshake(socket, {
    maxHeaderListPairs: 2 * limits.headerCountMax,
    maxSessionMemory: limits.memoryMiB,
    settings: {
      enableConnectProtocol: false,
      enablePush: false,
      initialWindowSize: limits.windowBytes,
      maxConcurrentStreams: limits.streamsMax,
      maxHeaderListSize: 2 * (limits.headerBytesMax + fieldOverheadBytes * limits.headerCountMax),
    },
  })
  const served = new Served(session, serving, limits)
  session.setLocalWindowSize(connectionWindowBytes)
  return served
}

/** What Node tells of a new stream; its types leave the flat headers out. */
type Opened = [stream: ServerHttp2Stream, headers: unknown, flags: number, raw: readonly string[]]

class Served implements ServedH2 {
  readonly #session: ServerHttp2Session
  readonly #serving: ServingH2
  readonly #limits: H2Limits
  readonly #resets: Bucket
  readonly #controls: Bucket
  #streams = 0
  #flooded = false

  constructor(session: ServerHttp2Session, serving: ServingH2, limits: H2Limits) {
    this.#session = session
    this.#serving = serving
    this.#limits = limits
    this.#resets = new Bucket({ burst: limits.resetsBurst, perSecond: limits.resetsPerSecond })
    this.#controls = new Bucket({
      burst: limits.controlsBurst,
      perSecond: limits.controlsPerSecond,
    })
    session.on('stream', (...[stream, , , raw]: Opened) => this.#take(stream, raw))
    const control = (): void => this.#count(this.#controls)
    session.on('ping', control)
    session.on('remoteSettings', control)
    // What an error means, 'close' tells; without a handler it would end the process.
    session.on('error', ignore)
    session.once('close', () => serving.onEnd({ flooded: this.#flooded }))
    // The socket stays half open for the sake of HTTP/1.1; who ends its side here opens no window any more, and is gone.
    serving.socket.once('end', () => this.destroy())
    session.setTimeout(limits.keepAliveTimeoutMs, () => this.#idle())
  }

  get streams(): number {
    return this.#streams
  }

  close(): void {
    if (!this.#session.closed) this.#session.close()
  }

  destroy(): void {
    this.#session.destroy()
    this.#serving.socket.destroy()
  }

  #take(stream: ServerHttp2Stream, raw: readonly string[]): void {
    stream.on('error', ignore)
    // Reset in the very packet that opened it: there is nobody to serve.
    if (stream.destroyed || stream.closed) {
      this.#count(this.#resets)
      return
    }
    const head = readStreamHead(raw, stream.endAfterHeaders)
    if (!head.ok) {
      this.#count(this.#resets)
      this.#serving.onMalformed(head.message)
      stream.close(NGHTTP2_PROTOCOL_ERROR)
      return
    }
    const { lingerBytesMax, lingerMs } = this.#limits
    const { after } = this.#serving
    const request = new H2Request(stream, head)
    const response = new H2Response(stream, request, { after, lingerBytesMax, lingerMs })
    this.#streams += 1
    stream.once('close', () => {
      this.#streams -= 1
      if (!response.brokenOff) this.#count(this.#resets)
    })
    stream.setTimeout(this.#limits.idleTimeoutMs, () => this.#serving.onIdle(response))
    this.#serving.onRequest(request, response)
  }

  /** Counts what a client may do only so often. */
  #count(bucket: Bucket): void {
    if (this.#flooded || bucket.take(this.#serving.monotonicMs())) return
    this.#flooded = true
    this.#session.destroy(new Error('flooded'), NGHTTP2_ENHANCE_YOUR_CALM)
  }

  #idle(): void {
    if (this.#streams === 0) this.close()
  }
}

function ignore(): void {}
