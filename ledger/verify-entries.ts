/** Reads entries for people: line by line from a ledger's files, each checked by itself, broken ones named. */
import { closeSync, fstatSync, openSync, readdirSync } from 'node:fs'
import type { Entry } from './entry.ts'
import { LineReader } from './scan-lines.ts'
import { firstSeqOf } from './segment.ts'
import { type Fault, type Flaw, LineCheck } from './verify-line.ts'

/** A line as it is stored. */
export interface Stored {
  readonly segment: string
  readonly offset: number
  /** Null where the line has no form or hash of its own, or is not an entry of this version. */
  readonly entry: Entry | null
  readonly wrong: Fault | Flaw | null
  /** The line without its LF; empty where it is longer than a line may be. */
  readonly text: string
}

/** Names of the segments, ascending, from the one that holds `from`. */
function segmentsFrom(directory: string, from: number): readonly string[] {
  const names = readdirSync(directory)
    .filter((name) => firstSeqOf(name) !== null)
    .sort()
  const start = names.findLastIndex((name) => (firstSeqOf(name) ?? 0) <= from)
  return names.slice(Math.max(0, start))
}

/**
 * Yields every line of the segments from the one that holds `from`. The chain is not followed: `audit verify` is.
 *
 * errors  those of the file system.
 */
export function* linesFrom(directory: string, from: number): Generator<Stored> {
  for (const segment of segmentsFrom(directory, from)) {
    const descriptor = openSync(`${directory}/${segment}`, 'r')
    try {
      const reader = new LineReader(descriptor, fstatSync(descriptor).size, null)
      const check = new LineCheck(reader)
      while (reader.fill()) {
        while (reader.next()) yield storedOf(segment, reader, check)
      }
    } finally {
      closeSync(descriptor)
    }
  }
}

function storedOf(segment: string, reader: LineReader, check: LineCheck): Stored {
  const text = reader.long ? '' : reader.bytes.toString('utf8', reader.start, reader.end)
  const wrong = check.fault() ?? check.flaw()
  return {
    segment,
    offset: reader.offset,
    entry: wrong === null ? check.entry() : null,
    wrong,
    text,
  }
}
