/** Which entries of a ledger are asked for, and the one pass over its files that yields them, in order. */
import { readdirSync } from 'node:fs'
import type { Entry } from '../../ledger/entry.ts'
import { firstSeqOf } from '../../ledger/segment.ts'
import { linesFrom, type Stored } from '../../ledger/verify-entries.ts'

/** All that is not null must hold. Bounds are inclusive. */
export interface Selection {
  readonly fromSeq: number
  readonly toSeq: number
  /** As entries write it: `2026-11-21T12:00:00.000Z`. */
  readonly fromTime: string | null
  readonly toTime: string | null
  readonly agent: string | null
  readonly run: string | null
}

export const everything: Selection = {
  fromSeq: 0,
  toSeq: Number.MAX_SAFE_INTEGER,
  fromTime: null,
  toTime: null,
  agent: null,
  run: null,
}

/** An entry, and its line as it is stored, without its LF. */
export interface SoundLine {
  readonly entry: Entry
  readonly text: string
  readonly segment: string
}

/** What a pass met that is no entry. */
export interface Flaws {
  /** Lines with a sound one behind them in their file, or in the place of an entry: no crash leaves that. */
  broken: number
  /** Lines behind the last sound one: a torn tail, or what a writer was just writing. */
  torn: number
}

export function noFlaws(): Flaws {
  return { broken: 0, torn: 0 }
}

/** True where an entry is of the selection. */
export function isSelected(entry: Entry, selection: Selection): boolean {
  const { agent, fromSeq, fromTime, run, toSeq, toTime } = selection
  if (entry.seq < fromSeq || entry.seq > toSeq) return false
  if (fromTime !== null && entry.ts < fromTime) return false
  if (toTime !== null && entry.ts > toTime) return false
  if (agent !== null && entry.actor.agent !== agent) return false
  return run === null || entry.actor.run === run
}

/**
 * Yields the entries of the selection; each line is checked by itself, and what is broken is counted and left out.
 *
 * flaws   is added to while it goes.
 * errors  those of the file system.
 */
export function* selectedLines(
  directory: string,
  selection: Selection,
  flaws: Flaws,
): Generator<SoundLine> {
  let last = -1
  for (const stored of linesFrom(directory, startOf(directory, selection))) {
    const { entry, segment, text } = stored
    if (entry === null) {
      flaws.torn += 1
      continue
    }
    // What a crash left at the end of a file is in no entry's place: the next one follows all the same.
    const isGap = last >= 0 && entry.seq !== last + 1
    if (flaws.torn > 0 && (isGap || !opensSegment(entry))) flaws.broken += flaws.torn
    flaws.torn = 0
    last = entry.seq
    if (isBehind(entry, selection)) return
    if (isSelected(entry, selection)) yield { entry, text, segment }
  }
}

function opensSegment({ kind }: Entry): boolean {
  return kind === 'segment.open'
}

/** seq and time never fall: behind the end of a selection there is none of it. */
function isBehind(entry: Entry, { toSeq, toTime }: Selection): boolean {
  return entry.seq > toSeq || (toTime !== null && entry.ts > toTime)
}

/** Where reading begins: the last segment that begins before the time that is asked for. */
function startOf(directory: string, { fromSeq, fromTime }: Selection): number {
  if (fromTime === null) return fromSeq
  const seqs = readdirSync(directory)
    .map(firstSeqOf)
    .filter((seq) => seq !== null)
    .sort((one, other) => one - other)
  let start = 0
  for (const seq of seqs) {
    const first = firstOf(directory, seq)
    if (first === null || first.ts >= fromTime) break
    start = seq
  }
  return Math.max(start, fromSeq)
}

function firstOf(directory: string, seq: number): Entry | null {
  const lines = linesFrom(directory, seq)
  try {
    const { value } = lines.next() as IteratorResult<Stored, void>
    return value?.entry ?? null
  } finally {
    lines.return(undefined)
  }
}
