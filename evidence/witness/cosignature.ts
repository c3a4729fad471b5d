/** Cosignatures of checkpoints (c2sp.org/tlog-cosignature, Ed25519, version 1): when a witness saw what, signed. */
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { type Note, rawKeyOf } from '../../ledger/note.ts'

/** A witness's key as auditors pin it: `name+id+base64(0x04 || key)`. */
export interface WitnessKey {
  readonly name: string
  /** Lower-case hex of four bytes. */
  readonly id: string
  readonly key: KeyObject
  /** The form itself. */
  readonly text: string
}

/** Type of an Ed25519 cosignature. */
const cosignatureType = 0x04

/** DER of an Ed25519 SubjectPublicKeyInfo before its 32 bytes (RFC 8410). */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

const timeBytes = 8
const signatureBytes = 64

/** A witness's name: a URL without scheme, as it stands in a note. */
export const witnessName = /^[^+\s\u0000-\u001f\u007f]{1,200}$/

function idOf(name: string, typed: Buffer): string {
  return createHash('sha256').update(`${name}\n`).update(typed).digest('hex').slice(0, 8)
}

/** The text of a witness's key. */
export function witnessKeyText(name: string, publicKey: Uint8Array): string {
  const typed = Buffer.concat([Buffer.of(cosignatureType), publicKey])
  return `${name}+${idOf(name, typed)}+${typed.toString('base64')}`
}

/** Reads a witness's key; null where it is none, or is of another type. */
export function parseWitnessKey(text: string): WitnessKey | null {
  const [, name = '', id = '', encoded = ''] = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text) ?? []
  const typed = Buffer.from(encoded, 'base64')
  if (typed.length !== 33 || typed[0] !== cosignatureType || idOf(name, typed) !== id) return null
  if (typed.toString('base64') !== encoded || !witnessName.test(name)) return null
  const der = Buffer.concat([spkiPrefix, typed.subarray(1)])
  return { name, id, key: createPublicKey({ key: der, format: 'der', type: 'spki' }), text }
}

/** Puts a cosignature on the text of a note; the line ends with its LF. atSeconds  since 1970. */
export function cosign(
  text: string,
  cosigner: { readonly name: string; readonly privateKey: KeyObject },
  atSeconds: number,
): string {
  const { name, privateKey } = cosigner
  const typed = Buffer.concat([Buffer.of(cosignatureType), rawKeyOf(privateKey)])
  const time = Buffer.alloc(timeBytes)
  time.writeBigUInt64BE(BigInt(atSeconds))
  const signature = sign(null, messageOf(text, BigInt(atSeconds)), privateKey)
  const bytes = Buffer.concat([Buffer.from(idOf(name, typed), 'hex'), time, signature])
  return `\u2014 ${name} ${bytes.toString('base64')}\n`
}

/** Seconds since 1970 at which this witness saw the note last, as it says; null where it did not sign it. */
export function cosignedAt(note: Note, key: WitnessKey): number | null {
  let last: number | null = null
  for (const { bytes, id, name } of note.signatures) {
    if (id !== key.id || name !== key.name) continue
    if (bytes.length !== timeBytes + signatureBytes) return null
    const time = bytes.readBigUInt64BE()
    const isOurs = verify(null, messageOf(note.text, time), key.key, bytes.subarray(timeBytes))
    if (!isOurs || time > BigInt(Number.MAX_SAFE_INTEGER)) return null
    last = Math.max(last ?? 0, Number(time))
  }
  return last
}

const messageOf = (text: string, time: bigint): Buffer =>
  Buffer.from(`cosignature/v1\ntime ${time}\n${text}`)
