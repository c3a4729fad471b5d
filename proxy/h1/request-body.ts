/** Writes a request's body to its upstream: behind its head, in its framing, no faster than it is taken. */
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { RequestText } from './request-text.ts'

interface Told {
  /** All of it was written. */
  written(): void
  /** It broke off, or was not as long as announced: nothing may be taken for its end. */
  broken(): void
}

export class RequestBody {
  readonly #socket: Socket
  readonly #body: Readable
  readonly #head: RequestText
  readonly #told: Told
  #begun = false
  #bytes = 0
  #over = false

  constructor(socket: Socket, body: Readable, sending: { head: RequestText; told: Told }) {
    this.#socket = socket
    this.#body = body
    this.#head = sending.head
    this.#told = sending.told
    body.on('data', this.#take)
    body.once('end', this.#end)
    body.once('error', this.#break)
    body.once('close', this.#break)
    socket.on('drain', this.#goOn)
  }

  /** Whether all that could be written is on its way, so that it is not the upstream that holds it up. */
  get waitsForMore(): boolean {
    return !this.#over && !this.#socket.writableNeedDrain
  }

  /** Writes no more. */
  detach(): void {
    if (this.#over) return
    this.#over = true
    const body = this.#body
    body.off('data', this.#take)
    body.off('end', this.#end)
    body.off('error', this.#break)
    body.off('close', this.#break)
    // Whatever becomes of it now is no business of this connection.
    body.on('error', ignore)
    this.#socket.off('drain', this.#goOn)
  }

  readonly #take = (chunk: Buffer): void => {
    const { length } = this.#head
    this.#bytes += chunk.length
    if (length !== null && this.#bytes > length) {
      this.#break()
      return
    }
    const socket = this.#socket
    socket.cork()
    this.#begin()
    if (length === null && chunk.length > 0) {
      socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1')
      socket.write(chunk)
      socket.write('\r\n', 'latin1')
    } else if (chunk.length > 0) socket.write(chunk)
    socket.uncork()
    if (socket.writableNeedDrain) this.#body.pause()
  }

  readonly #end = (): void => {
    const { length } = this.#head
    if (length !== null && this.#bytes !== length) {
      this.#break()
      return
    }
    const socket = this.#socket
    socket.cork()
    this.#begin()
    if (length === null) socket.write('0\r\n\r\n', 'latin1')
    socket.uncork()
    this.detach()
    this.#told.written()
  }

  readonly #break = (): void => {
    if (this.#over) return
    this.detach()
    this.#told.broken()
  }

  readonly #goOn = (): void => {
    this.#body.resume()
  }

  /** The head goes with the first bytes of the body. */
  #begin(): void {
    if (this.#begun) return
    this.#begun = true
    this.#socket.write(`${this.#head.text}\r\n`, 'latin1')
  }
}

function ignore(): void {}
