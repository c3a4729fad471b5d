/**
 * Capability tokens: what a decision permitted, signed, so that it can be shown later, once. A token is bound to one
 * action, one scope and one policy, and can only be made narrower.
 */
import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  SignJWT,
} from 'jose'
import type { Proof } from '../kernel/domain.ts'
import type { IssuerTerms } from '../kernel/policy.ts'

/** Name under which the gate signs: no issuer of a policy may have it. */
export const ownIssuer = 'haltgate'

/** The gate's signing key, with what others need to verify by it. */
export interface Signer {
  readonly terms: IssuerTerms
  readonly keyId: string
  readonly key: CryptoKey
}

/** What a token says. */
export interface Capability {
  /** 64 hex digits: the digest of the action. */
  readonly action: string
  /** `agent:A` or `run:A/R`: who may show it. */
  readonly scope: string
  /** `sha256:…` of the policy that permitted it. */
  readonly policy: string
  /** Id of the first token of its line: of all that were narrowed from one, one is used. */
  readonly root: string
  /** When the first of them ends, in milliseconds since the epoch: the last one that could be used. */
  readonly rootExpiresAt?: number
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly issuedAt: number
  readonly expiresAt: number
}

/** A new key, as the text that is kept: a private JWK. */
export async function newSigningKey(): Promise<string> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  return JSON.stringify(await exportJWK(privateKey))
}

/** Reads a kept key. errors  TypeError, where it is none. */
export async function readSigner(text: string): Promise<Signer> {
  const jwk = jwkOf(text)
  const key = await importJWK(jwk, 'EdDSA')
  if (key instanceof Uint8Array || key.type !== 'private') {
    throw new TypeError('a signing key is a private Ed25519 JWK')
  }
  const x = jwk.x ?? ''
  const keyId = await calculateJwkThumbprint({ kty: 'OKP', crv: 'Ed25519', x })
  return { terms: { name: ownIssuer, kinds: ['capability'], key: x }, keyId, key }
}

function jwkOf(text: string): JWK {
  try {
    const jwk: unknown = JSON.parse(text)
    if (typeof jwk === 'object' && jwk !== null && 'x' in jwk && 'd' in jwk) return jwk as JWK
  } catch {
    // Said below, with what else it may be.
  }
  throw new TypeError('a signing key is a private Ed25519 JWK')
}

/** The key set that is published: public keys only (RFC 7517). */
export function jwksOf(signers: readonly Signer[]): { readonly keys: readonly JWK[] } {
  const keys = signers.map(({ keyId, terms }) => {
    return { kty: 'OKP', crv: 'Ed25519', x: terms.key, kid: keyId, use: 'sig', alg: 'EdDSA' }
  })
  return { keys }
}

/** Signs a token. */
export function issue(signer: Signer, capability: Capability): Promise<string> {
  const { action, scope, policy, root, id, issuedAt, expiresAt } = capability
  const last = Math.floor((capability.rootExpiresAt ?? expiresAt) / 1000)
  return new SignJWT({ kind: 'capability', act: action, pol: policy, root, last })
    .setProtectedHeader({ alg: 'EdDSA', kid: signer.keyId, typ: 'JWT' })
    .setIssuer(signer.terms.name)
    .setSubject(scope)
    .setJti(id)
    .setIssuedAt(Math.floor(issuedAt / 1000))
    .setExpirationTime(Math.floor(expiresAt / 1000))
    .sign(signer.key)
}

/** The token that was verified as this proof; null where it says too little. */
export function capabilityOf(proof: Proof): Capability | null {
  const { act, last, pol, root } = proof.claims
  if (proof.kind !== 'capability' || typeof root !== 'string' || typeof last !== 'number')
    return null
  if (typeof act !== 'string' || !/^[0-9a-f]{64}$/.test(act) || typeof pol !== 'string') return null
  const { id, subject, issuedAt, expiresAt } = proof
  const rootExpiresAt = Math.max(expiresAt, last * 1000)
  return { action: act, scope: subject, policy: pol, root, rootExpiresAt, id, issuedAt, expiresAt }
}

export interface Narrower {
  readonly scope: string
  readonly expiresAt: number
  readonly id: string
  readonly issuedAt: number
}

/** A token for less than another is for: null where it would be for more. */
export function narrowed(parent: Capability, asked: Narrower): Capability | null {
  const { scope, expiresAt, id, issuedAt } = asked
  if (expiresAt > parent.expiresAt || !isWithin(scope, parent.scope)) return null
  const { rootExpiresAt = parent.expiresAt } = parent
  return { ...parent, scope, rootExpiresAt, expiresAt, id, issuedAt }
}

/** Whether one scope is the other, or a run of that agent. */
export function isWithin(scope: string, outer: string): boolean {
  if (scope === outer) return true
  if (!outer.startsWith('agent:') || !scope.startsWith('run:')) return false
  return scope.startsWith(`run:${outer.slice('agent:'.length)}/`)
}
