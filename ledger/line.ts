/** One line of the ledger: how an entry becomes bytes, and how bytes become an entry or are refused. */
import { hash } from 'node:crypto'
import { assert } from '../kernel/contract.ts'
import { CanonicalWriter } from './canonical.ts'
import type { Actor, Entry } from './entry.ts'
import { unavailable } from './failure.ts'
import { hasTrailer, Scanner } from './scan.ts'

/** Bytes of a LINE, its LF included. */
export const lineBytesMax = 65_535

/** `,"hash":"`, 64 digits, `"}` and LF: what a LINE has behind BODY without its last brace. */
export const tailBytes = 76

/** `prev` of the entry with seq 0. */
export const noHash = '0'.repeat(64)

/** What a line says beside its hash. */
export interface Envelope {
  readonly actor: Actor
  /** ULID of the start of the writer. */
  readonly boot: string
  readonly data: object
  readonly kind: string
  readonly prev: string
  readonly seq: number
  readonly ts: string
}

const actorMembers: ReadonlySet<string> = new Set([
  'agent',
  'key',
  'principal',
  'project',
  'run',
  'tenant',
])

/** One for all lines, since the turn that begins a line also ends it. */
const writer = new CanonicalWriter()

/**
 * Writes a LINE at an offset, and answers its bytes and its hash.
 *
 * offset   at least 1: the byte before it is borrowed for the 0x00 of RFC 6962, and given back.
 * asserts  the entry is canonical (see canonical.ts), its actor has ids of the six names, the line has at most
 *          65,535 bytes; where that fails, nothing before the offset has changed.
 * source   RFC 6962 section 2.1: the hash of a leaf is SHA-256(0x00 || leaf).
 */
export function writeLine(
  buffer: Buffer,
  offset: number,
  envelope: Envelope,
): { readonly bytes: number; readonly hash: string } {
  const { actor, boot, data, kind, prev, seq, ts } = envelope
  const borrowed = buffer[offset - 1]
  assert(borrowed !== undefined, 'the byte before a line exists')
  for (const name in actor) {
    assert(actorMembers.has(name), 'an actor has agent, key, principal, project, run, tenant')
    assert(typeof actor[name as keyof Actor] === 'string', 'an id of an actor is a string')
  }
  assert(!Array.isArray(data), 'the data of an entry is an object')
  writer.begin(buffer, offset, Math.min(buffer.length, offset + lineBytesMax))
  writer.ascii('{"actor":')
  writer.value(actor, 2)
  writer.ascii(',"boot":"')
  writer.ascii(boot)
  writer.ascii('","data":')
  writer.value(data, 2)
  writer.ascii(',"kind":"')
  writer.ascii(kind)
  writer.ascii('","prev":"')
  writer.ascii(prev)
  writer.ascii('","seq":')
  writer.ascii(String(seq))
  writer.ascii(',"ts":"')
  writer.ascii(ts)
  writer.ascii('","v":1}')
  const end = writer.at
  buffer[offset - 1] = 0x00
  const leaf = hash('sha256', buffer.subarray(offset - 1, end), 'hex')
  buffer[offset - 1] = borrowed
  writer.begin(buffer, end - 1, Math.min(buffer.length, offset + lineBytesMax))
  writer.ascii(',"hash":"')
  writer.ascii(leaf)
  writer.ascii('"}\n')
  return { bytes: writer.at - offset, hash: leaf }
}

/** A LINE by itself, its LF included: for entries outside a batch, and for tests. */
export function formatLine(envelope: Envelope): { readonly line: Buffer; readonly hash: string } {
  const buffer = Buffer.alloc(1 + lineBytesMax)
  const written = writeLine(buffer, 1, envelope)
  return { line: Buffer.from(buffer.subarray(1, 1 + written.bytes)), hash: written.hash }
}

const scanner = new Scanner()

/** 0x00 and BODY of the line that is being read. */
const preimage = Buffer.alloc(lineBytesMax + 1)

/**
 * Reads one LINE, its LF included: form, hash, canonical text and envelope; not its place in the chain. Answers
 * what is wrong with it, without the place, where it is no entry.
 */
export function readLine(bytes: Buffer): Entry | string {
  if (bytes.length > lineBytesMax) return `it is longer than ${lineBytesMax} bytes`
  const end = bytes.length - tailBytes
  if (end <= 0 || bytes[bytes.length - 1] !== 0x0a || !hasTrailer(bytes, 0, bytes.length - 1)) {
    return 'it does not end with a hash'
  }
  const leaf = bytes.toString('latin1', end + 9, end + 73)
  bytes.copy(preimage, 1, 0, end)
  preimage[0] = 0x00
  preimage[end + 1] = 0x7d
  if (hash('sha256', preimage.subarray(0, end + 2), 'hex') !== leaf) {
    return 'its hash does not match its bytes'
  }
  if (!scanner.envelope(preimage, 1, end + 2)) {
    return 'it is not canonical JSON, or its members are not those of an entry'
  }
  if (scanner.version !== 1) {
    return `it is of version ${scanner.version}; this program reads version 1`
  }
  return scanner.entry(leaf)
}

/** The entry of a LINE; errors: Failure that says what is wrong with it. */
export function parseLine(bytes: Buffer): Entry {
  const entry = readLine(bytes)
  if (typeof entry === 'string') throw unavailable(entry)
  return entry
}
