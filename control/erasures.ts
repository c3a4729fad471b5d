/** The route by which an operator has a subject erased. */
import { Failure } from '../kernel/reasons.ts'
import { problem, type Reply, refusedOrder } from './problem.ts'
import type { Call, Route, RouteContext } from './route.ts'
import { reasonBytesMax, type Schema, scopedBody } from './schemas.ts'

const properties = scopedBody['properties'] as Readonly<Record<string, Schema>>
const reason = properties['reason'] ?? {}
const subject = { type: 'string', pattern: '^(actor|agent):[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' }
const authority = { ...reason, description: 'On what ground; at most 256 bytes, no names.' }
const count = { type: 'integer', minimum: 0 }
const receipt = {
  type: 'object',
  properties: { seq: count, hash: { type: 'string' } },
  required: ['seq', 'hash'],
}

export const erasureRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/api/v1/erasures',
    access: 'order',
    summary:
      'Destroys what the vault keeps of a subject; 202 while its records are still taken out.',
    body: {
      type: 'object',
      additionalProperties: false,
      properties: { subject, authority, reason },
      required: ['subject', 'authority'],
    },
    answer: {
      type: 'application/json',
      schema: {
        type: 'object',
        properties: {
          ok: { const: true },
          subject: { type: 'string', description: 'Its id in the vault and in the entry.' },
          count,
          fields: { type: 'array', items: { type: 'string' } },
          receipt,
        },
        required: ['ok', 'subject'],
      },
    },
    refuses: [404, 503],
    handle: erased,
  },
]

async function erased({ erasures }: RouteContext, { body, role }: Call): Promise<Reply> {
  if (!erasures) return problem(404, 'This gate has no vault: start it with --vault.')
  const { authority: ground, reason: why = '', subject: name } = body as Record<string, string>
  for (const text of [ground, why]) {
    if (Buffer.byteLength(text ?? '') <= reasonBytesMax) continue
    return problem(400, `authority and reason are at most ${reasonBytesMax} bytes in UTF-8`)
  }
  try {
    const order = { subject: name ?? '', authority: ground ?? '', reason: why, by: role }
    const erasing = await erasures.erase(order)
    if (erasing === null) return problem(404, `The vault keeps nothing of ${name}.`)
    const { done, subject: id } = erasing
    if (done === null) return { status: 202, body: { ok: true, subject: id } }
    return { status: 200, body: { ok: true, ...done } }
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return refusedOrder([{ code: error.code, id: '', message: error.message }], null)
  }
}
