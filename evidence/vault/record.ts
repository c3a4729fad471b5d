/** The lines of a vault's segments: openings sealed under a subject's key, and what is left of erased ones. */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import type { Opening } from './commitment.ts'

/** First member of a segment's first line. */
export const vaultSpec = 'haltgate-vault/1'

/** A line is at most so long: four values of 64 KiB, escaped, encrypted and in base64. */
export const vaultLineBytesMax = 4 * 1024 * 1024

const nonceBytes = 12
const tagBytes = 16

/** What anybody who reads the vault may know of a record. */
export interface Heading {
  /** seq of the last durable entry when it was written: its own entry comes later. */
  readonly after: number
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Ascending. */
  readonly fields: readonly string[]
  /** Id of the key that it is sealed with. */
  readonly key: string
  readonly request: string
  /** Keyed hash of the subject's name. */
  readonly subject: string
}

/** A record as it lies in a segment; `sealed` is null where it was erased. */
export interface VaultRecord extends Heading {
  readonly sealed: { readonly bytes: Buffer; readonly nonce: Buffer } | null
}

/** The first line of a segment: its salt, so that each segment has keys of its own. */
export function segmentHead(salt: Uint8Array): string {
  const text = Buffer.from(salt).toString('base64url')
  return `${JSON.stringify({ salt: text, spec: vaultSpec })}\n`
}

/** The salt of a segment, from its first line; null where that is none. */
export function saltOf(line: string): Buffer | null {
  const head = parsed(line)
  if (head === null || head['spec'] !== vaultSpec || typeof head['salt'] !== 'string') return null
  const salt = Buffer.from(head['salt'], 'base64url')
  return salt.length === 32 ? salt : null
}

/**
 * The key of a subject in one segment. With random nonces of 96 bits no key should seal more than 2^32 records (NIST
 * SP 800-38D, 8.3), and a segment of 64 MiB holds less than 2^19.
 */
export function segmentKey(subjectKey: Uint8Array, salt: Uint8Array): Buffer {
  return createHmac('sha256', subjectKey).update(`${vaultSpec}/segment\0`).update(salt).digest()
}

/** A heading as its line begins, but for the last brace: what the seal binds, so that nothing of it can be changed. */
function headingText({ after, at, fields, key, request, subject }: Heading): string {
  return JSON.stringify({ after, at, fields, key, request, subject }).slice(0, -1)
}

function boundBy(heading: string): Buffer {
  return Buffer.from(`${vaultSpec}\0${heading}`)
}

/** Seals the openings of one decision, by field, and answers the line. */
export function sealedLine(
  heading: Heading,
  openings: Readonly<Record<string, Opening>>,
  { key, nonce }: { readonly key: Uint8Array; readonly nonce: Uint8Array },
): string {
  const text = headingText(heading)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(boundBy(text))
  const first = cipher.update(JSON.stringify(openings), 'utf8')
  const sealed = Buffer.concat([first, cipher.final(), cipher.getAuthTag()]).toString('base64url')
  return `${text},"nonce":"${Buffer.from(nonce).toString('base64url')}","sealed":"${sealed}"}\n`
}

/** The openings of a record; null where the key is another, or anything of it was changed. */
export function opened(
  record: VaultRecord,
  key: Uint8Array,
): Readonly<Record<string, Opening>> | null {
  if (record.sealed === null) return null
  const { bytes, nonce } = record.sealed
  const split = bytes.length - tagBytes
  if (split < 0 || nonce.length !== nonceBytes) return null
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
    decipher.setAAD(boundBy(headingText(record)))
    decipher.setAuthTag(bytes.subarray(split))
    const first = decipher.update(bytes.subarray(0, split))
    return openingsOf(Buffer.concat([first, decipher.final()]).toString('utf8'))
  } catch {
    // The tag is another: node says so by an error without a code of its own.
    return null
  }
}

function openingsOf(text: string): Readonly<Record<string, Opening>> | null {
  const read = parsed(text)
  if (read === null) return null
  const openings: Record<string, Opening> = {}
  for (const [field, one] of Object.entries(read)) {
    if (typeof one !== 'object' || one === null || !('salt' in one) || !('value' in one))
      return null
    const { salt, value } = one
    if (typeof salt !== 'string' || typeof value !== 'string') return null
    openings[field] = { salt, value }
  }
  return openings
}

/** What is left of a record whose subject was erased: that it was there, and of which entry. */
export function erasedLine(heading: Heading): string {
  return `${headingText(heading)},"erased":true}\n`
}

/** Reads a line behind the first; null where it is no record. */
export function parseRecord(line: string): VaultRecord | null {
  const read = parsed(line)
  if (read === null) return null
  const { after, at, fields, key, nonce, request, sealed, subject } = read
  if (!isCount(after) || !isCount(at) || !isFields(fields)) return null
  if (typeof key !== 'string' || typeof request !== 'string' || typeof subject !== 'string') {
    return null
  }
  const heading = { after, at, fields, key, request, subject }
  if (read['erased'] === true) return { ...heading, sealed: null }
  if (typeof nonce !== 'string' || typeof sealed !== 'string') return null
  const bytes = Buffer.from(sealed, 'base64url')
  return { ...heading, sealed: { bytes, nonce: Buffer.from(nonce, 'base64url') } }
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value)

const isFields = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string')

function parsed(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const read: unknown = JSON.parse(line)
    if (typeof read !== 'object' || read === null || Array.isArray(read)) return null
    return read as Readonly<Record<string, unknown>>
  } catch {
    return null
  }
}
