/**
 * Puts checkpoints into write-once storage at a cadence, beside the commit path: it is offered what is durable, and
 * nobody waits for it. Another log in its slots is a fork, of which the gate is told.
 */
import { createHash } from 'node:crypto'
import { Failure } from '../../kernel/reasons.ts'
import { type AnchorData, anchorEntriesMax, anchorMs } from '../../ledger/anchor.ts'
import type { DurableCheckpoint } from '../../ledger/checkpoint.ts'
import { Bucket } from './bucket.ts'
import { foreignness } from './foreign.ts'
import { type Names, namesOf } from './names.ts'
import { pauseMs } from './pause.ts'
import type { Environment } from './place.ts'
import type { AnchorLog, Clock, RootAt } from './ports.ts'
import { SegmentCopies } from './segments.ts'
import { claimSlot } from './slot.ts'

export interface AnchorerOptions {
  /** `s3://bucket/prefix`. */
  readonly store: string
  readonly origin: string
  readonly environment: Environment
  /** What `reconcile` found: the slot to go on with, and how much of the ledger is anchored. */
  readonly from: { readonly slot: number; readonly size: number }
  readonly clock: Clock
  /** From 0 to below 1. */
  readonly random: () => number
  readonly log: AnchorLog
  readonly rootAt: RootAt
  /** A checkpoint is held outside; not called any more after `close`. */
  readonly anchored: (anchor: AnchorData) => void
  /** Another ledger writes under this origin: nothing may be admitted any more. Told once. */
  readonly onFork: (message: string) => void
  /** So long each object is held; 400 days. */
  readonly retentionMs?: number
}

/** What keeps anchors from being made. */
export interface AnchorFailure {
  readonly message: string
  /** Of the first failure since the last anchor, milliseconds since the epoch. */
  readonly since: number
}

export interface Lag {
  /** Entries that a checkpoint covers and no anchor. */
  readonly entries: number
  /** Since the oldest checkpoint that waits to be anchored was made; 0 where none waits. */
  readonly ms: number
}

/** For metrics. */
export interface AnchorCounts {
  readonly failures: number
  /** Of the newest anchor; -1 before the first. */
  readonly slot: number
  readonly segmentsWaiting: number
  readonly segmentFailures: number
}

/** A year, and some days for whoever audits it. */
export const defaultRetentionMs = 400 * 86_400_000

/** So long a close waits for the last anchor. */
export const closeMs = 10_000

/** What is recorded of a version's name: stores may make it up. */
const versionId = /^[\x21-\x7e]{1,256}$/

interface Turn {
  readonly checkpoint: DurableCheckpoint
  readonly heldUntil: number
  /** When the oldest checkpoint that it stands for was made. */
  readonly since: number
}

export class Anchorer {
  readonly #options: AnchorerOptions
  readonly #bucket: Bucket
  readonly #names: Names
  readonly #copies: SegmentCopies
  #slot: number
  #size: number
  #newest: DurableCheckpoint | null = null
  /** When the oldest was made that is neither anchored nor in a turn. */
  #waitingSince: number | null = null
  #turn: Turn | null = null
  #lastAt = Number.NEGATIVE_INFINITY
  #urgent = false
  #wake: (() => void) | null = null
  #cancelTimer: (() => void) | null = null
  #failure: AnchorFailure | null = null
  #failures = 0
  #forked = false
  #closing = false
  #ended = false
  #whenIdle: (() => void) | null = null

  /** errors  Failure with the way out, where store, origin or environment cannot be used. */
  constructor(options: AnchorerOptions) {
    const { clock, environment, from, origin, store } = options
    this.#options = options
    this.#bucket = Bucket.at(store, environment, clock)
    this.#names = namesOf(this.#bucket.prefix, origin)
    this.#slot = from.slot
    this.#size = from.size
    const { log, random, retentionMs = defaultRetentionMs } = options
    this.#copies = new SegmentCopies({
      bucket: this.#bucket,
      clock,
      log,
      keyOf: this.#names.segment,
      onFork: (message) => this.#fork(message),
      random,
      retentionMs,
    })
  }

  /** Takes note of a durable checkpoint. Never waits, never throws. */
  offer(checkpoint: DurableCheckpoint): void {
    if (this.#closing || this.#forked) return
    if (checkpoint.size <= Math.max(this.#size, this.#newest?.size ?? 0)) return
    this.#newest = checkpoint
    this.#waitingSince ??= checkpoint.at
    if (checkpoint.cause === 'rotate' || checkpoint.cause === 'close') this.#urgent = true
    this.#next()
  }

  /** A segment will not grow any more; it is copied beside the anchors when there is time. */
  segmentClosed(path: string, name: string): void {
    if (!this.#closing && !this.#forked) this.#copies.add(path, name)
  }

  /** Anchors what was offered last, waits for it at most 10 s, and ends. Segments go on at the next start. */
  async close(): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    this.#urgent = true
    this.#copies.end()
    this.#wake?.()
    this.#next()
    if (this.#turn !== null) await this.#idle()
    this.#ended = true
    this.#bucket.close()
    this.#cancelTimer?.()
    this.#wake?.()
    if (this.lag.entries > 0) {
      this.#options.log.warn({ ...this.lag, reason: this.#failure?.message }, 'closed unanchored')
    }
  }

  get lag(): Lag {
    const since = this.#turn?.since ?? this.#waitingSince
    const entries = Math.max(0, (this.#newest?.size ?? 0) - this.#size)
    return { entries, ms: since === null ? 0 : Math.max(0, this.#options.clock.now() - since) }
  }

  get failure(): AnchorFailure | null {
    return this.#failure
  }

  get counts(): AnchorCounts {
    const { failures: segmentFailures, waiting: segmentsWaiting } = this.#copies
    return { failures: this.#failures, slot: this.#slot - 1, segmentFailures, segmentsWaiting }
  }

  /** Begins a turn where one is due, or sees to it that one begins then. */
  #next(): void {
    const { clock, retentionMs = defaultRetentionMs } = this.#options
    const newest = this.#newest
    if (this.#turn !== null || this.#forked || this.#ended) return
    if (newest === null || newest.size <= this.#size) return
    this.#cancelTimer?.()
    const now = clock.now()
    const waited = now - this.#lastAt
    // A wall clock that was set back says nothing of how long it was.
    const dueMs = waited < 0 ? anchorMs : anchorMs - waited
    const full = newest.size - this.#size >= anchorEntriesMax
    if (!this.#urgent && !full && dueMs > 0) {
      this.#cancelTimer = clock.after(dueMs, () => this.#due())
      return
    }
    this.#urgent = false
    this.#lastAt = now
    this.#turn = {
      checkpoint: newest,
      heldUntil: now + retentionMs,
      since: this.#waitingSince ?? newest.at,
    }
    this.#waitingSince = null
    // What is no Failure is a bug: nobody catches it, and the process ends with 70.
    void this.#run(this.#turn)
  }

  #due(): void {
    this.#urgent = true
    this.#next()
  }

  /** One note, until it is held or a fork is found: a retry brings the same bytes, since the last may have arrived. */
  async #run(turn: Turn): Promise<void> {
    for (let tries = 1; !this.#ended; tries += 1) {
      try {
        if (await this.#claim(turn)) break
        tries = 0
      } catch (error) {
        if (!(error instanceof Failure)) throw error
        this.#failed(error.message)
        await this.#pause(pauseMs(tries, this.#options.random()))
      }
    }
    this.#turn = null
    this.#next()
    if (this.#turn === null) this.#whenIdle?.()
  }

  /** True where nothing is left to do for this turn; false where the slot was ours from an earlier life. */
  async #claim({ checkpoint, heldUntil }: Turn): Promise<boolean> {
    const slot = this.#slot
    const key = this.#names.slot(slot)
    const { note } = checkpoint
    const claim = await claimSlot(this.#bucket, { key, note, heldUntil })
    if (this.#ended) return true
    if (claim.kind === 'taken') {
      for (const other of claim.others) {
        const foreign = await foreignness(other, this.#options)
        if (foreign !== null) {
          this.#fork(`${this.#bucket.text}: ${key} holds another log's note: ${foreign.message}`)
          return true
        }
      }
      this.#slot = slot + 1
      return false
    }
    if (claim.deleted) {
      this.#options.log.error({ key }, 'somebody put a delete marker on an anchor')
    }
    this.#slot = slot + 1
    this.#size = checkpoint.size
    this.#failure = null
    this.#options.anchored({
      at: this.#options.clock.now(),
      sha256: createHash('sha256').update(note).digest('hex'),
      size: checkpoint.size,
      slot,
      store: this.#bucket.text,
      version: versionId.test(claim.version) ? claim.version : '',
    })
    return true
  }

  #failed(message: string): void {
    const { clock, log } = this.#options
    this.#failures += 1
    if (this.#failure?.message !== message) log.warn({ reason: message }, 'no anchor yet')
    this.#failure = { message, since: this.#failure?.since ?? clock.now() }
  }

  #fork(message: string): void {
    if (this.#forked) return
    this.#forked = true
    this.#copies.end()
    this.#cancelTimer?.()
    this.#failure = { message, since: this.#options.clock.now() }
    this.#options.log.error({ reason: message }, 'the log is forked')
    this.#options.onFork(message)
  }

  #pause(delayMs: number): Promise<void> {
    if (this.#ended) return Promise.resolve()
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(delayMs, resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }

  /** Resolves when no turn runs any more, or after `closeMs`. */
  #idle(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(closeMs, resolve)
      this.#whenIdle = () => {
        cancel()
        resolve()
      }
    })
  }
}
