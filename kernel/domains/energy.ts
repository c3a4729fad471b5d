/** Plants and grids: everything is read-only until a policy says otherwise, and what is written stays within bounds. */
import type { DomainCall, DomainEffects, Proof, Violation } from '../domain.ts'
import {
  type Check,
  demand,
  domainOf,
  factOf,
  factsMissing,
  integerParameter,
  markKey,
  noEffects,
  on,
  refusal,
  rowOf,
  text,
  textsParameter,
} from './check.ts'
import { type Decimal, decimalOf, distance, microsDown, microsUp } from './decimal.ts'
import { energyConfig } from './energy-config.ts'
import { areProofs, claimOf, freshProofs } from './fresh-proof.ts'
import { againstId, againstResource, idOf } from './named.ts'
import { readersOnly } from './roles.ts'
import { energyTemplates } from './templates/energy.ts'
import { windowMarks } from './window-marks.ts'

const isWriting = on('axn_write_setpoint')
const isSwitching = on('axn_operate_breaker', 'axn_shed_load')
const isActing = (call: DomainCall): boolean => isWriting(call) || isSwitching(call)
const isKnown = on(...energyConfig.actions.map(({ name }) => name))

/** The asset that it is about; null where it is none. */
const assetOf = (call: DomainCall): string | null => idOf(call, 'asset')

/** For checks of an asset that could be read; one that could not is refused for that. */
const ofAsset =
  (against: (call: DomainCall, asset: string) => Violation | null): Check['against'] =>
  (call) => {
    const asset = assetOf(call)
    return asset === null ? null : against(call, asset)
  }

function againstReadOnly(call: DomainCall, asset: string): Violation | null {
  if (textsParameter(call, 'writable_assets').includes(asset)) return null
  return refusal({
    code: 'read-only',
    severity: 'critical',
    message: 'This asset is read-only.',
    recommendation: 'Only read it; an operator can list it among the writable assets.',
  })
}

function againstLockout(call: DomainCall, asset: string): Violation | null {
  if (!textsParameter(call, 'locked_out_assets').includes(asset)) return null
  return refusal({
    code: 'locked-out',
    severity: 'critical',
    message: 'Somebody works on this asset, and it is locked out.',
    recommendation: 'Wait until an operator has taken the lock off.',
  })
}

function againstBounds(call: DomainCall, asset: string): Violation | null {
  const setpoint = decimalOf(factOf(call, 'setpoint'))
  if (setpoint === null) return factsMissing(['setpoint'])
  const lowest = decimalOf(rowOf(call, 'setpoint_min', asset))
  const highest = decimalOf(rowOf(call, 'setpoint_max', asset))
  if (lowest === null || highest === null) {
    return refusal({
      code: 'bounds-unknown',
      message: 'The policy has no bounds for this asset.',
      recommendation: 'Ask an operator for the lowest and the highest set-point of this asset.',
    })
  }
  if (setpoint >= lowest && setpoint <= highest) return null
  return refusal({
    code: 'setpoint-bounds',
    severity: 'critical',
    message: 'The set-point is outside of the bounds of this asset.',
    recommendation: 'Choose a set-point within the bounds.',
  })
}

/** Fresh measurements of the asset, signed by someone whom the policy trusts. */
function measurements(call: DomainCall, asset: string): readonly Proof[] | Violation {
  const ageMaxMs = integerParameter(call, 'telemetry_age_max_s') * 1000
  return freshProofs(call, { kind: 'telemetry', subject: asset, ageMaxMs })
}

/** How far the set-point is from what is measured: from the farthest of several. Null where nobody can say. */
function stepOf(call: DomainCall, proofs: readonly Proof[]): Decimal | null {
  const setpoint = decimalOf(factOf(call, 'setpoint'))
  if (setpoint === null) return null
  let farthest: Decimal | null = null
  for (const proof of proofs) {
    const value = decimalOf(claimOf(proof, 'value'))
    if (value === null) return null
    const step = distance(setpoint, value)
    if (farthest === null || step > farthest) farthest = step
  }
  return farthest
}

function againstRamp(call: DomainCall, asset: string): Violation | null {
  const found = measurements(call, asset)
  if (!areProofs(found)) return found
  if (decimalOf(factOf(call, 'setpoint')) === null) return null
  const step = stepOf(call, found)
  const most = decimalOf(rowOf(call, 'ramp_max', asset))
  if (step === null) {
    return refusal({
      code: 'proof-invalid',
      message: 'The signed measurement does not say a value.',
      recommendation: 'Get a measurement of this asset with the claim `value`.',
    })
  }
  if (most === null || most < 0n) {
    return refusal({
      code: 'ramp-unknown',
      message: 'The policy does not say how fast this asset may change.',
      recommendation: 'Ask an operator for the ramp of this asset.',
    })
  }
  if (step <= most) return null
  return refusal({
    code: 'ramp',
    severity: 'critical',
    message: 'The set-point is too far from what the asset measures now.',
    recommendation: 'Go there in smaller steps, with time between them.',
  })
}

function againstPosition(call: DomainCall): Violation | null {
  const position = text(call, 'position')
  return position === 'open' || position === 'closed' ? null : factsMissing(['position'])
}

/** Two different people, whatever the rule asks for. */
function againstSwitching(call: DomainCall): Violation {
  return demand({
    code: 'dual-approval',
    severity: 'critical',
    message: 'Switching needs the yes of two people.',
    recommendation: 'Ask two people who may approve switching.',
    need: 2,
    of: textsParameter(call, 'switching_approvers'),
  })
}

const checks: readonly Check[] = [
  readersOnly(energyConfig, ['act_monitoring_agent']),
  { name: 'asset', applies: isKnown, against: againstId('asset') },
  {
    name: 'resource',
    applies: isKnown,
    against: againstResource(['res_asset', 'res_breaker'], 'asset'),
  },
  { name: 'read-only', applies: isActing, against: ofAsset(againstReadOnly) },
  { name: 'locked-out', applies: isActing, against: ofAsset(againstLockout) },
  { name: 'setpoint-bounds', applies: isWriting, against: ofAsset(againstBounds) },
  { name: 'ramp', applies: isWriting, against: ofAsset(againstRamp) },
  { name: 'position', applies: on('axn_operate_breaker'), against: againstPosition },
  { name: 'dual-approval', applies: isSwitching, against: againstSwitching },
]

/** Adds a step to those of its asset, so that many small ones are no way around the ramp. */
function effects(call: DomainCall): DomainEffects {
  const asset = isWriting(call) ? assetOf(call) : null
  const found = asset === null ? null : measurements(call, asset)
  if (asset === null || found === null || !areProofs(found)) return noEffects
  const step = stepOf(call, found)
  const most = decimalOf(rowOf(call, 'ramp_max', asset))
  const amount = step === null ? null : microsUp(step)
  if (amount === null || most === null) return noEffects
  const marks = windowMarks(
    {
      key: markKey('energy/ramp', [asset]),
      lengthMs: integerParameter(call, 'ramp_window_s') * 1000,
      amount,
      limit: microsDown(most) ?? 0,
      reason: {
        code: 'validator-refused',
        id: 'energy/ramp',
        message: 'With the set-points before it, this one would move the asset too fast.',
      },
    },
    call.at,
  )
  return { charge: {}, marks }
}

const ofControl = ['nerc-cip/CIP-007', 'nist-800-53/AC-6', 'nist-800-53/SI-10']
const ofSwitching = [...ofControl, 'nerc-cip/CIP-004', 'nist-800-53/AC-3(2)']

export const energyDomain = domainOf({
  config: energyConfig,
  checks,
  effects,
  templates: energyTemplates,
  controls: ['nerc-cip/CIP-005', 'nist-800-53/AC-3', 'nist-800-53/SC-7'],
  controlsByAction: new Map([
    ['axn_write_setpoint', ofControl],
    ['axn_operate_breaker', ofSwitching],
    ['axn_shed_load', ofSwitching],
  ]),
})
