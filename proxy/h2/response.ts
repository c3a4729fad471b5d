/** The answer on one stream of a client, with the members of Node's ServerResponse that an exchange uses. */
import type { OutgoingHttpHeaders } from 'node:http'
import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Clock } from '../../gate/ports.ts'
import { fieldsOf, flatOf } from './fields.ts'
import type { ResponseMessage } from './message.ts'
import type { H2Request } from './request.ts'

const { NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = constants

/** How long a client is heard that still sends although it has its answer. */
export interface Lingering {
  readonly after: Clock['after']
  readonly lingerMs: number
  readonly lingerBytesMax: number
}

export class H2Response implements ResponseMessage {
  statusCode = 200
  shouldKeepAlive = true
  sendDate = false
  readonly #stream: ServerHttp2Stream
  readonly #request: H2Request
  readonly #lingering: Lingering
  #headers: string[] | null = null
  #trailers: string[] = []
  /** The header section has left. */
  #begun = false
  #ended = false
  #destroyed = false

  constructor(stream: ServerHttp2Stream, request: H2Request, lingering: Lingering) {
    this.#stream = stream
    this.#request = request
    this.#lingering = lingering
    stream.on('wantTrailers', () => this.#finish())
  }

  get headersSent(): boolean {
    return this.#headers !== null
  }

  get writableEnded(): boolean {
    return this.#ended
  }

  get writableNeedDrain(): boolean {
    return this.#stream.writableNeedDrain
  }

  get destroyed(): boolean {
    return this.#destroyed || this.#stream.destroyed
  }

  /** Whether it was this side that broke it off. */
  get brokenOff(): boolean {
    return this.#destroyed || this.#ended
  }

  writeHead(status: number, _phrase: string, headers: string[] | OutgoingHttpHeaders): this {
    this.statusCode = status
    this.#headers = flatOf(headers)
    return this
  }

  flushHeaders(): void {
    this.#begin(false)
  }

  writeContinue(): void {
    if (this.#lost || this.#begun) return
    this.#stream.additionalHeaders({ ':status': 100 })
  }

  write(chunk: Buffer | string): boolean {
    if (this.#lost || this.#ended) return false
    this.#begin(false)
    // A response to HEAD, a 204 and a 304 have no body, whatever the upstream thinks.
    return this.#stream.writableEnded || this.#stream.write(chunk)
  }

  addTrailers(trailers: [string, string][]): void {
    this.#trailers.push(...trailers.flat())
  }

  end(chunk?: Buffer | string): this {
    if (this.#ended) return this
    const bodiless = chunk === undefined || chunk.length === 0
    const whole = bodiless && this.#trailers.length === 0 && !this.#begun
    this.#ended = true
    if (this.#lost) return this
    this.#begin(whole)
    if (whole) this.#letGo()
    else if (!this.#stream.writableEnded) {
      if (bodiless) this.#stream.end()
      else this.#stream.end(chunk)
    }
    return this
  }

  /** RST_STREAM: no client takes what came so far for the whole. */
  destroy(): this {
    if (this.#destroyed) return this
    this.#destroyed = true
    if (!this.#stream.closed) this.#stream.close(NGHTTP2_INTERNAL_ERROR)
    this.#stream.destroy()
    return this
  }

  on(event: 'drain' | 'close', listener: () => void): this {
    this.#stream.on(event, listener)
    return this
  }

  once(event: 'drain' | 'close', listener: () => void): this {
    this.#stream.once(event, listener)
    return this
  }

  get #lost(): boolean {
    return this.#destroyed || this.#stream.destroyed || this.#stream.closed
  }

  #begin(endStream: boolean): void {
    if (this.#begun || this.#lost) return
    this.#begun = true
    const fields = { ':status': this.statusCode, ...fieldsOf(this.#headers ?? []) }
    this.#headers ??= []
    // The end is held back until `#finish`: Node would send it before a reset, too (lib/internal/http2/core.js,
    // closeStream), and half an answer would look whole. sendDate is Node's own (lib/internal/http2/core.js) and not in its types: a date is the upstream's to give.
    const options = { endStream, sendDate: this.sendDate, waitForTrailers: !endStream }
    this.#send(() => this.#stream.respond(fields, options))
  }

  /** What an upstream says and Node does not send ends this stream, and no more than it. */
  #send(section: () => void): void {
    try {
      section()
    } catch {
      this.destroy()
    }
  }

  /** The last byte of the body is out. */
  #finish(): void {
    // nghttp2 asks again where it is woken before the trailers are out.
    if (this.#lost || this.#stream.sentTrailers !== undefined) return
    this.#send(() => this.#stream.sendTrailers(fieldsOf(this.#trailers)))
    this.#letGo()
  }

  /**
   * Reads on for a while, so that the answer is out before the stream is reset: a reset sent with it would overtake it
   * in nghttp2's queues, and Node sends trailers a turn later. Then the client is asked to stop (RFC 9113 section 8.1).
   */
  #letGo(): void {
    if (this.#request.complete) return
    const { after, lingerBytesMax, lingerMs } = this.#lingering
    let left = lingerBytesMax
    const stop = (): void => {
      if (!this.#stream.closed) this.#stream.close(NGHTTP2_NO_ERROR)
    }
    this.#stream.once('close', after(lingerMs, stop))
    this.#stream.on('data', (chunk: Buffer) => {
      left -= chunk.length
      if (left < 0) stop()
    })
    this.#stream.resume()
  }
}
