/** JSON Schemas of the decision routes: strict in what they take. */
import { dimensionPattern } from '../../kernel/dimension.ts'
import type { Schema } from '../schemas.ts'

export const batchMax = 50

export const complianceLevels = ['permissive', 'standard', 'strict'] as const

export type ComplianceLevel = (typeof complianceLevels)[number]

/** Seconds for which a token holds where nobody asks for another time, and for which it may be asked. */
export const tokenSecondsDefault = 300
export const tokenSecondsMax = 3_600

const name = '[A-Za-z0-9][A-Za-z0-9._-]{0,63}'

const text = (description: string, more: Schema = {}): Schema => ({
  type: 'string',
  description,
  ...more,
})

const object = (properties: Record<string, Schema>, required: readonly string[]): Schema => ({
  type: 'object',
  additionalProperties: false,
  properties,
  required,
})

export const domainParameter = text('Name of a domain of the policy.', {
  pattern: '^[a-z][a-z0-9_]{0,31}$',
})

const context: Schema = {
  type: 'object',
  maxProperties: 64,
  description: 'What is to be done: names and values, as the body of the request would say it.',
  propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_]{0,63}$' },
}

const target = object(
  {
    method: text('HTTP method.', { pattern: '^[A-Z]{1,20}$' }),
    url: text('Absolute http or https URL.', { minLength: 8, maxLength: 8_192 }),
    headers: {
      type: 'object',
      maxProperties: 64,
      additionalProperties: { type: 'string', maxLength: 8_192 },
    },
    body: text('The body as text.', { maxLength: 32_768 }),
  },
  ['method', 'url'],
)

const asked: Record<string, Schema> = {
  request_id: text('Given back as it is.', {
    minLength: 1,
    maxLength: 128,
    pattern: '^[\\x21-\\x7e]+$',
  }),
  tenant: text('Must be the tenant of the actor, where it is given.', { pattern: `^${name}$` }),
  constitutional_hash: text(
    'Digest of the policy that the caller expects: another one is refused.',
    {
      pattern: '^sha256:[0-9a-f]{64}$',
    },
  ),
  compliance_level: {
    enum: complianceLevels,
    description:
      'Never milder than the gate: strict denies what would be warned of or need approval.',
  },
  actor: text('AGENT or AGENT/RUN.', { pattern: `^${name}(/${name})?$` }),
  actor_type: text('`act_*`; by default the type that the policy gives the agent.', {
    pattern: '^act_[a-z0-9_]{1,60}$',
  }),
  action: text('`axn_*`', { pattern: '^axn_[a-z0-9_]{1,60}$' }),
  resource: text('`res_TYPE` or `res_TYPE:ID`', {
    pattern: '^res_[a-z0-9_]{1,60}(:[^\\p{Cc}\\p{Cs}]{0,512})?$',
  }),
  context,
  target,
  token_seconds: { type: 'integer', minimum: 1, maximum: tokenSecondsMax },
}

const askedRequired = ['actor', 'action', 'context']

export const decisionBody: Schema = object(
  { ...asked, commit: { type: 'boolean', description: 'Makes a hold; dry otherwise.' } },
  askedRequired,
)

/** One of several: the domain stands in it. */
const itemBody: Schema = object({ ...asked, domain: domainParameter }, askedRequired)

export const validateBody: Schema = itemBody

export const batchBody: Schema = object(
  { items: { type: 'array', minItems: 1, maxItems: batchMax, items: itemBody } },
  ['items'],
)

export const simulateBody: Schema = object(
  { steps: { type: 'array', minItems: 1, maxItems: batchMax, items: itemBody } },
  ['steps'],
)

export const evaluateBody: Schema = itemBody

export const conflictsBody: Schema = object(
  {
    verdicts: {
      type: 'array',
      minItems: 1,
      maxItems: 100,
      items: object(
        {
          source: text('Who said it: a rule, a validator, a person.', {
            minLength: 1,
            maxLength: 128,
          }),
          verdict: { enum: ['allow', 'warn', 'queue', 'approve', 'deny', 'halt'] },
        },
        ['source', 'verdict'],
      ),
    },
  },
  ['verdicts'],
)

export const synthesizeBody: Schema = object(
  {
    agent: text('Only what this agent did.', { pattern: `^${name}$` }),
    denied: { type: 'boolean', description: 'From what was denied, instead of what passed.' },
  },
  [],
)

export const narrowBody: Schema = object(
  {
    token: text('A capability token of this gate.', { minLength: 16, maxLength: 8_192 }),
    scope: text('`agent:A` or `run:A/R`: within that of the token.', {
      pattern: `^(agent:${name}|run:${name}/${name})$`,
    }),
    seconds: { type: 'integer', minimum: 1, maximum: tokenSecondsMax },
  },
  ['token', 'scope'],
)

export const settleBody: Schema = object(
  {
    actual: {
      type: 'object',
      maxProperties: 64,
      propertyNames: { pattern: dimensionPattern.source },
      additionalProperties: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
      description: 'What was used, by dimension; what is not named counts as held.',
    },
  },
  ['actual'],
)

export const auditQuery: Schema = object(
  {
    cursor: text('Where the page begins.', { pattern: '^[0-9]{1,15}$' }),
    limit: text('Entries of one page: 1 to 200.', { pattern: '^[0-9]{1,3}$' }),
    kind: text('Kind of entry.', { pattern: '^[a-z.]{1,32}$' }),
    agent: text('Name of an agent.', { pattern: `^${name}$` }),
  },
  [],
)

/** Answers are described by their members; what is optional is null. */
export const decisionAnswer: Schema = {
  type: 'object',
  required: [
    'request_id',
    'decision',
    'verdict',
    'reasoning',
    'violations',
    'constitutional_hash',
    'tenant',
    'compliance_level',
    'compliance',
    'controls',
    'capability_token',
    'receipt',
    'processing_ms',
    'cache_hit',
  ],
  properties: {
    request_id: { type: 'string' },
    decision: { enum: ['permit', 'deny'] },
    verdict: { enum: ['allow', 'warn', 'queue', 'approve', 'deny', 'halt'] },
    reasoning: { type: 'array', items: { type: 'object' } },
    violations: { type: 'array', items: { type: 'object' } },
    constitutional_hash: { type: 'string' },
    tenant: { type: ['string', 'null'] },
    compliance_level: { enum: complianceLevels },
    compliance: { type: 'object' },
    controls: { type: 'array', items: { type: 'object' } },
    capability_token: { type: ['string', 'null'] },
    receipt: { type: ['string', 'null'] },
    processing_ms: { type: 'number', minimum: 0 },
    cache_hit: { type: 'boolean' },
  },
}

export const listAnswer = (member: string): Schema => ({
  type: 'object',
  required: [member],
  properties: { [member]: { type: 'array', items: { type: 'object' } } },
})

export const anyAnswer: Schema = { type: 'object' }
