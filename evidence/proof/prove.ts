/**
 * Proves an entry of a ledger by one of its checkpoints. What is answered was verified by the algorithms of verify.ts
 * against a signed root: an index that is wrong or stale costs time, and never yields a wrong proof.
 */
import { readLine } from '../../ledger/line.ts'
import { isOfIndex, openTiles } from './index-tiles.ts'
import { type HeldNote, LedgerNotes, noteInFile } from './notes.ts'
import { Segments, UnsoundEntry } from './segments.ts'
import type { TlogProof } from './tlog-proof.ts'
import { inclusionRanges, type NodeSource, rootsOf } from './tree.ts'
import { verifyInclusion } from './verify.ts'

export interface ProofPlaces {
  /** Of the ledger. */
  readonly directory: string
  /** The SQLite index, which may be missing; null where it is not to be asked. */
  readonly indexFile: string | null
  readonly progress?: (done: number, total: number) => void
}

/** Where the hashes of a proof came from. */
export type ProofSource = 'index' | 'segments'

/** Why there is no proof, as docs/ledger.md counts exits. */
export interface Unproven {
  readonly proven: false
  /** 1 tampered with or not there, 3 not covered yet, 4 rollback or fork. */
  readonly exit: 1 | 3 | 4
  readonly sentence: string
}

export interface ProvenEntry {
  readonly proven: true
  readonly proof: TlogProof
  /** The entry's LINE without its LF. */
  readonly line: string
  /** Lower-case hex. */
  readonly hash: string
  /** Of the checkpoint. */
  readonly head: { readonly origin: string; readonly size: number; readonly root: string }
  readonly source: ProofSource
  readonly bytesRead: number
}

/** A ledger opened for proving. */
export interface OpenLedger {
  readonly segments: Segments
  readonly notes: LedgerNotes
  /** The file `checkpoint`, where a key of the ledger signed it. */
  readonly published: HeldNote | null
  /** What that file says to cover, whoever signed it: the entry that names its key may be lost with others. */
  readonly covered: number
}

/** errors  those of the file system, UnsoundEntry where the ledger does not begin with `log.genesis`. */
export function openLedger({ directory, progress }: ProofPlaces): OpenLedger {
  // Before the segments: what a note covers was durable before the note.
  const file = noteInFile(directory)
  const segments = new Segments({ directory, progress })
  const notes = new LedgerNotes(segments, directory)
  const isOurs = file !== null && notes.leadingTo(file.note) !== null
  const covered = file?.note.origin === notes.origin ? file.note.size : 0
  return { segments, notes, published: isOurs ? file : null, covered }
}

/**
 * Proves the entry of a seq by the newest checkpoint that covers it, or by the one of a size.
 *
 * errors  those of the file system.
 */
export async function proveEntry(
  places: ProofPlaces,
  asked: { readonly seq: number; readonly size?: number; readonly withLine?: boolean },
): Promise<ProvenEntry | Unproven> {
  try {
    return await proven(places, openLedger(places), asked)
  } catch (error) {
    if (error instanceof UnsoundEntry) return refusal(1, error.message)
    throw error
  }
}

async function proven(
  places: ProofPlaces,
  ledger: OpenLedger,
  asked: { readonly seq: number; readonly size?: number; readonly withLine?: boolean },
): Promise<ProvenEntry | Unproven> {
  const { seq, withLine = false } = asked
  const { notes, segments } = ledger
  const stored = segments.line(seq)
  const entry = stored === null ? null : readLine(stored)
  if (stored === null || entry === null || typeof entry === 'string' || entry.seq !== seq) {
    const behind = rolledBack(ledger, seq)
    return behind ?? refusal(1, new UnsoundEntry(seq, places.directory).message)
  }
  const held = checkpointFor(ledger, asked)
  if (!('note' in held)) return held
  const { note, text } = held
  const claim = {
    index: seq,
    size: note.size,
    leaf: Buffer.from(entry.hash, 'hex'),
    root: Buffer.from(note.root, 'hex'),
  }
  const found = await selfChecked(places, { segments, size: note.size }, (source) => {
    const hashes = rootsOf(source, inclusionRanges(seq, note.size))
    return verifyInclusion({ ...claim, hashes }) ? hashes : null
  })
  if (found === null) {
    const at = `${places.directory}: its entries do not have the root of its checkpoint of ${note.size}`
    return rolledBack(ledger, note.size - 1) ?? refusal(1, `${at}; run haltgate audit verify`)
  }
  const handovers = notes.leadingTo(note) ?? []
  const line = stored.toString('utf8', 0, stored.length - 1)
  const extra = {
    ...(handovers.length === 0 ? {} : { handovers }),
    ...(withLine ? { line } : {}),
  }
  const { origin, root, size } = note
  return {
    proven: true,
    proof: { index: seq, hashes: found.answer, note: text, extra },
    line,
    hash: entry.hash,
    head: { origin, size, root },
    source: found.source,
    bytesRead: segments.bytesRead,
  }
}

/**
 * Asks the index first and the segments then; the first answer that checks itself is taken, null where none does.
 *
 * answer  null where what a source says does not verify.
 */
export async function selfChecked<Answer>(
  places: ProofPlaces,
  tree: { readonly segments: Segments; readonly size: number },
  answer: (source: NodeSource) => Answer | null,
): Promise<{ readonly answer: Answer; readonly source: ProofSource } | null> {
  const { indexFile } = places
  const tiles = indexFile === null ? null : await openTiles(indexFile, tree.size)
  if (tiles !== null) {
    try {
      const fast = answer(tiles)
      if (fast !== null) return { answer: fast, source: 'index' }
    } catch (error) {
      if (!isOfIndex(error)) throw error
    } finally {
      tiles.close()
    }
  }
  try {
    const sure = answer(tree.segments)
    return sure === null ? null : { answer: sure, source: 'segments' }
  } catch (error) {
    if (error instanceof UnsoundEntry) return null
    throw error
  }
}

/** A refusal where the published checkpoint covers an entry that the files do not reach. */
export function rolledBack({ covered, segments }: OpenLedger, seq: number): Unproven | null {
  if (covered <= seq || segments.size >= covered) return null
  const what = `its checkpoint covers ${covered} entries and its files hold ${segments.size}`
  return refusal(4, `the ledger was rolled back: ${what}`)
}

function checkpointFor(
  { notes, published, segments }: OpenLedger,
  { seq, size }: { readonly seq: number; readonly size?: number },
): HeldNote | Unproven {
  if (size !== undefined) {
    const held = published?.note.size === size ? published : notes.ofSize(size)
    return held ?? refusal(1, `the ledger has no checkpoint of size ${size} that its key signed`)
  }
  if (published !== null && published.note.size > seq) return published
  const held = notes.newest(seq)
  if (held !== null) return held
  const many = `entry ${seq} of ${segments.size}`
  return refusal(3, `no checkpoint covers ${many} yet; one comes within ten seconds of a write`)
}

export function refusal(exit: Unproven['exit'], sentence: string): Unproven {
  return { proven: false, exit, sentence }
}
