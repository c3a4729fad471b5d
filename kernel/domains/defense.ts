/**
 * Classified information: what may go to a destination, by its own classification and by the highest that its run has
 * read before; effects in the world want two people.
 */
import type { ActionType, DomainCall, DomainConfig, DomainEffects } from '../domain.ts'
import type { MarkCheck } from '../mark.ts'
import {
  type Check,
  demand,
  destinationOf,
  domainOf,
  factsMissing,
  hostKeys,
  integerParameter,
  on,
  refusal,
  rowOf,
  text,
  textParameter,
  textsParameter,
} from './check.ts'
import { defenseTemplates } from './templates/defense.ts'

/** From lowest to highest; compared by place. */
const levels: readonly string[] = ['UNCLASSIFIED', 'CONFIDENTIAL', 'SECRET', 'TOP_SECRET']

const action = (
  name: string,
  terms: Pick<ActionType, 'category' | 'riskLevel' | 'description'>,
): ActionType => ({
  ...terms,
  name,
  requiresHumanApproval: terms.category === 'effect',
  requires: ['classification'],
})

const config: DomainConfig = {
  name: 'defense',
  version: '1',
  description: 'Classified information, and effects that two people must want.',
  actors: [
    { name: 'act_agent', description: 'A program that acts by itself' },
    { name: 'act_analyst', description: 'An agent that reads and reports' },
    { name: 'act_planner', description: 'An agent that prepares effects' },
  ],
  actions: [
    action('axn_read', {
      description: 'Read; the fact classification is that of what is read',
      category: 'read',
      riskLevel: 3,
    }),
    action('axn_write', {
      description: 'Write; the fact classification is that of what is written',
      category: 'write',
      riskLevel: 4,
    }),
    action('axn_send', {
      description: 'Send to others; the fact classification is that of what is sent',
      category: 'send',
      riskLevel: 4,
    }),
    action('axn_effect', {
      description: 'Cause an effect in the world, once two people agree',
      category: 'effect',
      riskLevel: 5,
    }),
  ],
  resources: [
    { name: 'res_report', description: 'A report', sensitivity: 'confidential' },
    { name: 'res_message', description: 'A message', sensitivity: 'confidential' },
    { name: 'res_imagery', description: 'Images and recordings', sensitivity: 'secret' },
    { name: 'res_track', description: 'Where something is and was', sensitivity: 'secret' },
    { name: 'res_system', description: 'A system that has effects', sensitivity: 'secret' },
  ],
  frameworks: ['nist-800-53', 'iso-27001', 'eu-ai-act'],
  riskModels: [],
  parameters: [
    {
      name: 'ceilings',
      kind: 'table',
      description:
        'The highest classification that a destination may have: a.example.com or *.example.com, and a level',
      fallback: {},
    },
    {
      name: 'ceiling_default',
      kind: 'text',
      description: 'The level of every other destination',
      fallback: 'UNCLASSIFIED',
    },
    {
      name: 'high_water',
      kind: 'text',
      description: 'Who carries what was read: the run, or the agent with all of its runs',
      fallback: 'agent',
    },
    {
      name: 'remember_days',
      kind: 'integer',
      description: 'How long it counts that something was read, in days',
      fallback: 365,
    },
    {
      name: 'effect_need',
      kind: 'integer',
      description: 'How many people must want an effect; never fewer than two',
      fallback: 2,
    },
    {
      name: 'effect_approvers',
      kind: 'texts',
      description:
        'Approvers, or groups of them, who may want an effect; anyone where none is named',
      fallback: [],
    },
  ],
}

/** The place of a level; null for what is none. */
function placeOf(level: unknown): number | null {
  const place = typeof level === 'string' ? levels.indexOf(level) : -1
  return place < 0 ? null : place
}

/** How high a destination may go: the nearest row of the table. What the table says and is no level is the lowest. */
function ceilingOf(call: DomainCall): number {
  const keys = destinationOf(call) === '' ? [] : hostKeys(destinationOf(call))
  for (const key of keys) {
    const row = rowOf(call, 'ceilings', key)
    if (row !== null) return placeOf(row) ?? 0
  }
  return placeOf(textParameter(call, 'ceiling_default')) ?? 0
}

const classified: Check = {
  name: 'classification',
  applies: () => true,
  against: (call) => {
    const level = text(call, 'classification')
    if (level === null) return factsMissing(['classification'])
    if (placeOf(level) !== null) return null
    return refusal({
      code: 'classification-unknown',
      message: `The classification is none of ${levels.join(', ')}.`,
      recommendation: 'Say the classification by its level alone, in upper case.',
      severity: 'critical',
    })
  },
}

const ceiling: Check = {
  name: 'ceiling',
  applies: (call) => placeOf(text(call, 'classification')) !== null,
  against: (call) => {
    const most = ceilingOf(call)
    if ((placeOf(text(call, 'classification')) ?? 0) <= most) return null
    return refusal({
      code: 'ceiling',
      message: `This destination may have what is ${levels[most]} at most.`,
      recommendation: 'Use a destination that is cleared for it.',
      severity: 'critical',
    })
  },
}

const twoPersons: Check = {
  name: 'two-persons',
  applies: on('axn_effect'),
  against: (call) =>
    demand({
      code: 'two-persons',
      message: 'Different people must agree to this effect, two at least.',
      recommendation: 'Wait for the approvals, then send the same request again.',
      need: Math.max(2, integerParameter(call, 'effect_need')),
      of: textsParameter(call, 'effect_approvers'),
      severity: 'critical',
    }),
}

const dayMs = 86_400_000
const daysMax = 36_500

/** Who carries what was read. Anything but `run` is the wider one. */
const carrier = (call: DomainCall): string =>
  textParameter(call, 'high_water') === 'run'
    ? `defense/run:${call.agent}/${call.run}`
    : `defense/agent:${call.agent}`

/** A read raises the carrier; whatever goes anywhere, a read's question included, must not go lower than that. */
function effects(call: DomainCall): DomainEffects {
  const key = carrier(call)
  const days = Math.min(daysMax, Math.max(1, integerParameter(call, 'remember_days')))
  const reason = {
    code: 'validator-refused',
    id: 'defense/flow-downward',
    message: 'More secret things were read before than this destination may have.',
  } as const
  const below: MarkCheck = { op: 'below', key, amount: 0, limit: ceilingOf(call), until: 0, reason }
  const read = call.action === 'axn_read' ? (placeOf(text(call, 'classification')) ?? 0) : 0
  if (read === 0) return { charge: {}, marks: [below] }
  const until = call.at + days * dayMs
  return {
    charge: {},
    marks: [below, { op: 'raise', key, amount: read, limit: 0, until, reason }],
  }
}

export const defenseDomain = domainOf({
  config,
  checks: [classified, ceiling, twoPersons],
  effects,
  templates: defenseTemplates,
  controls: [
    'nist-800-53/AC-3',
    'nist-800-53/AC-4',
    'nist-800-53/AU-12',
    'nist-800-53/SC-7',
    'iso-27001/A.5.14',
  ],
  controlsByAction: new Map([
    ['axn_read', ['nist-800-53/AC-6']],
    ['axn_send', ['iso-27001/A.8.12']],
    ['axn_write', ['iso-27001/A.8.12']],
    ['axn_effect', ['nist-800-53/AC-3(2)', 'eu-ai-act/art-14', 'nist-800-53/AU-10']],
  ]),
})
