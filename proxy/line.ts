/** Requests that a client pipelined behind the one that is served: few, bounded in bytes over all clients. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** One request after the other: what is pipelined waits, as RFC 9112 section 9.3.2 asks of unsafe methods. */
export interface Waiting {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/**
 * A client that pipelines more is cut off. Its socket is read all the while: one that is not read would not tell that
 * its client has left, and the upstream has to be let go of then.
 */
const waitingMax = 4

/** Of heads that wait, over all clients, in bytes: twelve thousand clients with four of 24 KB each would take 1 GB. */
const aheadBytesMax = 32 * 1024 * 1024

/** What waits in the lines of all clients together. */
export class ReadAhead {
  #bytes = 0

  /** False where there is no room for so much. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > aheadBytesMax) return false
    this.#bytes += bytes
    return true
  }

  give(bytes: number): void {
    this.#bytes -= bytes
  }
}

export class Line {
  readonly #socket: Socket
  readonly #ahead: ReadAhead
  readonly #waiting: { readonly asked: Waiting; readonly bytes: number }[] = []

  constructor(socket: Socket, ahead: ReadAhead) {
    this.#socket = socket
    this.#ahead = ahead
  }

  /** Lets a request wait; answers what speaks against it, or null. */
  add(asked: Waiting): string | null {
    const bytes = sizeOf(asked.request)
    if (this.#waiting.length === waitingMax) {
      return this.#refuse(`More than ${waitingMax} requests were pipelined.`)
    }
    if (!this.#ahead.take(bytes)) return this.#refuse('Too much is pipelined already.')
    if (this.#waiting.length === 0) this.#socket.once('close', this.#clear)
    this.#waiting.push({ asked, bytes })
    return null
  }

  /** The next one, which waits no longer. */
  next(): Waiting | undefined {
    const next = this.#waiting.shift()
    if (next !== undefined) this.#ahead.give(next.bytes)
    if (this.#waiting.length === 0) this.#socket.off('close', this.#clear)
    return next?.asked
  }

  #refuse(fault: string): string {
    this.#clear()
    stopParser(this.#socket)
    return fault
  }

  readonly #clear = (): void => {
    this.#socket.off('close', this.#clear)
    for (const { bytes } of this.#waiting.splice(0)) this.#ahead.give(bytes)
  }
}

function sizeOf(request: IncomingMessage): number {
  let bytes = request.url?.length ?? 0
  for (const text of request.rawHeaders) bytes += text.length
  return bytes
}

/**
 * Ends the parsing within the piece: of 64 KB of pipelined requests Node would make 1,600 pairs of objects even after
 * the socket is destroyed (7 ms and 1.5 MB for each client; Node 20.20.2, 2026-11-21). An answer of 2 to the parser
 * means an upgrade, behind which nothing is HTTP (_http_server.js of Node 20 to 24; were it gone, all would be
 * parsed, and test/proxy/line.test.ts fail).
 */
function stopParser(socket: Socket & { parser?: { onIncoming: () => number } | null }): void {
  const { parser } = socket
  if (parser !== undefined && parser !== null) parser.onIncoming = () => 2
}
