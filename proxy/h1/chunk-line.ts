/** Reads the lines between the chunks of a body: the end of the one before, and the size of the next (RFC 9112 7.1). */
import { malformedSection, tokens, unended } from './section.ts'

const lineFeed = 0x0a
const carriageReturn = 0x0d
const semicolon = 0x3b
const equals = 0x3d
const quote = 0x22
const backslash = 0x5c
const tab = 0x09

/** Of all chunk extensions of one body: nobody uses them, and nothing else bounds them. */
const extensionBytesMax = 4096

/** 13 of them make 2 to the 52, which an integer holds. */
const digitsMax = 13

/** What a hex digit is worth, by its code; -1 for what is none. */
const worth = Int8Array.from({ length: 256 }, (_, code) => {
  const digit = String.fromCharCode(code)
  return /[0-9a-fA-F]/.test(digit) ? Number.parseInt(digit, 16) : -1
})

type Place = 'return-before' | 'feed-before' | 'digits' | 'feed' | Extension
type Extension = 'name' | 'value' | 'quoted' | 'escaped' | 'unquoted'

export class ChunkLine {
  #place: Place = 'digits'
  #digits = 0
  #extensionBytes = 0
  /** Whether the word that is read has a character. */
  #isSomething = false
  /** Of the chunk that follows; 0 where it is the last one. */
  size = 0

  /** The first line of a body. */
  begin(): void {
    this.#extensionBytes = 0
    this.#beginDigits()
  }

  /** A chunk has been read: its line end comes first. */
  beginBehind(): void {
    this.#place = 'return-before'
  }

  /** Takes bytes in, from an offset on; answers the offset behind the line, or why there is none. */
  take(piece: Buffer, from: number): number {
    for (let at = from; at < piece.length; at += 1) {
      const byte = piece[at] ?? 0
      if (!this.#takeByte(byte)) return malformedSection
      if (byte === lineFeed && this.#place === 'feed') return at + 1
      if (byte === lineFeed) this.#beginDigits()
    }
    return unended
  }

  #beginDigits(): void {
    this.#place = 'digits'
    this.#digits = 0
    this.size = 0
  }

  /** False where such a byte cannot stand here. */
  #takeByte(byte: number): boolean {
    switch (this.#place) {
      case 'return-before':
        this.#place = 'feed-before'
        return byte === carriageReturn
      case 'feed-before':
      case 'feed':
        return byte === lineFeed
      case 'digits':
        return this.#takeDigit(byte)
      default:
        this.#extensionBytes += 1
        return this.#takeExtension(byte) && this.#extensionBytes <= extensionBytesMax
    }
  }

  #takeDigit(byte: number): boolean {
    const digit = worth[byte] ?? -1
    if (digit >= 0) {
      this.#digits += 1
      this.size = this.size * 16 + digit
      return this.#digits <= digitsMax
    }
    if (byte === carriageReturn) this.#place = 'feed'
    else if (byte === semicolon) this.#beginExtension()
    else return false
    return this.#digits > 0
  }

  #beginExtension(): void {
    this.#place = 'name'
    this.#isSomething = false
  }

  /** A name, and perhaps a value, which is a token or quoted; white space around them is more than we take. */
  #takeExtension(byte: number): boolean {
    switch (this.#place) {
      case 'quoted':
        if (byte === quote) this.#place = 'unquoted'
        else if (byte === backslash) this.#place = 'escaped'
        return isVisible(byte)
      case 'escaped':
        this.#place = 'quoted'
        return isVisible(byte)
      case 'unquoted':
        return this.#endExtension(byte)
      default:
        return this.#takeWord(byte)
    }
  }

  #takeWord(byte: number): boolean {
    if (tokens[byte] === 1) {
      this.#isSomething = true
      return true
    }
    const isName = this.#place === 'name'
    if (!isName && byte === quote && !this.#isSomething) {
      this.#place = 'quoted'
      return true
    }
    if (!this.#isSomething) return false
    if (isName && byte === equals) {
      this.#place = 'value'
      this.#isSomething = false
      return true
    }
    return this.#endExtension(byte)
  }

  #endExtension(byte: number): boolean {
    if (byte === semicolon) this.#beginExtension()
    else if (byte === carriageReturn) this.#place = 'feed'
    else return false
    return true
  }
}

const isVisible = (byte: number): boolean => byte === tab || (byte >= 0x20 && byte !== 0x7f)
