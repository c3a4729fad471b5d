/** Counters whose memory does not grow with the number of entries: rankings, samples and durations. */
import type { Receipt } from '../../ledger/entry.ts'

/** A name and what was counted under it. */
export interface Ranked {
  readonly name: string
  /** As many numbers as the ranking has columns. */
  readonly values: readonly number[]
}

/** Names that are counted apart; above that the rarer half is counted together. */
const namesMax = 4_096

/** Counts by name, exactly as long as there are at most 4,096 names. */
export class Ranking {
  readonly #columns: number
  readonly #rows = new Map<string, number[]>()
  #pruned = 0

  constructor(columns: number) {
    this.#columns = columns
  }

  /** column  which of the numbers grows. */
  add(name: string, column: number, amount: number): void {
    let row = this.#rows.get(name)
    if (row === undefined) {
      if (this.#rows.size >= namesMax) this.#prune()
      row = new Array<number>(this.#columns).fill(0)
      this.#rows.set(name, row)
    }
    row[column] = (row[column] ?? 0) + amount
  }

  /** The largest by one column; equal ones by name. */
  top(count: number, column = 0): readonly Ranked[] {
    const rows = [...this.#rows].filter(([, values]) => (values[column] ?? 0) > 0)
    rows.sort(([left, one], [right, other]) => {
      const difference = (other[column] ?? 0) - (one[column] ?? 0)
      return difference === 0 ? (left < right ? -1 : 1) : difference
    })
    return rows.slice(0, count).map(([name, values]) => ({ name, values }))
  }

  /** How many names are counted apart. */
  get size(): number {
    return this.#rows.size
  }

  /** How many names were given up, so that what is told of rare ones is a lower bound. */
  get pruned(): number {
    return this.#pruned
  }

  #prune(): void {
    const kept = new Set(this.top(namesMax / 2).map(({ name }) => name))
    for (const name of this.#rows.keys()) {
      if (kept.has(name)) continue
      this.#rows.delete(name)
      this.#pruned += 1
    }
  }
}

/** What a sample keeps of an entry. */
export interface Sampled extends Receipt {
  readonly kind: string
  readonly ts: string
}

/** Entries that a sample holds. */
const sampleMax = 5

/**
 * How many entries there are, the first, the last, and a sample: those with the smallest hashes. A hash is as good as
 * a die that neither the gate nor whoever makes the report throws twice.
 */
export class Sample {
  count = 0
  first: Receipt | null = null
  last: Receipt | null = null
  readonly #smallest: Sampled[] = []

  add({ hash, kind, seq, ts }: Sampled): void {
    this.count += 1
    this.first ??= { hash, seq }
    this.last = { hash, seq }
    const largest = this.#smallest.at(-1)
    if (largest !== undefined && this.#smallest.length >= sampleMax && hash >= largest.hash) return
    this.#smallest.push({ hash, kind, seq, ts })
    this.#smallest.sort((one, other) => (one.hash < other.hash ? -1 : 1))
    if (this.#smallest.length > sampleMax) this.#smallest.pop()
  }

  /** The sample in the order of the ledger. */
  get entries(): readonly Sampled[] {
    return [...this.#smallest].sort((one, other) => one.seq - other.seq)
  }
}

/** Durations that are kept apart, for the median. */
const durationsMax = 10_000

/** Durations: how many, the longest, and the median of the first 10,000. */
export class Durations {
  count = 0
  longestMs = 0
  readonly #first: number[] = []

  add(ms: number): void {
    this.count += 1
    this.longestMs = Math.max(this.longestMs, ms)
    if (this.#first.length < durationsMax) this.#first.push(ms)
  }

  /** 0 where there is none. */
  get medianMs(): number {
    const sorted = [...this.#first].sort((one, other) => one - other)
    return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0
  }
}

/** The first of a list and the count of all. */
export class Listed<T> {
  readonly rows: T[] = []
  count = 0
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  add(row: T): void {
    this.count += 1
    if (this.rows.length < this.#max) this.rows.push(row)
  }
}

/** A map that forgets its oldest member when it is full. */
export class Recent<T> {
  readonly #members = new Map<string, T>()
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  set(key: string, value: T): void {
    this.#members.delete(key)
    this.#members.set(key, value)
    if (this.#members.size <= this.#max) return
    for (const oldest of this.#members.keys()) {
      this.#members.delete(oldest)
      return
    }
  }

  get(key: string): T | undefined {
    return this.#members.get(key)
  }

  delete(key: string): void {
    this.#members.delete(key)
  }

  get size(): number {
    return this.#members.size
  }
}
