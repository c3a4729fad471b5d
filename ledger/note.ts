/**
 * Checkpoints as signed notes (c2sp.org/signed-note, c2sp.org/tlog-checkpoint): their text, their keys, and who signed.
 * Knows nothing of files and entries.
 */
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'

/** What a checkpoint says: the first lines of its text. */
export interface TreeHead {
  /** Name of the log, and of the keys that sign for it: a URL without scheme. */
  readonly origin: string
  /** Number of leaves: the checkpoint covers the entries 0 to size - 1. */
  readonly size: number
  /** Lower-case hex of the root over them; for size 0 the SHA-256 of nothing. */
  readonly root: string
}

/** A line below the text: who signed, and what. */
export interface NoteSignature {
  readonly name: string
  /** First four bytes of the key's hash, lower-case hex. */
  readonly id: string
  readonly bytes: Buffer
}

export interface Note extends TreeHead {
  /** Lines behind the root, without their LF. */
  readonly extensions: readonly string[]
  /** What is signed: all lines up to the blank one, each with its LF. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

/** A verifying key of the form `name+id+base64`, as auditors pin it. */
export interface VerifyingKey {
  readonly name: string
  readonly id: string
  readonly key: KeyObject
  /** The form itself. */
  readonly text: string
}

/** A private key, and the name under which it signs. */
export interface Signer {
  readonly vkey: string
  sign(text: string): Buffer
}

/** Ed25519 in C2SP's list of signature types. */
const ed25519 = 0x01

/** A note is at most so long; a checkpoint with ten cosignatures has 2 KiB. */
export const noteBytesMax = 16_384

const signaturesMax = 100

/** DER of an Ed25519 SubjectPublicKeyInfo before its 32 bytes (RFC 8410). */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

/** The raw 32 bytes of an Ed25519 key's public half. */
export function rawKeyOf(key: KeyObject): Buffer {
  const open = key.type === 'public' ? key : createPublicKey(key)
  return open.export({ format: 'der', type: 'spki' }).subarray(spkiPrefix.length)
}

/** A verifying key's text: `name+id+base64(0x01 || key)`. */
export function vkeyOf(name: string, publicKey: Uint8Array): string {
  const typed = Buffer.concat([Buffer.of(ed25519), publicKey])
  return `${name}+${keyId(name, typed)}+${typed.toString('base64')}`
}

/** Hash of name, LF, type and key, its first four bytes in hex (c2sp.org/signed-note). */
function keyId(name: string, typed: Uint8Array): string {
  return createHash('sha256').update(`${name}\n`).update(typed).digest('hex').slice(0, 8)
}

/** Reads a verifying key; null where it is none, or is of another type than Ed25519. */
export function parseVkey(text: string): VerifyingKey | null {
  const [, name = '', id = '', encoded = ''] = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text) ?? []
  const typed = decoded(encoded)
  if (typed?.length !== 33 || typed[0] !== ed25519 || keyId(name, typed) !== id) return null
  const der = Buffer.concat([spkiPrefix, typed.subarray(1)])
  return { name, id, key: createPublicKey({ key: der, format: 'der', type: 'spki' }), text }
}

/** Signs with a private Ed25519 key under a name. */
export function signerOf(name: string, privateKey: KeyObject): Signer {
  return {
    vkey: vkeyOf(name, rawKeyOf(privateKey)),
    sign: (text) => sign(null, Buffer.from(text), privateKey),
  }
}

/** The text of a checkpoint: origin, size, root, extension lines. */
export function noteText(head: TreeHead, extensions: readonly string[] = []): string {
  const root = Buffer.from(head.root, 'hex').toString('base64')
  return `${[head.origin, head.size, root, ...extensions].join('\n')}\n`
}

/** The note: the text, a blank line, and the signature of its own log. */
export function signNote(text: string, signer: Signer): string {
  const [name = '', id = ''] = signer.vkey.split('+')
  const signature = Buffer.concat([Buffer.from(id, 'hex'), signer.sign(text)])
  return `${text}\n\u2014 ${name} ${signature.toString('base64')}\n`
}

/** Reads a note; a sentence where it is none. Nothing is verified yet. */
export function parseNote(note: string): Note | string {
  if (note.length > noteBytesMax) return `it is longer than ${noteBytesMax} characters`
  const split = note.lastIndexOf('\n\n')
  if (split < 0) return 'it has no blank line before its signatures'
  const text = note.slice(0, split + 1)
  const below = note.slice(split + 2)
  if (!note.isWellFormed() || /[\u0000-\u0009\u000b-\u001f\u007f]/.test(note)) {
    return 'it has control characters'
  }
  const [origin = '', size = '', root = '', ...extensions] = text.slice(0, -1).split('\n')
  const hash = decoded(root)
  if (origin === '') return 'it names no origin'
  if (!/^(0|[1-9]\d{0,14})$/.test(size)) return `its size is '${size}'`
  if (hash?.length !== 32) return 'its root is not 32 bytes in base64'
  if (extensions.includes('')) return 'it has a blank line in its text'
  if (!below.endsWith('\n')) return 'its last line does not end'
  const lines = below.slice(0, -1).split('\n')
  if (lines.length > signaturesMax) return `it has more than ${signaturesMax} signatures`
  const signatures: NoteSignature[] = []
  for (const line of lines) {
    const [, name = '', encoded = ''] = /^\u2014 ([^+\s]+) (\S+)$/.exec(line) ?? []
    const bytes = decoded(encoded)
    if (bytes === null || bytes.length < 5) return 'a line of its signatures has not their form'
    signatures.push({ name, id: bytes.toString('hex', 0, 4), bytes: bytes.subarray(4) })
  }
  const head = { origin, size: Number(size), root: hash.toString('hex') }
  return { ...head, extensions, text, signatures }
}

/** True where this key signed the note, and no line of the same key is wrong. */
export function isSignedBy(note: Note, key: VerifyingKey): boolean {
  const own = note.signatures.filter(({ id, name }) => id === key.id && name === key.name)
  if (own.length === 0) return false
  const text = Buffer.from(note.text)
  return own.every(({ bytes }) => bytes.length === 64 && verify(null, text, key.key, bytes))
}

/** Standard base64 with padding, and nothing that decodes to the same by another spelling. */
function decoded(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64')
  return text !== '' && bytes.toString('base64') === text ? bytes : null
}
