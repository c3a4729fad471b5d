/** Finds the end of a header section, and that it holds nothing but lines that end in CR LF (RFC 9112 section 2.2). */

const lineFeed = 0x0a
const carriageReturn = 0x0d

type Kind = 0 | 1 | 2 | 3
const [isText, isReturn, isFeed, isForbidden] = [0, 1, 2, 3] as const

/** Of each byte. A field may hold HTAB, SP, VCHAR and the bytes of old encodings (RFC 9110 section 5.5). */
const kinds = Uint8Array.from({ length: 256 }, (_, byte): Kind => {
  if (byte === carriageReturn) return isReturn
  if (byte === lineFeed) return isFeed
  return (byte < 0x20 && byte !== 0x09) || byte === 0x7f ? isForbidden : isText
})

/** The section goes on in the bytes that come next. */
export const unended = -1
/** It is none: a bare CR or LF, a folded line, a control character, or too many bytes. */
export const malformedSection = -2

/** Gathers one header section at a time, from however many pieces. Linear in its bytes. */
export class Section {
  readonly #bytesMax: number
  /** What came in pieces before the present one. */
  #kept: Buffer
  #keptBytes = 0
  #bytes = 0
  #line = 0
  #returned = false
  /** The whole section, its last empty line included. */
  text = ''

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
    this.#kept = Buffer.alloc(0)
  }

  /** Whether nothing was taken in of the next section. */
  get isEmpty(): boolean {
    return this.#bytes === 0
  }

  /** Takes bytes in, from an offset on; answers the offset behind the section, or why there is none. */
  take(piece: Buffer, from: number): number {
    const end = this.#scan(piece, from)
    if (end === malformedSection) return end
    const until = end === unended ? piece.length : end
    this.#bytes += until - from
    if (this.#bytes > this.#bytesMax) return malformedSection
    if (end === unended) {
      this.#keep(piece, from)
      return unended
    }
    if (this.#keptBytes === 0) this.text = piece.toString('latin1', from, end)
    else {
      const kept = this.#kept.toString('latin1', 0, this.#keptBytes)
      this.text = kept + piece.toString('latin1', from, end)
    }
    this.#begin()
    return end
  }

  #scan(piece: Buffer, from: number): number {
    for (let at = from; at < piece.length; at += 1) {
      const byte = piece[at] ?? 0
      const kind = kinds[byte]
      if (kind === isText && !this.#returned) {
        // A line that begins with white space would go on with the one before it (RFC 9112 section 5.2).
        if (this.#line === 0 && (byte === 0x20 || byte === 0x09)) return malformedSection
        this.#line += 1
      } else if (kind === isReturn && !this.#returned) this.#returned = true
      else if (kind === isFeed && this.#returned) {
        this.#returned = false
        if (this.#line === 0) return at + 1
        this.#line = 0
      } else return malformedSection
    }
    return unended
  }

  #begin(): void {
    this.#bytes = 0
    this.#keptBytes = 0
    this.#line = 0
  }

  #keep(piece: Buffer, from: number): void {
    const needed = this.#keptBytes + piece.length - from
    if (needed > this.#kept.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, 2 * this.#kept.length))
      this.#kept.copy(grown, 0, 0, this.#keptBytes)
      this.#kept = grown
    }
    piece.copy(this.#kept, this.#keptBytes, from)
    this.#keptBytes = needed
  }
}

/** 1 for the characters of a token (RFC 9110 section 5.6.2). */
export const tokens: Uint8Array = new Uint8Array(256)
for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  tokens[character.charCodeAt(0)] = 1
}

/** Names and values of a section's lines, flat, from an offset on; null where a line is no field. */
export function fieldsIn(text: string, from: number): string[] | null {
  const fields: string[] = []
  // The empty line at the end is none.
  const end = text.length - 2
  for (let at = from; at < end; ) {
    const next = text.indexOf('\r\n', at)
    const colon = tokenEnd(text, at)
    if (colon === at || text.charCodeAt(colon) !== 0x3a) return null
    fields.push(text.slice(at, colon), fieldValue(text, colon + 1, next))
    at = next + 2
  }
  return fields
}

function tokenEnd(text: string, from: number): number {
  let at = from
  while (tokens[text.charCodeAt(at)] === 1) at += 1
  return at
}

/** Without the white space around it. */
function fieldValue(text: string, ...[from, to]: [number, number]): string {
  let start = from
  let end = to
  while (start < end && isSpace(text.charCodeAt(start))) start += 1
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1
  return text.slice(start, end)
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09
