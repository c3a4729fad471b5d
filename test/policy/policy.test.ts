/** A compiled policy: its source, its agents, what a reload may not do, and what is explained of it. */
import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { test } from 'tap'
import { canonical } from '../../kernel/canonical.ts'
import { Failure } from '../../kernel/reasons.ts'
import { explain } from '../../policy/explain.ts'
import { compileSource } from '../../policy/load.ts'
import { reloadProblems } from '../../policy/reload.ts'
import { schema } from '../../policy/schema.ts'
import { termsOfSource } from '../../policy/terms.ts'
import { base, policyOf, request, tunnel, withRules } from './facts.ts'

test('a policy compiled from its own source is the same policy', async (t) => {
  const texts = [base, 'version: 1\n']
  texts.push(readFileSync('policies.yaml', 'utf8'))
  texts.push(readFileSync('examples/policies/reference.yaml', 'utf8'))
  texts.push(readFileSync('examples/policies/team.yaml', 'utf8'))
  for (const text of texts) {
    const policy = await policyOf(text)
    const again = await compileSource(policy.source)
    const { classify: _, rulebook: __, ...data } = policy
    const { classify: ___, rulebook: ____, ...dataAgain } = again
    t.same(dataAgain, data)
    t.equal(canonical(JSON.parse(policy.source)), policy.source)
    const terms = termsOfSource(policy.source)
    t.same(terms?.rules, policy.rules)
    t.same(terms?.budgets, policy.budgets)
    t.equal(terms?.digest, policy.digest)
    for (const facts of [request({ host: 'a.test' }), tunnel(), request({ host: 'example.com' })]) {
      t.same(again.classify(facts), policy.classify(facts))
    }
  }
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '{"version":1}',
    ' {}',
    `${(await policyOf(base)).source} `,
  ]) {
    await t.rejects(
      compileSource(text),
      new Failure('policy-unavailable', 'the recorded policy is not in its canonical form'),
    )
    t.equal(termsOfSource(text), null)
  }
})

test('the schema is a schema of draft 2020-12', (t) => {
  t.ok(new Ajv2020().validateSchema(schema))
  t.end()
})

test('agents carry their hashed tokens, and nothing that they do not have', async (t) => {
  const { agents } = await policyOf(
    base.replace('local: {}', 'local: {tenant: t, project: p, actor: u}'),
  )
  const type = 'act_agent'
  t.same(agents.get('local'), {
    ...{ name: 'local', type, tenant: 't', project: 'p', actor: 'u', tokens: [] },
  })
  t.same(agents.get('other'), {
    name: 'other',
    type,
    tenant: null,
    project: null,
    actor: null,
    tokens: ['a'.repeat(64)],
  })
})

test('a reload that loosens a limit, or narrows what a budget counts, is told', async (t) => {
  const budget = (fields: string): string => {
    return withRules('  - {id: r, effect: allow}', `budgets:\n  - {id: b, scope: run, ${fields}}`)
  }
  const old = 'limits: {requests: 5}, hosts: [a.test, b.test]'
  const table: readonly (readonly [string, string, readonly RegExp[]])[] = [
    [old, old, []],
    [old, 'limits: {requests: 4}, hosts: [b.test, a.test]', []],
    [old, 'limits: {requests: 5, wall: 1h}', []],
    [
      old,
      'limits: {requests: 6}, hosts: [a.test, b.test]',
      [/raises its limit from 5 requests to 6/],
    ],
    [old, 'limits: {requests: 5}, hosts: [a.test]', [/changes `hosts`, and may count less/]],
    [old, 'limits: {requests: 5}, hosts: ["*.test"]', [/changes `hosts`/]],
    [old, 'limits: {requests: 5}, methods: [GET]', [/changes `methods`/]],
    [
      old,
      'limits: {requests: 5}, agents: [local], ports: [80], paths: [/a], when: run.name == "a"',
      [/`agents`/, /`ports`/, /`paths`/, /`when`/],
    ],
    [old, `${old}, state: draft`, [/no longer active but draft/]],
    [old, `${old}, state: disabled`, [/is gone/]],
    [`${old}, state: draft`, 'limits: {requests: 9}, hosts: [c.test], state: draft', []],
  ]
  for (const [before, after, expected] of table) {
    const problems = reloadProblems(await policyOf(budget(before)), await policyOf(budget(after)))
    t.equal(problems.length, expected.length, `${before} → ${after}: ${problems.join(' ')}`)
    for (const [index, pattern] of expected.entries()) t.match(problems[index], pattern)
  }
})

test('an explanation names every rule and budget on the host, and the first reason why not', async (t) => {
  const policy = await policyOf(
    withRules(
      `  - {id: excepted, hosts: ["*", "!example.com"], effect: deny}
  - {id: agent, agents: [other], effect: deny}
  - {id: tenant, tenants: [acme], effect: deny}
  - {id: project, projects: [web], effect: deny}
  - {id: actor, actors: [alice], effect: deny}
  - {id: key, keys: [k], effect: deny}
  - {id: port, ports: [81], effect: deny}
  - {id: method, methods: [POST], effect: deny}
  - {id: path, paths: [/x], effect: deny}
  - {id: when, when: request.path == "/y", effect: deny}
  - {id: fails, when: 'request.query.a == "1"', state: draft, effect: deny}
  - {id: yes, effect: warn, reason: careful}
  - {id: elsewhere, hosts: [other.test], effect: deny}`,
      'budgets:\n  - {id: b, scope: run, limits: {requests: 1}}\n  - {id: c, scope: run, methods: [PUT], limits: {requests: 1}}',
    ),
  )
  const { rules, budgets, verdict } = explain(policy, request())
  t.same(
    rules.map(({ id, matched, why }) => [id, matched, why]),
    [
      ['excepted', 'no', 'It excepts the host example.com.'],
      ['agent', 'no', 'It is not for the agent local.'],
      ['tenant', 'no', 'It is not for agents without tenant.'],
      ['project', 'no', 'It is not for agents without project.'],
      ['actor', 'no', 'It is not for agents without actor.'],
      ['key', 'no', 'It is not for agents without key.'],
      ['port', 'no', 'It is not for the port 80.'],
      ['method', 'no', 'It is not for the method GET.'],
      ['path', 'no', 'It is not for the path /.'],
      ['when', 'no', 'Its condition is not met.'],
      ['fails', 'unknown', 'Its condition fails: it cannot be evaluated for this request.'],
      ['yes', 'yes', ''],
    ],
  )
  t.same(rules.at(-1), {
    id: 'yes',
    state: 'active',
    approval: null,
    effect: 'warn',
    reason: 'careful',
    matched: 'yes',
    why: '',
  })
  t.equal(verdict, 'warn')
  t.same(
    budgets.map(({ id, matched }) => [id, matched]),
    [
      ['b', 'yes'],
      ['c', 'no'],
    ],
  )
  const hidden = explain(policy, tunnel())
  t.equal(hidden.verdict, 'deny', 'a refusal denies')
  t.equal(
    hidden.rules.find(({ id }) => id === 'method')?.why,
    'The tunnel hides what it needs to see.',
  )
  t.equal(
    explain(policy, tunnel({ kind: 'reach' })).rules.find(({ id }) => id === 'path')?.matched,
    'unknown',
  )
  t.equal(explain(await policyOf('version: 1\n'), request()).verdict, 'deny')
})
