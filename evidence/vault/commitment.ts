/** Salted commitments: what an entry says of a value so that nobody can guess it, and its opening proves it. */
import { createHmac } from 'node:crypto'

/** What can be committed to; `body` is its SHA-256 as hex, `body-bytes` its bytes as base64. */
export const vaultFields = ['body', 'body-bytes', 'principal', 'query'] as const

export type VaultField = (typeof vaultFields)[number]

/** Bytes of a salt: as many as the hash has, so that a salt cannot be guessed before its value. */
export const saltBytes = 32

/** A value and the salt that it was committed to with: whoever has both can compute the commitment. */
export interface Opening {
  /** base64url of 32 bytes. */
  readonly salt: string
  readonly value: string
}

/**
 * The commitment to a value: 43 characters.
 *
 * source  HMAC-SHA-256(salt, "haltgate-ledger/1/commit\0" || field || "\0" || value), base64url; a field has no NUL, so
 *         that no two pairs of field and value are the same text.
 */
export function commitmentOf(salt: Uint8Array, field: string, value: string): string {
  return createHmac('sha256', salt)
    .update(`haltgate-ledger/1/commit\0${field}\0${value}`)
    .digest('base64url')
}

/** True where this opening is what the commitment was made of. */
export function opens(commitment: string, field: string, { salt, value }: Opening): boolean {
  const bytes = Buffer.from(salt, 'base64url')
  return bytes.length === saltBytes && commitmentOf(bytes, field, value) === commitment
}

/** The member of `commitments` in an entry, whose keys have no hyphen. */
export function memberOf(field: string): string {
  return field.replaceAll('-', '_')
}

/** Reads `query,body`; a sentence where it is no list of fields. */
export function parseFields(text: string): readonly VaultField[] | string {
  const fields: VaultField[] = []
  for (const word of text.split(',')) {
    const field = vaultFields.find((one) => one === word.trim())
    if (field === undefined) return `'${word.trim()}' is none of ${vaultFields.join(', ')}`
    if (!fields.includes(field)) fields.push(field)
  }
  return fields.sort()
}
