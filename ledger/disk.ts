/** Room on the disk, asked at most once a second: a ledger stops before the disk is full, not when it is. */
import type { Failure } from '../kernel/reasons.ts'
import { unavailable } from './failure.ts'
import type { Files } from './files.ts'

const everyMs = 1_000

export class Disk {
  readonly #files: Files
  readonly #directory: string
  readonly #freeBytesMin: number
  #asked = Number.NEGATIVE_INFINITY
  #freeBytes = Number.POSITIVE_INFINITY

  constructor(files: Files, directory: string, freeBytesMin: number) {
    this.#files = files
    this.#directory = directory
    this.#freeBytesMin = freeBytesMin
  }

  /**
   * Why nothing more should be written; null where there is room.
   *
   * share   of the watermark that must be free: 1 for what is new, less for what may not be lost any more.
   * errors  those of statfs.
   */
  shortage(now: number, share: number): Failure | null {
    if (now - this.#asked >= everyMs || now < this.#asked) {
      this.#freeBytes = this.#files.filesystem(this.#directory).freeBytes
      this.#asked = now
    }
    const needed = this.#freeBytesMin * share
    if (this.#freeBytes >= needed) return null
    return unavailable(
      `${this.#directory} has ${this.#freeBytes} bytes free, and ${needed} are kept; free space on its disk.`,
    )
  }
}
