/** What of a request is committed to: the gate's port, answered by a vault. */
import type { RequestFacts } from '../../kernel/request.ts'
import type { VaultField } from './commitment.ts'
import { subjectOf } from './layout.ts'
import type { Commitments, Vault } from './vault.ts'

/** Of a longer body no bytes are kept; its hash is. */
const bodyBytesMax = 64 * 1024

/** What a decision is about and its entry does not hold. */
export interface Committed {
  readonly facts: RequestFacts
  /** 64 hex digits: SHA-256 of the body as it will be forwarded; null where nobody had to know it. */
  readonly bodyHash: () => string | null
  /** The bytes themselves; null or absent where nobody had to read them. */
  readonly bodyBytes?: () => Uint8Array | null
  /** seq of the last durable entry. */
  readonly after: number
}

/**
 * Commits to what there is of a request, and only to that; answers null where it is nothing.
 *
 * errors  of the function: Failure, where the vault cannot keep it; then nothing may be decided.
 */
export function committing(vault: Vault): (committed: Committed) => Commitments | null {
  const { fields } = vault
  return ({ after, bodyBytes, bodyHash, facts }) => {
    const values: Partial<Record<VaultField, string>> = {}
    const hash = fields.has('body') ? bodyHash() : null
    if (hash !== null) values.body = hash
    const bytes = fields.has('body-bytes') ? (bodyBytes?.() ?? null) : null
    if (bytes !== null && bytes.length <= bodyBytesMax) {
      values['body-bytes'] = Buffer.from(bytes).toString('base64')
    }
    const { principal, query, id: request } = facts
    if (fields.has('principal') && principal.actor !== null) values.principal = principal.actor
    if (fields.has('query') && query !== '') values.query = query
    for (const _ in values) {
      return vault.commit({ request, subject: subjectOf(principal), after }, values)
    }
    return null
  }
}
