/** Verifies a ledger from its files alone: reads every byte once, changes none, and reports all that is wrong. */
import { readdir, stat } from 'node:fs/promises'
import type { AnchorReading } from './anchor.ts'
import type { Entry } from './entry.ts'
import { firstSeqOf } from './segment.ts'
import { timestampOf } from './timestamp.ts'
import { Anchors, sizesOf } from './verify-anchors.ts'
import { compareBorder, type ReadSegment } from './verify-border.ts'
import { Chain } from './verify-chain.ts'
import { Checkpoints, type LedgerEnd } from './verify-checkpoints.ts'
import { outcomeOf } from './verify-level.ts'
import { isHeld } from './verify-live.ts'
import { Findings, findingOf, type Level, type Place, type Report } from './verify-report.ts'
import { isOver, type ReadEnd, readSegment, type SegmentFile } from './verify-segment.ts'
import { sizeOfNote, storedNote } from './verify-stored.ts'
import { tailOf } from './verify-tail.ts'
import { rootOf } from './verify-tell.ts'
import { Threads } from './verify-threads.ts'

/** Re-executes what the entries record. */
export interface ReplayPort {
  /** A sentence where the entry does not follow from those before. */
  entry(entry: Entry): string | null
  /** The same for the state at the end. */
  end(): string | null
}

export interface VerifyOptions {
  readonly directory: string
  /** Lock of the writer: while it is held, bytes behind the last line are a line being written. */
  readonly lockFile?: string
  /** `chain` where absent. What a higher one lacks leaves the answer incomplete. */
  readonly require?: Level
  /** The first key of the checkpoints, as somebody outside knows it: `name+id+base64`. */
  readonly key?: string
  /** Notes of this ledger that are kept elsewhere. */
  readonly anchors?: AnchorReading
  /** Milliseconds since the epoch: whether anchors are still held. */
  readonly now?: number
  /** An entry that was seen before, by someone who kept its hash. */
  readonly expectHead?: { readonly seq: number; readonly hash: string }
  /** Begins with the segment that holds this entry; what that one says of the entries before is believed. */
  readonly from?: number
  /** Ends with this entry. */
  readonly to?: number
  /** Told of each entry in the range, for as long as nothing is broken. */
  readonly onEntry?: (entry: Entry) => void
  readonly replay?: ReplayPort
  /** Threads that read segments at the same time; this one alone where it is absent, or entries are handed over. */
  readonly workers?: number
  /** Bytes, about four times a megabyte. */
  readonly progress?: (done: number, total: number) => void
}

/**
 * Verifies at the level that is required, and tells which one was reached.
 *
 * errors  none for a ledger that cannot be read: the report then has exit 5. What a bug throws goes through.
 * source  docs/ledger.md.
 */
export async function verifyLedger(options: VerifyOptions): Promise<Report> {
  const verification = new Verification(options)
  try {
    await verification.run()
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error
    return verification.report(error.message)
  }
  return verification.report(null)
}

class Verification {
  readonly #options: VerifyOptions
  readonly #findings = new Findings()
  readonly #checkpoints: Checkpoints
  #chain: Chain
  #anchors: Anchors | null = null
  #total = 0
  /** Bytes read of each segment. */
  #done: number[] = []
  #segments = 0
  #replayed = 0
  #mismatches = 0
  #live = false
  #tail: Report['tail'] = null

  constructor(options: VerifyOptions) {
    this.#options = options
    const { anchors, key, require } = options
    this.#checkpoints = new Checkpoints({
      findings: this.#findings,
      pinned: key ?? null,
      required: require !== undefined && require !== 'chain',
      anchors: anchors !== undefined,
    })
    this.#chain = this.#chainWith([])
  }

  async run(): Promise<void> {
    const { anchors, directory } = this.#options
    this.#live = await this.#isLive()
    // Before the sizes of the segments: a checkpoint is made when what it covers is there.
    const note = await storedNote(directory)
    const files = await this.#files()
    const sizes = [...(anchors === undefined ? [] : sizesOf(anchors)), ...sizeOfNote(note)]
    const ascending = [...new Set(sizes)].sort((one, other) => one - other)
    this.#chain = this.#chainWith(ascending)
    this.#done = files.map(() => 0)
    for (const file of files) this.#total += file.bytes
    const threads = this.#threads(files, ascending)
    try {
      await this.#read(files, threads)
    } finally {
      await threads?.close()
    }
    this.#finish(note)
  }

  /** failure  an error of the disk; the report says what was found until then. */
  report(failure: string | null): Report {
    const { anchors, replay, require } = this.#options
    const [chain, checkpoints, findings] = [this.#chain, this.#checkpoints, this.#findings]
    const required = require ?? 'chain'
    const uncovered = Math.min(chain.entries, Math.max(0, chain.next - checkpoints.lastSize))
    const live = this.#live
    const { exit, level, message } = outcomeOf(
      { anchors: anchors ?? null, chain, checkpoints, findings, live, required, uncovered },
      failure,
    )
    const root = exit === 1 || exit === 5 || exit === 6 ? null : rootOf(chain)
    return {
      spec: 'haltgate-ledger/1',
      ok: exit === 0,
      exit,
      level,
      required,
      message,
      log: chain.log,
      range: {
        entries: chain.entries,
        first_seq: chain.firstSeq,
        last_seq: chain.head?.seq ?? null,
        segments: this.#segments,
      },
      head: chain.head,
      tree: root === null ? null : { size: chain.next, root },
      checkpoints: {
        verified: checkpoints.verified,
        last_size: checkpoints.lastSize,
        uncovered,
        keys: checkpoints.keys.list,
        pinned: checkpoints.pinned,
      },
      anchor: anchors === undefined ? null : this.#anchorOf(anchors),
      tail: this.#tail,
      replay:
        replay === undefined ? null : { entries: this.#replayed, mismatches: this.#mismatches },
      findings: findings.list,
      stats: { bytes: this.#doneBytes, findings: findings.count },
    }
  }

  #anchorOf({ slots, store }: AnchorReading): NonNullable<Report['anchor']> {
    const held = slots.at(-1)?.heldUntil ?? null
    return {
      store,
      slots: slots.length,
      last_size: this.#anchors?.lastSize ?? 0,
      held_until: held === null ? null : timestampOf(held),
    }
  }

  #chainWith(sizes: readonly number[]): Chain {
    const { expectHead, onEntry, replay } = this.#options
    const wanted = onEntry !== undefined || replay !== undefined
    return new Chain({
      findings: this.#findings,
      expected: expectHead ?? null,
      visit: wanted ? (entry, place): void => this.#visit(entry, place) : null,
      tell: (mark) => this.#checkpoints.tell(mark),
      sizes,
    })
  }

  /** The segments of the range. Sizes are taken here: what a writer adds from now on is not looked at. */
  async #files(): Promise<readonly SegmentFile[]> {
    const { directory, from } = this.#options
    const names = (await readdir(directory)).filter((name) => firstSeqOf(name) !== null).sort()
    const files: SegmentFile[] = []
    for (const name of names) {
      const path = `${directory}/${name}`
      files.push({ name, path, firstSeq: firstSeqOf(name) ?? 0, bytes: (await stat(path)).size })
    }
    const start = files.findLastIndex((file) => file.firstSeq <= (from ?? 0))
    const range = files.slice(Math.max(0, start))
    const first = range[0]
    if (first === undefined) this.#missing('There is no segment in the directory.')
    else if (start < 0) this.#missing(`The first segment there is ${first.name}.`)
    return range
  }

  #missing(message: string): void {
    this.#findings.add(findingOf('SEGMENT_MISSING', { segment: '', offset: 0 }, { message }))
  }

  /** The first segment is always read here, and one in which the range ends. */
  #threads(files: readonly SegmentFile[], sizes: readonly number[]): Threads | null {
    const { expectHead, onEntry, replay, workers } = this.#options
    if ((workers ?? 1) < 2 || onEntry !== undefined || replay !== undefined) return null
    const tasks = files.map((file, index) => {
      const behind = files[index + 1]?.firstSeq ?? Number.MAX_SAFE_INTEGER
      const before = files[index - 1]?.name
      if (before === undefined || file.firstSeq > this.#to || behind - 1 > this.#to) return null
      const within = sizes.filter((size) => size >= file.firstSeq && size < behind)
      const digest = index < files.length - 1
      return { file, before, digest, expected: expectHead ?? null, sizes: within }
    })
    const progress = (index: number, bytes: number): void => this.#progress(index, bytes)
    return new Threads({ tasks, workers: workers ?? 1, progress })
  }

  async #read(files: readonly SegmentFile[], threads: Threads | null): Promise<void> {
    let before: ReadSegment | null = null
    for (const [index, file] of files.entries()) {
      const newest = index === files.length - 1
      const end = await this.#segment(file, { index, before, newest, threads })
      before = { ...file, good: this.#chain.good, sha256: end.sha256 }
      if (isOver(this.#chain, this.#to)) break
    }
  }

  async #segment(
    file: SegmentFile,
    place: {
      readonly index: number
      readonly before: ReadSegment | null
      readonly newest: boolean
      readonly threads: Threads | null
    },
  ): Promise<ReadEnd> {
    const { before, index, newest, threads } = place
    const chain = this.#chain
    const segment = { name: file.name, firstSeq: file.firstSeq, before }
    this.#segments += 1
    const answer = (await threads?.take(index)) ?? null
    let end: ReadEnd
    if (answer !== null && chain.stands(answer.begin)) {
      for (const mark of answer.marks) this.#checkpoints.tell(mark)
      chain.resume(segment, answer.followed)
      end = answer.end
    } else {
      chain.enter(segment)
      const progress = (bytes: number): void => this.#progress(index, bytes)
      end = readSegment(chain, file, { digest: !newest, to: this.#to, progress })
    }
    this.#done[index] = end.position
    if (chain.opening !== null) {
      const { offset, says } = chain.opening
      const border = { directory: this.#options.directory, segment: file.name, offset, says }
      await compareBorder(border, before, this.#findings)
    }
    if (newest && !isOver(chain, this.#to)) {
      const { finding, state } = await tailOf(chain, { file, end, isLive: () => this.#isLive() })
      this.#tail = state
      if (finding !== null) this.#findings.add(finding)
    }
    return end
  }

  #progress(index: number, bytes: number): void {
    this.#done[index] = Math.max(bytes, this.#done[index] ?? 0)
    this.#options.progress?.(this.#doneBytes, this.#total)
  }

  get #doneBytes(): number {
    return this.#done.reduce((sum, bytes) => sum + bytes, 0)
  }

  get #to(): number {
    return this.#options.to ?? Number.MAX_SAFE_INTEGER
  }

  async #isLive(): Promise<boolean> {
    const { lockFile } = this.#options
    return lockFile !== undefined && (await isHeld(lockFile))
  }

  #finish(note: string | null): void {
    const { anchors, expectHead, now, replay } = this.#options
    const [chain, findings] = [this.#chain, this.#findings]
    const { head } = chain
    const nowhere = { segment: '', offset: 0 }
    if (expectHead !== undefined && !chain.met) {
      const message = `The ledger has no sound entry ${expectHead.seq}; its last one is ${head?.seq ?? 'none'}.`
      const values = { seq: expectHead.seq, expected: expectHead.hash, message }
      findings.add(findingOf('EXPECT_MISMATCH', nowhere, values))
    }
    const cut = isOver(chain, this.#to)
    const end: LedgerEnd = { size: chain.next, root: rootOf(chain), cut, live: this.#live }
    this.#checkpoints.end(note, end)
    if (anchors !== undefined) {
      const checkpoints = this.#checkpoints
      this.#anchors = new Anchors({ reading: anchors, findings, checkpoints, now: now ?? null })
      this.#anchors.judge(end, chain.ts)
    }
    if (replay === undefined || chain.broken) return
    this.#compare(nowhere, head?.seq ?? null, replay.end())
  }

  #visit(entry: Entry, place: Place): void {
    if (entry.seq >= (this.#options.from ?? 0)) this.#options.onEntry?.(entry)
    if (this.#options.replay === undefined) return
    this.#replayed += 1
    this.#compare(place, entry.seq, this.#options.replay.entry(entry))
  }

  #compare(place: Place, seq: number | null, message: string | null): void {
    if (message === null) return
    this.#mismatches += 1
    this.#findings.add(findingOf('REPLAY_MISMATCH', place, { seq, message }))
  }
}
