/** What a start finds: where the chain ends, after proving that it is whole but for the tail of a crash. */
import { createHash } from 'node:crypto'
import { assert } from '../kernel/contract.ts'
import { type Followed, follow, validBehind, wayOut } from './chain.ts'
import { readCheckpoint } from './checkpoint-file.ts'
import type { Entry } from './entry.ts'
import { unavailable } from './failure.ts'
import type { Files } from './files.ts'
import { Frontier } from './frontier.ts'
import { noHash } from './line.ts'
import type { Note } from './note.ts'
import type { Extent } from './open-segment.ts'
import { batchBytesMax, type Position } from './queue.ts'
import { digestRange } from './read-lines.ts'
import { type Digest, type GenesisData, genesisOf, segmentOpenOf } from './segment.ts'
import { readSnapshot } from './snapshot-file.ts'
import { compareWithNext, headsOf, type StoredSegment } from './stored-segment.ts'
import { dayOf } from './timestamp.ts'

export interface RecoverOptions {
  readonly directory: string
  readonly files: Files
  /** Every line of every segment, not only of the last one. */
  readonly all: boolean
  readonly restore: (snapshot: string | null) => void
  readonly fold: (entry: Entry) => void
}

export interface Recovered {
  readonly genesis: GenesisData
  readonly position: Position
  readonly frontier: Frontier
  readonly last: Extent
  /** Bytes behind the last valid line; null where there are none. */
  readonly torn: Digest | null
  /** True where the last entry is `boot.close` and nothing lies behind it. */
  readonly clean: boolean
  /** Key of the checkpoints that is in force at the end; empty where they are not signed. */
  readonly vkey: string
}

/** A crash leaves one batch half written; what is longer was not left by a crash of ours. */
const tornBytesMax = 2 * batchBytesMax

/**
 * Verifies the segments and folds the state: the last one line by line, the earlier ones by their SHA-256.
 * Where the last one's snapshot is lost, the fold begins at the newest segment whose snapshot is there.
 *
 * names   of the segments, ascending, at least one.
 * errors  Failure that names the file, the byte and the seq of whatever is not as a writer left it.
 */
export function recover(options: RecoverOptions, names: readonly string[]): Recovered {
  const { all, directory, files } = options
  const segments = headsOf(files, directory, names)
  const genesis = genesisOf(segmentAt(segments, 0).head)
  const from = restoreFrom(options, segments)
  const first = all ? 0 : from
  for (let index = 0; index + 1 < segments.length; index += 1) {
    compareWithNext(files, segmentAt(segments, index), segmentAt(segments, index + 1))
  }
  let position = positionBefore(segmentAt(segments, first))
  const frontier = frontierBefore(segmentAt(segments, first))
  const published = readCheckpoint(files, directory)
  if (frontier.size > 0 && frontier.size === published?.size) {
    requireRoot(directory, published, frontier.root())
  }
  let vkey = keyBefore(segmentAt(segments, first))
  let followed: Followed | null = null
  for (let index = first; index < segments.length; index += 1) {
    const segment = segmentAt(segments, index)
    requireFrontier(segment, frontier)
    const each = (entry: Entry): void => {
      frontier.push(entry.hash)
      if (frontier.size === published?.size) requireRoot(directory, published, frontier.root())
      if (entry.kind === 'key.rotate') vkey = String(entry.data['vkey'])
      const header = entry.kind === 'segment.open' || entry.kind === 'log.genesis'
      if (index >= from && !header) options.fold(entry)
    }
    const next = segments[index + 1]
    const to = next === undefined ? segment.bytes : segmentOpenOf(next.head).previous.bytes
    followed = follow(files, segment.path, { to, position, each })
    if (followed.fault !== null && next !== undefined) {
      throw unavailable(
        `${segment.path} at byte ${followed.fault.offset} (seq ${followed.position.seq}): ${followed.fault.message}. ${wayOut}`,
      )
    }
    position = followed.position
  }
  const last = segmentAt(segments, segments.length - 1)
  assert(followed !== null, 'the last segment was followed')
  const torn = tornOf(files, last, followed)
  requireReached(directory, published, frontier.size)
  return {
    genesis,
    position,
    frontier,
    last: {
      name: last.name,
      bytes: followed.bytes,
      entries: followed.entries,
      day: dayOf(last.head.ts),
      digest: followed.digest,
    },
    torn,
    clean: torn === null && followed.last?.kind === 'boot.close',
    vkey,
  }
}

/** A checkpoint was published when all that it covers was durable: a tree behind it has lost entries since. */
function requireReached(directory: string, published: Note | null, size: number): void {
  if (published === null || published.size <= size) return
  throw unavailable(
    `${directory} holds ${size} entries where its checkpoint covers ${published.size}: the newest are gone, ` +
      `or an older copy was put back. ${wayOut}`,
  )
}

function requireRoot(directory: string, published: Note, root: string): void {
  if (published.root === root) return
  throw unavailable(
    `${directory} is not the ledger of its checkpoint: the first ${published.size} entries have another root. ${wayOut}`,
  )
}

/** The key that signs what comes behind the first entry of a segment. */
function keyBefore({ head }: StoredSegment): string {
  return head.seq === 0 ? genesisOf(head).vkey : segmentOpenOf(head).vkey
}

/** Restores the newest state that is there, and answers the index of the segment that follows from it. */
function restoreFrom(options: RecoverOptions, segments: readonly StoredSegment[]): number {
  for (let index = segments.length - 1; index > 0; index -= 1) {
    const { snapshot } = segmentOpenOf(segmentAt(segments, index).head)
    const text = readSnapshot(options.files, options.directory, snapshot)
    if (text !== null) {
      options.restore(text)
      return index
    }
  }
  options.restore(null)
  return 0
}

function positionBefore(segment: StoredSegment): Position {
  const { prev, seq } = segment.head
  return { seq, hash: seq === 0 ? noHash : prev, ts: '' }
}

function frontierBefore(segment: StoredSegment): Frontier {
  if (segment.head.seq === 0) return new Frontier(0, [])
  const { frontier, tree_size } = segmentOpenOf(segment.head)
  return new Frontier(tree_size, frontier)
}

function requireFrontier(segment: StoredSegment, frontier: Frontier): void {
  if (segment.head.seq === 0) return
  const said = segmentOpenOf(segment.head).frontier
  if (said.join() === frontier.roots.join()) return
  throw unavailable(
    `${segment.path} at byte 0 (seq ${segment.head.seq}): its frontier is not that of the entries before. ${wayOut}`,
  )
}

/** Judges what lies behind the last valid line: the tail of a crash, or something no crash leaves. */
function tornOf(files: Files, last: StoredSegment, followed: Followed): Digest | null {
  const { fault } = followed
  if (fault === null) return null
  const place = `${last.path} at byte ${fault.offset} (seq ${followed.position.seq}): ${fault.message}`
  const range = { from: fault.offset, to: last.bytes }
  if (validBehind(files, last.path, range)) {
    throw unavailable(`${place}, and a valid line follows, which no crash leaves. ${wayOut}`)
  }
  const bytes = range.to - range.from
  if (bytes > tornBytesMax) {
    throw unavailable(`${place}, and so are ${bytes} bytes, more than a crash leaves. ${wayOut}`)
  }
  const digest = createHash('sha256')
  const descriptor = files.open(last.path, 'read')
  try {
    digestRange(files, descriptor, { ...range, digest })
  } finally {
    files.close(descriptor)
  }
  return { bytes, sha256: digest.digest('hex') }
}

function segmentAt(segments: readonly StoredSegment[], index: number): StoredSegment {
  const segment = segments[index]
  assert(segment !== undefined, 'a segment that is asked for is there')
  return segment
}
