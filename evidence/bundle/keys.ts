/** The keys of a log over its life, as its entries name them, and how they are written down for openssl. */
import { nextKeyOf } from '../../ledger/checkpoint.ts'
import type { Entry } from '../../ledger/entry.ts'
import { isSignedBy, type Note, parseVkey } from '../../ledger/note.ts'

/** A key, and the notes that it may sign: those of sizes above `above`, up to the next key. */
export interface KeySpan {
  readonly vkey: string
  readonly above: number
}

/** A note by which one key hands over to the next. */
export interface Handover {
  readonly seq: number
  readonly note: string
}

/** Follows the keys from the genesis on. */
export class KeyChain {
  readonly spans: KeySpan[] = []
  readonly handovers: Handover[] = []

  /** vkey  of `log.genesis`; empty where it named none. */
  constructor(vkey: string) {
    if (vkey !== '') this.spans.push({ vkey, above: -1 })
  }

  /** Takes a `key.rotate` over; false where the key in force did not sign it. */
  rotate(entry: Entry, note: Note): boolean {
    const next = nextKeyOf(entry, note)
    if (parseVkey(next) === null) return false
    // A log that began without a key adopts the first one that signs for itself.
    if (this.spans.length === 0) this.spans.push({ vkey: next, above: -1 })
    if (!this.isSigned(note)) return false
    if (this.spans.at(-1)?.vkey !== next) this.spans.push({ vkey: next, above: entry.seq })
    const { note: text } = entry.data
    if (typeof text === 'string') this.handovers.push({ seq: entry.seq, note: text })
    return true
  }

  /** The key in force at a note's size; null where there is none. */
  keyFor(size: number): string | null {
    return this.spans.findLast(({ above }) => above < size)?.vkey ?? null
  }

  isSigned(note: Note): boolean {
    const key = parseVkey(this.keyFor(note.size) ?? '')
    return key !== null && isSignedBy(note, key)
  }
}

/** A key in PEM; empty for what is none. */
export function pemOf(vkey: string): string {
  return String(parseVkey(vkey)?.key.export({ format: 'pem', type: 'spki' }) ?? '')
}
