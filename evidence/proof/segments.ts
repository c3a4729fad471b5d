/**
 * The tree as the segments hold it, without any index: each file is read once from its beginning, as far as it is
 * needed, in memory that does not grow. Where a `segment.open` says the roots of what lies before, that is not read.
 */
import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { Failure } from '../../kernel/reasons.ts'
import type { Entry } from '../../ledger/entry.ts'
import { Frontier } from '../../ledger/frontier.ts'
import { lineBytesMax, readLine } from '../../ledger/line.ts'
import { hasTrailer, trailerBytes } from '../../ledger/scan.ts'
import { LineReader } from '../../ledger/scan-lines.ts'
import { firstSeqOf, segmentOpenOf } from '../../ledger/segment.ts'
import { LineCheck } from '../../ledger/verify-line.ts'
import {
  emptyRoot,
  keyOf,
  type NodeName,
  type NodeSource,
  nodeHash,
  perfectNodes,
  type Range,
  rangeOf,
} from './tree.ts'

export interface SegmentOptions {
  /** Of the ledger. */
  readonly directory: string
  /** Bytes read so far of those that a step takes, about four times a megabyte. */
  readonly progress?: ((done: number, total: number) => void) | undefined
}

/** A line of a segment, in the buffer of its reader. */
export interface SegmentLine {
  readonly seq: number
  readonly reader: LineReader
}

/** An entry is missing, or is not of its hash: not an error of the disk, but a finding. */
export class UnsoundEntry extends Failure {
  readonly seq: number
  constructor(seq: number, directory: string) {
    const way = 'haltgate audit verify says what is wrong'
    super('ledger-unavailable', `${directory} has no sound entry ${seq}; ${way}`)
    this.seq = seq
  }
}

interface Segment {
  readonly path: string
  readonly first: number
  /** seq of the first entry of the next segment; infinite for the newest one. */
  readonly next: number
  readonly bytes: number
}

/** The files of a ledger, as they were when it was made. */
export class Segments implements NodeSource {
  readonly #segments: readonly Segment[]
  readonly #options: SegmentOptions
  #size: number | null = null
  #bytesRead = 0

  /** errors  those of the file system; Failure where there is no segment. */
  constructor(options: SegmentOptions) {
    this.#options = options
    this.#segments = segmentsIn(options.directory)
  }

  /** Bytes that were read, over all. */
  get bytesRead(): number {
    return this.#bytesRead
  }

  /** Number of entries: the lines of the newest segment are counted, and the names tell the rest. */
  get size(): number {
    if (this.#size !== null) return this.#size
    const newest = this.#segments.at(-1)
    let size = newest?.first ?? 0
    for (const { reader, seq } of this.lines({ from: size, to: Number.POSITIVE_INFINITY })) {
      if (reader.long || !hasTrailer(reader.bytes, reader.start, reader.end)) break
      size = seq + 1
    }
    this.#size = size
    return size
  }

  /**
   * Roots of perfect subtrees: from the frontiers, and where these do not say, from the hashes that the lines claim.
   * What they claim is not checked: whoever proves with it checks the proof.
   *
   * errors  UnsoundEntry where an entry is missing; those of the file system.
   */
  nodes(names: readonly NodeName[]): readonly Buffer[] {
    const frontiers = this.#frontiers()
    const known = new Map(frontiers.map(({ name, root }) => [keyOf(name), root]))
    // Subtrees inside of others are read apart, so that none is read twice.
    const marks = [...frontiers.map(({ name }) => name), ...names].map(rangeOf)
    const unread = names.flatMap((name) => partsOf(name, { known, marks }))
    for (const [key, root] of this.#read(unread)) known.set(key, root)
    return names.map((name) => resolved(name, known))
  }

  /**
   * Roots of the first entries, of so many each, from the bytes of all of them: each line is hashed, and no frontier
   * is believed.
   *
   * errors  UnsoundEntry where an entry is missing or not of its hash; those of the file system.
   */
  rootsFromBytes(sizes: readonly number[]): ReadonlyMap<number, string> {
    const roots = new Map<number, string>([[0, emptyRoot.toString('hex')]])
    const to = Math.max(0, ...sizes)
    const wanted = new Set(sizes)
    const frontier = new Frontier(0, [])
    let check: LineCheck | null = null
    let last: LineReader | null = null
    for (const { reader, seq } of this.lines({ from: 0, to })) {
      if (reader !== last) check = new LineCheck(reader)
      last = reader
      const fault = check?.fault()
      if (fault !== null) throw new UnsoundEntry(seq, this.#options.directory)
      frontier.push(check?.leaf ?? '')
      if (wanted.has(seq + 1)) roots.set(seq + 1, frontier.root())
    }
    if (frontier.size < to) throw new UnsoundEntry(frontier.size, this.#options.directory)
    return roots
  }

  /** One LINE, its LF included; null where there is none of this seq. */
  line(seq: number): Buffer | null {
    for (const { reader, seq: at } of this.lines({ from: seq, to: seq + 1 })) {
      if (at === seq) return Buffer.from(reader.bytes.subarray(reader.start, reader.end + 1))
    }
    return null
  }

  /** The entry of a seq; null where none is there, or none that is sound by itself. */
  entry(seq: number): Entry | null {
    const line = this.line(seq)
    const entry = line === null ? null : readLine(line)
    return entry === null || typeof entry === 'string' || entry.seq !== seq ? null : entry
  }

  /** Sound entries of a kind from a seq to before another, ascending. */
  *ofKind(kind: string, range: { readonly from: number; readonly to: number }): Generator<Entry> {
    for (const { reader, seq } of this.lines(range)) {
      if (!endsAsKind(reader, seq, kind)) continue
      const entry = readLine(reader.bytes.subarray(reader.start, reader.end + 1))
      if (typeof entry !== 'string' && entry.kind === kind && entry.seq === seq) yield entry
    }
  }

  /** seq of the first entry of each segment, ascending. */
  get firsts(): readonly number[] {
    return this.#segments.map(({ first }) => first)
  }

  /**
   * Lines by their place, from a seq to before another. The place is told by counting from the name of the file: a
   * line is not read for it. Torn tails are left out.
   */
  *lines({
    from,
    to,
  }: {
    readonly from: number
    readonly to: number
  }): Generator<SegmentLine, void, void> {
    const segments = this.#segments.filter(({ first, next }) => next > from && first < to)
    const total = segments.reduce((sum, { bytes }) => sum + bytes, 0)
    let done = 0
    for (const segment of segments) {
      const descriptor = openSync(segment.path, 'r')
      const reader = new LineReader(descriptor, segment.bytes, null)
      try {
        const end = Math.min(to, segment.next)
        let seq = segment.first
        while (seq < end && reader.fill()) {
          this.#options.progress?.(done + reader.position, total)
          while (seq < end && reader.next()) {
            if (!reader.ended) break
            if (seq >= from) yield { seq, reader }
            seq += 1
          }
        }
      } finally {
        closeSync(descriptor)
        done += segment.bytes
        this.#bytesRead += reader.position
      }
    }
    this.#options.progress?.(total, total)
  }

  /** What each `segment.open` says of the tree before it. */
  #frontiers(): readonly { readonly name: NodeName; readonly root: Buffer }[] {
    return this.#segments.flatMap(({ first, path }) => {
      if (first === 0) return []
      const { bytes, hashes } = frontierIn(path)
      const names = perfectNodes({ from: 0, to: first })
      this.#bytesRead += bytes
      if (hashes.length !== names.length) return []
      return names.map((name, at) => ({ name, root: Buffer.from(hashes[at] ?? '', 'hex') }))
    })
  }

  /** Roots of subtrees that do not overlap, from the lines of each. */
  #read(names: readonly NodeName[]): ReadonlyMap<string, Buffer> {
    const roots = new Map<string, Buffer>()
    const jobs = [...new Map(names.map((name) => [keyOf(name), name])).values()]
      .map((name) => ({ ...rangeOf(name), key: keyOf(name) }))
      .sort((one, other) => one.from - other.from)
    for (const group of this.#grouped(jobs)) {
      let next = 0
      let frontier = new Frontier(0, [])
      const range = { from: group[0]?.from ?? 0, to: group.at(-1)?.to ?? 0 }
      for (const { reader, seq } of this.lines(range)) {
        const job = group[next]
        if (job === undefined || seq < job.from) continue
        frontier.push(claimedHash(reader, seq, this.#options.directory))
        if (seq + 1 < job.to) continue
        roots.set(job.key, Buffer.from(frontier.root(), 'hex'))
        frontier = new Frontier(0, [])
        next += 1
      }
      const unmet = group[next]
      if (unmet !== undefined)
        throw new UnsoundEntry(unmet.from + frontier.size, this.#options.directory)
    }
    return roots
  }

  /** Jobs that share a segment are read in one go; a segment without any is not read. */
  #grouped<Job extends { readonly from: number; readonly to: number }>(
    jobs: readonly Job[],
  ): readonly (readonly Job[])[] {
    const groups: Job[][] = []
    const segmentOf = (seq: number): number =>
      this.#segments.findLastIndex(({ first }) => first <= seq)
    for (const job of jobs) {
      const before = groups.at(-1)?.at(-1)
      const near = before !== undefined && segmentOf(before.to - 1) >= segmentOf(job.from) - 1
      if (near) groups.at(-1)?.push(job)
      else groups.push([job])
    }
    return groups
  }
}

function segmentsIn(directory: string): readonly Segment[] {
  const names = readdirSync(directory)
    .filter((name) => firstSeqOf(name) !== null)
    .sort()
  if (names.length === 0) {
    const way = "name the gate's directory with --data DIR"
    throw new Failure('ledger-unavailable', `there is no segment in ${directory}; ${way}`)
  }
  return names.map((name, index) => {
    const path = `${directory}/${name}`
    const next = firstSeqOf(names[index + 1] ?? '') ?? Number.POSITIVE_INFINITY
    const descriptor = openSync(path, 'r')
    try {
      return { path, first: firstSeqOf(name) ?? 0, next, bytes: fstatSync(descriptor).size }
    } finally {
      closeSync(descriptor)
    }
  })
}

/** Room for a `segment.open` of any size of tree, most of the time. */
const headBytes = 8_192

/** The frontier that a segment's first line holds; none where that line is not what it should be. */
function frontierIn(path: string): { readonly hashes: readonly string[]; readonly bytes: number } {
  const head = Buffer.alloc(lineBytesMax)
  const descriptor = openSync(path, 'r')
  try {
    let bytes = readSync(descriptor, head, 0, headBytes, 0)
    if (bytes === headBytes && !head.includes(0x0a)) {
      bytes += readSync(descriptor, head, bytes, head.length - bytes, bytes)
    }
    const entry = readLine(head.subarray(0, head.subarray(0, bytes).indexOf(0x0a) + 1))
    if (typeof entry === 'string') return { hashes: [], bytes }
    return { hashes: segmentOpenOf(entry).frontier, bytes }
  } catch (error) {
    // Another kind of line, or another form: its segment is then read.
    if (error instanceof Failure) return { hashes: [], bytes: 0 }
    throw error
  } finally {
    closeSync(descriptor)
  }
}

interface Known {
  readonly known: ReadonlyMap<string, Buffer>
  /** Subtrees that others are parted by. */
  readonly marks: readonly Range[]
}

/** The largest subtrees of a subtree that are not known and have nothing inside that is, or is wanted by itself. */
function partsOf(name: NodeName, { known, marks }: Known): readonly NodeName[] {
  if (known.has(keyOf(name))) return []
  const { from, to } = rangeOf(name)
  const inside = marks.filter((mark) => mark.from >= from && mark.to <= to)
  if (inside.every((mark) => mark.from === from && mark.to === to)) return [name]
  return childrenOf(name).flatMap((child) => partsOf(child, { known, marks: inside }))
}

function resolved(name: NodeName, known: ReadonlyMap<string, Buffer>): Buffer {
  const root = known.get(keyOf(name))
  if (root !== undefined) return root
  const [left, right] = childrenOf(name).map((child) => resolved(child, known))
  return nodeHash(left ?? Buffer.alloc(0), right ?? Buffer.alloc(0))
}

function childrenOf({ index, level }: NodeName): readonly NodeName[] {
  const child = { level: level - 1, index: 2 * index }
  return [child, { ...child, index: child.index + 1 }]
}

function claimedHash(reader: LineReader, seq: number, directory: string): string {
  const { bytes, end, start } = reader
  if (reader.long || !hasTrailer(bytes, start, end)) throw new UnsoundEntry(seq, directory)
  const at = end - trailerBytes + 9
  return bytes.toString('latin1', at, at + 64)
}

/** Bytes between the end of a kind and the hash member, but for the digits of seq: docs/ledger.md, the envelope. */
const behindKind = '","prev":"'.length + 64 + '","seq":'.length + ',"ts":"'.length + 24 + 7

/** True where a line's kind is this one, as its end tells: only such lines need to be read whole. */
function endsAsKind({ bytes, end, start }: LineReader, seq: number, kind: string): boolean {
  const at = end - trailerBytes - behindKind - String(seq).length - kind.length
  if (at <= start || bytes[at] !== kind.charCodeAt(0)) return false
  return bytes.toString('latin1', at - 1, at + kind.length + 1) === `"${kind}"`
}
