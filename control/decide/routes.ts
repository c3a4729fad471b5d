/** The table of the decision routes. */
import type { Reply } from '../problem.ts'
import { problem } from '../problem.ts'
import type { Call, Route, RouteContext } from '../route.ts'
import { emptyBody } from '../schemas.ts'
import type { AskBody } from './ask.ts'
import { decide, decideAll, refuse } from './decisions.ts'
import * as governance from './governance.ts'
import type { DecisionPorts } from './ports.ts'
import * as schemas from './schemas.ts'

type Handle = (ports: DecisionPorts, call: Call) => Reply | Promise<Reply>

const without = (): Reply => problem(503, 'This gate gives no decisions by its API.')

/** A gate that was opened without them (a tool, a test) has no decisions to give. */
function withPorts(handle: Handle): Route['handle'] {
  return ({ decisions }: RouteContext, call) =>
    decisions === null ? without() : handle(decisions, call)
}

/** What cannot be read has its entry as well: with the words of the gate, since the caller's may be anything. */
const malformed: Route['malformed'] = async ({ decisions }, { detail, isTooLarge, status }) => {
  if (decisions === null) return without()
  const code = isTooLarge ? 'request-too-large' : 'malformed-request'
  const message = isTooLarge ? 'An ask is larger than it may be.' : 'An ask is malformed.'
  const refused = await refuse({ status, code, message, principal: null }, decisions)
  return { ...refused, body: { ...(refused.body as object), detail } }
}

const json = (schema: Route['answer']['schema']): Route['answer'] => ({
  type: 'application/json',
  schema,
})

interface Row {
  readonly summary: string
  readonly answer?: Route['answer']['schema']
  readonly handle: Handle
}

const get = (path: string, row: Row & { readonly query?: Route['query'] }): Route => ({
  ...{ method: 'GET', path, access: 'read', summary: row.summary, body: null },
  ...{ query: row.query ?? null, answer: json(row.answer ?? schemas.anyAnswer) },
  ...{ refuses: [404, 503], handle: withPorts(row.handle), malformed },
})

type Posted = Row & { readonly body: Route['body'] }

const post = (path: string, row: Posted, access: Route['access'] = 'decide'): Route => ({
  ...{ method: 'POST', path, access, summary: row.summary, body: row.body },
  ...{ query: null, answer: json(row.answer ?? schemas.anyAnswer) },
  ...{ refuses: [404, 409, 413, 422, 429, 503], handle: withPorts(row.handle), malformed },
})

/** Of an agent too, about itself. */
const ask = (path: string, row: Posted): Route => post(path, row, 'ask')

const bodyOf = ({ body }: Call): AskBody => body as AskBody

export const decisionRoutes: readonly Route[] = [
  ask('/api/v1/:domain/decisions/request', {
    summary:
      'Whether an action of a domain is permitted; nothing is sent. Dry, unless `commit` makes a hold.',
    body: schemas.decisionBody,
    answer: schemas.decisionAnswer,
    handle: (ports, call) =>
      decide(bodyOf(call), call.params['domain'] ?? '', { ports, caller: call.caller }),
  }),
  ask('/decisions/request', {
    summary: 'The same, in the domain ai.',
    body: schemas.decisionBody,
    answer: schemas.decisionAnswer,
    handle: (ports, call) => decide(bodyOf(call), 'ai', { ports, caller: call.caller }),
  }),
  post('/api/v1/holds/:hold/settle', {
    summary: 'What an action cost that was decided with `commit`.',
    body: schemas.settleBody,
    handle: (ports, { body, params }) =>
      governance.settle(params['hold'] ?? '', body as { actual: Record<string, number> }, ports),
  }),
  post('/api/v1/holds/:hold/void', {
    summary:
      'An action that was decided with `commit` was not carried out: its hold is given back.',
    body: emptyBody,
    handle: (ports, { params }) => governance.release(params['hold'] ?? '', ports),
  }),
  get('/api/v1/domains', {
    summary: 'The domains of the policy in force.',
    answer: schemas.listAnswer('domains'),
    handle: (ports) => governance.listDomains(ports),
  }),
  get('/api/v1/:domain/config', {
    summary: 'Types, parameters and frameworks of a domain.',
    handle: (ports, call) => governance.domainConfig(call.params['domain'] ?? '', ports),
  }),
  get('/api/v1/:domain/policy-templates', {
    summary: 'Policies to begin with, as YAML.',
    answer: schemas.listAnswer('templates'),
    handle: (ports, call) => governance.domainTemplates(call.params['domain'] ?? '', ports),
  }),
  get('/api/v1/controls', {
    summary: 'The catalogue of controls that entries are evidence for.',
    answer: schemas.listAnswer('frameworks'),
    handle: (ports) => governance.listControls(ports),
  }),
  ask('/api/v1/runtime/simulate', {
    summary: 'What several actions in turn would be answered; at most 50.',
    body: schemas.simulateBody,
    answer: schemas.listAnswer('decisions'),
    handle: (ports, { body, caller }) =>
      decideAll((body as { steps: AskBody[] }).steps, { ports, caller }),
  }),
  post('/api/v1/governance/policies/evaluate', {
    summary: 'Every rule and budget that speaks about an action, and why.',
    body: schemas.evaluateBody,
    handle: (ports, call) => governance.evaluate(bodyOf(call), ports),
  }),
  post('/api/v1/governance/conflicts/resolve', {
    summary: 'The strictest of several verdicts, and who gave it.',
    body: schemas.conflictsBody,
    handle: (_ports, { body }) =>
      governance.resolveConflict(body as Parameters<typeof governance.resolveConflict>[0]),
  }),
  ask('/api/v1/constitutional/validate', {
    summary: 'Whether an action holds to the policy in force.',
    body: schemas.validateBody,
    answer: schemas.decisionAnswer,
    handle: (ports, call) =>
      decide(bodyOf(call), bodyOf(call).domain ?? 'ai', { ports, caller: call.caller }),
  }),
  ask('/api/v1/constitutional/validate/batch', {
    summary: 'Several, at most 50, each seeing the holds of the ones before.',
    body: schemas.batchBody,
    answer: schemas.listAnswer('decisions'),
    handle: (ports, { body, caller }) =>
      decideAll((body as { items: AskBody[] }).items, { ports, caller }),
  }),
  get('/api/v1/constitutional/audit', {
    summary: 'Entries of the ledger, page by page, oldest first.',
    query: schemas.auditQuery,
    answer: schemas.listAnswer('entries'),
    handle: (ports, { query }) => governance.auditPage(query, ports),
  }),
  post('/api/v1/constitutional/policies/synthesize', {
    summary: 'Draft rules from what was observed or denied; never applied.',
    body: schemas.synthesizeBody,
    handle: (ports, { body }) => governance.synthesize(body as { agent?: string }, ports),
  }),
  ask('/api/v1/capabilities/narrow', {
    summary: 'A capability token for less than another is for; of both, one can be used.',
    body: schemas.narrowBody,
    handle: (ports, { body, caller }) =>
      governance.narrow(body as Parameters<typeof governance.narrow>[0], { ports, caller }),
  }),
]
