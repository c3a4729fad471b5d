/** JSON Schemas of the control API: what a body must be to be read, and what an answer is, for the OpenAPI page. */
import { dimensionPattern } from '../kernel/dimension.ts'

export type Schema = Readonly<Record<string, unknown>>

/** The ledger keeps strings of at most this many bytes (docs/ledger.md). */
export const reasonBytesMax = 256

const text = (description: string, more: Schema = {}): Schema => ({
  type: 'string',
  description,
  ...more,
})

const count = (description: string): Schema => ({ type: 'integer', minimum: 0, description })

const object = (
  properties: Record<string, Schema>,
  required = Object.keys(properties),
): Schema => ({
  type: 'object',
  additionalProperties: false,
  properties,
  required,
})

const scope = text('fleet, tenant:T, project:T/P, agent:A, run:A/R, actor:U, key:K or pool:N', {
  minLength: 1,
  maxLength: 140,
})

/** No control characters, lone surrogates, line separators or bidirectional overrides: it is shown on terminals. */
const reason = text('Why, for the record; at most 256 bytes.', {
  minLength: 1,
  maxLength: reasonBytesMax,
  pattern: '^(?=.*\\S)[^\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}\\u202a-\\u202e\\u2066-\\u2069]*$',
})

export const scopedBody: Schema = object({ scope, reason })

export const grantBody: Schema = object(
  {
    scope,
    budget: text('Id of the budget; empty or absent where the scope has one with that dimension.', {
      maxLength: 64,
      pattern: '^[A-Za-z0-9._-]*$',
    }),
    dimension: text('For example cost_usd, tokens, bytes_up, requests.', {
      pattern: dimensionPattern.source,
    }),
    amount: {
      type: 'integer',
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
      description:
        "In the dimension's unit: cost_usd in nano-USD (5 USD is 5000000000), wall in ms.",
    },
    reason,
  },
  ['scope', 'dimension', 'amount', 'reason'],
)

/** A reload takes no body; an empty object is let pass, since some clients cannot send nothing. */
export const emptyBody: Schema = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {},
}

const receipt: Schema = {
  ...object({ seq: count('Index of the entry.'), hash: text('Its leaf hash, hex.') }),
  description: 'The durable entry that records it.',
}

const nullable = (schema: Schema): Schema => ({ oneOf: [schema, { type: 'null' }] })
const open = (properties: Record<string, Schema>): Schema => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
})
const list = (items: Schema): Schema => ({ type: 'array', items })

export const orderedAnswer: Schema = object({ ok: { const: true }, scope, receipt })
export const reloadedAnswer: Schema = object({ ok: { const: true }, digest: text('sha256:…') })
export const healthAnswer: Schema = object({
  status: { const: 'alive' },
  version: text('Of haltgate.'),
})
export const readinessAnswer: Schema = object({
  ready: { type: 'boolean' },
  checks: object({
    ledger: text('ok, or what failed'),
    policy: text('ok, or what failed'),
    seal: text('ok, or what failed'),
    draining: text('ok, or what failed'),
  }),
  durability: text('group or os'),
})

export const statusAnswer: Schema = open({
  version: text('Of haltgate.'),
  durability: text('group or os'),
  policy: open({ digest: text('sha256:…'), mode: text('enforce or observe') }),
  ledger: open({
    head: receipt,
    refusal: nullable(object({ code: text('A reason code.'), message: text('What failed.') })),
  }),
  runs: count('Runs seen.'),
  holdsOpen: count('Holds not settled.'),
  halted: list(open({ scope })),
  purses: list(
    open({
      budget: text('Id.'),
      scope,
      instance: text('Calendar instance, or empty.'),
      dimension: text('What is counted.'),
      limit: count('Granted less revoked.'),
      posted: count('Spent.'),
      left: { type: 'integer', description: 'Headroom: below 0 after an overrun.' },
    }),
  ),
  pursesTotal: count('Larger than the list where it was cut.'),
})

export const runsAnswer: Schema = object({
  runs: list({ type: 'object' }),
  total: count('Larger than the list where it was cut.'),
})

export const problemAnswer: Schema = {
  ...open({
    type: text('about:blank or urn:haltgate:reason:CODE'),
    title: text('The same for each occurrence.'),
    status: { type: 'integer' },
    detail: text('What to change.'),
  }),
  description: 'RFC 9457; a refused order adds reasons and receipt, a refused policy problems.',
}
