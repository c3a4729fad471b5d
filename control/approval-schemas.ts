/** JSON Schemas of the routes by which people answer. */
import { permitsMax, permitsMsMax } from '../kernel/approval.ts'
import { type Schema, scopedBody } from './schemas.ts'

const properties = scopedBody['properties'] as Readonly<Record<string, Schema>>
const reason = properties['reason'] ?? {}

const text = (description: string): Schema => ({ type: 'string', description })

const object = (
  members: Readonly<Record<string, Schema>>,
  required: readonly string[] = Object.keys(members),
): Schema => ({ type: 'object', additionalProperties: false, properties: members, required })

export const approveBody: Schema = object(
  {
    reason,
    permits: {
      type: 'integer',
      minimum: 0,
      maximum: permitsMax,
      description: 'So many more of its kind need nobody; with for_ms.',
    },
    for_ms: {
      type: 'integer',
      minimum: 0,
      maximum: permitsMsMax,
      description: 'For how long, in ms.',
    },
  },
  [],
)

export const denyBody: Schema = object({ reason })

export const approvalAnswer: Schema = object({
  ok: { const: true },
  approval: text('Its id.'),
  state: text('pending while others have to say yes too; approved or denied.'),
  receipt: object({
    seq: { type: 'integer', minimum: 0, description: 'Index of the entry.' },
    hash: text('Its leaf hash, hex.'),
  }),
})

export const approvalsAnswer: Schema = object({
  approvals: {
    type: 'array',
    items: {
      type: 'object',
      properties: {
        id: text('Of the request that asked first; what approve and deny take.'),
        state: text('pending, approved, denied or expired'),
        agent: text('Who asks.'),
        host: text('Where it goes.'),
        expires: text('RFC 3339; silence until then is a denial.'),
      },
      required: ['id', 'state', 'agent', 'host', 'expires'],
    },
  },
  total: { type: 'integer', minimum: 0, description: 'Larger than the list where it was cut.' },
})
