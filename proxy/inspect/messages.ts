/**
 * The messages of a WebSocket, searched on their way: each is a body that flows. What may go on goes on in frames of the
 * gate's own, so that what is held back, or taken out, holds up nothing that stands before it (RFC 6455 section 5.4 lets
 * an intermediary part and join frames where no extension was agreed on).
 */
import type { PayloadFinding, PayloadStream, PayloadTerms } from '../../kernel/payload.ts'
import type { Source } from '../inlet.ts'
import type { Sight } from '../sight.ts'
import { takenOf } from './answered.ts'
import { controlBytesMax, FrameReader, opcodes, type Part, writeFrame } from './frames.ts'
import { Gathered } from './gathered.ts'
import type { Objection, Taken } from './objection.ts'

const nothing = Buffer.alloc(0)

interface Direction {
  readonly isUp: boolean
  /** What searches one message. */
  open(): PayloadStream
  readonly gathered: Gathered
}

/** One direction of one WebSocket. */
export class Messages {
  readonly #direction: Direction
  readonly #frames: FrameReader
  /** Of the message under way. */
  #stream: PayloadStream | null = null
  #isBegun = false

  constructor(direction: Direction) {
    this.#direction = direction
    this.#frames = new FrameReader({ isMasked: direction.isUp })
  }

  /** What of a piece may go on, and what ends the connection. */
  take(piece: Buffer): Taken {
    const parts = this.#frames.read(piece)
    if (typeof parts === 'string') {
      const code = this.#direction.isUp ? 'malformed-request' : 'upstream-protocol'
      return { bytes: nothing, objection: { code, message: parts } }
    }
    const written: Buffer[] = []
    for (const part of parts) {
      const isControl = part.opcode >= opcodes.close
      const objection = isControl ? this.#control(part, written) : this.#pass(part, written)
      if (objection !== null) return { bytes: nothing, objection }
    }
    return { bytes: Buffer.concat(written), objection: null }
  }

  #pass(part: Part, written: Buffer[]): Objection | null {
    if (part.begins) {
      this.#stream = this.#direction.open()
      this.#isBegun = false
    }
    const stream = this.#stream
    if (stream === null) return null
    const taken = looked(stream, part)
    if (part.ends || taken.objection !== null) this.#direction.gathered.add(stream.findings)
    if (taken.objection !== null) return taken.objection
    if (taken.bytes.length === 0 && !part.ends) return null
    const opcode = this.#isBegun ? opcodes.more : part.opcode
    const { mask } = part
    written.push(writeFrame({ opcode, isFinal: part.ends, data: taken.bytes, mask }))
    this.#isBegun = true
    return null
  }

  #control(part: Part, written: Buffer[]): Objection | null {
    const stream = this.#direction.open()
    const { bytes, objection } = looked(stream, part)
    this.#direction.gathered.add(stream.findings)
    if (objection !== null) return objection
    if (bytes.length > controlBytesMax) return unredacted
    const { mask, opcode } = part
    written.push(writeFrame({ opcode, isFinal: true, data: bytes, mask }))
    return null
  }
}

const unredacted: Objection = {
  code: 'payload-secret',
  message: 'A control frame holds what cannot be taken out of it: leave it out.',
}

/** What of one more part may go on, and at the end of a message the rest of it. */
function looked(stream: PayloadStream, { data, ends }: Part): Taken {
  const taken = takenOf(stream.push(data))
  if (taken.objection !== null || !ends) return taken
  const last = takenOf(stream.end())
  return { bytes: Buffer.concat([taken.bytes, last.bytes]), objection: last.objection }
}

/** Both directions of one WebSocket. */
export interface Screen {
  readonly up: Messages
  readonly down: Messages
  readonly findings: readonly PayloadFinding[]
}

/** What searches the messages; null where neither a rule nor a secret of the gate asks for it. */
export function screenOf(
  { guards, inspector }: Pick<Sight, 'guards' | 'inspector'>,
  terms: readonly PayloadTerms[],
): Screen | null {
  if (inspector === null || (!guards && terms.length === 0)) return null
  const gathered = new Gathered()
  const towards = (place: 'request-body' | 'response-body'): Messages =>
    new Messages({
      isUp: place === 'request-body',
      open: () => inspector.openStream({ place, terms }),
      gathered,
    })
  return {
    up: towards('request-body'),
    down: towards('response-body'),
    get findings() {
      return gathered.list
    },
  }
}

/** The source without what may not go on. object  ends the connection. */
export function screened(
  source: Source,
  messages: Messages,
  object: (objection: Objection) => void,
): Source {
  return {
    socket: source.socket,
    start: (deliver) => {
      source.start((piece) => {
        const { bytes, objection } = messages.take(piece)
        if (objection === null) return bytes.length === 0 || deliver(bytes)
        object(objection)
        return false
      })
    },
  }
}
