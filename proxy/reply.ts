/** The response of one exchange on its way to the client: its head, its bytes in order, its end. */
import type { Passage } from '../gate/passage.ts'
import { linger } from './answer-request.ts'
import type { Desk } from './desk.ts'
import type { RequestMessage, ResponseMessage } from './h2/message.ts'
import { receiptText } from './refuse.ts'
import { type ResponseHead, readTrailers } from './response-head.ts'

/** A response's head, read and found in order. */
export interface ReadHead {
  readonly status: number
  readonly phrase: string
  readonly head: ResponseHead
}

/** The exchange, as its response sees it. */
interface Replying {
  readonly request: RequestMessage
  readonly response: ResponseMessage
  /** Whether the client still sends what has to be read. */
  readonly sending: boolean
  /** The client is ready for more. */
  drained(): void
}

export class Reply {
  readonly #desk: Desk
  readonly #replying: Replying
  /** Body bytes still to come; -1 where the length is unknown. */
  #left = -1
  #watchesDrain = false
  #ended = false

  constructor(desk: Desk, replying: Replying) {
    this.#desk = desk
    this.#replying = replying
  }

  /** Whether the client is sent no body, whatever the head says. */
  isBodiless(status: number): boolean {
    return this.#replying.request.method === 'HEAD' || status === 204 || status === 304
  }

  /**
   * Sends the head.
   *
   * returns  false where no body follows although its length was told.
   */
  begin({ head, phrase, status }: ReadHead, passage: Passage): boolean {
    const { request, response } = this.#replying
    const { headers, length, trailer } = head
    const bodiless = this.isBodiless(status)
    if (!bodiless) this.#left = length
    if (trailer !== null && !bodiless && length < 0 && request.httpVersion !== '1.0') {
      headers.push('Trailer', trailer)
    }
    pushOurs(headers, passage)
    if (this.#desk.ending || this.#replying.sending) response.shouldKeepAlive = false
    response.sendDate = false
    response.writeHead(status, phrase, headers)
    if (bodiless && length > 0 && request.method !== 'HEAD') return false
    // Sent at once where the body may be long in coming: an event stream's client waits for it.
    if (length < 0 && !bodiless) response.flushHeaders()
    return true
  }

  /** False where the client is slower than the upstream: `drained` is called when it has caught up. */
  write(chunk: Buffer): boolean {
    const { response } = this.#replying
    if (this.#left > 0) {
      this.#left -= chunk.length
      if (this.#left === 0) {
        this.end(chunk)
        return true
      }
    }
    if (response.write(chunk)) return true
    if (!this.#watchesDrain) {
      this.#watchesDrain = true
      response.on('drain', () => this.#replying.drained())
    }
    return false
  }

  /** raw  trailers, flat. */
  finish(raw: readonly string[]): void {
    const { response } = this.#replying
    if (this.#ended || response.writableEnded) return
    const trailers = readTrailers(this.#desk.names, raw)
    if (trailers.length > 0) response.addTrailers(trailers)
    this.end(null)
  }

  /** A client that still sends is read on for a while, so that it gets to read its answer. */
  end(chunk: Buffer | null): void {
    const { response, sending } = this.#replying
    if (chunk === null || !sending) {
      this.#ended = true
      if (chunk === null) response.end()
      else if (this.#replying.request.httpVersion === 'h2') response.end(chunk)
      else this.#desk.outbox.end(response, chunk)
      return
    }
    response.write(chunk)
    linger(this.#desk, this.#replying)
  }
}

function pushOurs(headers: string[], passage: Passage): void {
  const { observed, policy, receipt, verdict } = passage
  headers.push('Haltgate-Decision', observed ? 'allow' : verdict, 'Haltgate-Policy', policy)
  headers.push('Haltgate-Receipt', receiptText(receipt))
  if (observed) headers.push('Haltgate-Observed', verdict)
}
