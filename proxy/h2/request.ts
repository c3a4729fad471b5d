/** One stream of a client as the request that an exchange forwards. */
import type { ServerHttp2Stream } from 'node:http2'
import type { StreamHead } from './head.ts'
import type { RequestMessage } from './message.ts'

export class H2Request implements RequestMessage {
  readonly method: string
  readonly url: string
  readonly httpVersion = 'h2'
  readonly rawHeaders: readonly string[]
  readonly headers: { readonly expect?: string | undefined }
  readonly #stream: ServerHttp2Stream

  constructor(stream: ServerHttp2Stream, head: StreamHead) {
    this.#stream = stream
    this.method = head.method
    this.url = head.url
    this.rawHeaders = head.rawHeaders
    this.headers = { expect: head.expect }
  }

  get complete(): boolean {
    return this.#stream.endAfterHeaders || this.#stream.readableEnded
  }

  on(event: 'data', listener: (chunk: Buffer) => void): this
  on(event: 'end', listener: () => void): this
  on(event: 'data' | 'end', listener: (chunk: Buffer) => void): this {
    this.#stream.on(event, listener)
    // A body without a byte has told of its end while nobody listened yet.
    if (event === 'end' && this.#stream.readableEnded) {
      void Promise.resolve().then(listener as () => void)
    }
    return this
  }

  once(event: 'end', listener: () => void): this {
    this.#stream.once(event, listener)
    return this
  }

  off(event: 'data', listener: (chunk: Buffer) => void): this
  off(event: 'end', listener: () => void): this
  off(event: 'data' | 'end', listener: (chunk: Buffer) => void): this {
    this.#stream.off(event, listener)
    return this
  }

  pause(): this {
    this.#stream.pause()
    return this
  }

  resume(): this {
    this.#stream.resume()
    return this
  }
}
