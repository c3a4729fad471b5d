/** Holds what a `segment.open` says against the files it speaks of: the segment before, its torn tail, the snapshot. */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import type { SegmentOpenData } from './segment.ts'
import { type Details, type FindingCode, type Findings, findingOf } from './verify-report.ts'

/** A segment that was read to its end. */
export interface ReadSegment {
  readonly name: string
  readonly path: string
  readonly bytes: number
  /** Up to the end of its last sound line. */
  readonly good: number
  /** Of the whole file. */
  readonly sha256: string
}

export interface Border {
  readonly directory: string
  /** The segment that says it. */
  readonly segment: string
  readonly offset: number
  readonly says: SegmentOpenData
}

/** Compares; `before` null leaves out the segment before, which then lies outside of the range. */
export async function compareBorder(
  border: Border,
  before: ReadSegment | null,
  findings: Findings,
): Promise<void> {
  const { says, segment, offset } = border
  const note: Note = (code, details) => {
    findings.add(findingOf(code, { segment, offset }, { seq: says.first_seq, ...details }))
  }
  if (before !== null) await comparePrevious(says, before, note)
  const { name, sha256 } = says.snapshot
  const actual = await digestOfFile(`${border.directory}/${name}`)
  if (actual === null) {
    const message = `The snapshot ${name} is missing; it cannot be compared.`
    note('SEGMENT_LINK', { severity: 'warning', expected: sha256, message })
  } else if (actual !== sha256) {
    note('SEGMENT_LINK', { expected: sha256, actual, message: `The snapshot ${name} was changed.` })
  }
}

async function comparePrevious(
  says: SegmentOpenData,
  before: ReadSegment,
  note: Note,
): Promise<void> {
  const { bytes, sha256 } = says.previous
  if (bytes !== before.good) {
    const message = `${before.name} has another number of valid bytes than recorded.`
    note('SEGMENT_LINK', { expected: String(bytes), actual: String(before.good), message })
  } else await compareTorn(says, before, note)
  if (bytes <= before.bytes) {
    const whole = bytes === before.bytes
    const actual = whole ? before.sha256 : await digestOfRange(before.path, 0, bytes)
    if (actual !== sha256) {
      const message = `${before.name} has another SHA-256 than recorded.`
      note('SEGMENT_LINK', { expected: sha256, actual, message })
    }
  }
  if (says.torn !== null && says.clean) {
    note('SEGMENT_LINK', { message: 'It is called clean and declares a torn tail.' })
  }
}

type Note = (code: FindingCode, details: Details) => void

/** What lies behind the last line, where that line is in its place. */
async function compareTorn(says: SegmentOpenData, before: ReadSegment, note: Note): Promise<void> {
  const left = before.bytes - before.good
  const declared = says.torn?.bytes ?? 0
  if (left !== declared || says.torn?.bytes === 0) {
    note('TORN_UNDECLARED', { expected: String(declared), actual: String(left) })
  } else if (says.torn !== null) {
    const actual = await digestOfRange(before.path, before.good, before.bytes)
    const expected = says.torn.sha256
    if (actual !== expected) note('TORN_UNDECLARED', { expected, actual })
  }
}

async function digestOfFile(path: string): Promise<string | null> {
  try {
    return await digestOfRange(path, 0, Number.MAX_SAFE_INTEGER)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** SHA-256 of path[from, to), or to the end of the file where that comes first. */
async function digestOfRange(path: string, from: number, to: number): Promise<string> {
  const handle = await open(path, 'r')
  try {
    return await digestOfHandle(handle, from, to)
  } finally {
    await handle.close()
  }
}

async function digestOfHandle(handle: FileHandle, from: number, to: number): Promise<string> {
  const digest = createHash('sha256')
  const buffer = Buffer.allocUnsafe(256 * 1024)
  for (let at = from; at < to; ) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, to - at), at)
    if (bytesRead === 0) break
    digest.update(buffer.subarray(0, bytesRead))
    at += bytesRead
  }
  return digest.digest('hex')
}
