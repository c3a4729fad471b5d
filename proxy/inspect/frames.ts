/**
 * Reads the frames of a WebSocket out of bytes as they come, and writes frames (RFC 6455 section 5). Stricter than most
 * peers: what two of them could read in two ways is a fault. No extension was agreed on, so every reserved bit is one.
 */

/** What came of one frame: all of a control frame, or as much of another one as is there. */
export interface Part {
  /** Of a continuation the opcode that its message began with. */
  readonly opcode: number
  /** Without its mask. */
  readonly data: Buffer
  /** Whether a message begins with it. */
  readonly begins: boolean
  /** Whether the message, or the control frame, ends with it. */
  readonly ends: boolean
  /** By which the frame was masked; null where it was not. */
  readonly mask: Buffer | null
}

export const opcodes = { more: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** RFC 6455 section 5.5. */
export const controlBytesMax = 125

/** Two bytes, eight of length, four of mask. */
const headBytesMax = 14

/** The upper half of a length beyond which a number is not exact. */
const upperHalfMax = 0x1f_ffff

const known: ReadonlySet<number> = new Set(Object.values(opcodes))

const isControl = (opcode: number): boolean => opcode >= opcodes.close

/** The reader of one direction; after a fault it is not asked again. */
export class FrameReader {
  readonly #isMasked: boolean
  readonly #head = Buffer.alloc(headBytesMax)
  #headBytes = 0
  /** Of the message under way; null between messages. */
  #message: number | null = null
  #opcode: number = opcodes.more
  #isFinal = false
  #begins = false
  #mask: Buffer | null = null
  #left = 0
  /** Bytes of the frame that came before, for the mask. */
  #before = 0
  #control: Buffer[] = []

  /** isMasked  as what a client sends has to be, and what a server sends must not be. */
  constructor({ isMasked }: { readonly isMasked: boolean }) {
    this.#isMasked = isMasked
  }

  /** What is in the piece, in its order; a sentence where it breaks the protocol. */
  read(piece: Buffer): readonly Part[] | string {
    const parts: Part[] = []
    let at = 0
    while (at < piece.length) {
      if (this.#headBytes < this.#headBytesNeeded()) {
        this.#head[this.#headBytes] = piece[at] ?? 0
        this.#headBytes += 1
        at += 1
        if (this.#headBytes < this.#headBytesNeeded()) continue
        const fault = this.#begin()
        if (fault !== null) return fault
      }
      const taken = Math.min(this.#left, piece.length - at)
      const part = this.#take(piece.subarray(at, at + taken))
      if (part !== null) parts.push(part)
      at += taken
    }
    return parts
  }

  #headBytesNeeded(): number {
    if (this.#headBytes < 2) return 2
    const mask = ((this.#head[1] ?? 0) & 0x80) === 0 ? 0 : 4
    const length = (this.#head[1] ?? 0) & 0x7f
    return 2 + mask + (length === 127 ? 8 : length === 126 ? 2 : 0)
  }

  /** The head is whole: what is wrong with it, or null. */
  #begin(): string | null {
    const [first = 0, second = 0] = this.#head
    if ((first & 0x70) !== 0) return 'A frame has a bit of an extension that was not agreed on.'
    if (((second & 0x80) !== 0) !== this.#isMasked) {
      return this.#isMasked ? 'A frame of the client is not masked.' : 'A frame is masked.'
    }
    const left = this.#length(second & 0x7f)
    if (left === null) return 'The length of a frame is not written as it has to be.'
    const opcode = first & 0x0f
    if (!known.has(opcode)) return 'A frame is of a kind that is not known.'
    this.#isFinal = (first & 0x80) !== 0
    if (isControl(opcode)) {
      if (!this.#isFinal || left > controlBytesMax) return 'A control frame is cut or too long.'
    } else {
      if ((opcode === opcodes.more) !== (this.#message !== null)) {
        return 'A frame goes on with no message, or begins one inside of another.'
      }
      this.#begins = opcode !== opcodes.more
      this.#message ??= opcode
    }
    this.#opcode = opcode
    this.#left = left
    this.#before = 0
    const headBytes = this.#headBytes
    this.#mask = this.#isMasked ? Buffer.from(this.#head.subarray(headBytes - 4, headBytes)) : null
    return null
  }

  /** Null where it is not written in as few bytes as it can be, or beyond any number. */
  #length(short: number): number | null {
    if (short < 126) return short
    if (short === 126) {
      const length = this.#head.readUInt16BE(2)
      return length < 126 ? null : length
    }
    const upper = this.#head.readUInt32BE(2)
    const length = upper * 2 ** 32 + this.#head.readUInt32BE(6)
    return upper > upperHalfMax || length < 0x1_0000 ? null : length
  }

  /** Bytes of the frame's own; null where nobody can say yet what they are. */
  #take(bytes: Buffer): Part | null {
    const data = this.#mask === null ? bytes : masked(bytes, this.#mask, this.#before)
    this.#before += bytes.length
    this.#left -= bytes.length
    const isOver = this.#left === 0
    if (isOver) this.#headBytes = 0
    const mask = this.#mask
    if (isControl(this.#opcode)) {
      this.#control.push(data)
      if (!isOver) return null
      const whole = Buffer.concat(this.#control)
      this.#control = []
      return { opcode: this.#opcode, data: whole, begins: true, ends: true, mask }
    }
    const opcode = this.#message ?? opcodes.binary
    const ends = isOver && this.#isFinal
    const begins = this.#begins
    this.#begins = false
    if (ends) this.#message = null
    return { opcode, data, begins, ends, mask }
  }
}

/** The bytes under a mask, or out from under it. before  how many of the frame's stand before them. */
function masked(bytes: Buffer, mask: Buffer, before: number): Buffer {
  const result = Buffer.allocUnsafe(bytes.length)
  for (let at = 0; at < bytes.length; at += 1) {
    result[at] = (bytes[at] ?? 0) ^ (mask[(before + at) & 3] ?? 0)
  }
  return result
}

export interface Frame {
  readonly opcode: number
  readonly isFinal: boolean
  readonly data: Buffer
  readonly mask: Buffer | null
}

/** One whole frame as bytes. */
export function writeFrame({ data, isFinal, mask, opcode }: Frame): Buffer {
  const head = Buffer.alloc(headBytesMax)
  head[0] = opcode | (isFinal ? 0x80 : 0)
  const bit = mask === null ? 0 : 0x80
  let at = 2
  if (data.length <= controlBytesMax) head[1] = data.length | bit
  else if (data.length < 0x1_0000) {
    head[1] = 126 | bit
    at = head.writeUInt16BE(data.length, 2)
  } else {
    head[1] = 127 | bit
    head.writeUInt32BE(Math.floor(data.length / 2 ** 32), 2)
    at = head.writeUInt32BE(data.length % 2 ** 32, 6)
  }
  if (mask === null) return Buffer.concat([head.subarray(0, at), data])
  at += mask.copy(head, at)
  return Buffer.concat([head.subarray(0, at), masked(data, mask, 0)])
}

/** The frame by which a server ends a WebSocket (RFC 6455 section 7.4). */
export function closeFrame(status: number, reason: string): Buffer {
  const said = Buffer.from(reason).subarray(0, controlBytesMax - 2)
  const data = Buffer.alloc(2 + said.length)
  data.writeUInt16BE(status)
  said.copy(data, 2)
  return writeFrame({ opcode: opcodes.close, isFinal: true, data, mask: null })
}
