/** Reads the ledger's files line by line from any place on, following the chain: each line is sound, and the next one. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { Entry } from '../../ledger/entry.ts'
import { realFiles } from '../../ledger/files.ts'
import { lineBytesMax, noHash, readLine } from '../../ledger/line.ts'
import { linesOf } from '../../ledger/read-lines.ts'
import { segmentName } from '../../ledger/segment.ts'
import type { LinePlace } from './row.ts'

/** Where reading goes on: behind the last line that was read. */
export interface Position {
  /** Of the next entry. */
  readonly seq: number
  /** Hash of the entry before. */
  readonly prev: string
  readonly segment: number
  readonly offset: number
}

/** Before the first entry. */
export const beginning: Position = { seq: 0, prev: noHash, segment: 0, offset: 0 }

export interface Line extends LinePlace {
  readonly entry: Entry
}

/** Where the files hold something that is not the next entry. */
export interface Break {
  readonly segment: string
  readonly offset: number
  /** Of the entry that should stand there. */
  readonly seq: number
  readonly message: string
}

export interface Batch {
  readonly lines: readonly Line[]
  readonly position: Position
  /** True where it ended because of `linesMax`. */
  readonly more: boolean
  /** Null where the files simply end; a line that is just being written is such an end. */
  readonly broken: Break | null
}

/**
 * The next lines, at most so many. Reads nothing of the ledger's lock and needs no gate.
 *
 * errors  those of the file system, but for a segment that is not there.
 */
export function readBatch(directory: string, from: Position, linesMax: number): Batch {
  const lines: Line[] = []
  let position = from
  for (;;) {
    const read = readSegment(directory, position, { lines, linesMax })
    position = read.position
    if (read.more) return { lines, position, more: true, broken: null }
    // What is left of a file whose successor begins with this very entry is a torn tail.
    const follows = position.seq > position.segment && isThere(directory, position.seq)
    if (!follows) return { lines, position, more: false, broken: read.broken }
    position = { ...position, segment: position.seq, offset: 0 }
  }
}

function readSegment(
  directory: string,
  from: Position,
  { lines, linesMax }: { readonly lines: Line[]; readonly linesMax: number },
): Omit<Batch, 'lines'> {
  const name = segmentName(from.segment)
  const descriptor = openedAt(join(directory, name))
  if (descriptor === null) {
    const message = `${name} is not there`
    const broken = from.seq === 0 ? null : brokenAt(from, message)
    return { position: from, more: false, broken }
  }
  let position = from
  try {
    const to = fstatSync(descriptor).size
    if (to < from.offset) {
      return { position, more: false, broken: brokenAt(from, `${name} is shorter than it was`) }
    }
    if (to === from.offset) return { position, more: false, broken: null }
    for (const { bytes, offset } of linesOf(realFiles, descriptor, { from: from.offset, to })) {
      if (lines.length >= linesMax) return { position, more: true, broken: null }
      const entry = nextIn(bytes, position)
      if (typeof entry === 'string') {
        const isWhole = bytes[bytes.length - 1] === 0x0a
        return { position, more: false, broken: isWhole ? brokenAt(position, entry) : null }
      }
      const { length } = bytes
      lines.push({ entry, segment: from.segment, offset, length })
      position = {
        seq: entry.seq + 1,
        prev: entry.hash,
        segment: from.segment,
        offset: offset + length,
      }
    }
    return { position, more: false, broken: null }
  } finally {
    closeSync(descriptor)
  }
}

function brokenAt({ offset, segment, seq }: Position, message: string): Break {
  return { segment: segmentName(segment), offset, seq, message }
}

/** The entry of a line, where it is the next one; else what is wrong with it. */
function nextIn(bytes: Buffer, { prev, seq }: Position): Entry | string {
  const entry = readLine(bytes)
  if (typeof entry === 'string') return entry
  if (entry.seq !== seq) return `entry ${entry.seq} stands where ${seq} belongs`
  if (entry.prev !== prev) return `entry ${seq} does not follow the one before it`
  return entry
}

/** The line at a place, if it lies there and is sound; else what is wrong. */
export function lineAt(
  directory: string,
  place: LinePlace,
): { entry: Entry; text: string } | string {
  const { length, offset, segment } = place
  const isPlace = [length, offset, segment].every((one) => Number.isSafeInteger(one) && one >= 0)
  if (!isPlace || length > lineBytesMax) return 'no line can lie there'
  const name = segmentName(segment)
  const descriptor = openedAt(join(directory, name))
  if (descriptor === null) return `${name} is not there`
  try {
    const bytes = Buffer.alloc(length)
    const count = readSync(descriptor, bytes, 0, length, offset)
    if (count < length) return `${name} ends before it`
    const entry = readLine(bytes)
    if (typeof entry === 'string') return entry
    return { entry, text: bytes.toString('utf8', 0, length - 1) }
  } finally {
    closeSync(descriptor)
  }
}

function isThere(directory: string, segment: number): boolean {
  const descriptor = openedAt(join(directory, segmentName(segment)))
  if (descriptor === null) return false
  closeSync(descriptor)
  return true
}

/** Null where there is no such file. */
function openedAt(path: string): number | null {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}
