/** JSON Schema (draft 2020-12) of policies.yaml version 1: which keys there are and what shape each has. */
import { onLimits } from '../kernel/policy.ts'
import { scopeKinds } from '../kernel/scope.ts'
import { verdicts } from '../kernel/verdict.ts'

export const rulesMax = 10_000
export const budgetsMax = 1_000
export const agentsMax = 10_000

/** Entries of one list: hosts of a rule, tokens of an agent, limits of a budget. */
const listMax = 1_000

/** What an operator may say in a `reason`; it reaches the agent in a refusal. */
const reasonCharactersMax = 500

export const domains = [
  'ai',
  'finance',
  'healthcare',
  'defense',
  'automotive',
  'supply_chain',
  'energy',
  'general',
] as const

/** Keys of version 1 that this version of the gate does not enforce, and therefore refuses. */
export const unenforced: readonly string[] = ['payload', 'inject', 'capability', 'upstream_proxy']

export const states = ['draft', 'active', 'disabled', 'retired'] as const

const text = { type: 'string', minLength: 1, maxLength: 4_096 }
const words = { type: 'array', minItems: 1, maxItems: listMax, items: text }
const amounts = {
  type: 'object',
  minProperties: 1,
  maxProperties: 64,
  additionalProperties: { type: ['string', 'number'] },
}

const entry = {
  id: text,
  state: { enum: states },
  reason: { type: 'string', maxLength: reasonCharactersMax },
  agents: words,
  tenants: words,
  projects: words,
  actors: words,
  keys: words,
  hosts: words,
  ports: {
    type: 'array',
    minItems: 1,
    maxItems: listMax,
    items: { type: 'integer', minimum: 1, maximum: 65_535 },
  },
  methods: words,
  paths: words,
  when: text,
}

const approval = {
  type: 'object',
  additionalProperties: false,
  properties: {
    need: { type: 'integer', minimum: 1, maximum: 100 },
    of: words,
    expires: text,
    wait: text,
  },
}

const rule = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'effect'],
  properties: {
    ...entry,
    decoder: text,
    domain: { enum: domains },
    action: text,
    resource: text,
    context: { type: 'object', minProperties: 1, maxProperties: 64, additionalProperties: text },
    charge: amounts,
    effect: { enum: verdicts },
    addresses: words,
    tls: { enum: ['inspect', 'tunnel'] },
    approval,
  },
}

const budget = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'scope', 'limits'],
  properties: {
    ...entry,
    scope: { enum: scopeKinds },
    pool: text,
    period: { enum: ['run', 'lifetime', 'hour', 'day', 'month'] },
    window: text,
    limits: amounts,
    tiers: {
      type: 'array',
      maxItems: 100,
      items: { type: 'integer', minimum: 1, maximum: 100 },
    },
    on_limit: { enum: onLimits },
    queue: {
      type: 'object',
      additionalProperties: false,
      properties: { length: { type: 'integer', minimum: 1, maximum: 100_000 }, wait: text },
    },
  },
}

const agent = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {
    tenant: text,
    project: text,
    actor: text,
    tokens: { type: 'array', maxItems: listMax, items: text },
  },
}

export const schema = {
  title: 'haltgate policies.yaml, version 1',
  type: 'object',
  additionalProperties: false,
  required: ['version'],
  properties: {
    version: { const: 1 },
    mode: { enum: ['enforce', 'observe'] },
    defaults: {
      type: 'object',
      additionalProperties: false,
      properties: {
        verdict: { enum: ['allow', 'warn', 'deny'] },
        tls: { enum: ['inspect', 'tunnel'] },
      },
    },
    agents: { type: 'object', maxProperties: agentsMax, additionalProperties: agent },
    rules: { type: 'array', maxItems: rulesMax, items: rule },
    budgets: { type: 'array', maxItems: budgetsMax, items: budget },
  },
} as const
