/** Segments as they lie on the disk: found, named without a gap, and each held against what the next says of it. */
import { createHash } from 'node:crypto'
import { wayOut } from './chain.ts'
import { syncNames, unfinished } from './durable.ts'
import type { Entry } from './entry.ts'
import { failureOf, unavailable } from './failure.ts'
import type { Files } from './files.ts'
import { lineBytesMax, readLine } from './line.ts'
import { contentOf, digestRange, linesOf, sizeOf } from './read-lines.ts'
import { type Digest, firstSeqOf, genesisOf, segmentOpenOf } from './segment.ts'

export interface StoredSegment {
  readonly name: string
  readonly path: string
  /** Size of the file, a torn tail included. */
  readonly bytes: number
  /** Its first entry, valid by itself. */
  readonly head: Entry
}

/** Names of the segments, ascending. Files that a crash left half made are removed: nothing names them. */
export function segmentNames(files: Files, directory: string): readonly string[] {
  const names: string[] = []
  for (const name of files.list(directory)) {
    if (name.endsWith(unfinished) && /^(ledger|snapshot)-\d{15}\./.test(name)) {
      files.remove(`${directory}/${name}`)
    } else if (firstSeqOf(name) !== null) {
      names.push(name)
    } else if (name.startsWith('ledger-')) {
      throw unavailable(`${directory}/${name} is not named as a segment is. ${wayOut}`)
    }
  }
  return names.sort()
}

/** A file without a line, put out of the chain's way. */
export interface Aside extends Digest {
  readonly name: string
}

/**
 * Puts the newest file aside where no entry was ever whole in it: empty, or half of its first line. The writer
 * renames a segment into place with its first line synced, so that only another writer, or a filesystem that
 * lost what it had synced, leaves one. Nothing in it can have been acknowledged by a file that says so; its
 * bytes are kept under another name, and `boot.open` records them.
 */
export async function putAside(
  files: Files,
  directory: string,
  newest: { readonly name: string; readonly boot: string },
): Promise<Aside | null> {
  const path = `${directory}/${newest.name}`
  if (sizeOf(files, path) > lineBytesMax) return null
  const content = contentOf(files, path)
  if (content.includes(0x0a)) return null
  const name = `aside-${newest.boot}.bytes`
  files.rename(path, `${directory}/${name}`)
  await syncNames(files, directory)
  const sha256 = createHash('sha256').update(content).digest('hex')
  return { bytes: content.length, name, sha256 }
}

/** Reads the first entry of each segment; errors: Failure for a gap in the names or an invalid first line. */
export function headsOf(
  files: Files,
  directory: string,
  names: readonly string[],
): readonly StoredSegment[] {
  return names.map((name, index) => {
    const path = `${directory}/${name}`
    const seq = firstSeqOf(name)
    const head = headOf(files, path, seq)
    const expected = index === 0 ? 0 : seq
    if (head.seq !== expected || seq !== expected) {
      throw unavailable(
        `${path} begins with seq ${head.seq} where seq ${expected} should stand. ${wayOut}`,
      )
    }
    try {
      requireHeader(head, names[index - 1], directory)
    } catch (error) {
      const { message } = failureOf(error, 'its first entry')
      throw unavailable(`${path} at byte 0 (seq ${seq}): ${message}. ${wayOut}`, error)
    }
    return { name, path, bytes: sizeOf(files, path), head }
  })
}

/** errors  Failure where it is not `log.genesis` at the beginning, or `segment.open` behind the file before. */
function requireHeader(head: Entry, before: string | undefined, directory: string): void {
  if (before === undefined) {
    genesisOf(head)
    return
  }
  const { name } = segmentOpenOf(head).previous
  if (name !== before) throw unavailable(`${directory}/${name}, which it follows, is missing`)
}

/** Holds a closed segment against what the next one recorded of it: bytes, SHA-256, last entry, torn tail. */
export function compareWithNext(files: Files, segment: StoredSegment, next: StoredSegment): void {
  const { previous, torn } = segmentOpenOf(next.head)
  const expected = previous.bytes + (torn?.bytes ?? 0)
  if (segment.bytes !== expected) {
    throw unavailable(
      `${segment.path} has ${segment.bytes} bytes where ${next.name} recorded ${expected}. ${wayOut}`,
    )
  }
  const descriptor = files.open(segment.path, 'read')
  try {
    requireDigest(files, descriptor, { segment, from: 0, expected: previous })
    if (torn !== null) {
      requireDigest(files, descriptor, { segment, from: previous.bytes, expected: torn })
    }
    const last = lastEntry(files, descriptor, previous.bytes)
    if (last?.hash !== next.head.prev || last.seq + 1 !== next.head.seq) {
      throw unavailable(
        `${next.path} at byte 0 (seq ${next.head.seq}): it does not follow the last entry of ${segment.name}. ${wayOut}`,
      )
    }
  } finally {
    files.close(descriptor)
  }
}

function headOf(files: Files, path: string, seq: number | null): Entry {
  const descriptor = files.open(path, 'read')
  try {
    const [line] = linesOf(files, descriptor, { from: 0, to: lineBytesMax })
    const entry = line === undefined ? 'it is empty' : readLine(line.bytes)
    if (typeof entry !== 'string') return entry
    throw unavailable(`${path} at byte 0 (seq ${seq}): ${entry}. ${wayOut}`)
  } finally {
    files.close(descriptor)
  }
}

function requireDigest(
  files: Files,
  descriptor: number,
  range: { readonly segment: StoredSegment; readonly from: number; readonly expected: Digest },
): void {
  const { expected, from, segment } = range
  const digest = createHash('sha256')
  digestRange(files, descriptor, { from, to: from + expected.bytes, digest })
  if (digest.digest('hex') === expected.sha256) return
  throw unavailable(
    `${segment.path}, bytes ${from} to ${from + expected.bytes}: their SHA-256 is not the recorded one. ${wayOut}`,
  )
}

function lastEntry(files: Files, descriptor: number, end: number): Entry | null {
  let last = Buffer.alloc(0)
  const from = Math.max(0, end - lineBytesMax)
  for (const line of linesOf(files, descriptor, { from, to: end })) last = Buffer.from(line.bytes)
  const entry = readLine(last)
  return typeof entry === 'string' ? null : entry
}
