/** Whatever a file holds and whatever is asked, this room answers and never throws. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { test } from 'tap'
import type { Json } from '../../kernel/content.ts'
import type { RequestFacts } from '../../kernel/request.ts'
import { explain } from '../../policy/explain.ts'
import { compileSource, loadPolicy } from '../../policy/load.ts'
import { local } from './facts.ts'
import '../kernel/seed.ts'

const text = fc.oneof(
  fc.constantFrom(
    'a.test',
    '*.test',
    '!a.test',
    '*',
    'GET',
    'CONNECT',
    '/a',
    '/a/**',
    '/*',
    'local',
    'tunnel',
    'allow',
    'deny',
    '10.0.0.0/8',
    '30s',
    '5',
    '10MiB',
    'run',
    'res_a:b',
  ),
  fc.constantFrom(
    'request.path == "/a"',
    'body.x == 1',
    'request.query.a == "1"',
    'facts.x',
    '1 +',
    'request.port > 3',
    'body.a.exists(x, x == 1)',
    'has(facts.x) && facts.x == body.a',
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
)

/** Any JSON, with the keys of a policy more likely than others. */
const value = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    text,
    fc.double(),
    fc.integer({ min: -5, max: 500 }),
    fc.constantFrom(null, true),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(
      fc.constantFrom(
        'id',
        'hosts',
        'requests',
        'wall',
        'tls',
        'constructor',
        '__proto__',
        '<<',
        'x',
      ),
      tie('any'),
      { maxKeys: 4 },
    ),
  ),
})).any

const list = fc.oneof({ arbitrary: fc.array(text, { maxLength: 3 }), weight: 9 }, value)
const one = fc.oneof({ arbitrary: text, weight: 9 }, value)

const target = {
  hosts: list,
  methods: list,
  paths: list,
  agents: list,
  ports: fc.oneof(fc.array(fc.integer({ min: 1, max: 65_535 })), list),
  when: one,
  state: fc.constantFrom('active', 'draft'),
}
const rule = fc.record(
  {
    id: fc.stringMatching(/^[a-z]{1,4}$/),
    effect: fc.constantFrom('allow', 'deny', 'approve', 'queue', 'halt'),
    ...target,
    resource: one,
    charge: fc.dictionary(fc.constantFrom('risk', 'cost_usd', 'requests'), one),
    context: fc.dictionary(fc.constantFrom('a', 'b'), one),
    tls: one,
    addresses: list,
    decoder: fc.constantFrom('json', 'mcp'),
    payload: fc.oneof(fc.constantFrom('block', 'off'), value),
    inject: fc.constantFrom('c', 'd'),
    upstream_proxy: one,
  },
  { requiredKeys: ['id', 'effect'] },
)
const budget = fc.record(
  {
    id: fc.stringMatching(/^[A-Z]{1,4}$/),
    scope: fc.constantFrom('run', 'agent'),
    limits: fc.dictionary(fc.constantFrom('requests', 'wall', 'risk'), one),
    ...target,
    window: one,
    tiers: list,
  },
  { requiredKeys: ['id', 'scope', 'limits'] },
)
const file = fc.record(
  {
    version: fc.constant(1),
    agents: fc.constant({ local: {} }),
    defaults: fc.constant({ tls: 'tunnel' }),
    rules: fc.array(rule, { maxLength: 3 }),
    credentials: fc.constant({ c: { source: { env: 'C' }, as: { query: 'k' } } }),
    budgets: fc.array(budget, { maxLength: 2 }),
  },
  { requiredKeys: ['version'] },
)

const facts: fc.Arbitrary<RequestFacts> = fc.record({
  id: fc.constant('boot-1'),
  principal: fc.constantFrom(local, { ...local, agent: 'other', tenant: 't', project: 'p' }),
  kind: fc.constantFrom('request', 'websocket', 'tunnel', 'reach'),
  method: fc.constantFrom('GET', 'POST', 'CONNECT'),
  scheme: fc.constantFrom('http', 'https'),
  host: fc.constantFrom('a.test', 'x.a.test', '192.0.2.1', '2001:db8::1', ''),
  port: fc.integer({ min: 1, max: 65_535 }),
  path: fc.oneof(fc.constant(''), fc.webPath()),
  query: fc.oneof(fc.webQueryParameters(), fc.string()),
  headers: fc.dictionary(fc.string(), fc.string()),
  content: fc.option(
    fc.record({
      decoder: fc.constantFrom('json', 'mcp', 'openai'),
      body: fc.jsonValue() as fc.Arbitrary<Json>,
      facts: fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.double(), fc.boolean())),
      model: fc.option(
        fc.record({
          wire: fc.constantFrom('openai-chat', 'anthropic'),
          model: fc.string(),
          streams: fc.boolean(),
          tokensInMax: fc.nat(),
          tokensOutMax: fc.option(fc.nat()),
          choices: fc.integer({ min: 1, max: 9 }),
        }),
      ),
    }),
  ),
})

test('whatever a file holds, it is a policy or has problems; whatever is asked of a policy, it answers', async (t) => {
  let loaded = 0
  await fc.assert(
    fc.asyncProperty(
      fc.oneof({ arbitrary: file, weight: 9 }, value),
      fc.array(facts, { maxLength: 8 }),
      async (anything, asked) => {
        const result = await loadPolicy({ name: 'p.yaml', text: JSON.stringify(anything) })
        if ('problems' in result) return result.problems.length > 0
        loaded += 1
        for (const each of asked) {
          const { charge, context } = result.policy.classify(each)
          for (const amount of Object.values(charge))
            if (!Number.isSafeInteger(amount) || amount < 0) return false
          for (const fact of Object.values(context))
            if (typeof fact === 'number' && !Number.isSafeInteger(fact)) return false
          explain(result.policy, each)
        }
        const again = await compileSource(result.policy.source)
        return again.digest === result.policy.digest
      },
    ),
    { numRuns: 1_000 },
  )
  t.ok(loaded > 30, `${loaded} of the files were policies`)
})

test('text that is cut or changed anywhere is a policy or has problems', async (t) => {
  const whole = readFileSync('examples/policies/reference.yaml', 'utf8')
  await fc.assert(
    fc.asyncProperty(
      fc.nat(whole.length),
      fc.nat(whole.length),
      fc.string({ maxLength: 3 }),
      async (from, to, put) => {
        const changed = whole.slice(0, Math.min(from, to)) + put + whole.slice(Math.max(from, to))
        const result = await loadPolicy({ name: 'p.yaml', text: changed })
        return (
          'policy' in result || result.problems.every(({ line, column }) => line > 0 && column > 0)
        )
      },
    ),
    { numRuns: 300 },
  )
  t.pass('no throw')
})
