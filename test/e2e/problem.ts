/** The body of a refusal as clients may rely on it: RFC 9457 with the gate's own members, nothing else. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import { type ReasonCode, reasons } from '../../kernel/reasons.ts'
import type { Answer } from './wire.ts'

const text = { type: 'string', minLength: 1 }
const nullable = (schema: object): object => ({ anyOf: [schema, { type: 'null' }] })

const object = (properties: Readonly<Record<string, object>>): object => ({
  ...{ type: 'object', additionalProperties: false, properties },
  required: Object.keys(properties),
})

const codes = { enum: Object.keys(reasons) }

const reason = object({ code: codes, id: { type: 'string' }, message: text })

const remaining = {
  type: 'object',
  required: ['budget', 'scope', 'dimension', 'limit', 'left'],
  properties: {
    ...{ budget: text, scope: text, dimension: text },
    limit: { type: 'integer', minimum: 0 },
    left: { type: 'integer', minimum: 0 },
  },
}

const schema = object({
  type: { type: 'string', pattern: '^urn:haltgate:reason:[a-z-]+$' },
  title: text,
  status: { type: 'integer', minimum: 400, maximum: 599 },
  // One sentence, or two where an operator said why.
  detail: { type: 'string', minLength: 10, maxLength: 600, pattern: '^[^\\r\\n]+[.!?]$' },
  decision: { enum: ['deny', 'halt', 'approve', 'queue', 'error'] },
  reasons: { type: 'array', minItems: 1, items: reason },
  retry: { enum: ['never', 'after', 'operator'] },
  retry_after: nullable({ type: 'integer', minimum: 1 }),
  receipt: nullable({ type: 'string', pattern: '^\\d+-[0-9a-f]{16}$' }),
  policy: { type: 'string', pattern: '^sha256:[0-9a-f]{64}$' },
  budgets: { type: 'array', items: remaining },
  approval: nullable(
    object({
      id: text,
      state: { enum: ['pending', 'approved', 'denied', 'expired'] },
      expires: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT' },
      reason: { type: 'string' },
    }),
  ),
  halt: nullable(object({ scope: text, since: { type: 'integer' }, cause: text })),
  error: object({ message: text, type: { const: 'haltgate_refusal' }, code: text }),
})

const valid = new Ajv2020({ allErrors: true }).compile(schema)

/** What is wrong with a refusal's body, and where it does not say what its head says. */
export function problemFaults(answer: Answer, code: ReasonCode): readonly string[] {
  let body: unknown
  try {
    body = JSON.parse(answer.body)
  } catch {
    return [`it is no JSON: ${answer.body.slice(0, 80)}`]
  }
  if (!valid(body)) {
    return (valid.errors ?? []).map((error) => `${error.instancePath} ${error.message}`)
  }
  const problem = body as Readonly<Record<string, unknown>>
  const header = (name: string): string | null => answer.headers.get(name) ?? null
  const wait = header('retry-after')
  const wanted: Readonly<Record<string, unknown>> = {
    type: `urn:haltgate:reason:${code}`,
    title: reasons[code].title,
    status: answer.status,
    decision: header('haltgate-decision'),
    retry: header('haltgate-retry'),
    retry_after: wait === null ? null : Number(wait),
    receipt: header('haltgate-receipt'),
    policy: header('haltgate-policy'),
  }
  const faults = Object.keys(wanted).flatMap((key) =>
    problem[key] === wanted[key] ? [] : [`${key} is ${problem[key]}, not ${wanted[key]}`],
  )
  const halts = problem['decision'] === 'halt'
  if ((problem['halt'] !== null) !== halts) faults.push('halt says who is halted, and nothing else')
  return faults
}
