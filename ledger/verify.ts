/** Verifies a ledger from its files alone: reads every byte once, changes none, and reports all that is wrong. */
import { createHash } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import type { Entry } from './entry.ts'
import { batchBytesMax } from './queue.ts'
import { LineReader } from './scan-lines.ts'
import { firstSeqOf } from './segment.ts'
import { compareBorder, type ReadSegment } from './verify-border.ts'
import { Chain } from './verify-chain.ts'
import { LineCheck } from './verify-line.ts'
import { isHeld } from './verify-live.ts'
import {
  type Exit,
  Findings,
  findingOf,
  type Level,
  type Place,
  type Report,
  sentenceOf,
  worse,
} from './verify-report.ts'

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
  /** `chain` where absent. Above it nothing can be verified yet, and the answer is incomplete. */
  readonly require?: Level
  /** An entry that was seen before, by someone who kept its hash. */
  readonly expectHead?: { readonly seq: number; readonly hash: string }
  /** Begins with the segment that holds this entry; what that one says of the entries before is believed. */
  readonly from?: number
  /** Ends with this entry. */
  readonly to?: number
  /** Told of each entry in the range, for as long as nothing is broken. */
  readonly onEntry?: (entry: Entry) => void
  readonly replay?: ReplayPort
  /** Bytes, about four times a megabyte. */
  readonly progress?: (done: number, total: number) => void
}

interface File {
  readonly name: string
  readonly path: string
  readonly firstSeq: number
  readonly bytes: number
}

/** A crash leaves one batch half written; what is longer no writer left. */
const tornBytesMax = 2 * batchBytesMax

/**
 * Verifies at the level `chain`.
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
    return verification.report(5, error.message)
  }
  return verification.report(0, null)
}

class Verification {
  readonly #options: VerifyOptions
  readonly #findings = new Findings()
  readonly #chain: Chain
  #total = 0
  #done = 0
  #segments = 0
  #replayed = 0
  #mismatches = 0
  #tail: Report['tail'] = null

  constructor(options: VerifyOptions) {
    this.#options = options
    const wanted = options.onEntry !== undefined || options.replay !== undefined
    this.#chain = new Chain({
      findings: this.#findings,
      expected: options.expectHead ?? null,
      visit: wanted ? (entry, place): void => this.#visit(entry, place) : null,
    })
  }

  async run(): Promise<void> {
    const files = await this.#files()
    for (const file of files) this.#total += file.bytes
    let before: ReadSegment | null = null
    for (const [index, file] of files.entries()) {
      before = await this.#segment(file, { before, newest: index === files.length - 1 })
      if (this.#ended) break
    }
    this.#finish()
  }

  /** The report as it follows from what was found; an error of the disk is worse than what is missing. */
  report(exit: Exit, message: string | null): Report {
    const chain = this.#chain
    const required = this.#options.require ?? 'chain'
    const lacking = required !== 'chain'
    const worst = worse(worse(this.#findings.exit, exit), lacking ? 3 : 0)
    const proven = worst !== 1 && worst !== 5 && worst !== 6 && !chain.broken
    const { tree } = chain
    return {
      spec: 'haltgate-ledger/1',
      ok: worst === 0,
      exit: worst,
      level: worst === 0 || (worst === 3 && this.#findings.exit === 0) ? 'chain' : 'none',
      required,
      message: message ?? (worst === 3 && lacking ? lackingSentence(required) : sentenceOf(worst)),
      log: chain.log,
      range: {
        entries: chain.entries,
        first_seq: chain.firstSeq,
        last_seq: chain.head?.seq ?? null,
        segments: this.#segments,
      },
      head: chain.head,
      tree:
        proven && tree !== null && tree.size > 0 ? { size: tree.size, root: tree.root() } : null,
      checkpoints: { verified: 0, last_size: 0, uncovered: chain.entries, keys: [] },
      anchor: null,
      tail: this.#tail,
      replay:
        this.#options.replay === undefined
          ? null
          : { entries: this.#replayed, mismatches: this.#mismatches },
      findings: this.#findings.list,
      stats: { bytes: this.#done, findings: this.#findings.count },
    }
  }

  /** The segments of the range. Sizes are taken here: what a writer adds from now on is not looked at. */
  async #files(): Promise<readonly File[]> {
    const { directory, from } = this.#options
    const names = (await readdir(directory)).filter((name) => firstSeqOf(name) !== null).sort()
    const files: File[] = []
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

  async #segment(
    file: File,
    place: { readonly before: ReadSegment | null; readonly newest: boolean },
  ): Promise<ReadSegment> {
    const chain = this.#chain
    chain.enter({ name: file.name, firstSeq: file.firstSeq, before: place.before })
    this.#segments += 1
    const digest = place.newest ? null : createHash('sha256')
    const descriptor = openSync(file.path, 'r')
    const reader = new LineReader(descriptor, file.bytes, digest)
    try {
      const check = new LineCheck(reader)
      while (reader.fill()) {
        while (!this.#ended && reader.next()) chain.line(reader, check)
        this.#options.progress?.(this.#done + reader.position, this.#total)
        if (this.#ended) break
      }
    } finally {
      closeSync(descriptor)
    }
    this.#done += reader.position
    if (chain.opening !== null) {
      const { offset, says } = chain.opening
      const border = { directory: this.#options.directory, segment: file.name, offset, says }
      await compareBorder(border, place.before, this.#findings)
    }
    if (place.newest && !this.#ended) await this.#end(file, reader)
    return { ...file, good: chain.good, sha256: digest?.digest('hex') ?? '' }
  }

  /** Judges what lies behind the last sound line of the newest file. */
  async #end(file: File, reader: LineReader): Promise<void> {
    const chain = this.#chain
    const bytes = file.bytes - chain.good
    const unended = chain.tail.count === 1 && !reader.ended
    if (bytes === 0 && chain.good > 0) {
      this.#tail = { state: chain.closed ? 'clean' : 'unclean', bytes: 0 }
    } else if (unended && chain.good > 0 && (await this.#isLive())) {
      this.#tail = { state: 'unclean', bytes }
    } else if (bytes > tornBytesMax || (chain.entries === 0 && !unended && bytes > 0)) {
      // No crash of a writer leaves so much, nor whole lines where not one entry is sound.
      chain.settleTail()
      this.#tail = { state: 'torn', bytes }
    } else {
      const message = `${bytes} bytes at the end are not a whole valid line: a write that a crash cut off, or a change of the last entry.`
      const place = { segment: file.name, offset: chain.good }
      const seq = chain.next
      this.#findings.add(
        findingOf('TORN_TAIL', place, { severity: 'warning', seq, actual: String(bytes), message }),
      )
      this.#tail = { state: 'torn', bytes }
    }
  }

  async #isLive(): Promise<boolean> {
    const { lockFile } = this.#options
    return lockFile !== undefined && (await isHeld(lockFile))
  }

  get #ended(): boolean {
    return (
      this.#chain.entries > 0 && this.#chain.next > (this.#options.to ?? Number.MAX_SAFE_INTEGER)
    )
  }

  #finish(): void {
    const { expectHead, replay } = this.#options
    const head = this.#chain.head
    const end = { segment: '', offset: 0 }
    if (expectHead !== undefined && !this.#chain.met) {
      const message = `The ledger has no sound entry ${expectHead.seq}; its last one is ${head?.seq ?? 'none'}.`
      const values = { seq: expectHead.seq, expected: expectHead.hash, message }
      this.#findings.add(findingOf('EXPECT_MISMATCH', end, values))
    }
    if (replay === undefined || this.#chain.broken) return
    this.#compare(end, head?.seq ?? null, replay.end())
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

function lackingSentence(required: Level): string {
  return `The chain is sound. The level ${required} needs signed checkpoints, which this version neither writes nor verifies.`
}
