/** Entries in the order in which they were appended: each is numbered, chained and hashed as it comes in. */
import { assert, nth } from '../kernel/contract.ts'
import type { Failure } from '../kernel/reasons.ts'
import type { Draft, Receipt } from './entry.ts'
import type { Frontier } from './frontier.ts'
import { type Envelope, lineBytesMax, writeLine } from './line.ts'
import { later, timestampOf } from './timestamp.ts'

/** One commit takes at most so many entries. */
export const batchEntriesMax = 1_024

/** One commit takes at most so many bytes. */
export const batchBytesMax = 1024 * 1024

/** Where the chain stands: what the next entry follows. */
export interface Position {
  /** seq of the next entry. */
  readonly seq: number
  /** Hash of the last one; 64 zeros before the first. */
  readonly hash: string
  /** Its timestamp; empty before the first. */
  readonly ts: string
}

/** What a writer hands in: a Draft, or an entry of the ledger's own kinds. */
export type Line = Pick<Draft, 'actor' | 'data' | 'kind'>

/** Someone who is told when an entry is durable. */
export interface Waiter {
  /** False for one that nothing stands still for: its entry takes the disk when others do, or a little later. */
  readonly urgent: boolean
  resolve(receipt: Receipt): void
  reject(failure: Failure): void
}

/** Whole lines that one write takes to the file, and who waits for each. */
export class Batch {
  /** How many of its entries are waited for urgently. */
  urgent = 0
  readonly #buffer: Buffer
  #end = 1
  #entries = 0
  #last: Receipt | null = null
  /** Receipts of those who wait, and they themselves. */
  readonly #receipts: Receipt[] = []
  readonly #waiters: Waiter[] = []

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  get entries(): number {
    return this.#entries
  }

  /** Of the last entry; asserts that there is one. */
  get last(): Receipt {
    assert(this.#last !== null, 'a batch that is asked for its last entry has one')
    return this.#last
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(1, this.#end)
  }

  get byteLength(): number {
    return this.#end - 1
  }

  /** The memory, for another batch, once nobody reads this one. */
  get buffer(): Buffer {
    return this.#buffer
  }

  get full(): boolean {
    return this.entries >= batchEntriesMax || this.byteLength > batchBytesMax - lineBytesMax
  }

  /** Takes one line in, and answers its hash. */
  add(envelope: Envelope, waiter: Waiter | null): string {
    const { bytes, hash } = writeLine(this.#buffer, this.#end, envelope)
    this.#end += bytes
    this.#entries += 1
    this.#last = { seq: envelope.seq, hash }
    if (waiter !== null) {
      this.#receipts.push(this.#last)
      this.#waiters.push(waiter)
      if (waiter.urgent) this.urgent += 1
    }
    return hash
  }

  acknowledge(): void {
    for (const [index, waiter] of this.#waiters.entries()) {
      waiter.resolve(nth(this.#receipts, index))
    }
  }

  refuse(failure: Failure): void {
    for (const waiter of this.#waiters) waiter.reject(failure)
  }
}

/** The byte before the first line, and a full batch: one that is not full has room for one more line. */
const bufferBytes = 1 + batchBytesMax

/** Two batches take turns; more of them are only there while the disk is behind. */
const spareMax = 2

/** What waits, as batches of whole lines; the end of the chain, and the tree over all of it. */
export class Queue {
  readonly #boot: string
  readonly #frontier: Frontier
  #position: Position
  /** The instant whose text `ts` is, or the smallest that counts: the clock never runs backward. */
  #instant = Number.NEGATIVE_INFINITY
  readonly #batches: Batch[] = []
  readonly #spare: Buffer[] = []
  #entries = 0
  #bytes = 0
  #urgent = 0

  constructor(boot: string, position: Position, frontier: Frontier) {
    assert(frontier.size === position.seq, 'the tree has as many leaves as the chain has entries')
    this.#boot = boot
    this.#position = position
    this.#frontier = frontier
  }

  get position(): Position {
    return this.#position
  }

  /** Roots of the perfect subtrees over every entry so far: see Frontier. */
  get roots(): readonly string[] {
    return this.#frontier.roots
  }

  /** Root over every entry so far; asserts that there is one. */
  root(): string {
    return this.#frontier.root()
  }

  /** Entries and bytes that no batch was taken for yet. */
  get entries(): number {
    return this.#entries
  }

  get bytes(): number {
    return this.#bytes
  }

  /** True where somebody stands still for an entry that no batch was taken for yet. */
  get urgent(): boolean {
    return this.#urgent > 0
  }

  /**
   * Appends an entry: from here on it has its number, and whatever comes later comes behind it.
   *
   * asserts  the entry is canonical and fits a line; where it does not, nothing has changed.
   */
  push(line: Line, instant: number, waiter: Waiter | null): void {
    const { hash: prev, seq } = this.#position
    const ts = this.#timestamp(instant)
    const { actor, data, kind } = line
    const batch = this.#open()
    const before = batch.byteLength
    const hash = batch.add({ actor, boot: this.#boot, data, kind, prev, seq, ts }, waiter)
    this.#entries += 1
    this.#bytes += batch.byteLength - before
    if (waiter?.urgent === true) this.#urgent += 1
    this.#position = { seq: seq + 1, hash, ts }
    this.#frontier.push(hash)
  }

  /** The oldest batch, which is the caller's from now on; asserts that something waits. */
  take(): Batch {
    const batch = this.#batches.shift()
    assert(batch !== undefined && batch.entries > 0, 'something waits when a batch is taken')
    this.#entries -= batch.entries
    this.#bytes -= batch.byteLength
    this.#urgent -= batch.urgent
    return batch
  }

  /** Gives back the memory of a batch that is on disk. */
  reuse(batch: Batch): void {
    if (this.#spare.length < spareMax) this.#spare.push(batch.buffer)
  }

  /** Tells everyone who waits that the entry may be on disk or not, and is not acknowledged. */
  refuse(failure: Failure): void {
    for (const batch of this.#batches) batch.refuse(failure)
  }

  #open(): Batch {
    const last = this.#batches.at(-1)
    if (last !== undefined && !last.full) return last
    const batch = new Batch(this.#spare.pop() ?? Buffer.allocUnsafeSlow(bufferBytes))
    this.#batches.push(batch)
    return batch
  }

  #timestamp(instant: number): string {
    if (instant <= this.#instant) return this.#position.ts
    const ts = timestampOf(instant)
    this.#instant = instant
    return later(ts, this.#position.ts)
  }
}
