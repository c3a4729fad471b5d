/** What the entries `checkpoint` and `key.rotate` hold, and what of them is told outside of the ledger. */
import type { Entry } from './entry.ts'
import { type Note, parseNote } from './note.ts'

/** Why a checkpoint was made. */
export const checkpointCauses = ['start', 'cadence', 'idle', 'order'] as const

export type CheckpointCause = (typeof checkpointCauses)[number]

/** Entries between two checkpoints at most: the next one stands at this distance, or nearer. */
export const checkpointEntriesMax = 1_024

/** So long an entry waits for its checkpoint at most, as far as the clock of the gate tells. */
export const checkpointMs = 10_000

/** A ledger that nothing is written to says that it is alive at least so often. */
export const checkpointIdleMs = 60_000

/** Data of `checkpoint`; its note covers the entries before it: its size is the entry's seq. */
export interface CheckpointData {
  readonly at: number
  readonly cause: CheckpointCause
  readonly note: string
}

/**
 * Data of `key.rotate`: the note is a checkpoint of the entries before, signed by the key that ends here, and its one
 * extension line is `haltgate-next-key VKEY`. From the next entry on that key signs. A ledger whose genesis named no key
 * begins with a note that the new key itself signed; it is believed only where an auditor pinned that key.
 */
export interface KeyRotateData {
  readonly at: number
  readonly note: string
  readonly vkey: string
}

/** First word of the extension line that names the next key. */
export const nextKeyWord = 'haltgate-next-key'

/** A checkpoint that is durable: what may be published. */
export interface DurableCheckpoint {
  readonly size: number
  /** Lower-case hex. */
  readonly root: string
  /** The signed note. */
  readonly note: string
  /** Of its entry. */
  readonly seq: number
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Of the entry, or `rotate`, or `close` for the note over a closed ledger, which is in no entry. */
  readonly cause: CheckpointCause | 'rotate' | 'close'
}

/** Reads the note of a `checkpoint` or `key.rotate`; a sentence where there is none. */
export function noteOf(entry: Entry): Note | string {
  const { note } = entry.data
  return typeof note === 'string' ? parseNote(note) : 'it has no note'
}

/** The key that a `key.rotate` brings; empty where it names none, or its note names another. */
export function nextKeyOf(entry: Entry, note: Note): string {
  const { vkey } = entry.data
  if (typeof vkey !== 'string') return ''
  return note.extensions.join('\n') === `${nextKeyWord} ${vkey}` ? vkey : ''
}
