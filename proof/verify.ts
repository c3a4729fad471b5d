/** Verifies what others signed: statements of the policy's issuers, and the gate's own capability tokens. */
import {
  type CryptoKey,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  importJWK,
  type JWTPayload,
  jwtVerify,
} from 'jose'
import type { FactMap } from '../kernel/content.ts'
import type { Proof } from '../kernel/domain.ts'
import type { IssuerTerms } from '../kernel/policy.ts'
import type { ReasonCode } from '../kernel/reasons.ts'

/** Characters of a header of statements, and how many it may hold: each costs a verification. */
export const statementCharactersMax = 16_384
export const statementsMax = 8

/** Claims of one statement that become facts, and characters of each. */
const claimsMax = 64
const claimCharactersMax = 1_024

export type Proved =
  | { readonly ok: true; readonly proofs: readonly Proof[] }
  | {
      readonly ok: false
      readonly code: Extract<ReasonCode, `proof-${string}` | `capability-${string}`>
      readonly message: string
    }

/** What a header showed, and by whose keys it is verified. */
export interface Shown {
  /** Value of `Haltgate-Proof`: compact JWS, separated by commas; null where there is none. */
  readonly statements: string | null
  /** Value of `Haltgate-Capability`: one JWT; null where there is none. */
  readonly capability: string | null
}

/** Public keys by issuer; imported once for a policy. */
export class Verifier {
  readonly #issuers: ReadonlyMap<string, IssuerTerms>
  readonly #keys = new Map<string, Promise<CryptoKey>>()
  readonly #own: IssuerTerms

  /** own  the gate's issuer of capability tokens: its name and public key. */
  constructor(issuers: ReadonlyMap<string, IssuerTerms>, own: IssuerTerms) {
    this.#issuers = issuers
    this.#own = own
  }

  /**
   * Verifies everything that was shown; one bad statement refuses all, since somebody meant it to count.
   *
   * at  milliseconds since the epoch, by which they have expired or not.
   */
  async verify({ statements, capability }: Shown, at: number): Promise<Proved> {
    const proofs: Proof[] = []
    const texts = statements === null ? [] : statements.split(',').map((text) => text.trim())
    if ((statements?.length ?? 0) > statementCharactersMax || texts.length > statementsMax) {
      const message = `Haltgate-Proof holds ${statementsMax} statements at most.`
      return { ok: false, code: 'proof-invalid', message }
    }
    for (const text of texts) {
      const proved = await this.#statement(text, at)
      if ('ok' in proved) return proved
      proofs.push(proved)
    }
    if (capability !== null) {
      const proved = await this.#capability(capability.trim(), at)
      if ('ok' in proved) return proved
      proofs.push(proved)
    }
    return { ok: true, proofs }
  }

  async #statement(text: string, at: number): Promise<Proof | Failed> {
    const issuer = this.#issuers.get(issuerOf(text))
    if (issuer === undefined) {
      return failed('proof-invalid', 'A statement in Haltgate-Proof is of no issuer of the policy.')
    }
    const payload = await this.#payload(text, issuer, at)
    if (payload === 'expired') {
      return failed('proof-expired', `The statement of ${issuer.name} has expired.`)
    }
    const proof = payload === null ? null : proofOf(payload, issuer.name)
    if (proof === null) {
      return failed(
        'proof-invalid',
        `The statement of ${issuer.name} in Haltgate-Proof is not valid.`,
      )
    }
    if (proof.kind === 'capability' || !issuer.kinds.includes(proof.kind)) {
      const message = `The issuer ${issuer.name} may not make statements of this kind.`
      return failed('proof-invalid', message)
    }
    return proof
  }

  async #capability(text: string, at: number): Promise<Proof | Failed> {
    if (text.length > statementCharactersMax) {
      return failed('capability-invalid', 'The capability token is too long.')
    }
    const payload = await this.#payload(text, this.#own, at)
    if (payload === 'expired') {
      return failed(
        'capability-expired',
        'The capability token has expired: ask for a new decision.',
      )
    }
    const proof = payload === null ? null : proofOf(payload, this.#own.name)
    if (proof === null || proof.kind !== 'capability') {
      return failed('capability-invalid', 'The capability token is not one of this gate.')
    }
    return proof
  }

  /** The claims of a statement that this issuer signed; null where it did not. */
  async #payload(
    text: string,
    issuer: IssuerTerms,
    at: number,
  ): Promise<JWTPayload | 'expired' | null> {
    try {
      const key = await this.#keyOf(issuer)
      const { payload } = await jwtVerify(text, key, {
        algorithms: ['EdDSA'],
        issuer: issuer.name,
        currentDate: new Date(at),
        requiredClaims: ['jti', 'sub', 'iat', 'exp', 'kind'],
      })
      return payload
    } catch (error) {
      if (error instanceof errors.JWTExpired) return 'expired'
      // Whatever else is wrong with it, it proves nothing.
      return null
    }
  }

  #keyOf(issuer: IssuerTerms): Promise<CryptoKey> {
    let key = this.#keys.get(issuer.name)
    if (key === undefined) {
      key = publicKey(issuer.key)
      // A key that cannot be read proves nothing, each time anew.
      key.catch(() => this.#keys.delete(issuer.name))
      this.#keys.set(issuer.name, key)
    }
    return key
  }
}

/** The key of a JWK's `x`, for verifying only. */
export async function publicKey(x: string): Promise<CryptoKey> {
  const key = await importJWK({ kty: 'OKP', crv: 'Ed25519', x }, 'EdDSA')
  if (key instanceof Uint8Array) throw new TypeError('an Ed25519 key is no secret')
  return key
}

type Failed = Extract<Proved, { readonly ok: false }>

function failed(code: Failed['code'], message: string): Failed {
  return { ok: false, code, message }
}

/** Who says to have signed it, unproved; empty where nobody does. */
function issuerOf(text: string): string {
  try {
    if (decodeProtectedHeader(text).alg !== 'EdDSA') return ''
    const { iss } = decodeJwt(text)
    return typeof iss === 'string' ? iss : ''
  } catch {
    // TypeError or JWTInvalid: no statement at all.
    return ''
  }
}

/** The claims by their types; null where one of those that count is of another. */
function proofOf(payload: JWTPayload, issuer: string): Proof | null {
  const { jti, sub, iat, exp, kind } = payload
  if (!isWord(jti) || !isWord(sub) || !isWord(kind)) return null
  if (typeof iat !== 'number' || typeof exp !== 'number') return null
  const [issuedAt, expiresAt] = [Math.floor(iat * 1000), Math.floor(exp * 1000)]
  if (!Number.isSafeInteger(issuedAt) || !Number.isSafeInteger(expiresAt)) return null
  if (issuedAt < 0 || expiresAt <= issuedAt) return null
  const claims = claimsOf(payload)
  if (claims === null) return null
  return { kind, issuer, id: jti, subject: sub, issuedAt, expiresAt, claims }
}

const registered: readonly string[] = ['jti', 'sub', 'iat', 'exp', 'iss', 'kind', 'nbf', 'aud']

function claimsOf(payload: JWTPayload): FactMap | null {
  const claims: Record<string, string | number | boolean> = Object.create(null)
  let count = 0
  for (const [name, value] of Object.entries(payload)) {
    if (registered.includes(name)) continue
    const isFact =
      typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    if (!isFact) continue
    count += 1
    if (count > claimsMax || name.length > 64) return null
    if (typeof value === 'string' && value.length > claimCharactersMax) return null
    claims[name] = value
  }
  return claims
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 256
}
