/** The routes by which people answer what waits for them: read, approve, deny. */
import type { ApprovalView } from '../gate/approval-view.ts'
import { approvalAnswer, approvalsAnswer, approveBody, denyBody } from './approval-schemas.ts'
import { problem, type Reply, refusedOrder } from './problem.ts'
import type { Call, Route, RouteContext } from './route.ts'
import { reasonBytesMax } from './schemas.ts'

const json = (schema: Route['answer']['schema']): Route['answer'] => ({
  type: 'application/json',
  schema,
})

export const approvalRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v1/approvals',
    access: 'waiting',
    summary: 'What waits for people, and what they answered lately; the oldest first.',
    body: null,
    answer: json(approvalsAnswer),
    refuses: [],
    handle: ({ gate, listMax }) => {
      const approvals = gate.approvals()
      const shown = approvals.slice(0, listMax).map(written)
      return { status: 200, body: { approvals: shown, total: approvals.length } }
    },
  },
  {
    method: 'POST',
    path: '/api/v1/approvals/:id/approve',
    access: 'answer',
    summary:
      'Says yes to one action, in the name of the token; with `permits` to more of its kind.',
    body: approveBody,
    answer: json(approvalAnswer),
    refuses: [404, 409, 503],
    handle: (context, call) => answered(context, call, 'approve'),
  },
  {
    method: 'POST',
    path: '/api/v1/approvals/:id/deny',
    access: 'answer',
    summary: 'Says no to one action; the reason reaches the agent.',
    body: denyBody,
    answer: json(approvalAnswer),
    refuses: [404, 409, 503],
    handle: (context, call) => answered(context, call, 'deny'),
  },
]

interface Said {
  readonly reason?: string
  readonly permits?: number
  readonly for_ms?: number
}

async function answered(
  { gate }: RouteContext,
  { body, caller, params }: Call,
  kind: 'approve' | 'deny',
): Promise<Reply> {
  const { for_ms: permitsMs = 0, permits = 0, reason = '' } = body as Said
  if (Buffer.byteLength(reason) > reasonBytesMax) {
    return problem(400, `body/reason must be at most ${reasonBytesMax} bytes in UTF-8`)
  }
  if (permits > 0 !== permitsMs > 0) {
    return problem(400, 'body/permits and body/for_ms go together: how many more, and for how long')
  }
  const approval = params['id'] ?? ''
  const { groups, name: by } = caller
  const order = { kind, approval, by, groups, reason, permits, permitsMs } as const
  const given = await gate.answerApproval(order)
  if (!given.ok) {
    const refused = refusedOrder(given.reasons, given.receipt)
    const status = statuses[given.reasons[0]?.code ?? ''] ?? refused.status
    return { ...refused, status, body: { ...(refused.body as object), status } }
  }
  const { hash, seq } = given.receipt
  const now = gate.approvals().find(({ id }) => id === approval)
  const state = now?.state ?? (kind === 'approve' ? 'approved' : 'denied')
  return { status: 200, body: { ok: true, approval, state, receipt: { seq, hash } } }
}

/** Of refusals that are about who answers what, nearer than 409. */
const statuses: Readonly<Record<string, number>> = {
  'approval-unknown': 404,
  'approver-refused': 403,
}

/** As the API writes it: names in snake case, instants in RFC 3339. */
function written(view: ApprovalView): object {
  const { askedAt, expiresAt, wantedBy, ...rest } = view
  return {
    ...rest,
    wanted_by: wantedBy,
    asked: new Date(askedAt).toISOString(),
    expires: new Date(expiresAt).toISOString(),
  }
}
