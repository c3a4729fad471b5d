/** Takes escapes off a stream of bytes and remembers where each byte came from: JSON's, percent signs, and blanks. */

/** Bytes with the place of each in the chunk that they came from. */
export interface Piece {
  readonly bytes: Uint8Array
  /** Offset of each byte in the raw chunk, below 0 for what an earlier chunk began; null where it is the index. */
  readonly at: Int32Array | null
}

/** What one escape is: how many bytes it takes, and what it stands for; or that more bytes must come to know. */
type Escape = { readonly bytes: number; readonly code: number } | 'none' | 'more'

type ReadEscape = (bytes: Uint8Array, at: number) => Escape

export type Escaping = 'json' | 'percent' | 'blanks'

const backslash = 0x5c
const leads = { json: backslash, percent: 0x25 } as const

const simpleEscapes: ReadonlyMap<number, number> = new Map(
  Object.entries({ '"': 34, '\\': 92, '/': 47, b: 8, f: 12, n: 10, r: 13, t: 9 }).map(
    ([letter, code]) => [letter.charCodeAt(0), code],
  ),
)

/** The value of a hexadecimal digit; -1 for any other byte. */
function hexValue(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  const letter = byte | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}

/** The value of `count` hexadecimal digits; -1 where they are none, -2 where they may still come. */
function hexAt(bytes: Uint8Array, at: number, count: number): number {
  let value = 0
  for (let index = at; index < at + count; index += 1) {
    if (index >= bytes.length) return -2
    const digit = hexValue(bytes[index] ?? 0)
    if (digit === -1) return -1
    value = value * 16 + digit
  }
  return value
}

/** A backslash with what follows, as JSON has it (RFC 8259, section 7). */
function jsonEscape(bytes: Uint8Array, at: number): Escape {
  const letter = bytes[at + 1]
  if (letter === undefined) return 'more'
  if (letter !== 0x75) {
    const code = simpleEscapes.get(letter)
    return code === undefined ? 'none' : { bytes: 2, code }
  }
  const high = hexAt(bytes, at + 2, 4)
  if (high < 0) return high === -2 ? 'more' : 'none'
  if (high < 0xd800 || high > 0xdbff) return { bytes: 6, code: high }
  if (at + 6 >= bytes.length) return 'more'
  if (bytes[at + 6] !== backslash) return { bytes: 6, code: high }
  if (at + 7 >= bytes.length) return 'more'
  if (bytes[at + 7] !== 0x75) return { bytes: 6, code: high }
  const low = hexAt(bytes, at + 8, 4)
  if (low === -2) return 'more'
  if (low < 0xdc00 || low > 0xdfff) return { bytes: 6, code: high }
  return { bytes: 12, code: 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00) }
}

/** A percent sign with two hexadecimal digits (RFC 3986, section 2.1); it stands for a byte, not a character. */
function percentEscape(bytes: Uint8Array, at: number): Escape {
  const code = hexAt(bytes, at + 1, 2)
  if (code < 0) return code === -2 ? 'more' : 'none'
  return { bytes: 3, code }
}

/** What a decoder writes to: as long as what it reads at most, since no escape is shorter than what it stands for. */
class Output {
  readonly bytes: Uint8Array
  readonly at: Int32Array
  length = 0

  constructor(length: number) {
    this.bytes = new Uint8Array(length)
    this.at = new Int32Array(length)
  }

  put(byte: number, at: number): void {
    this.bytes[this.length] = byte
    this.at[this.length] = at
    this.length += 1
  }

  /** A character in UTF-8; half of a pair as its three bytes. */
  putCharacter(code: number, at: number): void {
    if (code < 0x80) {
      this.put(code, at)
      return
    }
    if (code < 0x800) this.put(0xc0 | (code >> 6), at)
    else {
      if (code < 0x10000) this.put(0xe0 | (code >> 12), at)
      else {
        this.put(0xf0 | (code >> 18), at)
        this.put(0x80 | ((code >> 12) & 63), at)
      }
      this.put(0x80 | ((code >> 6) & 63), at)
    }
    this.put(0x80 | (code & 63), at)
  }

  piece(): Piece {
    return { bytes: this.bytes.subarray(0, this.length), at: this.at.subarray(0, this.length) }
  }
}

const nothing: Piece = { bytes: new Uint8Array(0), at: new Int32Array(0) }

/** One way of escaping, over chunk after chunk; an escape that a chunk cuts is kept until the rest of it comes. */
export class Decoder {
  readonly escaping: Escaping
  #kept: Piece = nothing

  constructor(escaping: Escaping) {
    this.escaping = escaping
  }

  clone(): Decoder {
    const twin = new Decoder(this.escaping)
    twin.#kept = this.#kept
    return twin
  }

  /** False where feeding the piece would change nothing, provided that no cut escape is kept. */
  touches({ bytes }: Piece): boolean {
    return this.escaping === 'blanks' ? hasBlank(bytes) : bytes.includes(leads[this.escaping])
  }

  /** The same piece again where nothing in it is escaped. */
  feed(piece: Piece): Piece {
    if (this.escaping === 'blanks') return withoutBlanks(piece)
    if (this.#kept.bytes.length === 0 && !this.touches(piece)) return piece
    return this.#decode(joined(this.#kept, piece), leads[this.escaping])
  }

  /** What a cut escape at the end leaves: itself, as it stands. */
  end(): Piece {
    const kept = this.#kept
    this.#kept = nothing
    return kept
  }

  /** Tells the decoder how long the raw chunk was: places are counted from the next one on. */
  pass(chunkBytes: number): void {
    const { bytes, at } = this.#kept
    if (at === null || bytes.length === 0) return
    this.#kept = { bytes, at: at.map((offset) => offset - chunkBytes) }
  }

  #decode({ bytes, at }: Piece, lead: number): Piece {
    const readEscape: ReadEscape = this.escaping === 'json' ? jsonEscape : percentEscape
    const output = new Output(bytes.length)
    this.#kept = nothing
    let index = 0
    while (index < bytes.length) {
      const byte = bytes[index] ?? 0
      const from = at === null ? index : (at[index] ?? 0)
      const read = byte === lead ? readEscape(bytes, index) : 'none'
      if (read === 'none') {
        output.put(byte, from)
        index += 1
      } else if (read === 'more') {
        const places =
          at?.slice(index) ?? Int32Array.from(bytes.subarray(index), (_, i) => index + i)
        this.#kept = { bytes: bytes.slice(index), at: places }
        break
      } else {
        if (this.escaping === 'percent') output.put(read.code, from)
        else output.putCharacter(read.code, from)
        index += read.bytes
      }
    }
    return output.piece()
  }
}

/** One piece behind the other; `head` knows the places of its bytes unless it is empty. */
export function joined(head: Piece, tail: Piece): Piece {
  if (head.bytes.length === 0) return tail
  if (tail.bytes.length === 0) return head
  const length = head.bytes.length + tail.bytes.length
  const bytes = new Uint8Array(length)
  const at = new Int32Array(length)
  bytes.set(head.bytes)
  bytes.set(tail.bytes, head.bytes.length)
  if (head.at !== null) at.set(head.at)
  if (tail.at !== null) at.set(tail.at, head.bytes.length)
  else
    for (let index = 0; index < tail.bytes.length; index += 1) at[head.bytes.length + index] = index
  return { bytes, at }
}

/** Blank, tab, line ends, and the zero bytes that UTF-16 has in ASCII text. */
export function isBlank(byte: number): boolean {
  return byte <= 32 && (byte === 32 || byte === 10 || byte === 13 || byte === 9 || byte === 0)
}

function hasBlank(bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index += 1) {
    if (isBlank(bytes[index] ?? 0)) return true
  }
  return false
}

function withoutBlanks(piece: Piece): Piece {
  if (!hasBlank(piece.bytes)) return piece
  const { bytes, at } = piece
  const kept = new Uint8Array(bytes.length)
  const places = new Int32Array(bytes.length)
  let length = 0
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] ?? 0
    if (isBlank(byte)) continue
    kept[length] = byte
    places[length] = at === null ? index : (at[index] ?? 0)
    length += 1
  }
  return { bytes: kept.subarray(0, length), at: places.subarray(0, length) }
}
