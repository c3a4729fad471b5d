/** The answer to `tools/list` of MCP: held until it is whole, and sent on without the tools that could not be called. */
import { filterTools } from '../../kernel/decoders/mcp-tools.ts'
import type { ReasonCode } from '../../kernel/reasons.ts'
import type { RequestFacts } from '../../kernel/request.ts'
import type { Desk } from '../desk.ts'
import type { ReadHead } from '../reply.ts'
import { filterEvents } from './events.ts'
import { headerOf, without, withoutDigests } from './header.ts'
import type { Objection } from './objection.ts'
import { Permitted, toolsMax } from './permitted.ts'
import { appended } from './whole-body.ts'

export interface Filtered {
  readonly read: ReadHead
  readonly body: Buffer
}

export class ToolList {
  readonly #desk: Desk
  readonly #permitted: Permitted
  #whole: Buffer = Buffer.alloc(0)
  #bytes = 0

  constructor(desk: Desk, facts: RequestFacts) {
    this.#desk = desk
    this.#permitted = new Permitted(desk, facts)
  }

  /** False for what no client takes for a list: it is passed on as it comes. */
  holds({ status }: ReadHead): boolean {
    return status >= 200 && status < 300
  }

  /** Keeps a piece; an objection where it is one too many. */
  take(piece: Buffer): Objection | null {
    const desk = this.#desk
    const { judgedBytesMax, judgingBytesMax } = desk.context.limits
    if (this.#bytes + piece.length > judgedBytesMax) {
      const message = `The list of tools is longer than the ${judgedBytesMax} bytes that the gate can judge.`
      return failed('upstream-protocol', message)
    }
    if (desk.judging + piece.length > judgingBytesMax) {
      return failed('rate-limited', 'The gate is judging too many bodies at once: try again.')
    }
    this.#bytes += piece.length
    const all = { piece, bytes: this.#bytes, bytesMax: judgedBytesMax }
    this.#whole = appended(this.#whole, all)
    desk.judging += piece.length
    return null
  }

  /** The answer with the tools that may be called, or why it may not be passed on. */
  end(read: ReadHead): Filtered | Objection {
    const body = this.#whole.subarray(0, this.#bytes)
    this.free()
    if (body.length === 0) return { read, body }
    const type = headerOf(read.head.headers, 'content-type').split(';', 1)[0]?.trim().toLowerCase()
    const filtered = this.#filter(type ?? '', body)
    if (this.#permitted.isTooMany) {
      return failed('upstream-protocol', `The upstream lists more than ${toolsMax} tools.`)
    }
    if (filtered === null) return unreadable
    const { head } = read
    const kept = filtered.equals(body) ? head.headers : withoutDigests(head.headers)
    const headers = without(kept, 'content-length')
    headers.push('Content-Length', String(filtered.length))
    return {
      read: { ...read, head: { ...head, headers, length: filtered.length } },
      body: filtered,
    }
  }

  /** Nothing is kept of it any more. */
  free(): void {
    this.#desk.judging -= this.#bytes
    this.#whole = Buffer.alloc(0)
    this.#bytes = 0
  }

  #filter(type: string, body: Buffer): Buffer | null {
    if (type === 'text/event-stream') {
      return filterEvents(body, (text) => this.#filterMessage(Buffer.from(text)))
    }
    return type === 'application/json' ? this.#filterMessage(body) : null
  }

  #filterMessage(message: Buffer): Buffer | null {
    const filtered = filterTools(message, this.#permitted.allows)
    return filtered === null ? null : Buffer.from(filtered)
  }
}

function failed(code: ReasonCode, message: string): Objection {
  return { code, message }
}

const unreadable = failed(
  'upstream-protocol',
  'The upstream answered tools/list with what cannot be read as a list of tools.',
)
