/** Bounds the entries that floods of refusals can cause: past a rate, equals are counted in one. */
import type { Reason } from '../kernel/reasons.ts'
import type { Clock } from './ports.ts'

/** Entries a second of their own, for all malformed and nameless requests, before folding begins. */
export const rejectedEntriesPerSecond = 20

/** Refusals of the kernel a second that have entries of their own, for each agent. */
export const refusedEntriesPerSecond = 50

/** Kinds that are folded apart, and agents whose rates are; what is beyond shares one. */
const foldedKindsMax = 64
const ratesMax = 1024

const flushMs = 1000

export interface Folded<T> {
  readonly sample: T
  count: number
  /** Whether more kinds came than are folded apart: then the sample is only one of them. */
  readonly mixed: boolean
}

export interface FloodTerms<T> {
  readonly entriesPerSecond: number
  /** Whose rate it counts against. */
  readonly rateOf: (sample: T) => string
  /** What may share an entry. */
  readonly kindOf: (sample: T) => string
  /** Writes one entry that stands for `count` refusals like the sample; false: not now, ask again. */
  readonly flush: (folded: Folded<T>) => boolean
}

/** What of a refusal by the kernel its folded entry tells. */
export interface FoldedRefusal {
  readonly agent: string
  readonly policy: string
  readonly reason: Reason
}

/** Decides for each refusal whether it has an entry of its own, and counts the others. */
export class Flood<T> {
  readonly #clock: Clock
  readonly #terms: FloodTerms<T>
  readonly #folded = new Map<string, Folded<T>>()
  readonly #used = new Map<string, number>()
  #second = 0
  #cancel: (() => void) | null = null

  constructor(clock: Clock, terms: FloodTerms<T>) {
    this.#clock = clock
    this.#terms = terms
  }

  /** True where this refusal may have an entry of its own; otherwise it has been counted. */
  takes(sample: T): boolean {
    const second = Math.floor(this.#clock.now() / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#used.clear()
    }
    const wanted = this.#terms.rateOf(sample)
    const rate = this.#used.has(wanted) || this.#used.size < ratesMax ? wanted : ''
    const used = this.#used.get(rate) ?? 0
    if (used < this.#terms.entriesPerSecond) {
      this.#used.set(rate, used + 1)
      return true
    }
    this.#count(sample)
    return false
  }

  #count(sample: T): void {
    const kind = this.#terms.kindOf(sample)
    const mixed = !this.#folded.has(kind) && this.#folded.size >= foldedKindsMax
    const key = mixed ? '' : kind
    const known = this.#folded.get(key)
    if (known === undefined) this.#folded.set(key, { sample, count: 1, mixed })
    else known.count += 1
    this.#cancel ??= this.#clock.after(flushMs, () => this.flush())
  }

  /** Writes what was counted. */
  flush(): void {
    this.#cancel?.()
    this.#cancel = null
    for (const [key, one] of [...this.#folded]) {
      if (this.#terms.flush(one)) this.#folded.delete(key)
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
