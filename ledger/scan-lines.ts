/** Reads a segment line by line from one buffer that is never grown: the same memory for any length of file or line. */
import type { Hash } from 'node:crypto'
import { readSync } from 'node:fs'
import { lineBytesMax } from './line.ts'

/** Small enough to stay in a core's cache, and four of the longest lines wide. */
const bufferBytes = 256 * 1024

/** One byte before the first line, for the 0x00 that a leaf hash begins with. */
const headroom = 1

/**
 * Yields the lines of one file: `while (reader.fill()) while (reader.next()) …`.
 *
 * size    bytes to read; what a writer adds meanwhile is left alone.
 * digest  told of every byte read, before the caller may patch the buffer.
 */
export class LineReader {
  readonly bytes = Buffer.allocUnsafe(headroom + bufferBytes)
  /** The line lies in bytes[start, end); `end` is its LF. The caller may overwrite it and the byte before. */
  start = headroom
  end = headroom
  /** Where the line begins in the file. */
  offset = 0
  /** Of the line in the file, with its LF if it has one. */
  length = 0
  /** False for bytes at the end of the file that no LF closes. */
  ended = true
  /** True where the line is longer than lineBytesMax: its bytes are then not in the buffer. */
  long = false
  readonly #descriptor: number
  readonly #size: number
  readonly #digest: Hash | null
  #view = this.bytes.subarray(0, headroom)
  #at = headroom
  /** Bytes of the file that were read. */
  #read = 0
  /** Where an overlong line began, or -1. */
  #skipping = -1
  #last = false

  constructor(descriptor: number, size: number, digest: Hash | null) {
    this.#descriptor = descriptor
    this.#size = size
    this.#digest = digest
  }

  /** Bytes of the file read so far. */
  get position(): number {
    return this.#read
  }

  /**
   * Reads on, in this thread: a read handed to another one costs six times as much (117 MB in 87 against 15 ms,
   * 2024-11), since its bytes are then in the wrong cache. False where the file is at its end.
   */
  fill(): boolean {
    if (this.#last) return false
    const rest = this.#view.length - this.#at
    if (this.#skipping < 0 && rest >= lineBytesMax) this.#skipping = this.#read - rest
    const kept = this.#skipping < 0 ? rest : 0
    if (kept > 0) this.bytes.copyWithin(headroom, this.#at, this.#at + kept)
    const from = headroom + kept
    const wanted = Math.min(this.bytes.length - from, this.#size - this.#read)
    const bytesRead = readSync(this.#descriptor, this.bytes, from, wanted, this.#read)
    this.#digest?.update(this.bytes.subarray(from, from + bytesRead))
    this.#read += bytesRead
    this.#at = headroom
    this.#view = this.bytes.subarray(0, from + bytesRead)
    this.#last = bytesRead === 0
    return true
  }

  /** Steps to the next line in the buffer; false where more must be read first. */
  next(): boolean {
    const at = this.#at
    const end = this.#view.indexOf(0x0a, at)
    const nothing = at === this.#view.length && this.#skipping < 0
    if (nothing || (end < 0 && !this.#last)) return false
    this.ended = end >= 0
    this.end = this.ended ? end : this.#view.length
    const behind = this.ended ? end + 1 : this.end
    this.offset = this.#read - (this.#view.length - at)
    if (this.#skipping >= 0) this.offset = this.#skipping
    this.length = this.#read - (this.#view.length - behind) - this.offset
    this.long = this.length > lineBytesMax
    this.#skipping = -1
    this.start = at
    this.#at = behind
    return true
  }
}
