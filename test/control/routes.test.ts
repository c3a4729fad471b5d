/** Each route, in each way it can be asked: allowed, unauthorised, malformed, too large; and what the page says. */
import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { test } from 'tap'
import { auditRoutes } from '../../control/audit/routes.ts'
import { decisionRoutes } from '../../control/decide/routes.ts'
import { routes } from '../../control/routes.ts'
import { ContractError } from '../../kernel/contract.ts'
import { Failure } from '../../kernel/reasons.ts'
import { type Answer, digest, hash, openControl, readerToken, token } from './world.ts'

const order = { scope: 'agent:researcher', reason: 'it loops' }
const grant = { ...order, budget: 'per-run', dimension: 'cost_usd', amount: 2_000_000_000 }

/** A body that each ordering route accepts. */
const bodies: Readonly<Record<string, object>> = {
  '/api/v1/halts': order,
  '/api/v1/reinstatements': order,
  '/api/v1/grants': grant,
  '/api/v1/policy/reload': {},
  '/api/v1/approvals/:id/approve': { reason: 'seen' },
  '/api/v1/approvals/:id/deny': { reason: 'too much' },
  '/api/v1/erasures': { subject: 'actor:ada', authority: 'ticket 7' },
}

const ofDecisions: ReadonlySet<string> = new Set([
  '/.well-known/jwks.json',
  ...decisionRoutes.map(({ path }) => path),
])

/** As the page writes it. */
const templateOf = (path: string): string => path.replaceAll(/:([a-z]+)/g, '{$1}')

/** A path that a route answers. */
const pathFor = (path: string): string => path.replaceAll(/:[a-z]+/g, 'one-1')

function isProblem(answer: Answer, status: number): boolean {
  const { detail, title, type } = answer.json
  return (
    answer.status === status &&
    answer.headers['content-type'] === 'application/problem+json' &&
    answer.json['status'] === status &&
    [detail, title, type].every((text) => typeof text === 'string' && text.length > 3)
  )
}

test('each route answers what its page says, and 401 or 403 to whoever may not ask', async (t) => {
  const { ask, faults } = await openControl(t)
  const page = (await ask('GET', '/openapi.json')).json
  t.equal(page['openapi'], '3.1.0')
  const ajv = new Ajv2020({ strict: false })
  ajv.addSchema(page, 'page')
  // Those of the decision API are asked through a whole gate, in decide.test.ts; the ledger's over an index, in audit.test.ts.
  const elsewhere = new Set(auditRoutes.map(({ path }) => path))
  const own = routes.filter(({ path }) => !ofDecisions.has(path) && !elsewhere.has(path))
  for (const { method, path: pattern, access } of own) {
    const path = pathFor(pattern)
    const body = method === 'POST' ? { body: bodies[pattern] ?? {} } : {}
    const done = await ask(method, path, body)
    t.equal(done.status, 200, `${method} ${path} is answered`)
    const type = path === '/metrics' ? 'text~1plain' : 'application~1json'
    const pointer = `${encodeURI(templateOf(pattern)).replaceAll('/', '~1')}/${method.toLowerCase()}/responses/200`
    const check = ajv.getSchema(`page#/paths/${pointer}/content/${type}/schema`)
    t.ok(check, `${method} ${path} stands on the page`)
    t.ok(
      check?.(path === '/metrics' ? done.text : done.json),
      `${path}: ${ajv.errorsText(check?.errors)}`,
    )
    const nobody = await ask(method, path, { ...body, token: null })
    const stranger = await ask(method, path, { ...body, token: `${token}x` })
    const reader = await ask(method, path, { ...body, token: readerToken })
    if (access === 'open') {
      t.same([nobody.status, stranger.status], [200, 200], `${path} is open`)
      continue
    }
    t.ok(isProblem(nobody, 401), `${path} asks for a token`)
    t.match(nobody.headers['www-authenticate'], /^Bearer realm=/)
    t.ok(isProblem(stranger, 401), `${path} refuses a wrong token`)
    t.match(stranger.headers['www-authenticate'], /error="invalid_token"/)
    const reads = access === 'read' || access === 'waiting'
    if (reads) t.equal(reader.status, 200, `${path} is for readers`)
    else t.ok(isProblem(reader, 403), `${path} is not for readers`)
  }
  t.same(faults, [])
})

test('an order reaches the gate as it was given, and the answer is the entry that records it', async (t) => {
  const { ask, gate } = await openControl(t)
  const by = 'operator'
  const expected: readonly (readonly [string, object, object])[] = [
    ['/api/v1/halts', order, { ...order, cause: 'operator', by }],
    ['/api/v1/reinstatements', order, { ...order, by }],
    ['/api/v1/grants', grant, { ...grant, kind: 'grant', by }],
  ]
  for (const [path, body, given] of expected) {
    const answer = await ask('POST', path, { body })
    t.same(answer.json, { ok: true, scope: order.scope, receipt: { seq: 42, hash } })
    t.same(gate.orders.pop(), given)
  }
  const { budget: _, ...without } = grant
  await ask('POST', '/api/v1/grants', { body: without })
  t.match(gate.orders.pop(), { budget: '' }, 'a budget may be left out')
})

test('a halt is not answered before the gate says that it is durable', async (t) => {
  const { ask, gate } = await openControl(t)
  let durable: () => void = () => undefined
  let answered = false
  const waits = new Promise<void>((resolve) => {
    durable = resolve
  })
  const asked = new Promise<void>((resolve) => {
    gate.answer = async () => {
      resolve()
      await waits
      t.notOk(answered, 'nobody was answered while the entry was under way')
      return { ok: true, receipt: { seq: 42, hash } }
    }
  })
  const halt = ask('POST', '/api/v1/halts', { body: order }).then((answer) => {
    answered = true
    return answer
  })
  await asked
  await ask('GET', '/healthz')
  durable()
  t.equal((await halt).status, 200)
})

const long = 'x'.repeat(257)

/** Each line: what is wrong, a body for the grants route, and what the detail must say. */
const malformed: readonly (readonly [string, object | string, RegExp])[] = [
  ['bad JSON', '{"scope":', /JSON/],
  ['an empty body', '', /empty|must be object|JSON/],
  ['an array', [grant], /body must be object/],
  ['null', 'null', /body must be object/],
  ['an unknown key', { ...grant, force: true }, /unknown key "force"/],
  ['a prototype key', '{"__proto__":{"role":"operator"},"scope":"fleet"}', /not valid JSON/],
  ['a constructor key', '{"constructor":{"prototype":{}},"scope":"fleet"}', /not valid JSON/],
  ['no scope', { ...grant, scope: undefined }, /scope/],
  ['a scope that is none', { ...grant, scope: 'agent:' }, /body\/scope must be fleet/],
  ['a scope with a line break', { ...grant, scope: 'agent:a\nb' }, /body\/scope must be fleet/],
  ['a scope that is too long', { ...grant, scope: `agent:${long}` }, /body\/scope/],
  ['an amount as text', { ...grant, amount: '5' }, /body\/amount must be integer/],
  ['half an amount', { ...grant, amount: 0.5 }, /body\/amount must be integer/],
  ['no amount', { ...grant, amount: 0 }, /body\/amount must be >= 1/],
  ['a negative amount', { ...grant, amount: -1 }, /body\/amount must be >= 1/],
  ['more than can be counted', '{"amount":9007199254740993}', /must have required|amount/],
  ['an amount past all counting', { ...grant, amount: 2 ** 60 }, /body\/amount must be <=/],
  ['a reason that is empty', { ...grant, reason: '' }, /body\/reason/],
  ['a reason of blanks', { ...grant, reason: '   ' }, /body\/reason/],
  ['a reason that is a number', { ...grant, reason: 5 }, /body\/reason must be string/],
  ['a reason that is too long', { ...grant, reason: long }, /body\/reason/],
  ['a reason of too many bytes', { ...grant, reason: 'ü'.repeat(129) }, /256 bytes/],
  ['a reason with a control sign', { ...grant, reason: 'a\u001b[2Jb' }, /body\/reason/],
  ['a reason with half a character', `{"scope":"fleet","reason":"\\ud800"}`, /reason|required/],
  ['a lone surrogate', JSON.stringify(grant).replace('it loops', '\\ud800x'), /body\/reason/],
  ['a reason written backwards', { ...grant, reason: 'a\u202eb' }, /body\/reason/],
  ['a dimension that is none', { ...grant, dimension: 'Cost USD' }, /body\/dimension/],
  ['a budget that is none', { ...grant, budget: 'a b' }, /body\/budget/],
]

test('a malformed order is 400 with what to change, and never reaches the gate', async (t) => {
  const { ask, gate, faults } = await openControl(t)
  for (const [what, body, says] of malformed) {
    const answer = await ask('POST', '/api/v1/grants', { body })
    t.ok(isProblem(answer, 400), `${what}: ${answer.status} ${answer.text}`)
    t.match(answer.json['detail'], says, what)
  }
  for (const [pattern, given] of Object.entries(bodies)) {
    const path = pathFor(pattern)
    const answer = await ask('POST', path, { body: { ...given, extra: 1 } })
    t.ok(isProblem(answer, 400), `${path} knows no other keys`)
    const query = await ask('POST', `${path}?dry=1`, { body: given })
    t.ok(isProblem(query, 400), `${path} takes no query`)
  }
  t.ok(isProblem(await ask('GET', '/api/v1/status?x=1'), 400))
  t.same(gate.orders, [])
  t.same(faults, [])
  t.equal(Object.getOwnPropertyDescriptor(Object.prototype, 'role'), undefined)
})

test('a body that is too large, or no JSON by its type, is refused', async (t) => {
  const { ask, gate } = await openControl(t)
  const large = await ask('POST', '/api/v1/halts', {
    body: { ...order, reason: 'x'.repeat(70_000) },
  })
  t.ok(isProblem(large, 413), large.text)
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
    const headers = { 'content-type': type }
    const answer = await ask('POST', '/api/v1/halts', { body: order, headers })
    t.ok(isProblem(answer, 415), type)
  }
  t.same(gate.orders, [])
})

test('a path or method that is no route is 404 or 405, and says nothing without a token', async (t) => {
  const { ask } = await openControl(t)
  t.ok(isProblem(await ask('GET', '/api/v1/secrets'), 404))
  t.ok(isProblem(await ask('GET', '/api/v1/secrets', { token: null }), 401))
  t.ok(isProblem(await ask('GET', '/api/v1/halts/'), 404))
  t.ok(isProblem(await ask('GET', '/%zz'), 400))
  const wrong = await ask('DELETE', '/api/v1/halts')
  t.ok(isProblem(wrong, 405))
  t.equal(wrong.headers.allow, 'POST')
  t.ok(isProblem(await ask('POST', '/healthz'), 405))
  t.equal((await ask('HEAD', '/healthz')).status, 200)
  t.ok(isProblem(await ask('OPTIONS', '/api/v1/halts', { token: null }), 401), 'no CORS')
})

test('an order that the gate refuses is a problem with every reason and its receipt', async (t) => {
  const { ask, gate, faults } = await openControl(t)
  const receipt = { seq: 43, hash }
  const refusals = [
    ['halted', 409],
    ['budget-exhausted', 409],
    ['malformed-request', 400],
    ['ledger-unavailable', 503],
    ['contract-violated', 503],
  ] as const
  for (const [code, status] of refusals) {
    const reasons = [{ code, id: 'run:a/b', message: 'A run is never reinstated.' }]
    gate.answer = async () => ({ ok: false, reasons, receipt })
    const answer = await ask('POST', '/api/v1/reinstatements', { body: order })
    t.ok(isProblem(answer, status), code)
    t.match(answer.json, { type: `urn:haltgate:reason:${code}`, reasons, receipt })
    t.equal(answer.json['detail'], 'A run is never reinstated.')
  }
  gate.answer = async () => {
    throw new Failure('ledger-unavailable', 'the disk is full')
  }
  t.ok(isProblem(await ask('POST', '/api/v1/halts', { body: order }), 503))
  gate.answer = async () => ({ ok: false, reasons: [], receipt: null })
  t.ok(isProblem(await ask('POST', '/api/v1/halts', { body: order }), 409))
  t.same(faults, [])
})

test('a bug behind a route is 500 without its words, and is told to whoever ends the process', async (t) => {
  const { ask, gate, faults } = await openControl(t)
  const bug = new ContractError('the holds balance')
  gate.answer = async () => {
    throw bug
  }
  const answer = await ask('POST', '/api/v1/halts', { body: order })
  t.ok(isProblem(answer, 500))
  t.notMatch(answer.text, /balance/)
  gate.status = () => {
    throw bug
  }
  t.ok(isProblem(await ask('GET', '/metrics'), 500))
  t.same(faults, [bug, bug])
})

test('a reload answers the new digest, or 422 with every problem', async (t) => {
  let problems: readonly string[] = []
  const reload = async (): Promise<
    { ok: true; digest: string } | { ok: false; problems: readonly string[] }
  > => (problems.length === 0 ? { ok: true, digest } : { ok: false, problems })
  const { ask } = await openControl(t, { reload })
  t.same((await ask('POST', '/api/v1/policy/reload')).json, { ok: true, digest })
  t.same((await ask('POST', '/api/v1/policy/reload', { body: {} })).json, { ok: true, digest })
  problems = ['policies.yaml:3:1: unknown key', 'policies.yaml:9:5: bad unit']
  const refused = await ask('POST', '/api/v1/policy/reload')
  t.ok(isProblem(refused, 422))
  t.same(refused.json['problems'], problems)
})

test('status and runs are cut at their bound, and say how many there are', async (t) => {
  const { ask, gate } = await openControl(t, { limits: { listMax: 2 } })
  const [first] = gate.purses
  gate.purses = first === undefined ? [] : [first, first, first]
  gate.seenRuns = [{ run: 'a' }, { run: 'b' }, { run: 'c' }]
  t.match((await ask('GET', '/api/v1/status')).json, { pursesTotal: 3, purses: { length: 2 } })
  t.match((await ask('GET', '/api/v1/runs')).json, { total: 3, runs: { length: 2 } })
})

test('docs/control.md lists each route with its method and access, and no other', async (t) => {
  const text = readFileSync('docs/control.md', 'utf8')
  const rows = [...text.matchAll(/^\| (GET|POST) \| `([^`]+)` \| (\w+) \| .{10,} \|$/gm)]
  t.same(
    rows.map(([, method, path, access]) => `${method} ${path} ${access}`),
    routes.map(({ method, path, access }) => `${method} ${path} ${access}`),
  )
})

test('the page names each route once, its refusals and its lock', async (t) => {
  const { ask } = await openControl(t)
  const { paths } = (await ask('GET', '/openapi.json')).json
  const listed = Object.entries(paths ?? {}).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  )
  t.same(
    listed,
    routes.map(({ method, path }) => `${method} ${templateOf(path)}`),
  )
  for (const { path: pattern, method, access } of routes) {
    const path = templateOf(pattern)
    const operation = Object(paths)[path][method.toLowerCase()]
    t.equal(
      operation.security.length,
      access === 'open' ? 0 : 1,
      `${path} is locked as it is served`,
    )
    t.equal('401' in operation.responses, access !== 'open')
    t.equal('requestBody' in operation, method === 'POST')
  }
})
