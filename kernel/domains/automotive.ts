/** Commands to vehicles: telemetry, comfort, driving and updates, each only in a state that was signed a moment ago. */
import type { DomainCall, Proof, Violation } from '../domain.ts'
import { automotiveConfig } from './automotive-config.ts'
import {
  type Check,
  domainOf,
  factsMissing,
  integerParameter,
  isCurrent,
  proofsOf,
  refusal,
  text,
  textsParameter,
} from './check.ts'
import { areProofs, claimOf, freshProofs } from './fresh-proof.ts'
import { againstResource } from './named.ts'
import { readersOnly } from './roles.ts'
import { automotiveTemplates } from './templates/automotive.ts'

/** source  ISO 3779: 17 of these, without I, O and Q. */
const vinPattern = /^[A-HJ-NPR-Z0-9]{17}$/

const digestPattern = /^sha256:[0-9a-f]{64}$/

const categories: ReadonlyMap<string, string> = new Map(
  automotiveConfig.actions.map(({ name, category }) => [name, category]),
)

const isOf =
  (...among: readonly string[]) =>
  (call: DomainCall): boolean =>
    among.includes(categories.get(call.action) ?? '')

const isKnown = isOf('read', 'comfort', 'driving', 'update')

/** The vehicle that the command is for; null where it is none. */
function vehicleOf(call: DomainCall): string | null {
  const vin = text(call, 'vin')
  return vin !== null && vinPattern.test(vin) ? vin : null
}

const againstVin = (call: DomainCall): Violation | null =>
  vehicleOf(call) === null ? factsMissing(['vin']) : null

/** Every fresh statement about the state of this vehicle; where several are shown, each must allow it. */
function attestations(call: DomainCall): readonly Proof[] | Violation | null {
  const subject = vehicleOf(call)
  if (subject === null) return null
  const ageMaxMs = integerParameter(call, 'attestation_age_max_s') * 1000
  return freshProofs(call, { kind: 'attestation', subject, ageMaxMs })
}

function againstAttestation(call: DomainCall): Violation | null {
  const found = attestations(call)
  return found === null || areProofs(found) ? null : found
}

/** Whether it stands: says so, does not roll, and is in no gear that would let it. */
function isStanding(proof: Proof): boolean {
  const gear = claimOf(proof, 'gear')
  const parks = gear === null || gear === 'P'
  return claimOf(proof, 'parked') === true && claimOf(proof, 'speed') === 0 && parks
}

function againstMoving(call: DomainCall): Violation | null {
  const found = attestations(call)
  if (found === null || !areProofs(found) || found.every(isStanding)) return null
  return refusal({
    code: 'vehicle-moving',
    severity: 'critical',
    message: 'The vehicle does not stand parked, and this command is for one that does.',
    recommendation: 'Wait until the vehicle is parked, and get a new attestation.',
  })
}

/** A command of comfort that needs a vehicle that stands. */
function needsStanding(call: DomainCall): boolean {
  if (isOf('driving', 'update')(call)) return true
  return (
    isOf('comfort')(call) && !textsParameter(call, 'allowed_while_moving').includes(call.action)
  )
}

/** An update must be one that somebody vouches for: for this vehicle, or for all in the policy. */
function againstUpdate(call: DomainCall): Violation | null {
  const digest = text(call, 'digest')
  if (digest === null || !digestPattern.test(digest)) return factsMissing(['digest'])
  if (textsParameter(call, 'update_digests').includes(digest)) return null
  const vin = vehicleOf(call)
  const shown = proofsOf(call, 'update')
  const fitting = shown.filter((proof) => {
    return proof.subject === vin && claimOf(proof, 'digest') === digest
  })
  if (fitting.some((proof) => isCurrent(proof, call.at))) return null
  const recommendation = 'Send the signed statement that names this digest and this vehicle.'
  if (fitting.length > 0) {
    const message = 'The signed statement about the update has expired.'
    return refusal({ code: 'proof-expired', message, recommendation })
  }
  if (shown.length > 0) {
    const message = 'The signed statement is about another update or another vehicle.'
    return refusal({ code: 'proof-invalid', severity: 'critical', message, recommendation })
  }
  const message = 'Nobody whom the policy trusts has signed this update.'
  return refusal({ code: 'update-unsigned', severity: 'critical', message, recommendation })
}

const checks: readonly Check[] = [
  readersOnly(automotiveConfig, ['act_diagnostic_agent']),
  { name: 'vin', applies: isKnown, against: againstVin },
  { name: 'resource', applies: isKnown, against: againstResource(['res_vehicle'], 'vin') },
  {
    name: 'attestation',
    applies: isOf('comfort', 'driving', 'update'),
    against: againstAttestation,
  },
  { name: 'standing', applies: needsStanding, against: againstMoving },
  { name: 'update-signed', applies: isOf('update'), against: againstUpdate },
]

const ofCommand = ['unece-r155/annex-5-A-4.3.1', 'iso-26262/part-4-6']

export const automotiveDomain = domainOf({
  config: automotiveConfig,
  checks,
  templates: automotiveTemplates,
  controls: ['unece-r155/7.3.3', 'unece-r155/7.3.7', 'iso-27001/A.5.15'],
  controlsByAction: new Map(
    automotiveConfig.actions
      .filter(({ category }) => category !== 'read')
      .map(({ name, category }) => [
        name,
        category === 'update'
          ? [...ofCommand, 'unece-r155/annex-5-A-4.3.3', 'iso-26262/part-8-7']
          : ofCommand,
      ]),
  ),
})
