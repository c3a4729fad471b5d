/** The routes by which the ledger is read and asked: entries, views of it, and what an operator writes down. */
import { filterOf, type Words } from '../../evidence/index/ask.ts'
import { cursorOf, type EntryFilter, seqOfCursor } from '../../evidence/index/filter.ts'
import type { Ask, Hit } from '../../evidence/index/find.ts'
import { factColumns, factsOf } from '../../evidence/index/row.ts'
import { type RecordView, recordViews } from '../../evidence/records/views.ts'
import type { SystemOrder } from '../../gate/statement.ts'
import { problem, type Reply } from '../problem.ts'
import type { Call, Route } from '../route.ts'
import { reasonBytesMax } from '../schemas.ts'
import type { AuditPorts } from './ports.ts'
import * as schemas from './schemas.ts'

/** A page where nobody says how long. */
const limitDefault = 100

/** Rows that one page may look through: a second or less. What is rarer takes more pages. */
const rowsMax = 1_000_000

type Handle = (asked: {
  readonly ports: AuditPorts
  readonly call: Call
  /** Seq of the last durable entry. */
  readonly head: number
}) => Promise<Reply>

/** A gate that was opened without an index (a tool, a test) has nothing to ask. */
function withPorts(handle: Handle): Route['handle'] {
  return async ({ audit, gate }, call) => {
    if (audit === null) return problem(503, 'This gate keeps no index of its ledger.')
    return handle({ ports: audit, call, head: gate.ledger.head.seq })
  }
}

const json = (schema: Route['answer']['schema']): Route['answer'] => ({
  type: 'application/json',
  schema,
})

type Row = Pick<Route, 'summary' | 'answer' | 'handle'> &
  Partial<Pick<Route, 'params' | 'query' | 'refuses'>>

const get = (path: string, row: Row): Route => ({
  ...{ query: null, refuses: [503], ...row },
  ...{ method: 'GET', path, access: 'read', body: null },
})

export const auditRoutes: readonly Route[] = [
  get('/api/v1/audit', {
    summary: 'Entries of the ledger by what they say, page by page; each is read from the ledger.',
    query: schemas.entriesQuery,
    answer: json(schemas.entriesAnswer),
    handle: withPorts(entries),
  }),
  get('/api/v1/audit/:seq', {
    summary: 'One entry, as its line stands in the ledger.',
    params: schemas.seqParams,
    answer: json(schemas.entryAnswer),
    refuses: [404, 503],
    handle: withPorts(entry),
  }),
  get('/api/v1/audit/records/:view', {
    summary: 'Views of the ledger: runs, models, system, changes, or the trace of one run.',
    params: schemas.viewParams,
    query: schemas.recordsQuery,
    answer: json(schemas.recordsAnswer),
    handle: withPorts(records),
  }),
  {
    method: 'POST',
    path: '/api/v1/records',
    access: 'order',
    summary: 'Writes down what happened to the system: a deployment, a migration, an incident.',
    body: schemas.recordBody,
    answer: json(schemas.recordAnswer),
    refuses: [503],
    handle: withPorts(record),
  },
]

async function entries({ call, head, ports }: Parameters<Handle>[0]): Promise<Reply> {
  const ask = askOf(call.query, ports.now())
  if ('status' in ask) return ask
  const { after, freshTo, hits } = await ports.page(ask)
  const cursor = after === null ? null : cursorOf(after)
  return { status: 200, body: { entries: hits.map(itemOf), cursor, fresh_to: freshTo, head } }
}

async function entry({ call, head, ports }: Parameters<Handle>[0]): Promise<Reply> {
  const seq = Number(call.params['seq'])
  const one = { order: 'oldest', after: null, limit: 1, rowsMax } as const
  const { freshTo, hits } = await ports.page({ ...one, filter: { receipt: { seq, hash: '' } } })
  const [hit] = hits
  if (hit === undefined) {
    const isSoon = seq <= head && seq > (freshTo ?? -1)
    return isSoon
      ? problem(503, `Entry ${seq} is not indexed yet; ask again.`, { 'retry-after': '1' })
      : problem(404, `There is no entry ${seq}; the last one is ${head}.`)
  }
  const { hash } = hit.entry
  const { offset, segment, text: line } = hit
  return { status: 200, body: { receipt: { seq, hash }, segment, offset, line, entry: hit.entry } }
}

async function records({ call, head, ports }: Parameters<Handle>[0]): Promise<Reply> {
  const view = recordViews.find((one): one is RecordView => one === call.params['view'])
  if (view === undefined)
    return problem(404, `There is no such view; ask for ${recordViews.join(', ')}.`)
  const ask = askOf(call.query, ports.now())
  if ('status' in ask) return ask
  const { agent, run } = ask.filter
  if (view === 'trace' && (agent === undefined || run === undefined)) {
    return problem(400, 'querystring must have agent and run: a trace is of one run')
  }
  const { after, freshTo, records: found } = await ports.records({ ...ask, view })
  const cursor = after === null ? null : cursorOf(after)
  return { status: 200, body: { records: found, cursor, fresh_to: freshTo, head } }
}

interface Written {
  readonly type: SystemOrder['type']
  readonly severity?: SystemOrder['severity']
  readonly caused_by?: string
  readonly message: string
}

async function record({ call, ports }: Parameters<Handle>[0]): Promise<Reply> {
  const { caused_by: causedBy = '', message, severity = 'info', type } = call.body as Written
  if (Buffer.byteLength(message) > reasonBytesMax) {
    return problem(400, `body/message must be at most ${reasonBytesMax} bytes in UTF-8`)
  }
  const { receipt } = await ports.record({ type, severity, causedBy, message, by: call.role })
  return { status: 200, body: { ok: true, receipt: { seq: receipt.seq, hash: receipt.hash } } }
}

/** What a schema cannot say is asked here. */
function askOf(query: Call['query'], now: number): Ask | Reply {
  const { cursor, limit = String(limitDefault), order, ...words } = query
  const read = filterOf(words as Words, now)
  if ('problem' in read) return problem(400, `querystring/${read.name} ${read.problem}`)
  const filter: EntryFilter = read.filter
  const after = cursor === undefined ? null : seqOfCursor(cursor)
  if (cursor !== undefined && after === null) {
    return problem(400, 'querystring/cursor is none that a page gave out')
  }
  if (Number(limit) > schemas.limitMax) {
    return problem(400, `querystring/limit must be at most ${schemas.limitMax}`)
  }
  return {
    filter,
    after,
    limit: Number(limit),
    order: order === 'oldest' ? 'oldest' : 'newest',
    rowsMax,
  }
}

/** What the entry itself says, member by member; what it does not say is left out. */
function itemOf({ entry: found }: Hit): object {
  const { hash, seq } = found
  const facts = factsOf(found)
  const item: Record<string, unknown> = {}
  for (const [index, name] of factColumns.entries()) {
    const value = facts[index] ?? null
    if (value === null || name === 'rule') continue
    const isList = (name === 'rules' || name === 'reasons') && typeof value === 'string'
    item[name === 'cost' ? 'cost_nano_usd' : name] = isList ? value.trim().split(' ') : value
  }
  return { ...item, receipt: { seq, hash }, href: `/api/v1/audit/${seq}` }
}
