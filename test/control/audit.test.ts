/** The audit routes over a real index: what they answer, who may ask, and that no word of anybody is a fault of ours. */
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { type Test, test } from 'tap'
import '../kernel/seed.ts'
import { createApi } from '../../control/api.ts'
import type { AuditPorts } from '../../control/audit/ports.ts'
import { auditRoutes } from '../../control/audit/routes.ts'
import type { RouteContext } from '../../control/route.ts'
import type { Role } from '../../control/token.ts'
import type { SystemOrder } from '../../gate/statement.ts'
import { Failure } from '../../kernel/reasons.ts'
import { called, callMany, desk } from '../evidence/index-world.ts'
import { entriesOf, noon, type World } from '../ledger/open-ledger.ts'
import { type Answer, type Ask, exchange, hash, scriptedGate } from './world.ts'

interface Desk {
  readonly world: World
  readonly faults: unknown[]
  readonly notes: SystemOrder[]
  /** As an auditor, unless another role is named. */
  get(path: string, role?: Role): Promise<Answer>
  post(body: object, role?: Role): Promise<Answer>
}

/** The listener's API alone: its door, which finds the role, has tests of its own. */
async function open(
  t: Test,
  more: { readonly ports?: Partial<AuditPorts> | null } = {},
): Promise<Desk> {
  const world = await called(t)
  const index = desk(t, world.place)
  await index.feedAll()
  const [faults, notes]: [unknown[], SystemOrder[]] = [[], []]
  const gate = scriptedGate()
  gate.ledger.head = { seq: entriesOf(world.place).length - 1, hash }
  const ports: AuditPorts = {
    now: () => noon + 60_000,
    page: async (ask) => {
      await index.feedAll()
      return index.page(ask)
    },
    records: (ask) => index.records(ask),
    record: async (note) => {
      notes.push(note)
      return { receipt: { seq: 7, hash } }
    },
  }
  const audit = more.ports === null ? null : { ...ports, ...more.ports }
  const rest = { reload: async () => ({ ok: true, digest: '' }) as const, scrape: async () => '' }
  const context: RouteContext & { readonly audit: AuditPorts | null } = {
    ...{
      ...rest,
      gate,
      audit,
      version: '0.1.0',
      durability: 'group',
      listMax: 10,
      decisions: null,
    },
  }
  const api = await createApi({
    ...{ routes: auditRoutes, context, bodyBytesMax: 65_536 },
    fault: (error) => faults.push(error),
  })
  const listener: RequestListener = (request, response) => {
    const role = String(request.headers['x-role']) as Role
    api.handle(request, response, { role, name: role, groups: [role] })
  }
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const send = (method: string, path: string, ask: Ask): Promise<Answer> =>
    exchange({ host: '127.0.0.1', port }, { method, path, ...ask })
  return {
    ...{ world, faults, notes },
    get: (path, role = 'auditor') => send('GET', path, { headers: { 'x-role': role } }),
    post: (body, role = 'operator') =>
      send('POST', '/api/v1/records', { body, headers: { 'x-role': role } }),
  }
}

interface Listed {
  readonly entries: readonly {
    readonly seq: number
    readonly receipt: object
    readonly href: string
  }[]
  readonly cursor: string | null
}

const listed = ({ json }: Answer): Listed => json as unknown as Listed

test('entries are found by a filter, newest first, each with its receipt and its address', async (t) => {
  const { get, world } = await open(t)
  const entries = entriesOf(world.place)
  const answer = await get('/api/v1/audit?agent=agent1&verdict=deny&limit=500')
  t.equal(answer.status, 200)
  const expected = entries.filter(
    ({ actor, data }) => actor.agent === 'agent1' && data['verdict'] === 'deny',
  )
  t.same(
    listed(answer).entries.map(({ receipt }) => receipt),
    expected.map(({ hash: own, seq }) => ({ seq, hash: own })).reverse(),
  )
  t.match(answer.json, { cursor: null, fresh_to: entries.length - 1, head: entries.length - 1 })
  const [first] = listed(answer).entries
  t.match(first, { rules: ['open', 'shut'], reasons: ['rule-denied'], code: 'rule-denied' })
  const one = await get(first?.href ?? '')
  t.match(one.json, { receipt: first?.receipt, entry: { seq: first?.seq, kind: 'decision' } })
  const line = String(one.json['line'])
  t.match(JSON.parse(line), { seq: first?.seq }, 'the line itself is there')
})

test('pages follow one another by their cursors, and stay what they were while entries are added', async (t) => {
  const { get, world } = await open(t)
  const before = entriesOf(world.place).filter(({ actor }) => actor.agent === 'agent2')
  const ledger = await world.open()
  const seen: number[] = []
  let cursor: string | null = ''
  for (let turn = 0; cursor !== null && turn < 100; turn += 1) {
    const at = cursor === '' ? '' : `&cursor=${cursor}`
    const page = listed(await get(`/api/v1/audit?agent=agent2&limit=4${at}`))
    seen.push(...page.entries.map(({ seq }) => seq))
    cursor = page.cursor
    await callMany(world, ledger, 700 + turn, 1)
  }
  await ledger.close()
  t.same(seen, before.map(({ seq }) => seq).reverse())
})

test('views answer records, a trace of one run among them', async (t) => {
  const { get } = await open(t)
  const at = '/api/v1/audit/records'
  t.match((await get(`${at}/runs?agent=agent0`)).json, { records: [{ agent: 'agent0' }] })
  t.match((await get(`${at}/models?limit=3`)).json, { records: [{ model: 'm-1' }], cursor: String })
  t.match((await get(`${at}/system?order=oldest`)).json, { records: [{ type: 'start' }] })
  t.match((await get(`${at}/changes`)).json, { records: [{ what: 'halt', by: 'operator' }] })
  const trace = await get(`${at}/trace?agent=agent1&run=r1`)
  t.match(trace.json, { records: [{ what: /^GET h\d/ }] })
  t.match(await get(`${at}/trace?agent=agent1`), { status: 400, json: { detail: /agent and run/ } })
  t.equal((await get(`${at}/everything`)).status, 400)
})

test('who reads may ask, an agent and an approver may not, and only an operator writes', async (t) => {
  const { get, notes, post } = await open(t)
  for (const [role, status] of [
    ...([
      ['viewer', 200],
      ['auditor', 200],
      ['operator', 200],
    ] as const),
    ...([
      ['agent', 403],
      ['approver', 403],
    ] as const),
  ] as const) {
    t.equal((await get('/api/v1/audit', role)).status, status, role)
    t.equal((await get('/api/v1/audit/0', role)).status, status, role)
    t.equal((await get('/api/v1/audit/records/runs', role)).status, status, role)
  }
  const body = { type: 'deployment', message: 'version 2', caused_by: '12-0123456789abcdef' }
  for (const role of ['viewer', 'auditor', 'agent', 'approver'] as const) {
    t.equal((await post(body, role)).status, 403, role)
  }
  t.same(notes, [])
  t.match(await post(body), { status: 200, json: { ok: true, receipt: { seq: 7 } } })
  const { caused_by: causedBy, ...rest } = body
  t.same(notes, [{ ...rest, causedBy, severity: 'info', by: 'operator' }])
})

/** Each line: what is asked, and what the answer must say. */
const malformed: readonly (readonly [string, RegExp])[] = [
  ['?limit=0', /limit/],
  ['?limit=501', /at most 500/],
  ['?limit=1e2', /limit/],
  ['?limit=5&limit=6', /limit/],
  ['?from=yesterday', /from is a time/],
  ['?to=2026-02-30', /to is a time/],
  ['?receipt=12', /receipt is SEQ-HASH/],
  ['?cursor=abc', /cursor is none/],
  [`?cursor=${Buffer.from('e1:-5').toString('base64url')}`, /cursor is none/],
  ['?cursor=', /cursor/],
  ['?agent=', /agent/],
  ['?agent=a%20b', /agent is a word/],
  ['?agent=a%00', /agent is a word/],
  [`?host=${'ü'.repeat(200)}`, /host is a word/],
  [`?host=${'x'.repeat(300)}`, /host/],
  ['?order=sideways', /order/],
  ['?sql=1', /unknown key "sql"/],
]

test('a malformed question is 400 and says what to change', async (t) => {
  const { faults, get } = await open(t)
  for (const [query, says] of malformed) {
    const answer = await get(
      `/api/v1/audit${encodeURI(decodeURIComponent(query)).replace('\u0000', '%00')}`,
    )
    t.equal(answer.status, 400, `${query}: ${answer.text}`)
    t.match(String(answer.json['detail']), says, query)
  }
  for (const seq of ['01', '-1', '1e3', '99999999999999999', 'x', '%27']) {
    t.equal((await get(`/api/v1/audit/${seq}`)).status, 400, seq)
  }
  t.match(await get('/api/v1/audit/999999'), { status: 404, json: { detail: /the last one is/ } })
  t.same(faults, [])
})

test('whatever somebody writes into a parameter, it is never a fault of ours', async (t) => {
  const { faults, get } = await open(t)
  const names = ['from', 'to', 'agent', 'host', 'rule', 'receipt', 'cursor', 'limit', 'order', 'x']
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...names),
      fc.string({ unit: 'binary' }),
      async (name, text) => {
        const query = `${name}=${encodeURIComponent(text.toWellFormed())}`
        const { status } = await get(`/api/v1/audit?${query}`)
        t.ok(status === 200 || status === 400, `${query}: ${status}`)
      },
    ),
    { numRuns: 150 },
  )
  t.same(faults, [])
})

/** Each line: what is wrong with a note, and the note. */
const badNotes: readonly (readonly [string, object])[] = [
  ['no message', { type: 'note' }],
  ['a message of blanks', { type: 'note', message: ' ' }],
  ['a control sign', { type: 'note', message: 'a\u001b[2J' }],
  ['too many bytes', { type: 'note', message: 'ü'.repeat(129) }],
  ['an unknown type', { type: 'party', message: 'x' }],
  ['an unknown severity', { type: 'note', message: 'x', severity: 'bad' }],
  ['a cause with blanks', { type: 'note', message: 'x', caused_by: 'a b' }],
  ['somebody else’s name', { type: 'note', message: 'x', by: 'jo' }],
]

test('a malformed note is 400, and is not written', async (t) => {
  const { notes, post } = await open(t)
  for (const [what, body] of badNotes) t.equal((await post(body)).status, 400, what)
  t.same(notes, [])
})

test('without an index, and where it cannot answer now, it is 503 and says so', async (t) => {
  const without = await open(t, { ports: null })
  t.match(await without.get('/api/v1/audit'), { status: 503, json: { detail: /no index/ } })
  const page = async (): Promise<never> => {
    throw new Failure('ledger-unavailable', 'the index is made anew; ask again')
  }
  const busy = await open(t, { ports: { page } })
  t.match(await busy.get('/api/v1/audit'), { status: 503, json: { detail: /made anew/ } })
  t.same(busy.faults, [])
})
