/** Segment files: their names, and what `log.genesis` and `segment.open`, their first entries, say. */
import { Failure } from '../kernel/reasons.ts'
import type { Entry } from './entry.ts'

/** Bytes at which a segment is closed, where no other size is asked for. */
export const segmentBytesDefault = 64 * 1024 * 1024

/** The first entry of all: with `origin` and `log_id`, the root of trust that auditors pin. */
export interface GenesisData {
  readonly created_by: string
  readonly hash: 'sha256-rfc6962-leaf'
  /** 16 random bytes, hex. */
  readonly log_id: string
  /** URL without scheme. */
  readonly origin: string
  readonly spec: 'haltgate-ledger/1'
  /** Verifying key of the first checkpoints; empty where they are not signed. */
  readonly vkey: string
}

/** Bytes named by their length and their SHA-256, lower-case hex. */
export interface Digest {
  readonly bytes: number
  readonly sha256: string
}

/** First entry of every later segment; members in the order of the line. */
export interface SegmentOpenData {
  /** True where the segment before ended in order: with `boot.close`, or by rotation. */
  readonly clean: boolean
  /** seq of this entry, and the number in the file's name. */
  readonly first_seq: number
  /** Roots of the perfect subtrees over the entries before this one, the largest first. */
  readonly frontier: readonly string[]
  /** The file before, without its torn tail: `bytes` from its start, their SHA-256, its name. */
  readonly previous: Digest & { readonly name: string }
  /** The state that follows from every entry before this one. */
  readonly snapshot: { readonly name: string; readonly sha256: string }
  /** Bytes that a crash left behind the last whole line of the file before; null where there are none. */
  readonly torn: Digest | null
  /** Number of entries before this one. */
  readonly tree_size: number
  /** Key of the checkpoints that is in force here; empty where they are not signed. */
  readonly vkey: string
}

const namePattern = /^ledger-(\d{15})\.jsonl$/

/** Name of the file whose first entry has this seq. */
export function segmentName(firstSeq: number): string {
  return `ledger-${String(firstSeq).padStart(15, '0')}.jsonl`
}

/** Name of the state that follows from every entry before this seq. */
export function snapshotName(firstSeq: number): string {
  return `snapshot-${String(firstSeq).padStart(15, '0')}.json`
}

/** The first seq that a segment's name promises; null for any other file. */
export function firstSeqOf(name: string): number | null {
  const digits = namePattern.exec(name)?.[1]
  return digits === undefined ? null : Number(digits)
}

/** Reads the data of a verified `log.genesis`; errors: Failure for an unknown version or a wrong form. */
export function genesisOf(entry: Entry): GenesisData {
  const { created_by, hash, log_id, origin, spec, vkey } = entry.data
  if (entry.kind !== 'log.genesis' || entry.seq !== 0) throw wrong('it is not log.genesis at seq 0')
  if (spec !== 'haltgate-ledger/1') {
    throw wrong(`it is of ${String(spec)}; this program reads haltgate-ledger/1`)
  }
  if (
    hash !== 'sha256-rfc6962-leaf' ||
    typeof created_by !== 'string' ||
    typeof log_id !== 'string' ||
    typeof origin !== 'string' ||
    typeof vkey !== 'string'
  ) {
    throw wrong('its log.genesis is not of the known form')
  }
  return { created_by, hash, log_id, origin, spec, vkey }
}

/** Reads the data of a verified `segment.open`; errors: Failure for any other kind or form. */
export function segmentOpenOf(entry: Entry): SegmentOpenData {
  const { clean, first_seq, frontier, previous, snapshot, torn, tree_size, vkey } = entry.data
  const named = digestOf(previous)
  const tail = torn === null ? null : digestOf(torn)
  const file = record(snapshot)
  const hashes = Array.isArray(frontier) ? frontier.filter(isHash) : []
  if (
    entry.kind !== 'segment.open' ||
    typeof clean !== 'boolean' ||
    first_seq !== entry.seq ||
    tree_size !== entry.seq ||
    !Array.isArray(frontier) ||
    hashes.length !== frontier.length ||
    named === null ||
    (torn !== null && tail === null) ||
    file?.['name'] !== snapshotName(entry.seq) ||
    !isHash(file['sha256']) ||
    // Segments of before checkpoints were signed have none.
    (vkey !== undefined && typeof vkey !== 'string')
  ) {
    throw wrong('it is not segment.open of the known form')
  }
  const name = record(previous)?.['name']
  if (typeof name !== 'string' || firstSeqOf(name) === null)
    throw wrong('its segment.open does not name the file before')
  return {
    clean,
    first_seq: entry.seq,
    frontier: hashes,
    previous: { ...named, name },
    snapshot: { name: snapshotName(entry.seq), sha256: file['sha256'] },
    torn: tail,
    tree_size: entry.seq,
    vkey: vkey ?? '',
  }
}

function digestOf(value: unknown): Digest | null {
  const { bytes, sha256 } = record(value) ?? {}
  if (!Number.isSafeInteger(bytes) || typeof bytes !== 'number' || !isHash(sha256)) return null
  return { bytes, sha256 }
}

function record(value: unknown): Readonly<Record<string, unknown>> | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  return value as Readonly<Record<string, unknown>>
}

function isHash(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

function wrong(sentence: string): Failure {
  return new Failure('ledger-unavailable', sentence)
}
