/** Random policies: a lint never throws, and whatever it shows by an example is so. */
import fc from 'fast-check'
import { test } from 'tap'
import { lintFile } from '../../policy/lint-file.ts'
import { lintCodes } from '../../policy/lint-finding.ts'
import { loadPolicy } from '../../policy/load.ts'
import '../kernel/seed.ts'

const some = <T>(...values: readonly T[]): fc.Arbitrary<T[]> =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 3 })

const hosts = some(
  'a.test',
  'www.a.test',
  '*.a.test',
  '*',
  '!www.a.test',
  'b.test',
  '192.0.2.1',
  '[::1]',
)

const target = {
  hosts,
  agents: some('ann', 'bob'),
  tenants: some('acme'),
  ports: some(80, 443, 8080),
}

const rule = fc.record(
  {
    ...target,
    state: fc.constantFrom('active', 'draft', 'disabled'),
    methods: some('GET', 'POST', 'CONNECT', 'DELETE'),
    paths: some('/', '/x/**', '/*/y', '/**'),
    decoder: fc.constantFrom('json', 'openai', 'form'),
    when: fc.constantFrom(
      ...['request.method == "GET"', 'has(request.headers.a)', 'body.a == 1', 'true', '1 > 2'],
      ...['request.path.startsWith("/x")', 'request.query.q == "1"', 'agent.name == "ann"'],
    ),
    action: fc.constantFrom('axn_read', 'axn_write'),
    charge: fc.constantFrom({ risk: 1 }, { risk: 99, requests: 2 }),
    tls: fc.constantFrom('inspect', 'tunnel'),
    effect: fc.constantFrom('allow', 'deny', 'warn', 'queue', 'approve', 'halt'),
  },
  { requiredKeys: ['effect'] },
)

const budget = fc.record(
  {
    ...target,
    scope: fc.constantFrom('fleet', 'tenant', 'project', 'agent', 'run'),
    limits: fc.constantFrom(
      { requests: 5 },
      { requests: 0, risk: 9 },
      { cost_usd: 1 },
      { wall: '1h' },
    ),
    window: fc.constantFrom('1m', '1h'),
    on_limit: fc.constantFrom('block', 'kill', 'continue', 'warn'),
    tiers: fc.constantFrom([], [50]),
  },
  { requiredKeys: ['scope', 'limits'] },
)

const policy = fc.record({
  version: fc.constant(1),
  defaults: fc.record({
    verdict: fc.constantFrom('deny', 'allow'),
    tls: fc.constantFrom('inspect', 'tunnel'),
  }),
  agents: fc.constantFrom(
    { ann: { tenant: 'acme' }, bob: {} },
    { ann: { tenant: 'acme' }, bob: { tenant: 'beta', project: 'p' } },
  ),
  rules: fc.array(rule, { maxLength: 6 }),
  budgets: fc.array(budget, { maxLength: 4 }),
})

test('whatever the policy, each finding has a code, a place, and an example of its own agents', async (t) => {
  let findings = 0
  await fc.assert(
    fc.asyncProperty(policy, async ({ budgets, rules, ...rest }) => {
      const named = (prefix: string) => (entry: object, index: number) => ({
        id: `${prefix}${index}`,
        ...entry,
      })
      const whole = { ...rest, rules: rules.map(named('r')), budgets: budgets.map(named('b')) }
      const file = { name: 'policies.yaml', text: JSON.stringify(whole, null, 1) }
      const lines = file.text.split('\n').length
      for (const { code, line, example } of lintFile(file, await loadPolicy(file))) {
        findings += 1
        const isPlaced = line >= 1 && line <= lines
        const isOurs = example === null || example.agent === 'ann' || example.agent === 'bob'
        if (!lintCodes.includes(code) || !isPlaced || !isOurs) return false
      }
      return true
    }),
    { numRuns: 60 },
  )
  t.ok(findings > 30, `${findings} findings`)
})
