/** Every route of the control listener, asked in every way that a fuzzer finds: never a fault of ours, never silence. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import type { Test } from 'tap'
import { parametersOf, paramsOf } from '../../control/path.ts'
import type { Route } from '../../control/route.ts'
import { routes } from '../../control/routes.ts'
import { brokenOf, type Known, textBodies, validOf } from '../control/decide-bodies.ts'
import type { Answer, Ask } from '../control/world.ts'
import { type Desk, deskTest, tokenOf } from './decisions-world.ts'
import '../kernel/seed.ts'

const numRuns = 24
const silenceMs = 8_000

const known = ({ origin, digest }: Desk): Known => ({
  domain: ['general', 'general', 'ai', 'finance', 'general', 'space'],
  actor: ['worker', 'worker/one', 'worker/two', 'clerk', 'clerk/one', 'ghost'],
  action: ['axn_write', 'axn_execute', 'axn_rebalance', 'axn_none'],
  resource: ['res_record', 'res_file:a/b', 'res_portfolio'],
  actor_type: ['act_agent', 'act_trading_agent'],
  context: [{ title: 'x' }, { portfolio: 'growth' }, {}],
  constitutional_hash: [digest()],
  tenant: ['acme'],
  url: [
    `${origin.url}/records`,
    `${origin.url}/guarded?x`,
    'https://[::1]/',
    'http://a.example\u0000',
  ],
  method: ['POST', 'GET', 'CONNECT'],
  body: ['{"title":"x"}', '', '{"title":'],
  scope: ['run:worker/fuzzed', 'agent:nobody', 'fleets'],
  budget: ['few', ''],
  dimension: ['requests'],
  agent: ['worker'],
  items: [[item], [item, item, { ...item, actor: 'clerk/one' }]],
  steps: [[item, item]],
})

/** A body that each route of the decision API takes. */
const asked = { actor: 'worker', action: 'axn_write', context: { title: 'x' } }
const item = { ...asked, domain: 'general' }
const bodies: Readonly<Record<string, object>> = {
  '/api/v1/:domain/decisions/request': asked,
  '/decisions/request': asked,
  '/api/v1/runtime/simulate': { steps: [item] },
  '/api/v1/governance/policies/evaluate': item,
  '/api/v1/governance/conflicts/resolve': { verdicts: [{ source: 'a', verdict: 'deny' }] },
  '/api/v1/constitutional/validate': item,
  '/api/v1/constitutional/validate/batch': { items: [item] },
  '/api/v1/constitutional/policies/synthesize': {},
}

deskTest(
  'each route answers what its page says, and 401 or 403 to whoever may not ask',
  async (t, desk) => {
    const page = (await desk.get('/openapi.json')).json
    const ajv = new Ajv2020({ strict: false })
    ajv.addSchema(page, 'page')
    const stated = routes.filter(({ method, path }) => method === 'GET' || path in bodies)
    for (const { access, method, path: pattern } of stated) {
      const one = pattern.replace(':seq', '3').replace(':view', 'runs')
      const path = one.replaceAll(/:[a-z]+/g, 'general')
      const body = bodies[pattern]
      const more = { method, ...(body === undefined ? {} : { body }) }
      const done = await desk.as(desk.operator, path, more)
      t.equal(done.status, 200, `${path}: ${done.text.slice(0, 200)}`)
      const template = pattern.replaceAll(/:([a-z]+)/g, '{$1}').replaceAll('/', '~1')
      const pointer = `${encodeURI(template)}/${method.toLowerCase()}/responses/200/content`
      const check = ajv.getSchema(`page#/paths/${pointer}/application~1json/schema`)
      if (path !== '/metrics') t.ok(check?.(done.json), `${path}: ${ajv.errorsText(check?.errors)}`)
      if (access === 'open') continue
      t.equal((await desk.as(null, path, more)).status, 401, path)
      const agent = await desk.as(tokenOf('worker'), path, more)
      t.equal(agent.status, access === 'ask' ? 200 : 403, `${path}: an agent`)
      const approver = await desk.as(tokenOf('maria'), path, more)
      t.equal(approver.status, access === 'waiting' ? 200 : 403, `${path}: an approver`)
    }
  },
)

interface Sent extends Ask {
  readonly method: string
  readonly path: string
}

/** Answers in time, with a status that is not ours to be ashamed of, and a problem where it refuses. */
async function holds(t: Test, desk: Desk, sent: Sent): Promise<void> {
  const { path, token = desk.operator, ...rest } = sent
  const answer = await Promise.race([desk.as(token, path, rest), silence()])
  const what = `${sent.method} ${path} ${JSON.stringify(sent.body)?.slice(0, 300)}`
  if (answer === null) throw new Error(`${what}: no answer`)
  const { headers, json, status, text } = answer
  if (status >= 500) throw new Error(`${what}: ${status} ${text}`)
  if (status < 400) return
  const isProblem =
    headers['content-type'] === 'application/problem+json' &&
    (sent.method === 'HEAD' || (json['status'] === status && typeof json['detail'] === 'string'))
  if (!isProblem) throw new Error(`${what}: ${status} is no problem: ${text}`)
  t.ok(true)
}

function silence(): Promise<null> {
  return new Promise((resolve) => setTimeout(() => resolve(null), silenceMs).unref())
}

const hostileParts = [
  'general',
  'x',
  '%00',
  '%ff',
  '..',
  'a%2fb',
  '🦊',
  'x'.repeat(200),
  '__proto__',
  '%',
]

function pathsOf(route: Route, all: Known): fc.Arbitrary<string> {
  const parts = parametersOf(route.path)
  const params = validOf(paramsOf(route), all) as fc.Arbitrary<Record<string, string>>
  const anything = fc.record(
    Object.fromEntries(parts.map((name) => [name, fc.constantFrom(...hostileParts)])),
  )
  const query = route.query ?? null
  const queries = query === null ? fc.constant({}) : validOf(query, all)
  return fc.tuple(fc.oneof(params, anything), queries).map(([given, asked]) => {
    const path = route.path.replaceAll(/:([a-z]+)/g, (_, name) => given[name] ?? 'x')
    const search = new URLSearchParams(asked as Record<string, string>).toString()
    return encodeURI(path).replaceAll('%25', '%') + (search === '' ? '' : `?${search}`)
  })
}

deskTest(
  'every route, with bodies that are valid, broken or nothing at all, answers without a fault',
  async (t, desk) => {
    const all = known(desk)
    for (const route of routes) {
      const { method } = route
      const valid = route.body === null ? fc.constant(undefined) : validOf(route.body, all)
      const bodies = fc.oneof({ weight: 3, arbitrary: valid }, brokenOf(valid))
      const tokens = fc.constantFrom(
        ...[desk.operator, desk.operator, desk.operator, desk.operator],
        tokenOf('worker'),
        tokenOf('maria'),
        null,
      )
      const asks = fc.tuple(pathsOf(route, all), bodies, tokens)
      const property = fc.asyncProperty(asks, async ([path, body, token]) => {
        const sends = method === 'POST' ? { body: textOf(body) } : {}
        await holds(t, desk, { method, path, token, ...sends })
      })
      await fc.assert(property, { numRuns, endOnFailure: true })
    }
    t.match(await desk.as(null, '/healthz', { method: 'GET' }), { status: 200 })
    t.equal(desk.world.world.gate.sealed, false)
    t.ok(desk.world.entries('preview').length > 5, 'much of it came as far as a decision')
  },
)

const textOf = (body: unknown): string => {
  try {
    return JSON.stringify(body) ?? ''
  } catch {
    // A bigint or a circle: nothing that can be sent.
    return 'null'
  }
}

deskTest('texts that are no body, other types and other methods are refused', async (t, desk) => {
  const posts = routes.filter(({ method }) => method === 'POST')
  for (const [index, body] of textBodies.entries()) {
    for (const { path } of posts.filter((_, at) => at % 3 === index % 3)) {
      await holds(t, desk, { method: 'POST', path: path.replaceAll(/:[a-z]+/g, 'general'), body })
    }
  }
  const decide = '/decisions/request'
  for (const body of textBodies) await holds(t, desk, { method: 'POST', path: decide, body })
  for (const type of ['text/plain', 'application/xml', 'multipart/form-data', 'a', '']) {
    const headers = { 'content-type': type }
    await holds(t, desk, { method: 'POST', path: decide, body: '{}', headers })
  }
  for (const { path: pattern } of routes) {
    const path = pattern.replaceAll(/:[a-z]+/g, 'general')
    const served = new Set(
      routes.filter((route) => route.path === pattern).map(({ method }) => method),
    )
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      if (served.has(method as Route['method'])) continue
      const answer = await desk.as(desk.operator, path, { method })
      t.ok(answer.status === 405 || answer.status === 404, `${method} ${path}: ${answer.status}`)
      await holds(t, desk, { method, path })
    }
  }
})

deskTest('paths that are no route are refused', async (t, desk) => {
  const part = fc.constantFrom(
    'api',
    'v1',
    'domains',
    'constitutional',
    'decisions',
    'request',
    'holds',
    ...hostileParts,
  )
  const paths = fc
    .array(part, { maxLength: 6 })
    .map((parts) => encodeURI(`/${parts.join('/')}`).replaceAll('%25', '%'))
  const property = fc.asyncProperty(paths, fc.constantFrom('GET', 'POST'), (path, method) =>
    holds(t, desk, { method, path }),
  )
  await fc.assert(property, { numRuns: 150, endOnFailure: true })
  const answer: Answer = await desk.as(desk.operator, '/healthz', { method: 'GET' })
  t.equal(answer.status, 200)
})
