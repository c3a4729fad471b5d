/** Bearer tokens and roles: who may ask what, compared in constant time, and bounded in failures. */
import { createHash, timingSafeEqual } from 'node:crypto'

/** viewer reads; operator reads and orders; approver and auditor read, and have duties of their own. */
export type Role = 'viewer' | 'operator' | 'approver' | 'auditor'

/** What a route asks for: nothing, any role, or the operator's. */
export type Access = 'open' | 'read' | 'order'

export interface TokenTerms {
  readonly token: string
  readonly role: Role
}

const orders: Readonly<Record<Role, boolean>> = {
  viewer: false,
  operator: true,
  approver: false,
  auditor: false,
}

export function mayOrder(role: Role): boolean {
  return orders[role]
}

const bearerPattern = /^Bearer +([A-Za-z0-9._~+/-]{1,512}=*)$/i

const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest()

/** Keeps digests only: a token is not to be found in this process's heap by way of this room. */
export class Tokens {
  readonly #known: readonly { readonly digest: Buffer; readonly role: Role }[]

  constructor(tokens: readonly TokenTerms[]) {
    this.#known = tokens.map(({ token, role }) => ({ digest: digestOf(token), role }))
  }

  /** The role of an Authorization header; null where it shows no known token. Looks at every token, always. */
  roleOf(authorization: string | undefined): Role | null {
    const shown = bearerPattern.exec(authorization ?? '')?.[1]
    if (shown === undefined) return null
    const digest = digestOf(shown)
    let found: Role | null = null
    for (const known of this.#known) {
      if (timingSafeEqual(known.digest, digest)) found = known.role
    }
    return found
  }
}

/**
 * Counts wrong tokens in a fixed window. It only changes what a wrong token is answered: a right one always
 * passes, or an agent beside the gate could lock its operator out of `halt` by guessing.
 */
export class FailedTokens {
  readonly #max: number
  readonly #windowMs: number
  #since = 0
  #count = 0

  constructor(max: number, windowMs: number) {
    this.#max = max
    this.#windowMs = windowMs
  }

  /** Notes a failure at an instant; whole seconds to wait where there were too many, else null. */
  note(nowMs: number): number | null {
    if (nowMs - this.#since >= this.#windowMs) {
      this.#since = nowMs
      this.#count = 0
    }
    this.#count += 1
    if (this.#count <= this.#max) return null
    return Math.max(1, Math.ceil((this.#since + this.#windowMs - nowMs) / 1000))
  }
}
