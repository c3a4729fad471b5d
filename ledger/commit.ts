/**
 * Group commit: one write and one sync for everyone who waits, in order; the first error ends it for good. What is
 * not urgent rides along with what is, or goes by itself a little later.
 */
import type { Failure } from '../kernel/reasons.ts'
import { type After, type Soon, stopwatch } from './deadline.ts'
import type { Receipt } from './entry.ts'
import { failureOf, isScarcity, unavailable } from './failure.ts'
import type { NextSegment } from './next-segment.ts'
import type { OpenSegment } from './open-segment.ts'
import { type Batch, batchBytesMax, batchEntriesMax, type Queue } from './queue.ts'
import type { Watch } from './watch.ts'

export type { Watch } from './watch.ts'

/** A commit that takes longer is refused to those who wait for it; it may be on disk all the same. */
export const commitMsMax = 2_000

/** An entry that nobody stands still for is on its way to the disk after so long at the latest. */
export const lazyMs = 5

/** A segment that could not be opened for want of descriptors is tried again after so long at the latest. */
const scarceMs = 1_000

export interface CommitterOptions {
  readonly queue: Queue
  readonly segment: OpenSegment
  readonly last: Receipt
  readonly sync: boolean
  readonly after: After
  readonly soon: Soon
  readonly watch: Watch | undefined
  /** Awaited before a batch is written. */
  readonly before: (() => Promise<void>) | undefined
  /** True where the segment is to end with what waits now. Asked outside of every caller's turn. */
  due(segment: OpenSegment): boolean
  /** Makes the segment that follows, while `batches` are all that the present one still gets. */
  follow(segment: OpenSegment, batches: readonly Batch[]): NextSegment
  onPoison(failure: Failure): void
}

/** Takes the queue to the disk, batch after batch; knows no entry, only bytes and who waits for them. */
export class Committer {
  readonly #options: CommitterOptions
  readonly #queue: Queue
  #segment: OpenSegment
  #last: Receipt
  #poisoned: Failure | null = null
  #running: Promise<void> | null = null
  /** Batches that were taken from the queue and are not acknowledged, and what they hold. */
  readonly #taken: Batch[] = []
  #takenEntries = 0
  #takenBytes = 0
  #late = false
  /** The segment that everything from here on belongs to, until it is made. */
  #next: NextSegment | null = null
  /** Why it could not be made yet. */
  #scarcity: Failure | null = null
  #draining = false
  #cancelTimer: (() => void) | null = null

  constructor(options: CommitterOptions) {
    this.#options = options
    this.#queue = options.queue
    this.#segment = options.segment
    this.#last = options.last
  }

  /** The last durable entry. */
  get last(): Receipt {
    return this.#last
  }

  get poisoned(): Failure | null {
    return this.#poisoned
  }

  /** Why nothing goes on at present: a commit takes longer than it may, or the next segment cannot be opened. */
  get stalled(): Failure | null {
    if (this.#late) return unavailable('the disk does not take what waits; try again')
    return this.#scarcity
  }

  /** Entries that are not acknowledged. */
  get waiting(): number {
    return this.#takenEntries + this.#queue.entries
  }

  get waitingBytes(): number {
    return this.#takenBytes + this.#queue.bytes
  }

  /** Says that something urgent waits. The commit begins when the caller's turn is over, with all that it appended. */
  wake(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    if (this.#poisoned !== null) return
    this.#running ??= this.#turnEnd().then(() => this.#run())
  }

  /** Says that something waits that is not urgent: it goes with the next commit, or begins one after `lazyMs`. */
  nudge(): void {
    if (this.#running !== null || this.#scarcity !== null) return
    if (this.#isPressing) this.wake()
    else if (this.#cancelTimer === null) this.#wakeAfter(lazyMs)
  }

  /** Takes to the disk what waits; resolves when nothing does any more, be it durable or refused; never rejects. */
  async drained(): Promise<void> {
    this.#draining = true
    do {
      this.wake()
      await this.#running
    } while (this.#poisoned === null && this.#queue.entries > 0)
  }

  /** Makes durable what was acknowledged, where commits themselves do not. errors  those of the system calls. */
  async settled(): Promise<void> {
    if (!this.#options.sync) await this.#segment.flush()
  }

  /** Ends it for good: nobody who waits is told that an entry is durable, now or later. */
  #poison(cause: unknown): void {
    const failure = failureOf(cause, 'the ledger cannot be written')
    this.#poisoned = failure
    this.#refuse(failure)
    this.#options.onPoison(failure)
  }

  /** Frees the file; only after `drained`. */
  close(): void {
    this.#segment.close()
  }

  /** True where somebody stands still for what waits, or too much of it waits to let it lie. */
  get #isPressing(): boolean {
    const { bytes, entries, urgent } = this.#queue
    return urgent || entries >= batchEntriesMax / 2 || bytes >= batchBytesMax / 2
  }

  /** So that one commit takes along all that came in the same turn. */
  #turnEnd(): Promise<void> {
    return new Promise((resolve) => this.#options.soon(resolve))
  }

  #wakeAfter(delayMs: number): void {
    this.#cancelTimer = this.#options.after(delayMs, () => this.wake())
  }

  /** At least one commit of what waits, and more for as long as that is pressing. */
  async #run(): Promise<void> {
    try {
      do {
        await this.#advance()
        await this.#turnEnd()
      } while (this.#scarcity === null && this.#isPressing)
    } catch (error) {
      // An fsync that failed once may succeed the next time without the data being there (PostgreSQL, 2018),
      // so that nothing is tried again: what is on disk is found out by a start.
      this.#poison(error)
    } finally {
      this.#running = null
      this.#rest()
    }
  }

  #rest(): void {
    if (this.#poisoned !== null) return
    if (this.#scarcity !== null) this.#wakeAfter(scarceMs)
    else if (this.#queue.entries > 0) this.#wakeAfter(lazyMs)
  }

  async #advance(): Promise<void> {
    if (this.#next !== null) await this.#begin(this.#next)
    else if (this.#queue.entries === 0) return
    else if (this.#options.due(this.#segment)) await this.#rotate()
    else await this.#commit(this.#take())
  }

  #take(): Batch {
    const batch = this.#queue.take()
    this.#taken.push(batch)
    this.#takenEntries += batch.entries
    this.#takenBytes += batch.byteLength
    return batch
  }

  async #commit(batch: Batch): Promise<void> {
    const seconds = stopwatch()
    const { byteLength, entries } = batch
    const { before, sync, watch } = this.#options
    if (before !== undefined) await this.#inTime(before())
    await this.#inTime(this.#segment.append(batch.bytes, entries, sync))
    this.#taken.shift()
    this.#takenEntries -= entries
    this.#takenBytes -= byteLength
    this.#last = batch.last
    batch.acknowledge()
    this.#queue.reuse(batch)
    watch?.committed(entries, byteLength, seconds())
  }

  /**
   * All that waits goes into the segment, and the next one begins. The whole queue is taken and the state's
   * snapshot made in one turn, so that the snapshot is the fold of exactly what lies before `segment.open`.
   */
  async #rotate(): Promise<void> {
    const batches: Batch[] = []
    while (this.#queue.entries > 0) batches.push(this.#take())
    const next = this.#options.follow(this.#segment, batches)
    for (const batch of batches) await this.#commit(batch)
    this.#next = next
    await this.#begin(next)
  }

  /**
   * Goes over to the next segment. Where there is no descriptor to open it with, nothing was made and the one
   * before is whole: those who wait are refused, and it is tried again when the next of them comes, or the timer.
   */
  async #begin(next: NextSegment): Promise<void> {
    const before = this.#segment
    try {
      // A segment that has a successor is whole, even where no commit was synced.
      if (!this.#options.sync) await this.#inTime(before.flush())
      this.#segment = await this.#inTime(next.make())
    } catch (error) {
      if (this.#draining || !isScarcity(error)) throw error
      this.#scarcity = failureOf(error, 'the next segment of the ledger cannot be opened')
      this.#refuse(this.#scarcity)
      return
    }
    this.#next = null
    this.#scarcity = null
    this.#last = next.receipt
    before.close()
  }

  /** Waits for a step of a commit, and refuses all who wait when it takes too long. */
  async #inTime<Result>(step: Promise<Result>): Promise<Result> {
    const expire = (): void => {
      this.#late = true
      this.#refuse(unavailable(`the disk took longer than ${commitMsMax} ms to take the entry`))
      cancel = this.#options.after(commitMsMax, expire)
    }
    let cancel = this.#options.after(commitMsMax, expire)
    try {
      return await step
    } finally {
      cancel()
      this.#late = false
    }
  }

  #refuse(failure: Failure): void {
    for (const batch of this.#taken) batch.refuse(failure)
    this.#queue.refuse(failure)
  }
}
