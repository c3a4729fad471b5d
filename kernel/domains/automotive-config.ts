/** What the domain of vehicles declares: who commands them, what may be done to them, and in which state. */
import type { ActionType, DomainConfig, RiskLevel } from '../domain.ts'

/** Classes of commands, from what moves nothing to what moves the vehicle. */
const classes = ['read', 'comfort', 'driving', 'update'] as const

const action = (
  name: string,
  category: (typeof classes)[number],
  riskLevel: RiskLevel,
  description: string,
): ActionType => ({
  ...{ name, category, riskLevel, description },
  requiresHumanApproval: category === 'driving',
  requires: category === 'update' ? ['vin', 'digest'] : ['vin'],
})

const actions: readonly ActionType[] = [
  action('axn_read_telemetry', 'read', 1, 'Read what the vehicle reports of itself.'),
  action('axn_read_location', 'read', 2, 'Read where the vehicle is.'),
  action('axn_set_climate', 'comfort', 2, 'Heat or cool.'),
  action('axn_signal', 'comfort', 2, 'Flash the lights, sound the horn.'),
  action('axn_lock_doors', 'comfort', 2, 'Lock the doors.'),
  action('axn_unlock_doors', 'comfort', 3, 'Unlock the doors or the boot.'),
  action('axn_start_motor', 'driving', 5, 'Make the vehicle ready to drive.'),
  action('axn_move_vehicle', 'driving', 5, 'Move the vehicle, such as out of a parking space.'),
  action('axn_immobilise', 'driving', 5, 'Take the drive from the vehicle.'),
  action('axn_install_update', 'update', 5, 'Install software or settings in the vehicle.'),
]

export const automotiveConfig: DomainConfig = {
  name: 'automotive',
  version: '1',
  description: 'Commands to vehicles, by class and by the state of the vehicle.',
  actors: [
    { name: 'act_agent', description: 'An agent of no further type.' },
    { name: 'act_fleet_agent', description: 'An agent that runs a fleet.' },
    { name: 'act_diagnostic_agent', description: 'An agent that only reads.' },
  ],
  actions,
  resources: [
    { name: 'res_vehicle', description: 'A vehicle, by its VIN.', sensitivity: 'confidential' },
    { name: 'res_telemetry', description: 'What a vehicle reports.', sensitivity: 'confidential' },
    { name: 'res_software', description: 'Software of a vehicle.', sensitivity: 'secret' },
  ],
  frameworks: ['unece-r155', 'iso-26262', 'iso-27001'],
  riskModels: [
    {
      name: 'vehicle-state',
      description:
        'What a command may do depends on whether the vehicle stands, as someone whom the policy trusts signed it a moment ago.',
    },
  ],
  parameters: [
    {
      name: 'attestation_age_max_s',
      kind: 'integer',
      description: 'How old the signed state of the vehicle may be, in seconds.',
      fallback: 60,
    },
    {
      name: 'allowed_while_moving',
      kind: 'texts',
      description: 'Commands of the comfort class that a vehicle may get while it moves.',
      fallback: ['axn_set_climate', 'axn_lock_doors'],
    },
    {
      name: 'update_digests',
      kind: 'texts',
      description:
        'Digests of updates (sha256: and 64 hex digits) that need no signed statement of their own.',
      fallback: [],
    },
  ],
}
