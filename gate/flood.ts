/** Bounds the entries that malformed and nameless requests can cause: past a rate, equals are counted in one. */
import type { Clock } from './ports.ts'

/** Single entries a second before folding begins, and most kinds that are folded apart. */
export const rejectedEntriesPerSecond = 20
const foldedKindsMax = 64
const flushMs = 1000

export interface Folded<T> {
  readonly sample: T
  count: number
}

/** Decides for each rejection whether it has an entry of its own, and counts the others. */
export class Flood<T> {
  readonly #clock: Clock
  readonly #flush: (folded: Folded<T>) => boolean
  readonly #folded = new Map<string, Folded<T>>()
  #second = 0
  #used = 0
  #cancel: (() => void) | null = null

  /** flush  writes one entry that stands for `count` rejections like the sample; false: not now, ask again. */
  constructor(clock: Clock, flush: (folded: Folded<T>) => boolean) {
    this.#clock = clock
    this.#flush = flush
  }

  /** True where this rejection may have an entry of its own; otherwise it has been counted. */
  takes(kind: string, sample: T): boolean {
    const second = Math.floor(this.#clock.now() / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#used = 0
    }
    if (this.#used < rejectedEntriesPerSecond) {
      this.#used += 1
      return true
    }
    this.#count(kind, sample)
    return false
  }

  #count(kind: string, sample: T): void {
    const key = this.#folded.has(kind) || this.#folded.size < foldedKindsMax ? kind : 'other'
    const known = this.#folded.get(key)
    if (known === undefined) this.#folded.set(key, { sample, count: 1 })
    else known.count += 1
    this.#cancel ??= this.#clock.after(flushMs, () => this.flush())
  }

  /** Writes what was counted. */
  flush(): void {
    this.#cancel?.()
    this.#cancel = null
    for (const [key, one] of [...this.#folded]) {
      if (this.#flush(one)) this.#folded.delete(key)
    }
    if (this.#folded.size > 0) this.#cancel = this.#clock.after(flushMs, () => this.flush())
  }

  /** Writes what was counted, for the last time. */
  close(): void {
    this.flush()
    this.#cancel?.()
    this.#cancel = null
    this.#folded.clear()
  }
}
