/** What the domain of energy declares: who dispatches, what may be written, and the bounds of each asset. */
import type { ActionType, DomainConfig, RiskLevel } from '../domain.ts'

const action = (
  name: string,
  { category, riskLevel }: { readonly category: string; readonly riskLevel: RiskLevel },
  requires: readonly string[],
): Omit<ActionType, 'description'> => ({
  ...{ name, category, riskLevel, requires },
  requiresHumanApproval: category === 'switching',
})

const actions: readonly ActionType[] = [
  {
    ...action('axn_read_telemetry', { category: 'read', riskLevel: 1 }, ['asset']),
    description: 'Read what an asset measures.',
  },
  {
    ...action('axn_read_setpoint', { category: 'read', riskLevel: 1 }, ['asset']),
    description: 'Read what an asset is set to.',
  },
  {
    ...action('axn_write_setpoint', { category: 'control', riskLevel: 4 }, ['asset', 'setpoint']),
    description: 'Set what an asset shall do.',
  },
  {
    ...action('axn_operate_breaker', { category: 'switching', riskLevel: 5 }, [
      'asset',
      'position',
    ]),
    description: 'Open or close a breaker.',
  },
  {
    ...action('axn_shed_load', { category: 'switching', riskLevel: 5 }, ['asset']),
    description: 'Take customers from the grid.',
  },
]

export const energyConfig: DomainConfig = {
  name: 'energy',
  version: '1',
  description: 'Set-points and breakers of plants and grids.',
  actors: [
    { name: 'act_agent', description: 'An agent of no further type.' },
    { name: 'act_dispatch_agent', description: 'An agent that sets what plants do.' },
    { name: 'act_monitoring_agent', description: 'An agent that only reads.' },
  ],
  actions,
  resources: [
    { name: 'res_asset', description: 'An asset, by its name.', sensitivity: 'secret' },
    { name: 'res_breaker', description: 'A breaker, by its name.', sensitivity: 'secret' },
    { name: 'res_telemetry', description: 'What assets measure.', sensitivity: 'confidential' },
  ],
  frameworks: ['nerc-cip', 'nist-800-53'],
  riskModels: [
    {
      name: 'ramp',
      description:
        'How far a set-point is from what the asset measures, and how far all set-points of a stretch of time move it together.',
    },
  ],
  parameters: [
    {
      name: 'writable_assets',
      kind: 'texts',
      description: 'Assets that may be written to or switched. Every other one is read-only.',
      fallback: [],
    },
    {
      name: 'locked_out_assets',
      kind: 'texts',
      description:
        'Assets that somebody works on: neither written to nor switched, whatever else is said.',
      fallback: [],
    },
    {
      name: 'setpoint_min',
      kind: 'table',
      description: 'The lowest set-point by asset, in its unit.',
      fallback: {},
    },
    {
      name: 'setpoint_max',
      kind: 'table',
      description: 'The highest set-point by asset, in its unit.',
      fallback: {},
    },
    {
      name: 'ramp_max',
      kind: 'table',
      description:
        'How far set-points may move an asset in any stretch of ramp_window_s, in its unit.',
      fallback: {},
    },
    {
      name: 'ramp_window_s',
      kind: 'integer',
      description: 'The stretch of time in which a ramp is counted, in seconds.',
      fallback: 300,
    },
    {
      name: 'telemetry_age_max_s',
      kind: 'integer',
      description: 'How old the signed measurement of the asset may be, in seconds.',
      fallback: 30,
    },
    {
      name: 'switching_approvers',
      kind: 'texts',
      description:
        'Groups or names of those of whom two must say yes to switching; of none, anyone.',
      fallback: [],
    },
  ],
}
