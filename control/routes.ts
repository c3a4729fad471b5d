/** The one table of routes: method, path, who may, what goes in and out. Listener, OpenAPI and docs follow it. */

import type { OrderAnswer } from '../gate/orders.ts'
import { parseScope, type ScopeId } from '../kernel/scope.ts'
import { approvalRoutes } from './approvals.ts'
import { auditRoutes } from './audit/routes.ts'
import { decisionRoutes } from './decide/routes.ts'
import { erasureRoutes } from './erasures.ts'
import { expositionType } from './exposition.ts'
import { openApi } from './openapi.ts'
import { problem, problemType, type Reply, refusedOrder } from './problem.ts'
import { readinessOf } from './readiness.ts'
import type { Route, RouteContext } from './route.ts'
import * as schemas from './schemas.ts'

const json = (schema: schemas.Schema): Route['answer'] => ({ type: 'application/json', schema })
const ok = (body: object): Reply => ({ status: 200, body })

const get = (
  path: string,
  access: Route['access'],
  rest: Pick<Route, 'summary' | 'answer' | 'handle'> & { refuses?: readonly number[] },
): Route => ({ refuses: [], ...rest, method: 'GET', path, access, body: null })

const post = (
  path: string,
  rest: Pick<Route, 'summary' | 'answer' | 'handle' | 'body' | 'refuses'>,
): Route => ({ ...rest, method: 'POST', path, access: 'order' })

export const routes: readonly Route[] = [
  get('/healthz', 'open', {
    summary: 'Whether the process is alive.',
    answer: json(schemas.healthAnswer),
    handle: ({ version }) => ok({ status: 'alive', version }),
  }),
  get('/readyz', 'open', {
    summary: 'Whether the gate can do its work, check by check.',
    answer: json(schemas.readinessAnswer),
    refuses: [503],
    handle: ({ gate, durability }) => {
      const readiness = readinessOf(gate, durability)
      return { status: readiness.ready ? 200 : 503, body: readiness }
    },
  }),
  get('/metrics', 'open', {
    summary: 'Metrics as Prometheus text.',
    answer: { type: 'text/plain', schema: { type: 'string' } },
    handle: async ({ scrape }) => ({
      status: 200,
      body: await scrape(),
      type: expositionType,
    }),
  }),
  get('/.well-known/jwks.json', 'open', {
    summary: 'The public keys of capability tokens, as a JWK set.',
    answer: json({ type: 'object' }),
    refuses: [503],
    handle: async ({ decisions }) =>
      decisions === null
        ? problem(503, 'This gate signs nothing.')
        : { status: 200, body: await decisions.jwks(), type: 'application/jwk-set+json' },
  }),
  get('/openapi.json', 'read', {
    summary: 'This page.',
    answer: json({ type: 'object' }),
    handle: ({ version }) => ok(openApi(routes, version)),
  }),
  get('/api/v1/status', 'read', {
    summary: 'Policy, ledger, halted scopes, and what is left in every purse.',
    answer: json(schemas.statusAnswer),
    handle: (context) => ok(statusOf(context)),
  }),
  get('/api/v1/runs', 'read', {
    summary: 'The runs that were seen.',
    answer: json(schemas.runsAnswer),
    handle: ({ gate, listMax }) => {
      const runs = gate.runs()
      return ok({ runs: runs.slice(0, listMax), total: runs.length })
    },
  }),
  post('/api/v1/halts', {
    summary: 'Halts a scope for good; answered when it is blocked, severed and durable.',
    body: schemas.scopedBody,
    answer: json(schemas.orderedAnswer),
    refuses: [409, 503],
    handle: ({ gate }, { body, role }) => {
      const order = readOrder(body)
      if (!('scope' in order)) return order
      const { scope, reason } = order
      return ordered(scope, gate.halt({ scope, cause: 'operator', reason, by: role }))
    },
  }),
  post('/api/v1/reinstatements', {
    summary:
      'Opens a new incarnation of a halted agent, project or tenant; what it spent stays spent.',
    body: schemas.scopedBody,
    answer: json(schemas.orderedAnswer),
    refuses: [409, 503],
    handle: ({ gate }, { body, role }) => {
      const order = readOrder(body)
      if (!('scope' in order)) return order
      const { scope, reason } = order
      return ordered(scope, gate.reinstate({ scope, reason, by: role }))
    },
  }),
  post('/api/v1/grants', {
    summary: 'Raises what a scope may spend; the amount is an integer, cost_usd in nano-USD.',
    body: schemas.grantBody,
    answer: json(schemas.orderedAnswer),
    refuses: [409, 503],
    handle: ({ gate }, { body, role }) => {
      const order = readOrder(body)
      if (!('scope' in order)) return order
      const { scope, reason, budget, dimension, amount } = order
      const grant = { kind: 'grant', scope, budget, dimension, amount, reason, by: role } as const
      return ordered(scope, gate.grant(grant))
    },
  }),
  post('/api/v1/policy/reload', {
    summary: 'Reads the policy file again; any problem keeps the policy in force.',
    body: schemas.emptyBody,
    answer: json(schemas.reloadedAnswer),
    refuses: [422],
    handle: async ({ reload }) => {
      const reloaded = await reload()
      if (reloaded.ok) return ok({ ok: true, digest: reloaded.digest })
      const detail = 'The policy was not loaded; the one in force stays.'
      const refused = { type: 'about:blank', title: 'Unprocessable Content', status: 422, detail }
      const { problems } = reloaded
      return { status: 422, type: problemType, body: { ...refused, problems } }
    },
  }),
  ...approvalRoutes,
  ...auditRoutes,
  ...erasureRoutes,
  ...decisionRoutes,
]

interface Order {
  readonly scope: ScopeId
  readonly reason: string
  /** Empty and 0 where the order is no grant. */
  readonly budget: string
  readonly dimension: string
  readonly amount: number
}

/** Decodes a body that the schema let pass; what a schema cannot say is asked here. */
function readOrder(body: unknown): Order | Reply {
  const given = body as Omit<Partial<Order>, 'scope'> & { readonly scope: string }
  const { reason = '', budget = '', dimension = '', amount = 0 } = given
  const scope = parseScope(given.scope)
  if (scope === null) {
    const forms = 'fleet, tenant:T, project:T/P, agent:A, run:A/R, actor:U, key:K or pool:N'
    return problem(400, `body/scope must be ${forms}`)
  }
  if (Buffer.byteLength(reason) > schemas.reasonBytesMax) {
    return problem(400, `body/reason must be at most ${schemas.reasonBytesMax} bytes in UTF-8`)
  }
  return { scope, reason, budget, dimension, amount }
}

async function ordered(scope: ScopeId, answer: Promise<OrderAnswer>): Promise<Reply> {
  const given = await answer
  if (!given.ok) return refusedOrder(given.reasons, given.receipt)
  const { seq, hash } = given.receipt
  return ok({ ok: true, scope, receipt: { seq, hash } })
}

function statusOf({ gate, version, durability, listMax }: RouteContext): object {
  const status = gate.status()
  const { head, poisoned, refusal } = gate.ledger
  const broken = poisoned ?? refusal
  return {
    ...status,
    version,
    durability,
    policy: { digest: gate.policy.digest, mode: gate.policy.mode },
    ledger: {
      head: { seq: head.seq, hash: head.hash },
      refusal: broken === null ? null : { code: broken.code, message: broken.message },
    },
    purses: status.purses.slice(0, listMax),
    pursesTotal: status.purses.length,
  }
}
