/** The notes of a ledger as its files hold them: the newest one, the one of a size, and those that hand the key over. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { Failure } from '../../kernel/reasons.ts'
import { noteOf } from '../../ledger/checkpoint.ts'
import { checkpointName } from '../../ledger/checkpoint-file.ts'
import type { Entry } from '../../ledger/entry.ts'
import { type Note, noteBytesMax, parseNote, parseVkey } from '../../ledger/note.ts'
import { genesisOf } from '../../ledger/segment.ts'
import { isVouchedFor, nextKeyIn } from './keys.ts'
import { type Segments, UnsoundEntry } from './segments.ts'

/** A note, and the bytes that say so. */
export interface HeldNote {
  readonly note: Note
  readonly text: string
}

/** Where a writer puts the handover: behind `segment.open` and whatever was waiting just then. */
const handoverEntries = 64

/** Of a file that is read for its note. */
const fileBytesMax = 4 * noteBytesMax

/** The file `checkpoint`; null where there is none, or it holds no note. */
export function noteInFile(directory: string): HeldNote | null {
  try {
    const text = smallFile(`${directory}/${checkpointName}`)
    const note = parseNote(text)
    return typeof note === 'string' ? null : { note, text }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** errors  those of the file system. */
export function smallFile(path: string): string {
  const descriptor = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(Math.min(fileBytesMax, fstatSync(descriptor).size))
    return bytes.toString('utf8', 0, readSync(descriptor, bytes, 0, bytes.length, 0))
  } finally {
    closeSync(descriptor)
  }
}

/** What a ledger's own entries say of its notes. It is to be asked of one ledger at one time. */
export class LedgerNotes {
  readonly origin: string
  /** Of `log.genesis`; empty where it named no key. */
  readonly vkey: string
  readonly #segments: Segments
  /** By how many entries of each segment were looked through for them. */
  readonly #handovers = new Map<number, readonly HeldNote[]>()

  /** errors  UnsoundEntry where there is no `log.genesis`; Failure where it is of another version. */
  constructor(segments: Segments, directory: string) {
    const genesis = segments.entry(0)
    if (genesis === null) throw new UnsoundEntry(0, directory)
    const { origin, vkey } = genesisOf(genesis)
    this.origin = origin
    this.vkey = vkey
    this.#segments = segments
  }

  /**
   * The notes that lead from the ledger's first key to the one that signed a note, ascending; null where none of its
   * keys signed it in its time.
   */
  leadingTo(note: Note): readonly string[] | null {
    // Mostly they stand near the beginning of a segment; where that is not enough, all is looked through.
    for (const most of [handoverEntries, Number.POSITIVE_INFINITY]) {
      const held = this.#handoversWithin(most).filter((one) => one.note.size < note.size)
      const notes = held.map((one) => one.note)
      const first = this.vkey === '' ? adopted(notes) : parseVkey(this.vkey)
      if (first !== null && isVouchedFor(note, first, notes)) return held.map(({ text }) => text)
    }
    return null
  }

  /** The note in an entry of this seq, which is its size, too; null where there is none, or the ledger did not sign it. */
  ofSize(size: number): HeldNote | null {
    const entry = this.#segments.entry(size)
    const held = entry === null ? null : heldIn(entry)
    return held === null || this.leadingTo(held.note) === null ? null : held
  }

  /** The newest checkpoint among the entries that covers more than `above`. */
  newest(above: number): HeldNote | null {
    const ends = [...this.#segments.firsts.slice(1), Number.POSITIVE_INFINITY]
    for (const [at, first] of [...this.#segments.firsts.entries()].reverse()) {
      const range = { from: Math.max(first, above + 1), to: ends[at] ?? 0 }
      if (range.from >= range.to) break
      let found: HeldNote | null = null
      for (const entry of this.#segments.ofKind('checkpoint', range)) found = heldIn(entry) ?? found
      if (found !== null && this.leadingTo(found.note) !== null) return found
    }
    return null
  }

  #handoversWithin(most: number): readonly HeldNote[] {
    const known = this.#handovers.get(most)
    if (known !== undefined) return known
    const { firsts } = this.#segments
    const found = firsts.flatMap((first, at) => {
      const to = Math.min(firsts[at + 1] ?? Number.POSITIVE_INFINITY, first + most)
      const entries = [...this.#segments.ofKind('key.rotate', { from: first, to })]
      return entries.flatMap((entry) => heldIn(entry) ?? [])
    })
    this.#handovers.set(most, found)
    return found
  }
}

/** A ledger whose genesis named no key begins with a note that the new key itself signed. */
function adopted(handovers: readonly Note[]): ReturnType<typeof nextKeyIn> {
  const [first] = handovers
  const key = first === undefined ? null : nextKeyIn(first)
  return first !== undefined && key !== null && isVouchedFor(first, key, []) ? key : null
}

function heldIn(entry: Entry): HeldNote | null {
  if (entry.kind !== 'checkpoint' && entry.kind !== 'key.rotate') return null
  const note = noteOf(entry)
  const { note: text } = entry.data
  if (typeof note === 'string' || typeof text !== 'string' || note.size !== entry.seq) return null
  return { note, text }
}

/** Reads a note that was kept elsewhere; errors: Failure where the file holds none. */
export function keptNote(path: string): HeldNote {
  const text = smallFile(path)
  const note = parseNote(text)
  if (typeof note !== 'string') return { note, text }
  throw new Failure('ledger-unavailable', `${path} holds no checkpoint: ${note}`)
}
