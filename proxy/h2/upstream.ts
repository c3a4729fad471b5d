/**
 * One HTTP/2 connection to an upstream: each request is a stream of its own, told to the same handler as over HTTP/1.1.
 *
 * Why not undici's (7.30.2, lib/dispatcher/client-h2.js, read and tried 2026-11): it sends one streamed body at a
 * time on a connection, fails a GET that has one, folds repeated headers into one, loses what is buffered
 * when trailers come and hands trailers over as an object, and breaks every stream off at a graceful GOAWAY.
 */
import { STATUS_CODES } from 'node:http'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { UpstreamError } from '../tls/upstream-error.ts'
import type { UpstreamHandler, UpstreamRequest } from '../upstream-call.ts'
import { fieldsOf, repeated } from './fields.ts'
import { Pulse } from './pulse.ts'

const { NGHTTP2_CANCEL, NGHTTP2_FLAG_END_STREAM, NGHTTP2_NO_ERROR } = constants

/** Streams that one connection is given, where the upstream allows more. */
export const streamsMax = 100

/** Read ahead of the client on each stream: 25 MB/s at 10 ms; 25 MiB at most on a connection full of slow clients. */
const windowBytes = 256 * 1024

/** The same for all streams of a connection together, as nghttp2 counts it: what was read is acknowledged at once. */
const connectionWindowBytes = 4 * 1024 * 1024

/** MiB that nghttp2 may hold of one connection. */
const memoryMiB = 32

export interface H2UpstreamOptions {
  /** From dialTls, with `alpnProtocol` h2. */
  readonly socket: TLSSocket
  /** Without an open stream. */
  readonly keepAliveTimeoutMs: number
  /** Without a byte, while bytes could move. */
  readonly idleTimeoutMs: number
  /** Bytes of one header section. */
  readonly headerBytesMax: number
  /** Takes no new stream any more. */
  onClosed(): void
}

export class H2Upstream {
  readonly #session: ClientHttp2Session
  readonly #idleTimeoutMs: number
  readonly #pulse: Pulse
  #streams = 0
  /** Of these, those whose request has a body that is under way. */
  #sending = 0

  constructor(options: H2UpstreamOptions) {
    const { headerBytesMax, idleTimeoutMs, keepAliveTimeoutMs, onClosed, socket } = options
    this.#idleTimeoutMs = idleTimeoutMs
    // The authority here is only what a request without one of its own would get; each of ours has one.
    const session = connect('https://upstream.invalid', {
      createConnection: () => socket,
      maxSessionMemory: memoryMiB,
      peerMaxConcurrentStreams: streamsMax,
      settings: {
        enablePush: false,
        initialWindowSize: windowBytes,
        maxHeaderListSize: headerBytesMax,
      },
    })
    this.#session = session
    session.once('connect', () => session.setLocalWindowSize(connectionWindowBytes))
    session.on('error', ignore)
    session.on('goaway', onClosed)
    session.once('close', onClosed)
    this.#pulse = new Pulse({
      ...{ keepAliveTimeoutMs, session, socket },
      streams: () => this.#streams,
      sends: () => this.#sending > 0,
    })
  }

  /** Whether a stream can be opened at all. */
  get open(): boolean {
    return !this.#session.closed && !this.#session.destroyed
  }

  /** Whether the upstream would begin with one more stream at once. */
  get roomy(): boolean {
    const allowed = this.#session.remoteSettings?.maxConcurrentStreams ?? streamsMax
    return this.#streams < Math.min(allowed, streamsMax)
  }

  get streams(): number {
    return this.#streams
  }

  /** The handler is told of everything, and of its end once. */
  dispatch(request: UpstreamRequest, handler: UpstreamHandler): void {
    if (!this.open) {
      handler.onError(broken('The upstream closed the connection.'))
      return
    }
    const twice = repeated(request.headers)
    if (twice !== null) {
      handler.onError(broken(`HTTP/2 sends the header ${twice} once, and the request has two.`))
      return
    }
    const flight = new Flight(handler, request)
    handler.onConnect((error) => flight.abort(error ?? null))
    if (flight.ended) return
    const endStream = request.body === null
    const stream = this.#open(requestFields(request), endStream)
    if (stream === null) {
      flight.fail(broken('The upstream takes no further stream.'))
      return
    }
    this.#streams += 1
    stream.once('close', () => {
      this.#streams -= 1
      this.#pulse.heard()
    })
    if (request.body !== null) {
      this.#sending += 1
      request.body.once('close', () => {
        this.#sending -= 1
      })
    }
    this.#pulse.began()
    flight.follow(stream, { idleTimeoutMs: this.#idleTimeoutMs, heard: () => this.#pulse.heard() })
  }

  /** GOAWAY: no new stream, and an end when the last one has ended. */
  close(): void {
    if (!this.#session.closed) this.#session.close()
  }

  destroy(): void {
    this.#session.destroy()
  }

  #open(fields: OutgoingHttpHeaders, endStream: boolean): ClientHttp2Stream | null {
    try {
      // The end is held back until the body has ended: Node would send it before a reset, too (closeStream in
      // lib/internal/http2/core.js), and the upstream would take half a request for a whole one.
      return this.#session.request(fields, { endStream, waitForTrailers: !endStream })
    } catch {
      // Out of stream ids, or a session that began to close in this turn.
      return null
    }
  }
}

/** TE says that trailers are welcome on this hop, which is ours to say: gRPC insists on it. */
function requestFields({ headers, method, path }: UpstreamRequest): OutgoingHttpHeaders {
  const { host, ...fields } = fieldsOf(headers)
  return {
    ':method': method,
    ':scheme': 'https',
    ':authority': String(host ?? ''),
    ':path': path,
    ...fields,
    te: 'trailers',
  }
}

type Answered = [headers: Readonly<Record<string, unknown>>, flags: number, raw: readonly string[]]

/** One stream from its first byte to its last, and what the handler is told of it. */
class Flight {
  readonly #handler: UpstreamHandler
  readonly #request: UpstreamRequest
  #stream: ClientHttp2Stream | null = null
  #trailers: readonly string[] = []
  #answered = false
  #status = 0
  /** Bytes of the body still to come, by its Content-Length. */
  #left = 0
  #paused = false
  #heard: () => void = ignore
  /** The handler was told of the end, or wants to know nothing more. */
  ended = false

  constructor(handler: UpstreamHandler, request: UpstreamRequest) {
    this.#handler = handler
    this.#request = request
  }

  abort(error: Error | null): void {
    this.fail(error ?? broken('The exchange was aborted.'))
  }

  fail(error: Error): void {
    if (this.ended) return
    this.ended = true
    this.#letGo(NGHTTP2_CANCEL)
    this.#handler.onError(error)
  }

  /** heard  is told when something comes. */
  follow(
    stream: ClientHttp2Stream,
    { heard, idleTimeoutMs }: { readonly heard: () => void; readonly idleTimeoutMs: number },
  ): void {
    this.#stream = stream
    this.#heard = heard
    stream.on('response', (...[headers, flags, raw]: Answered) => {
      this.#answer(Number(headers[':status']), (flags & NGHTTP2_FLAG_END_STREAM) !== 0, raw)
    })
    stream.on('trailers', (...[, , raw]: Answered) => {
      this.#trailers = ordinary(raw)
    })
    stream.on('wantTrailers', () => {
      // Asked again where nghttp2 is woken before they are out.
      if (!this.ended && stream.sentTrailers === undefined) stream.sendTrailers({})
    })
    stream.on('end', () => this.#complete())
    stream.on('error', (error: Error) => this.fail(streamError(error)))
    stream.on('close', () => this.fail(brokenOff()))
    stream.setTimeout(idleTimeoutMs, () => this.#idle(idleTimeoutMs))
    const { body } = this.#request
    if (body === null) return
    body.once('error', () => this.fail(broken('The request broke off.')))
    body.pipe(stream)
  }

  #answer(status: number, whole: boolean, raw: readonly string[]): void {
    const stream = this.#stream
    this.#heard()
    if (this.ended || this.#answered || stream === null) return
    this.#answered = true
    this.#status = status
    this.#left = lengthOf(raw) ?? 0
    const headers = ordinary(raw)
    if (whole && hasBody(this.#request.method, status) && lengthOf(raw) === null) {
      // So that the client is sent an end with the headers, too: trailers-only is an answer of its own in gRPC.
      headers.push('content-length', '0')
    }
    const goOn = this.#handler.onHeaders(status, headers, this.#resume, STATUS_CODES[status] ?? '')
    if (this.ended) return
    stream.on('data', (chunk: Buffer) => {
      this.#left -= chunk.length
      this.#heard()
      if (!this.ended && this.#handler.onData(chunk) === false) this.#pause()
    })
    if (goOn === false) this.#pause()
  }

  #pause(): void {
    this.#paused = true
    this.#stream?.pause()
  }

  readonly #resume = (): void => {
    this.#paused = false
    if (!this.ended) this.#stream?.resume()
  }

  #complete(): void {
    const stream = this.#stream
    if (this.ended || stream === null) return
    // A reset ends the readable side, too: that is no end of an answer. One without an error is, since it asks no
    // more than that the request be stopped (RFC 9113 section 8.1), unless bytes are missing.
    const short = this.#left > 0 && hasBody(this.#request.method, this.#status)
    if (!this.#answered || short || (stream.rstCode ?? 0) !== NGHTTP2_NO_ERROR) {
      this.fail(brokenOff())
      return
    }
    this.ended = true
    this.#handler.onComplete(this.#trailers)
    this.#letGo(NGHTTP2_NO_ERROR)
  }

  #idle(idleTimeoutMs: number): void {
    const { body } = this.#request
    const sending = body !== null && !body.readableEnded
    // It is the client that keeps the stream waiting: whoever serves the client looks after that.
    if (this.#paused || sending) {
      this.#stream?.setTimeout(idleTimeoutMs)
      return
    }
    const message = this.#answered
      ? 'The upstream stopped in the middle of its answer.'
      : 'The upstream did not answer in time.'
    this.fail(new UpstreamError({ code: 'upstream-timeout', message }))
  }

  /** Tells the upstream to stop; what is still sent to it is sent in vain. */
  #letGo(code: number): void {
    const stream = this.#stream
    const { body } = this.#request
    if (stream === null) return
    if (body !== null) body.unpipe(stream)
    stream.on('error', ignore)
    if (code === NGHTTP2_NO_ERROR && stream.writableEnded) return
    if (!stream.closed) stream.close(code === NGHTTP2_NO_ERROR ? NGHTTP2_CANCEL : code)
    stream.resume()
  }
}

/** Without the pseudo-headers. */
const ordinary = (raw: readonly string[]): string[] =>
  raw.filter((_, index) => !(raw[index & ~1] ?? '').startsWith(':'))

/** Value of Content-Length; null where there is none. */
function lengthOf(raw: readonly string[]): number | null {
  const index = raw.findIndex((name, at) => at % 2 === 0 && name === 'content-length')
  return index < 0 ? null : Number(raw[index + 1])
}

const hasBody = (method: string, status: number): boolean =>
  method !== 'HEAD' && status !== 204 && status !== 304

function broken(message: string): UpstreamError {
  return new UpstreamError({ code: 'upstream-protocol', message })
}

const brokenOff = (): UpstreamError => broken('The upstream closed before it had answered.')

function streamError(error: Error & { code?: string }): UpstreamError {
  const ours = error.code === 'ERR_HTTP2_STREAM_ERROR' || error.code === 'ERR_HTTP2_SESSION_ERROR'
  return ours ? brokenOff() : broken('The upstream did not answer in valid HTTP/2.')
}

function ignore(): void {}
