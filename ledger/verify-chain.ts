/** Follows the chain from line to line: seq, prev, time, genesis, first entries of segments, tree. */
import { Failure } from '../kernel/reasons.ts'
import type { Entry } from './entry.ts'
import { Frontier } from './frontier.ts'
import { noHash } from './line.ts'
import type { LineReader } from './scan-lines.ts'
import { genesisOf, type SegmentOpenData, segmentOpenOf } from './segment.ts'
import type { LineCheck } from './verify-line.ts'
import type { Mark } from './verify-mark.ts'
import {
  type Details,
  type Finding,
  type FindingCode,
  Findings,
  findingOf,
  type Place,
} from './verify-report.ts'
import { Teller } from './verify-tell.ts'

/** A segment as it is being read. */
export interface Segment {
  readonly name: string
  readonly firstSeq: number
  /** The file before it and the bytes of its good prefix; null for the first of the range. */
  readonly before: { readonly name: string; readonly good: number } | null
}

export interface ChainOptions {
  readonly findings: Findings
  /** Told of each entry for as long as the chain is unbroken; null where nobody wants them. */
  readonly visit: ((entry: Entry, place: Place) => void) | null
  readonly expected: { readonly seq: number; readonly hash: string } | null
  /** Told of what bears on signatures. */
  readonly tell: (mark: Mark) => void
  /** Sizes of the tree whose roots are told, ascending. */
  readonly sizes: readonly number[]
}

/** Where an unbroken chain stands between two lines. */
export interface Standing {
  /** Of the next entry. */
  readonly next: number
  /** Hash and time of the last one. */
  readonly leaf: string
  readonly ts: string
  /** Roots of the perfect subtrees over all before. */
  readonly roots: readonly string[]
}

/** A segment that another thread followed from a standing on, and found nothing wrong in. */
export interface Followed {
  readonly end: Standing
  readonly entries: number
  readonly closed: boolean
  readonly met: boolean
  readonly good: number
  readonly opening: { readonly says: SegmentOpenData; readonly offset: number } | null
}

export class Chain {
  entries = 0
  firstSeq: number | null = null
  log: { readonly log_id: string; readonly origin: string } | null = null
  /** Null while it is not known what the entries before were. */
  tree: Frontier | null = null
  /** True once anything was not in its place: later lines are judged by themselves, and prove no root. */
  broken = false
  /** The last entry is `boot.close`. */
  closed = false
  /** The expected entry was met, be it with another hash. */
  met = false
  /** Bytes of this segment up to the end of its last sound line. */
  good = 0
  /** Unsound lines after the last sound one: findings if a sound one follows, else a torn tail. */
  tail = new Findings()
  /** What this segment's first entry says of the file before, for whoever can read that file. */
  opening: { readonly says: SegmentOpenData; readonly offset: number } | null = null
  readonly #options: ChainOptions
  #segment: Segment = { name: '', firstSeq: 0, before: null }
  #entered = false
  /** The next line is taken as it is: nothing is known of the one before. */
  #adopt = false
  #next = 0
  #leaf = noHash
  /** Unsound lines since the last sound one, and what of the last of them a `prev` may name. */
  #unsound = 0
  #claims: readonly string[] = []
  readonly #ts = Buffer.alloc(24)
  readonly #teller: Teller

  constructor(options: ChainOptions) {
    this.#options = options
    this.#teller = new Teller(options.sizes, options.tell)
  }

  /** Takes a standing for granted, as if the lines before had been read. */
  assume({ leaf, next, roots, ts }: Standing): void {
    this.#next = next
    this.#leaf = leaf
    this.#ts.write(ts, 'latin1')
    this.tree = new Frontier(next, roots)
  }

  /** True where the chain, unbroken, stands there; its last time may be an earlier one. */
  stands({ leaf, next, roots, ts }: Standing): boolean {
    if (this.broken || this.#adopt || this.#unsound > 0 || this.tail.count > 0) return false
    const grown = this.tree?.roots.join() === roots.join()
    return grown && this.#next === next && this.#leaf === leaf && this.ts <= ts
  }

  /** Goes on behind a segment that begins where this chain stands. */
  resume(segment: Segment, followed: Followed): void {
    this.enter(segment)
    this.assume(followed.end)
    this.#entered = true
    this.entries += followed.entries
    this.closed = followed.closed
    this.met ||= followed.met
    this.good = followed.good
    this.opening = followed.opening
  }

  /** What whoever follows only this segment hands over; null where anything in it is wrong. */
  get followed(): Followed | null {
    if (this.broken || this.tail.count > 0 || this.tree === null || this.entries === 0) return null
    const { ts } = this
    const end = { next: this.#next, leaf: this.#leaf, ts, roots: this.tree.roots }
    const { closed, entries, good, met, opening } = this
    return { end, entries, closed, met, good, opening }
  }

  /** Enters a file. Unsound lines at the end of the one before stay undecided until the first sound line. */
  enter(segment: Segment): void {
    this.#segment = segment
    this.#entered = false
    this.#teller.enter(segment.name)
    this.good = 0
    this.opening = null
    if (segment.before === null) {
      this.#adopt = segment.firstSeq > 0
      if (segment.firstSeq === 0) this.tree = new Frontier(0, [])
    }
  }

  /** Judges the line on which the reader stands. */
  line(reader: LineReader, check: LineCheck): void {
    const fault = check.fault()
    if (fault !== null) {
      const seq = this.#adopt ? null : this.#next + this.#unsound
      const claim = { seq, expected: check.claimed || null, actual: check.leaf || null }
      this.tail.add(this.#finding(reader, fault, claim))
      this.#unsound += 1
      this.#claims = [check.leaf, check.claimed].filter((hash) => hash !== '')
      return
    }
    const flaw = check.flaw()
    if (!this.#entered) this.#begin(reader, check, flaw === null ? check.entry() : null)
    else if (flaw === null) this.#continue(reader, check)
    this.settleTail()
    if (flaw !== null) this.#note(reader, flaw, { seq: check.seq })
    this.#link(reader, check)
    this.#take(reader, check, flaw === null)
  }

  /** The last sound entry. */
  get head(): { readonly seq: number; readonly hash: string } | null {
    return this.entries === 0 ? null : { seq: this.#next - 1, hash: this.#leaf }
  }

  /** Of the last entry. */
  get ts(): string {
    return this.#ts.toString('latin1')
  }

  /** What the next sound entry should be. */
  get next(): number {
    return this.#next
  }

  /** Makes findings of the unsound lines that were held back. */
  settleTail(): void {
    if (this.tail.count === 0) return
    this.broken = true
    this.#options.findings.absorb(this.tail)
    this.tail = new Findings()
  }

  /** Lets them be a torn tail: they belong to no entry. */
  dropTail(): void {
    this.tail = new Findings()
    this.#unsound = 0
    this.#claims = []
  }

  /** The first sound line of a file. */
  #begin(reader: LineReader, check: LineCheck, entry: Entry | null): void {
    this.#entered = true
    const { before, firstSeq } = this.#segment
    // What lies before it in the file, and a flaw of its own, are findings already.
    if (reader.offset > 0 || entry === null) return
    if (before !== null || firstSeq > 0) this.#open(reader, entry)
    else this.#genesis(reader, entry, check.follows(noHash))
  }

  #genesis(reader: LineReader, entry: Entry, follows: boolean): void {
    try {
      const { log_id, origin } = genesisOf(entry)
      this.log = { log_id, origin }
      if (follows) return
      this.#note(reader, 'GENESIS', { seq: 0, expected: noHash, actual: entry.prev })
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      const spec = entry.seq === 0 && entry.kind === 'log.genesis' ? entry.data['spec'] : null
      const unknown = typeof spec === 'string' && spec !== 'haltgate-ledger/1'
      this.#note(reader, unknown ? 'VERSION' : 'GENESIS', {
        seq: entry.seq,
        message: error.message,
      })
    }
    this.#adopt = true
  }

  #open(reader: LineReader, entry: Entry): void {
    const says = this.#says(reader, entry)
    if (says === null) return
    const { before, firstSeq } = this.#segment
    if (entry.seq !== firstSeq) {
      const message = `The file is named for seq ${firstSeq} and begins with seq ${entry.seq}.`
      this.#note(reader, 'SEGMENT_LINK', { seq: entry.seq, message })
    }
    if (before !== null && says.previous.name !== before.name) {
      const values = { expected: says.previous.name, actual: before.name }
      this.#note(reader, 'SEGMENT_MISSING', { seq: entry.seq, ...values })
      this.settleTail()
      this.broken = true
      this.#adopt = true
    } else if (before !== null) {
      if (says.previous.bytes <= before.good) this.dropTail()
      else this.settleTail()
      this.opening = { says, offset: reader.offset }
    }
    this.#join(reader, says)
  }

  #says(reader: LineReader, entry: Entry): SegmentOpenData | null {
    try {
      return segmentOpenOf(entry)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      this.#note(reader, 'SEGMENT_LINK', { seq: entry.seq, message: error.message })
      return null
    }
  }

  /** Compares the recorded frontier with the tree grown so far, and goes on from the recorded one. */
  #join(reader: LineReader, says: SegmentOpenData): void {
    const { first_seq: seq, frontier, tree_size } = says
    const bits = tree_size.toString(2).replaceAll('0', '').length
    const grown = this.broken ? null : this.tree
    const index = grown?.roots.findIndex((root, at) => root !== frontier[at]) ?? -1
    if (frontier.length !== bits || (grown !== null && (grown.size !== tree_size || index >= 0))) {
      const values = { expected: grown?.roots[index] ?? null, actual: frontier[index] ?? null }
      const message = 'The frontier is not that of the entries before.'
      this.#note(reader, 'SEGMENT_LINK', { seq, ...values, message })
    }
    this.tree = frontier.length === bits ? new Frontier(tree_size, frontier) : null
  }

  /** A line that is not the first of its file. */
  #continue(reader: LineReader, check: LineCheck): void {
    const { seq } = check
    if (check.isKind('log.genesis')) this.#note(reader, 'GENESIS', { seq })
    if (check.isKind('segment.open')) {
      this.#note(reader, 'SEGMENT_LINK', { seq, message: 'It stands within a segment.' })
    }
  }

  /** Compares a sound line with the one before it. */
  #link(reader: LineReader, check: LineCheck): void {
    const { seq } = check
    const next = this.#next
    if (!this.#adopt) {
      if (this.#unsound === 0 && seq === next && check.follows(this.#leaf)) return
      const last = next + this.#unsound
      const values = { seq, expected: String(next), actual: String(seq) }
      if (seq !== null && seq < next) this.#note(reader, 'SEQ_DUP', values)
      if (seq !== null && seq > last) this.#note(reader, 'SEQ_GAP', values)
      // An unsound line may be named by what it claims, by what it is, or not have been there before.
      const claims = this.#unsound === 0 ? [this.#leaf] : [this.#leaf, ...this.#claims]
      const unknown = this.#unsound > 0 && this.#claims.length === 0
      if (!unknown && !claims.some((claim) => check.follows(claim))) {
        this.#note(reader, 'CHAIN_BREAK', { seq, expected: this.#leaf, actual: check.prev })
      }
      this.broken = true
      this.tree = null
    }
    if (seq === null) this.#next += this.#unsound
    else this.#next = seq
    this.#adopt = false
    this.#unsound = 0
    this.#claims = []
  }

  #take(reader: LineReader, check: LineCheck, whole: boolean): void {
    const seq = this.#next
    if (!check.advances(this.#ts)) this.#note(reader, 'CLOCK_REGRESSION', { seq })
    this.firstSeq ??= seq
    this.entries += 1
    this.closed = whole && check.isKind('boot.close')
    this.good = reader.offset + reader.length
    this.#next = seq + 1
    this.#leaf = check.leaf
    if (whole) this.#teller.take(reader, check, seq, this)
    else this.broken = true
    this.tree?.push(check.leaf)
    const { expected, visit } = this.#options
    if (seq === expected?.seq) {
      this.met = true
      if (check.leaf !== expected.hash) {
        this.#note(reader, 'EXPECT_MISMATCH', { seq, expected: expected.hash, actual: check.leaf })
      }
    }
    if (visit !== null && !this.broken) visit(check.entry(), this.#place(reader))
  }

  #note(reader: LineReader, code: FindingCode, details: Details): void {
    this.#options.findings.add(this.#finding(reader, code, details))
  }

  #finding(reader: LineReader, code: FindingCode, details: Details): Finding {
    return findingOf(code, this.#place(reader), details)
  }

  #place(reader: LineReader): Place {
    return { segment: this.#segment.name, offset: reader.offset }
  }
}
