/** The first pass over a ledger: which note covers it, which keys it had, and what of it somebody asked for. */
import { Failure } from '../../kernel/reasons.ts'
import { noteOf } from '../../ledger/checkpoint.ts'
import type { Entry, Receipt } from '../../ledger/entry.ts'
import { Frontier } from '../../ledger/frontier.ts'
import { noHash } from '../../ledger/line.ts'
import { type GenesisData, segmentOpenOf } from '../../ledger/segment.ts'
import { genesisIn } from '../export/export.ts'
import { everything, noFlaws, type SoundLine, selectedLines } from '../export/select.ts'
import { type HeldNote, noteInFile } from '../proof/notes.ts'
import { type Handover, KeyChain, type KeySpan } from './keys.ts'

export interface SurveyedSegment {
  readonly name: string
  readonly firstSeq: number
  /** Name of the snapshot that its `segment.open` binds; empty in the first one. */
  readonly snapshot: string
  lastSeq: number
  /** Behind its last sound line. */
  end: number
}

export interface Survey {
  readonly genesis: GenesisData
  readonly head: Receipt
  /** Root over all entries. */
  readonly root: string
  readonly segments: readonly SurveyedSegment[]
  /** The newest note that the key in force signed over this very tree; null where nothing is signed. */
  readonly held: HeldNote | null
  readonly keys: readonly KeySpan[]
  readonly handovers: readonly Handover[]
  /** Lines behind the last sound one. */
  readonly torn: number
}

/** Told of each sound line, in order. */
type Visit = (line: SoundLine) => void

/**
 * Reads the whole ledger once, each line by itself and in the chain, and tells `visit` of every entry.
 *
 * errors  Failure where it is broken, rolled back or forked: what is packed must be sound. Those of the file system.
 */
export function survey(directory: string, visit: Visit): Survey {
  // Before the entries: what a writer adds meanwhile makes it no less true.
  const published = noteInFile(directory)
  const genesis = genesisIn(directory)
  const walk = new Walk(directory, genesis, published)
  const flaws = noFlaws()
  for (const line of selectedLines(directory, everything, flaws)) {
    walk.take(line)
    visit(line)
  }
  if (flaws.broken > 0) throw unsound(directory, `${flaws.broken} lines of it are broken`)
  return { ...walk.found(), genesis, torn: flaws.torn }
}

class Walk {
  readonly #directory: string
  readonly #frontier = new Frontier(0, [])
  readonly #segments: SurveyedSegment[] = []
  readonly #keys: KeyChain
  readonly #published: HeldNote | null
  #publishedRoot = ''
  #newest: HeldNote | null = null
  #head: Receipt = { seq: -1, hash: noHash }

  constructor(directory: string, genesis: GenesisData, published: HeldNote | null) {
    this.#directory = directory
    this.#published = published
    this.#keys = new KeyChain(genesis.vkey)
  }

  take({ entry, segment, text }: SoundLine): void {
    const { hash, kind, prev, seq } = entry
    if (seq !== this.#head.seq + 1 || prev !== this.#head.hash) {
      throw unsound(this.#directory, `entry ${seq} does not follow the one before it`)
    }
    if (kind === 'checkpoint' || kind === 'key.rotate') this.#note(entry)
    this.#frontier.push(hash)
    this.#head = { seq, hash }
    if (this.#frontier.size === this.#published?.note.size) {
      this.#publishedRoot = this.#frontier.root()
    }
    let current = this.#segments.at(-1)
    if (current?.name !== segment) {
      const snapshot = kind === 'segment.open' ? segmentOpenOf(entry).snapshot.name : ''
      current = { name: segment, firstSeq: seq, snapshot, lastSeq: seq, end: 0 }
      this.#segments.push(current)
    }
    current.lastSeq = seq
    current.end += Buffer.byteLength(text) + 1
  }

  #note(entry: Entry): void {
    const note = noteOf(entry)
    const { note: text } = entry.data
    const where = `the note of entry ${entry.seq}`
    if (typeof note === 'string' || typeof text !== 'string') {
      throw unsound(this.#directory, `${where} cannot be read`)
    }
    const isRight = note.size === entry.seq && note.root === this.#frontier.root()
    const isSigned =
      entry.kind === 'key.rotate' ? this.#keys.rotate(entry, note) : this.#keys.isSigned(note)
    if (!isRight) throw unsound(this.#directory, `${where} is of another tree`)
    if (!isSigned) throw unsound(this.#directory, `${where} is not signed by the key in force`)
    this.#newest = { note, text }
  }

  found(): Omit<Survey, 'genesis' | 'torn'> {
    const published = this.#published
    if (published !== null) {
      const { origin, root, size } = published.note
      if (size > this.#frontier.size) {
        const many = `it covers ${size} entries and there are ${this.#frontier.size}`
        throw unsound(this.#directory, `its file checkpoint says that it was rolled back: ${many}`)
      }
      if (root !== this.#publishedRoot || !this.#keys.isSigned(published.note)) {
        throw unsound(this.#directory, `its file checkpoint, of ${origin}, is of another tree`)
      }
    }
    const isPublished = (published?.note.size ?? -1) >= (this.#newest?.note.size ?? 0)
    return {
      head: this.#head,
      root: this.#frontier.root(),
      segments: this.#segments,
      held: isPublished ? published : this.#newest,
      keys: this.#keys.spans,
      handovers: this.#keys.handovers,
    }
  }
}

function unsound(directory: string, why: string): Failure {
  const way = 'run haltgate audit verify, and keep the files as they are'
  return new Failure('ledger-unavailable', `nothing was packed: in ${directory}, ${why}; ${way}`)
}
