/**
 * The event stream that an MCP client opens by GET, on which a server may send again what it answered before: each event
 * goes on when it is whole, without the tools that could not be called.
 */
import { filterToolsOfAny } from '../../kernel/decoders/mcp-tools.ts'
import type { RequestFacts } from '../../kernel/request.ts'
import type { Desk } from '../desk.ts'
import type { ReadHead } from '../reply.ts'
import { filterEvents } from './events.ts'
import { headerOf } from './header.ts'
import type { Objection, Taken } from './objection.ts'
import { Permitted, toolsMax } from './permitted.ts'
import { appended, crowded } from './whole-body.ts'

const nothing = Buffer.alloc(0)
const [lineFeed, carriageReturn] = [0x0a, 0x0d]

export class ToolStream {
  readonly #desk: Desk
  readonly #facts: RequestFacts
  #held: Buffer = nothing
  #bytes = 0
  /** Where the last event ends that is whole. */
  #whole = 0
  #lineBytes = 0
  #isBehindReturn = false

  constructor(desk: Desk, facts: RequestFacts) {
    this.#desk = desk
    this.#facts = facts
  }

  /** Whether a client would take it for a stream of events: else there are no messages in it. */
  reads({ head, status }: ReadHead): boolean {
    const type = headerOf(head.headers, 'content-type').trim()
    return status >= 200 && status < 300 && /^text\/event-stream\b/i.test(type)
  }

  /** What of it may go on: whole events. */
  take(piece: Buffer): Taken {
    const objection = this.#keep(piece)
    if (objection !== null) return { bytes: nothing, objection }
    for (const [index, byte] of piece.entries()) {
      this.#walk(byte, this.#bytes - piece.length + index + 1)
    }
    return this.#whole === 0 ? { bytes: nothing, objection: null } : this.#release(this.#whole)
  }

  /** What is left: an event without its end, which no client should heed. */
  end(): Taken {
    return this.#release(this.#bytes)
  }

  /** Nothing is kept of it any more. */
  free(): void {
    this.#desk.judging -= this.#bytes
    this.#held = nothing
    this.#bytes = 0
    this.#whole = 0
  }

  /** Takes one byte in; after so many an event may be whole. A line feed behind a return ends the same line. */
  #walk(byte: number, count: number): void {
    if (byte === lineFeed && this.#isBehindReturn) {
      this.#isBehindReturn = false
      if (this.#whole === count - 1) this.#whole = count
      return
    }
    this.#isBehindReturn = byte === carriageReturn
    if (byte !== lineFeed && byte !== carriageReturn) {
      this.#lineBytes += 1
      return
    }
    if (this.#lineBytes === 0) this.#whole = count
    this.#lineBytes = 0
  }

  #keep(piece: Buffer): Objection | null {
    const { judgedBytesMax, judgingBytesMax } = this.#desk.context.limits
    if (this.#bytes + piece.length > judgedBytesMax) {
      const message = `An event is longer than the ${judgedBytesMax} bytes that the gate can judge.`
      return { code: 'upstream-protocol', message }
    }
    if (this.#desk.judging + piece.length > judgingBytesMax) return crowded
    this.#bytes += piece.length
    this.#desk.judging += piece.length
    const all = { piece, bytes: this.#bytes, bytesMax: judgedBytesMax }
    this.#held = appended(this.#held, all)
    return null
  }

  #release(count: number): Taken {
    // Asked anew with each event: a stream lives longer than a policy may.
    const permitted = new Permitted(this.#desk, this.#facts)
    const filtered = filterEvents(this.#held.subarray(0, count), (text) => {
      const message = filterToolsOfAny(Buffer.from(text), permitted.allows)
      return message === null ? null : Buffer.from(message)
    })
    const rest = Buffer.from(this.#held.subarray(count, this.#bytes))
    this.free()
    this.#held = rest
    this.#bytes = rest.length
    this.#desk.judging += rest.length
    if (permitted.isTooMany) {
      const message = `The upstream lists more than ${toolsMax} tools.`
      return { bytes: nothing, objection: { code: 'upstream-protocol', message } }
    }
    return filtered === null
      ? { bytes: nothing, objection: unreadable }
      : { bytes: filtered, objection: null }
  }
}

const unreadable: Objection = {
  code: 'upstream-protocol',
  message: 'The upstream sent an event that cannot be read as a message of MCP.',
}
