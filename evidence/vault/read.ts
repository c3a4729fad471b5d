/** Reads a vault's files: records in the order in which they were written, and the record of each entry. */
import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs'
import { segmentIndex } from './layout.ts'
import { parseRecord, saltOf, type VaultRecord, vaultLineBytesMax } from './record.ts'

const readBytes = 256 * 1024

/** A line of a file. */
export interface VaultLine {
  /** With its LF; the caller may use it until the next one. */
  readonly bytes: Buffer
  /** False for what no LF ends: a crash cut it off. */
  readonly ended: boolean
}

/** Yields the lines of a file; one that is longer than any record comes in pieces, none of which is one. */
export function* linesOf(path: string): Generator<VaultLine> {
  const descriptor = openSync(path, 'r')
  try {
    const buffer = Buffer.alloc(readBytes)
    let rest: Buffer = Buffer.alloc(0)
    for (;;) {
      const count = readSync(descriptor, buffer, 0, readBytes, null)
      if (count === 0) break
      let view = Buffer.concat([rest, buffer.subarray(0, count)])
      for (;;) {
        const end = view.indexOf(0x0a)
        if (end < 0) break
        yield { bytes: view.subarray(0, end + 1), ended: true }
        view = view.subarray(end + 1)
      }
      rest = view
      if (rest.length <= vaultLineBytesMax) continue
      yield { bytes: rest, ended: true }
      rest = Buffer.alloc(0)
    }
    if (rest.length > 0) yield { bytes: rest, ended: false }
  } finally {
    closeSync(descriptor)
  }
}

/** A record, and what its segment's keys are derived with. */
export interface Kept {
  readonly record: VaultRecord
  readonly salt: Buffer
}

/** Names of the segments, ascending. */
export function vaultSegments(directory: string): readonly string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory)
    .filter((name) => segmentIndex(name) !== null)
    .sort()
}

/** What was read of a vault beside its records. */
export interface Reading {
  /** Lines that are no records, although something follows them. */
  broken: number
}

/** Yields every record of a vault. */
export function* recordsOf(directory: string, reading: Reading): Generator<Kept> {
  for (const name of vaultSegments(directory)) {
    let salt: Buffer | null = null
    let isFirst = true
    for (const { bytes, ended } of linesOf(`${directory}/${name}`)) {
      // A torn end is what a crash or a full disk left of a record that no entry ever had.
      if (!ended) continue
      const line = bytes.toString('utf8', 0, bytes.length - 1)
      if (isFirst) salt = saltOf(line)
      const record = isFirst ? null : parseRecord(line)
      if (record !== null && salt !== null) yield { record, salt }
      else if (!isFirst || salt === null) reading.broken += 1
      isFirst = false
    }
  }
}

/**
 * Finds the record of each entry, entries ascending. Records lie in the order of entries, and each says which entry
 * was durable before it, so that only those are in memory that were under way at the same time.
 */
export class RecordOf {
  readonly #records: Generator<Kept>
  readonly #waiting = new Map<string, Kept>()
  #next: Kept | null
  /** Records so far that belong to no entry: it was refused, or never written. */
  unclaimed = 0

  constructor(records: Generator<Kept>) {
    this.#records = records
    this.#next = this.#read()
  }

  #read(): Kept | null {
    const next = this.#records.next()
    return next.done === true ? null : next.value
  }

  /** The record of an entry; null where there is none. */
  take(seq: number, request: string): Kept | null {
    while (this.#next !== null && this.#next.record.after < seq) {
      this.#waiting.set(this.#next.record.request, this.#next)
      this.#next = this.#read()
    }
    const found = this.#waiting.get(request) ?? null
    if (found === null) return null
    for (const [older, kept] of this.#waiting) {
      this.#waiting.delete(older)
      if (kept === found) break
      this.unclaimed += 1
    }
    return found
  }

  /** Reads to the end, so that what no entry claimed is counted. */
  finish(): void {
    this.unclaimed += this.#waiting.size
    this.#waiting.clear()
    for (; this.#next !== null; this.#next = this.#read()) this.unclaimed += 1
  }

  close(): void {
    this.#records.return(undefined)
  }
}
