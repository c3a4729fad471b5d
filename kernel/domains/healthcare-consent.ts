/** A patient's consent: a signed statement about one patient, for some actions, perhaps one purpose and some recipients, that ends. */
import type { DomainCall, Proof, Violation } from '../domain.ts'
import {
  destinationOf,
  factsMissing,
  isCurrent,
  isGiven,
  on,
  proofsOf,
  refusal,
  text,
} from './check.ts'
import { claimOf } from './fresh-proof.ts'

/** What a consent must name for each action on the record of one patient. */
const scopes: ReadonlyMap<string, string> = new Map([
  ['axn_read_record', 'read'],
  ['axn_write_record', 'write'],
  ['axn_share_record', 'share'],
  ['axn_prescribe', 'prescribe'],
  ['axn_treat', 'treat'],
])

/** For `applies`: the call is about one patient, who must have agreed to it. */
export const isOfPatient = on(...scopes.keys())

const words = (claim: unknown): readonly string[] =>
  typeof claim === 'string' ? claim.split(/[\s,]+/, 100).filter((word) => word !== '') : []

/** Consent and call speak of a purpose both, and of the same, or neither does. */
function fitsPurpose(call: DomainCall, proof: Proof): boolean {
  const given = claimOf(proof, 'purpose')
  if (given === null && !isGiven(call, 'purpose')) return true
  const purpose = text(call, 'purpose')
  return purpose !== null && words(given).includes(purpose)
}

const consentObjection = (code: string, message: string): Violation =>
  refusal({
    code,
    message,
    recommendation:
      'Send a consent of this patient for this action in Haltgate-Proof, signed by an issuer of the policy and in time.',
    severity: 'critical',
  })

/** What a consent must be for this call, one after the other, each with what is said where none is left. */
function consentTerms(
  call: DomainCall,
  patient: string,
): readonly (readonly [fits: (proof: Proof) => boolean, code: string, message: string])[] {
  const scope = scopes.get(call.action) ?? ''
  const destination = destinationOf(call)
  return [
    [() => true, 'consent-missing', 'No consent of the patient came with the call.'],
    [({ subject }) => subject === patient, 'consent-subject', 'The consent is of another patient.'],
    [(proof) => isCurrent(proof, call.at), 'proof-expired', 'The consent is not in time.'],
    [
      (proof) =>
        claimOf(proof, 'agent') === null || words(claimOf(proof, 'agent')).includes(call.agent),
      'consent-agent',
      'The consent is for another agent.',
    ],
    [
      (proof) => scope !== '' && words(claimOf(proof, 'scope')).includes(scope),
      'consent-scope',
      `The scope of the consent does not say ${scope}.`,
    ],
    [
      (proof) => fitsPurpose(call, proof),
      'consent-purpose',
      'The consent is for another purpose than the call.',
    ],
    [
      (proof) =>
        call.action !== 'axn_share_record' ||
        (destination !== '' && words(claimOf(proof, 'recipient')).includes(destination)),
      'consent-recipient',
      'The consent does not name this host as a recipient.',
    ],
  ]
}

/** Consents that fit the call; or why none does. */
export function fittingConsents(call: DomainCall): readonly Proof[] | Violation {
  const patient = text(call, 'patient_id')
  if (patient === null) return factsMissing(['patient_id'])
  let left = proofsOf(call, 'consent')
  for (const [fits, code, message] of consentTerms(call, patient)) {
    left = left.filter(fits)
    if (left.length === 0) return consentObjection(code, message)
  }
  return left
}

/** Whether none fits. */
export const isObjection = (found: readonly Proof[] | Violation): found is Violation =>
  'code' in found

/** A consent that says so counts once; a claim that is no truth value says so too. */
export const isSingleUse = (proof: Proof): boolean =>
  (claimOf(proof, 'single_use') ?? false) !== false
