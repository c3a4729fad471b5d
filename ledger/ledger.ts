/** The ledger for its one writer: what `append` acknowledged survives a crash and cannot be changed unseen. */
import { assert } from '../kernel/contract.ts'
import type { Failure } from '../kernel/reasons.ts'
import type { DurableCheckpoint } from './checkpoint.ts'
import { writeCheckpoint } from './checkpoint-file.ts'
import { Checkpointer } from './checkpointer.ts'
import { Committer } from './commit.ts'
import { realAfter, runtime } from './deadline.ts'
import { Disk } from './disk.ts'
import type { Draft, Receipt } from './entry.ts'
import { failureOf, rethrown, unavailable } from './failure.ts'
import { nextSegment } from './next-segment.ts'
import { type Opened, opened, segmentIsOver } from './opening.ts'
import type { LedgerOptions } from './options.ts'
import type { Line, Queue, Waiter } from './queue.ts'
import type { GenesisData } from './segment.ts'
import { dayOf } from './timestamp.ts'

export type { LedgerOptions } from './options.ts'

/** So many entries wait at most; what comes on top is refused, and not recorded. */
export const waitingEntriesMax = 8_192

/** So many bytes of lines wait at most. */
export const waitingBytesMax = 8 * 1024 * 1024

/** Where so much of it waits, nothing new is decided. */
const newShare = 7 / 8

/**
 * What was decided before is still taken, up to so many times that: settlements of all that one halt, or one lost
 * host, ends in the same turn (12,000 tunnels). What comes on top is refused, and not recorded.
 */
export const keptShare = 8

const freeBytesDefault = 64 * 1024 * 1024

/** Kinds that the ledger alone appends. */
const ownKinds: ReadonlySet<string> = new Set([
  'log.genesis',
  'segment.open',
  'boot.open',
  'boot.close',
  'checkpoint',
  'key.rotate',
])

/** One open ledger; there is one to a directory, and the lock sees to it. */
export class Ledger {
  readonly #options: LedgerOptions
  readonly #opened: Opened
  readonly #queue: Queue
  readonly #committer: Committer
  readonly #disk: Disk
  /** Null where nothing is signed, and until the start is over. */
  #checkpointer: Checkpointer | null = null
  #closing: Promise<void> | null = null

  private constructor(parts: Opened) {
    const { files, options, queue } = parts
    this.#options = options
    this.#opened = parts
    this.#queue = queue
    this.#disk = new Disk(files, options.directory, options.freeBytesMin ?? freeBytesDefault)
    this.#committer = new Committer({
      queue,
      segment: parts.segment,
      last: parts.last,
      sync: options.durability === 'group',
      after: options.after ?? realAfter,
      soon: options.soon ?? ((callback) => callback()),
      watch: options.watch,
      before: options.before,
      // `boot.close` is the last entry of its file, so that a closing ledger begins no other one.
      due: (segment) => {
        const { bytes, day, entries } = segment
        const extent = { bytes: bytes + queue.bytes, day, entries }
        return this.#closing === null && segmentIsOver(options, extent, dayOf(queue.position.ts))
      },
      follow: (segment, batches) => {
        const digest = segment.digestWith(batches.map((batch) => batch.bytes))
        const previous = { bytes: digest.bytes, name: segment.name, sha256: digest.sha256 }
        const vkey = this.#checkpointer?.vkey ?? parts.vkey
        const next = nextSegment(
          { options, files, queue },
          { previous, clean: true, torn: null, vkey },
        )
        this.#checkpointer?.rotate()
        return next
      },
      onPoison: (failure) => {
        this.#checkpointer?.stop()
        options.onPoison?.(failure)
      },
    })
  }

  /**
   * Opens the ledger, or begins one, and folds the state out of it.
   *
   * errors  Failure that names the file and the way out: another writer, a disk that is full, read-only or
   *         shared, a chain that is broken anywhere but in the tail that a crash leaves.
   */
  static async open(options: LedgerOptions): Promise<Ledger> {
    const parts = await opened(options)
    const ledger = new Ledger(parts)
    try {
      await ledger.#beginCheckpoints()
      const booted = new Promise<Receipt>((resolve, reject) => {
        ledger.#push(ledger.#bootOpen(), { urgent: true, resolve, reject })
      })
      ledger.#checkpointer?.make('start')
      await booted
    } catch (error) {
      ledger.#checkpointer?.stop()
      await ledger.#committer.drained()
      await ledger.#checkpointer?.idle()
      ledger.#free()
      throw rethrown(error, `the ledger in ${options.directory} cannot be opened`)
    }
    return ledger
  }

  /** The last durable entry. */
  get head(): Receipt {
    return this.#committer.last
  }

  /** ULID of this start. */
  get bootId(): string {
    return this.#opened.boot
  }

  /** What the log said of itself at its beginning. */
  get genesis(): GenesisData {
    return this.#opened.genesis
  }

  /** The newest checkpoint that is durable; null before the first, and where none are signed. */
  get checkpoint(): DurableCheckpoint | null {
    return this.#checkpointer?.latest ?? null
  }

  /** Why nothing more can be recorded until a restart; null while all is well. */
  get poisoned(): Failure | null {
    return this.#committer.poisoned
  }

  /** Entries that are appended and not acknowledged. */
  get waiting(): number {
    return this.#committer.waiting
  }

  /**
   * Why nothing new should be decided now; null where an append of this turn will not be refused for want of
   * room. Asked before a decision, it keeps a state from moving that could not be recorded; what was decided
   * before is still appended while this says no.
   */
  get obstacle(): Failure | null {
    return this.#committer.stalled ?? this.#refusal(newShare, 1)
  }

  /**
   * Appends an entry; the order of calls is the order of entries. Resolves when it is durable.
   *
   * draft    is read now: it may change later. Its object literals have their keys in ascending order.
   * errors   Failure: poisoned or closed; too much waits or the disk is nearly full, and then it is not
   *          recorded; or the commit took longer than two seconds, and then it may be recorded.
   * rejects  with ContractError where the entry is not canonical, has no known kind or is too long.
   */
  append(draft: Draft): Promise<Receipt> {
    return this.#appended(draft, true)
  }

  /**
   * Appends an entry that nothing stands still for. It differs from `append` in nothing but time: it wakes no
   * commit, and goes to the disk with the next entry that does, or `lazyMs` later. A crash that comes before
   * loses it, with all that was noted behind it.
   */
  note(draft: Draft): Promise<Receipt> {
    return this.#appended(draft, false)
  }

  #appended(draft: Draft, urgent: boolean): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      const refusal = this.#refusal(keptShare, 1 / 2)
      if (refusal !== null) {
        reject(refusal)
        return
      }
      assert(!ownKinds.has(draft.kind), 'the ledger alone appends what opens and closes it')
      this.#push(draft, { urgent, resolve, reject })
    })
  }

  /** Records `boot.close` behind all that waits, and frees the lock. A poisoned ledger is only freed. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    // Nothing comes behind `boot.close`, not even a checkpoint.
    this.#checkpointer?.stop()
    if (this.poisoned === null) {
      this.#push({ actor: {}, data: { clean: true }, kind: 'boot.close' }, null)
    }
    await this.#committer.drained()
    // While the lock is held: an older note must not come after a newer writer's.
    await this.#checkpointer?.idle()
    try {
      if (this.poisoned === null) await this.#checkpointer?.close(this.head)
    } catch (error) {
      // All entries are durable; their last note is not, and verification says that the end is uncovered.
      this.#options.checkpoints?.trouble?.(error)
    }
    this.#free()
  }

  /** The key that the chain names signs; a segment that was just begun brings the next one. */
  async #beginCheckpoints(): Promise<void> {
    const { files, follows, genesis, keys, options, queue, vkey } = this.#opened
    const { checkpoints } = options
    if (keys === null || checkpoints === undefined) return
    const tree = {
      get size(): number {
        return queue.position.seq
      },
      root: () => queue.root(),
    }
    const publish = async (checkpoint: DurableCheckpoint): Promise<void> => {
      // A start refuses a ledger that is behind its note, and keys go when it is kept.
      await this.#committer.settled()
      try {
        await writeCheckpoint(files, options.directory, checkpoint.note)
      } finally {
        // It is durable in the chain: whoever anchors it must not wait for a file.
        checkpoints.published?.(checkpoint)
      }
    }
    const append = (line: Line): Promise<Receipt> =>
      new Promise((resolve, reject) => {
        queue.push(line, options.now(), { urgent: false, resolve, reject })
        this.#committer.nudge()
      })
    const trouble = (error: unknown): void => checkpoints.trouble?.(error)
    const { after = realAfter, now } = options
    this.#checkpointer = await Checkpointer.begin(
      { keys, tree, now, after, append, publish, trouble },
      { vkey, origin: genesis.origin, rotate: follows },
    )
  }

  #free(): void {
    try {
      this.#committer.close()
    } finally {
      this.#opened.lock.release()
    }
  }

  #push(line: Line, waiter: Waiter | null): void {
    this.#queue.push(line, this.#options.now(), waiter)
    this.#checkpointer?.pushed()
    if (waiter?.urgent === true) this.#committer.wake()
    else this.#committer.nudge()
  }

  #refusal(queueShare: number, diskShare: number): Failure | null {
    if (this.poisoned !== null) return this.poisoned
    if (this.#closing !== null) return unavailable('the ledger is closed')
    const committer = this.#committer
    if (
      committer.waiting >= waitingEntriesMax * queueShare ||
      committer.waitingBytes >= waitingBytesMax * queueShare
    ) {
      return unavailable(`${committer.waiting} entries wait for the disk; try again`)
    }
    try {
      return this.#disk.shortage(this.#options.now(), diskShare)
    } catch (error) {
      return failureOf(error, 'the disk of the ledger does not answer')
    }
  }

  #bootOpen(): Line {
    const { createdBy, durability, now } = this.#options
    const { aside } = this.#opened
    const data = {
      at: now(),
      created_by: createdBy,
      durability,
      node: this.#options.runtime ?? runtime,
      set_aside:
        aside === null ? null : { bytes: aside.bytes, name: aside.name, sha256: aside.sha256 },
    }
    return { actor: {}, data, kind: 'boot.open' }
  }
}
