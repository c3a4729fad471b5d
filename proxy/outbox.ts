/**
 * Ends whole responses together, when all that came in one turn of the loop is read. One after the other each wakes a
 * client that has gone to sleep since the one before, which costs more than all the rest of writing it.
 */
import type { Socket } from 'node:net'
import type { ResponseMessage } from './h2/message.ts'

interface Ending {
  readonly response: ResponseMessage
  readonly chunk: Buffer
}

/** A longer body is a piece of its own: joining it to the head would cost more than the second piece. */
const joinedBytesMax = 4096

export class Outbox {
  readonly #soon: (callback: () => void) => void
  #endings: Ending[] = []

  /** soon  calls back when the turn is over. */
  constructor(soon: (callback: () => void) => void) {
    this.#soon = soon
  }

  /** Ends a response of known length with its last bytes, soon. */
  end(response: ResponseMessage, chunk: Buffer): void {
    this.#endings.push({ response, chunk })
    if (this.#endings.length === 1) this.#soon(this.#flush)
  }

  readonly #flush = (): void => {
    const endings = this.#endings
    this.#endings = []
    for (const { chunk, response } of endings) {
      const unsent = chunk.length > joinedBytesMax ? null : unsentOf(response)
      if (unsent === null) response.end(chunk)
      else {
        Object.assign(response, { _headerSent: true })
        unsent.socket.write(unsent.head + chunk.toString('latin1'), 'latin1')
        response.end()
      }
    }
  }
}

/** What Node's ServerResponse has beside what its types say. */
interface Written {
  readonly socket?: Socket | null
  readonly chunkedEncoding?: boolean
  readonly outputSize?: number
  readonly _header?: string | null
  readonly _headerSent?: boolean
}

interface Unsent {
  readonly head: string
  readonly socket: Socket
}

/**
 * The head of a response that nothing was sent of, to be sent in one piece with its body: Node's own way makes two
 * pieces and an empty third one, and a request to the system of its own kind, for 2.5 µs of 17 (Node 20.20.2,
 * 2026-11-21). Null where that is not known (_http_outgoing.js of Node 20 to 24; were it changed, Node's own way
 * would be gone, and test/proxy/outbox.test.ts fail).
 */
function unsentOf(response: ResponseMessage & Written): Unsent | null {
  const { _header, _headerSent, chunkedEncoding, destroyed, outputSize, socket } = response
  if (typeof _header !== 'string' || _headerSent !== false || destroyed) return null
  if (chunkedEncoding !== false || outputSize !== 0 || !socket) return null
  return { head: _header, socket }
}
