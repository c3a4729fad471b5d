/** JSON Schema (draft 2020-12) of policies.yaml version 1: which keys there are and what shape each has. */
import { decoderNames } from '../kernel/content.ts'
import { sensitivities } from '../kernel/domain.ts'
import { detectorNames } from '../kernel/payload.ts'
import { onLimits } from '../kernel/policy.ts'
import { scopeKinds } from '../kernel/scope.ts'
import { verdicts } from '../kernel/verdict.ts'

export const rulesMax = 10_000
export const budgetsMax = 1_000
export const agentsMax = 10_000

/** Domains that one policy may configure or declare. */
const domainsMax = 64

/** Bounds that one declared domain may have, and rates: each rate is a mark of every call. */
const checksMax = 64
const ratesMax = 16

/** Entries of one list: hosts of a rule, tokens of an agent, limits of a budget. */
const listMax = 1_000

/** What an operator may say in a `reason`; it reaches the agent in a refusal. */
const reasonCharactersMax = 500

/** What a rule may ask of the payload; `off` asks nothing. */
const payloadActions = ['block', 'redact', 'warn', 'off'] as const

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
    threshold: { type: 'integer', minimum: 1, maximum: 100 },
    of: words,
    expires: text,
    wait: text,
  },
}

/** A word, or a map: a pattern is for the one, and the rest for the other. */
const payload = {
  type: ['string', 'object'],
  pattern: `^(${payloadActions.join('|')})$`,
  additionalProperties: false,
  required: ['action'],
  properties: {
    action: { enum: payloadActions },
    detectors: { type: 'array', minItems: 1, maxItems: listMax, items: { enum: detectorNames } },
    responses: { type: 'boolean' },
  },
}

const rule = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'effect'],
  properties: {
    ...entry,
    decoder: { enum: decoderNames },
    domain: text,
    action: text,
    resource: text,
    context: { type: 'object', minProperties: 1, maxProperties: 64, additionalProperties: text },
    charge: amounts,
    effect: { enum: verdicts },
    addresses: words,
    tls: { enum: ['inspect', 'tunnel'] },
    payload,
    inject: text,
    upstream_proxy: text,
    capability: { enum: ['require', 'attach'] },
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
    type: text,
    tokens: { type: 'array', maxItems: listMax, items: text },
  },
}

const approver = {
  type: 'object',
  additionalProperties: false,
  required: ['tokens'],
  properties: { groups: words, tokens: words },
}

const issuer = {
  type: 'object',
  additionalProperties: false,
  required: ['kinds', 'key'],
  properties: { kinds: words, key: text },
}

const credential = {
  type: 'object',
  additionalProperties: false,
  required: ['source', 'as'],
  properties: {
    source: {
      type: 'object',
      additionalProperties: false,
      minProperties: 1,
      maxProperties: 1,
      properties: { env: text, file: text, command: words },
    },
    as: {
      type: 'object',
      additionalProperties: false,
      minProperties: 1,
      maxProperties: 2,
      properties: { header: text, format: text, query: text, basic: text },
    },
    placeholder: text,
  },
}

const upstreamProxy = {
  type: 'object',
  additionalProperties: false,
  required: ['url'],
  properties: { url: text, auth: text, by: { enum: ['address', 'name'] } },
}

const money = { type: ['string', 'number'] }

const rates = { input: money, cached_input: money, cache_write: money, output: money }

const modelPrice = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'input', 'output'],
  properties: {
    provider: text,
    id: text,
    match: words,
    ...rates,
    max_output: { type: 'integer', minimum: 0, maximum: 100_000_000 },
  },
}

const prices = {
  type: 'object',
  additionalProperties: false,
  properties: {
    models: { type: 'array', maxItems: 10_000, items: modelPrice },
    unpriced: {
      type: 'object',
      additionalProperties: false,
      required: ['input', 'output'],
      properties: rates,
    },
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
        upstream_proxy: text,
      },
    },
    credentials: { type: 'object', maxProperties: listMax, additionalProperties: credential },
    upstream_proxies: {
      type: 'object',
      maxProperties: listMax,
      additionalProperties: upstreamProxy,
    },
    ledger: { type: 'object', additionalProperties: false, properties: { anchored_within: text } },
    prices,
    agents: { type: 'object', maxProperties: agentsMax, additionalProperties: agent },
    rules: { type: 'array', maxItems: rulesMax, items: rule },
    budgets: { type: 'array', maxItems: budgetsMax, items: budget },
    approvers: { type: 'object', maxProperties: listMax, additionalProperties: approver },
    issuers: { type: 'object', maxProperties: listMax, additionalProperties: issuer },
    // What stands in one depends on the domain: read-domains.ts says it.
    domains: {
      type: 'object',
      maxProperties: domainsMax,
      additionalProperties: { type: ['object', 'null'] },
    },
  },
} as const

const declaredType = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: { description: text },
}

const bound = {
  type: 'object',
  additionalProperties: false,
  required: ['fact'],
  properties: {
    fact: text,
    min: { type: 'number' },
    max: { type: 'number' },
    actions: words,
  },
}

const rate = {
  type: 'object',
  additionalProperties: false,
  required: ['per', 'limit', 'scope'],
  properties: {
    fact: text,
    per: text,
    limit: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    scope: { enum: ['agent', 'run'] },
    actions: words,
  },
}

/** A domain that a policy declares itself, under `domains.NAME` with `kind: yaml`. */
export const declarationSchema = {
  $id: 'declaration',
  title: 'a domain of a policies.yaml',
  type: 'object',
  additionalProperties: false,
  properties: {
    kind: { enum: ['yaml'] },
    description: text,
    actors: {
      type: ['array', 'object'],
      maxItems: listMax,
      items: text,
      maxProperties: listMax,
      additionalProperties: declaredType,
    },
    actions: {
      type: 'object',
      maxProperties: listMax,
      additionalProperties: {
        type: ['object', 'null'],
        additionalProperties: false,
        properties: {
          description: text,
          category: text,
          risk_level: { type: 'integer', minimum: 1, maximum: 5 },
          requires_human_approval: { type: 'boolean' },
          requires: words,
          controls: words,
        },
      },
    },
    resources: {
      type: 'object',
      maxProperties: listMax,
      additionalProperties: {
        type: ['object', 'null'],
        additionalProperties: false,
        properties: { description: text, sensitivity: { enum: sensitivities } },
      },
    },
    bounds: { type: 'array', maxItems: checksMax, items: bound },
    rates: { type: 'array', maxItems: ratesMax, items: rate },
    frameworks: words,
    templates: {
      type: 'array',
      maxItems: listMax,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'text'],
        properties: {
          name: text,
          description: text,
          text: { type: 'string', minLength: 1, maxLength: 65_536 },
        },
      },
    },
  },
} as const
