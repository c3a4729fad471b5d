/** Follows stored lines as a chain: each entry valid by itself, and the very next one. */
import { createHash, type Hash } from 'node:crypto'
import type { Entry } from './entry.ts'
import { unavailable } from './failure.ts'
import type { Files } from './files.ts'
import { readLine } from './line.ts'
import type { Position } from './queue.ts'
import { linesOf } from './read-lines.ts'

/** A line that is not a valid entry by itself. */
export interface Fault {
  readonly offset: number
  readonly message: string
}

/** What following a file came to. */
export interface Followed {
  readonly position: Position
  /** Bytes up to the end of the last valid line, their hash, and the number of those lines. */
  readonly bytes: number
  readonly digest: Hash
  readonly entries: number
  readonly last: Entry | null
  /** The first line that is not valid, after which nothing was read; null at the end. */
  readonly fault: Fault | null
}

/** What every refusal to start ends with. */
export const wayOut =
  'Nothing was changed. See all that is wrong with: haltgate audit verify. Then restore the directory from a copy, or put it aside as evidence and begin a new one.'

/**
 * Reads a segment's lines in order and hands over each entry.
 *
 * errors  Failure where a line is valid by itself and is not the next: no crash of a writer leaves that.
 */
export function follow(
  files: Files,
  path: string,
  range: {
    readonly to: number
    readonly position: Position
    readonly each: (entry: Entry) => void
  },
): Followed {
  const descriptor = files.open(path, 'read')
  const digest = createHash('sha256')
  let position = range.position
  let bytes = 0
  let entries = 0
  let last: Entry | null = null
  try {
    for (const line of linesOf(files, descriptor, { from: 0, to: range.to })) {
      const entry = readLine(line.bytes)
      if (typeof entry === 'string') {
        return { position, bytes, digest, entries, last, fault: { offset: bytes, message: entry } }
      }
      requireNext(path, bytes, { entry, position, first: entries === 0 })
      range.each(entry)
      digest.update(line.bytes)
      bytes += line.bytes.length
      entries += 1
      last = entry
      position = { seq: entry.seq + 1, hash: entry.hash, ts: entry.ts }
    }
  } finally {
    files.close(descriptor)
  }
  return { position, bytes, digest, entries, last, fault: null }
}

/** True where any line behind an offset is valid by itself. */
export function validBehind(
  files: Files,
  path: string,
  range: { readonly from: number; readonly to: number },
): boolean {
  const descriptor = files.open(path, 'read')
  try {
    for (const line of linesOf(files, descriptor, range)) {
      if (typeof readLine(line.bytes) !== 'string') return true
    }
    return false
  } finally {
    files.close(descriptor)
  }
}

function requireNext(
  path: string,
  offset: number,
  found: { readonly entry: Entry; readonly position: Position; readonly first: boolean },
): void {
  const { entry, first, position } = found
  const place = `${path} at byte ${offset} (seq ${entry.seq})`
  if (entry.seq !== position.seq) {
    throw unavailable(`${place}: seq ${position.seq} should stand here. ${wayOut}`)
  }
  if (entry.prev !== position.hash) {
    throw unavailable(`${place}: its prev is not the hash of the entry before. ${wayOut}`)
  }
  if (entry.ts < position.ts) {
    throw unavailable(`${place}: its ts is before that of the entry before. ${wayOut}`)
  }
  if (!first && (entry.kind === 'segment.open' || entry.kind === 'log.genesis')) {
    throw unavailable(`${place}: ${entry.kind} stands inside a segment. ${wayOut}`)
  }
}
