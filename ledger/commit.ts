/** Group commit: one write and one sync for everyone who waits, in order; the first error ends it for good. */
import type { Failure } from '../kernel/reasons.ts'
import { type After, stopwatch } from './deadline.ts'
import type { Receipt } from './entry.ts'
import { failureOf, unavailable } from './failure.ts'
import type { NextSegment } from './next-segment.ts'
import type { OpenSegment } from './open-segment.ts'
import type { Batch, Queue } from './queue.ts'
import type { Watch } from './watch.ts'

export type { Watch } from './watch.ts'

/** A commit that takes longer is refused to those who wait for it; it may be on disk all the same. */
export const commitMsMax = 2_000

export interface CommitterOptions {
  readonly queue: Queue
  readonly segment: OpenSegment
  readonly last: Receipt
  readonly sync: boolean
  readonly after: After
  readonly watch: Watch | undefined
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
  /** Batches that were taken from the queue and are not acknowledged. */
  readonly #taken: Batch[] = []
  #late = false

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

  /** True while a commit takes longer than it may. */
  get late(): boolean {
    return this.#late
  }

  /** Entries that are not acknowledged. */
  get waiting(): number {
    return this.#taken.reduce((sum, batch) => sum + batch.entries, this.#queue.entries)
  }

  get waitingBytes(): number {
    return this.#taken.reduce((sum, batch) => sum + batch.byteLength, this.#queue.bytes)
  }

  /** Says that something waits. The commit begins when the caller's turn is over, with all that it appended. */
  wake(): void {
    this.#running ??= Promise.resolve().then(() => this.#run())
  }

  /** Resolves when nothing waits any more, be it durable or refused; never rejects. */
  async drained(): Promise<void> {
    while (this.#running !== null) await this.#running
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

  async #run(): Promise<void> {
    try {
      while (this.#queue.entries > 0) {
        if (this.#options.due(this.#segment)) await this.#rotate()
        else await this.#commit(this.#take())
      }
    } catch (error) {
      // An fsync that failed once may succeed the next time without the data being there (PostgreSQL, 2018),
      // so that nothing is tried again: what is on disk is found out by a start.
      this.#poison(error)
    } finally {
      this.#running = null
    }
  }

  #take(): Batch {
    const batch = this.#queue.take()
    this.#taken.push(batch)
    return batch
  }

  async #commit(batch: Batch): Promise<void> {
    const seconds = stopwatch()
    const { byteLength, entries } = batch
    const { sync, watch } = this.#options
    await this.#inTime(this.#segment.append(batch.bytes, entries, sync))
    this.#taken.shift()
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
    const follow = this.#options.follow(this.#segment, batches)
    for (const batch of batches) await this.#commit(batch)
    const before = this.#segment
    this.#segment = await this.#inTime(follow.make())
    this.#last = follow.receipt
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
