/** Statements about the state of a thing, which are worth something only while they are young. */

import type { DomainCall, Proof, Violation } from '../domain.ts'
import type { Fact } from './check.ts'
import { isCurrent, proofsOf, refusal } from './check.ts'

export interface Sought {
  /** For example attestation; also how messages call it. */
  readonly kind: string
  /** What it must be about. */
  readonly subject: string
  /** How old it may be. */
  readonly ageMaxMs: number
}

/** Every young statement of a kind about a subject, or why there is none. Where several are shown, all must hold. */
export function freshProofs(call: DomainCall, sought: Sought): readonly Proof[] | Violation {
  const { kind, subject, ageMaxMs } = sought
  const shown = proofsOf(call, kind)
  const about = shown.filter((proof) => proof.subject === subject)
  const fresh = about.filter(
    (proof) => isCurrent(proof, call.at) && call.at - proof.issuedAt <= ageMaxMs,
  )
  if (fresh.length > 0) return fresh
  const seconds = Math.floor(ageMaxMs / 1000)
  const recommendation = `Get a new ${kind} of this very subject, at most ${seconds} s old, and send it with the call.`
  if (about.length > 0) {
    return refusal({
      code: 'proof-expired',
      message: `The ${kind} is too old, or not valid yet.`,
      recommendation,
    })
  }
  if (shown.length > 0) {
    return refusal({
      code: 'proof-invalid',
      message: `The ${kind} is about something else.`,
      recommendation,
    })
  }
  return refusal({
    code: `${kind}-required`,
    message: `The call needs a signed ${kind}.`,
    recommendation,
  })
}

/** Whether there are such statements, and no refusal. */
export function areProofs(found: readonly Proof[] | Violation): found is readonly Proof[] {
  return Array.isArray(found)
}

/** What a statement says by a name; null where it says nothing. */
export function claimOf(proof: Proof, name: string): Fact | null {
  return Object.hasOwn(proof.claims, name) ? (proof.claims[name] ?? null) : null
}
