/** Signs the tree at its cadence: checkpoints are entries like others, and are published when they are durable. */
import { assert } from '../kernel/contract.ts'
import {
  type CheckpointCause,
  type CheckpointData,
  checkpointEntriesMax,
  checkpointIdleMs,
  checkpointMs,
  type DurableCheckpoint,
  type KeyRotateData,
  nextKeyWord,
} from './checkpoint.ts'
import type { CheckpointKeys } from './checkpoint-keys.ts'
import { type After, stopwatch } from './deadline.ts'
import type { Receipt } from './entry.ts'
import { noteText, type Signer, signNote } from './note.ts'
import type { Line } from './queue.ts'

/** Where the chain stands, and its tree. */
export interface Tree {
  /** Number of entries so far. */
  readonly size: number
  /** Lower-case hex of the root over them. */
  root(): string
}

export interface CheckpointerOptions {
  readonly keys: CheckpointKeys
  readonly tree: Tree
  readonly now: () => number
  readonly after: After
  /** Appends an entry that nothing stands still for; the promise is of its durability. */
  readonly append: (line: Line) => Promise<Receipt>
  /** Keeps a note where others read it, and is told of it; never at the same time as another one. */
  readonly publish: (checkpoint: DurableCheckpoint) => Promise<void>
  /** Something that is tried again by itself; a sentence. */
  readonly trouble: (error: unknown) => void
}

/** Of notes that the count of entries makes, one is kept in so long. */
const crowdedSeconds = 0.25

export class Checkpointer {
  readonly #options: CheckpointerOptions
  /** Signs from here on. */
  #signer: Signer
  /** The next one, on the disk already; null while it is being made. */
  #spare: Signer | null = null
  #making = false
  /** Of the next key that is being made; never rejects. */
  #spared: Promise<void> = Promise.resolve()
  /** Size of the last note. */
  #covered: number
  #cancelTimer: (() => void) | null = null
  /** True while the timer is the short one. */
  #pressing = false
  /** Keys that the chain has left behind may still be on the disk. */
  #stale = true
  #published: Promise<void> = Promise.resolve()
  #latest: DurableCheckpoint | null = null
  /** Seconds since the last note was kept. */
  #sincePublished: () => number = () => Number.POSITIVE_INFINITY
  /** True while the count of entries, and no timer, makes a checkpoint. */
  #isCrowded = false
  /** Of the newest note that is durable as an entry. */
  #durableSize = 0
  #closed = false

  private constructor(options: CheckpointerOptions, signer: Signer, covered: number) {
    this.#options = options
    this.#signer = signer
    this.#covered = covered
  }

  /**
   * Begins at the end of a chain.
   *
   * vkey     the key in force there; empty where the ledger was never signed: then a key of its own is adopted.
   * rotate   where a segment has just begun, a new key takes over.
   * errors   Failure where the key is missing or its directory cannot be used.
   */
  static async begin(
    options: CheckpointerOptions,
    chain: { readonly vkey: string; readonly origin: string; readonly rotate: boolean },
  ): Promise<Checkpointer> {
    const { keys, tree } = options
    const signer = chain.vkey === '' ? await keys.make(chain.origin) : keys.find(chain.vkey)
    const checkpointer = new Checkpointer(options, signer, tree.size)
    // What fails here leaves no timer behind: whoever begins closes the files then.
    await checkpointer.#makeSpare()
    if (chain.vkey === '') checkpointer.#handOver(signer)
    else if (chain.rotate) checkpointer.rotate()
    return checkpointer
  }

  /** The newest that is durable and kept; null before the first. */
  get latest(): DurableCheckpoint | null {
    return this.#latest
  }

  /** The key that signs from here on. */
  get vkey(): string {
    return this.#signer.vkey
  }

  /** Told after each entry that is not of this class's own making. */
  pushed(): void {
    if (this.#closed) return
    if (this.#options.tree.size - this.#covered >= checkpointEntriesMax) {
      this.#isCrowded = true
      this.make('cadence')
      this.#isCrowded = false
    } else if (!this.#pressing) this.#arm(checkpointMs, 'cadence')
  }

  /** Appends a checkpoint over all entries so far. */
  make(cause: CheckpointCause): void {
    if (this.#closed) return
    const { now, tree } = this.#options
    const [at, size, root] = [now(), tree.size, tree.root()]
    const note = this.#signed(noteText({ origin: this.#origin, size, root }))
    const data: CheckpointData = { at, cause, note }
    this.#append({ actor: {}, data, kind: 'checkpoint' }, { at, cause, note, root, size })
    this.#arm(checkpointIdleMs, 'idle')
  }

  /** A new segment begins: the next key takes over. Where there is none yet, the old one stays in force. */
  rotate(): void {
    const next = this.#spare
    if (this.#closed || this.#making) return
    this.#spare = null
    if (next !== null) this.#handOver(next)
    this.#spared = this.#makeSpare().catch(this.#options.trouble)
  }

  /** Ends the cadence, and answers the note over the closed ledger; all entries are durable. */
  async close(receipt: Receipt): Promise<void> {
    this.stop()
    const { now, publish, tree } = this.#options
    assert(receipt.seq + 1 === tree.size, 'a ledger is closed when all of it is durable')
    const [size, root] = [tree.size, tree.root()]
    const note = this.#signed(noteText({ origin: this.#origin, size, root }))
    const latest = { at: now(), cause: 'close', note, root, seq: receipt.seq, size } as const
    this.#latest = latest
    await publish(latest)
    await this.#retire(this.#signer.vkey)
  }

  /** Resolves when nothing is being kept or made; never rejects. */
  async idle(): Promise<void> {
    await this.#spared
    await this.#published
  }

  /** No timer, no entry and no key any more. */
  stop(): void {
    this.#closed = true
    this.#cancelTimer?.()
  }

  get #origin(): string {
    return this.#signer.vkey.split('+')[0] ?? ''
  }

  #signed(text: string): string {
    return signNote(text, this.#signer)
  }

  /**
   * The present key signs the tree and the name of the next one. What a crash leaves here: the entry is not durable,
   * and the old key still signs; or it is, and the new one does. Both are on the disk until the entry is.
   */
  #handOver(next: Signer): void {
    const { now, tree } = this.#options
    const [at, size, root] = [now(), tree.size, tree.root()]
    const { vkey } = next
    const text = noteText({ origin: this.#origin, size, root }, [`${nextKeyWord} ${vkey}`])
    const note = this.#signed(text)
    this.#signer = next
    this.#stale = true
    const data: KeyRotateData = { at, note, vkey }
    const made = { at, cause: 'rotate', note, root, size } as const
    this.#append({ actor: {}, data, kind: 'key.rotate' }, made)
    this.#arm(checkpointMs, 'cadence')
  }

  /** asserts  the note is of the tree before the entry that holds it. */
  #append(line: Line, made: Omit<DurableCheckpoint, 'seq'>): void {
    const { append, tree } = this.#options
    const key = this.#signer.vkey
    const isCrowded = this.#isCrowded
    this.#covered = made.size
    const durable = append(line)
    assert(tree.size === made.size + 1, 'a checkpoint covers the entries before its own')
    // A refusal says that it may be on the disk or not: whatever comes behind it tells.
    durable.then(
      ({ seq }) => {
        // The next one is near, and stands for this one, too: its file would cost more than its signature.
        if (isCrowded && this.#sincePublished() < crowdedSeconds) return
        this.#durable({ ...made, seq }, key)
      },
      () => undefined,
    )
  }

  #durable(checkpoint: DurableCheckpoint, key: string): void {
    const { publish, trouble } = this.#options
    this.#durableSize = Math.max(this.#durableSize, checkpoint.size)
    this.#published = this.#published.then(async () => {
      // Where many come while one is kept, the newest stands for all; a handover is told by itself.
      if (checkpoint.size < this.#durableSize && checkpoint.cause !== 'rotate') return
      if (this.#latest !== null && this.#latest.size >= checkpoint.size) return
      this.#latest = checkpoint
      this.#sincePublished = stopwatch()
      try {
        await publish(checkpoint)
        await this.#retire(key)
      } catch (error) {
        trouble(error)
      }
    })
  }

  /**
   * Destroys the keys that the chain has left behind, when a note of this one is kept: from here on nobody can sign for
   * what lies behind the entry that handed over.
   */
  async #retire(key: string): Promise<void> {
    if (!this.#stale || key !== this.#signer.vkey || this.#spare === null) return
    this.#stale = false
    try {
      await this.#options.keys.destroyOthers([key, this.#spare.vkey])
    } catch (error) {
      this.#stale = true
      throw error
    }
  }

  async #makeSpare(): Promise<void> {
    this.#making = true
    try {
      this.#spare = await this.#options.keys.make(this.#origin)
    } finally {
      this.#making = false
    }
  }

  #arm(delayMs: number, cause: 'cadence' | 'idle'): void {
    if (this.#closed) return
    this.#cancelTimer?.()
    this.#pressing = cause === 'cadence'
    this.#cancelTimer = this.#options.after(delayMs, () => this.make(cause))
  }
}
