/** Opaque tunnels: what cannot be seen counts against them. */
import { test } from 'tap'
import type { Classification } from '../../kernel/policy.ts'
import type { RequestFacts } from '../../kernel/request.ts'
import { local, policyOf, request, tunnel, withRules } from './facts.ts'

/** Rules and the codes and ids of the refusals, in short: `a b | inspection-required c`. */
function short({ rules, refusals }: Classification): string {
  const refused = refusals.map(({ code, id }) => `${code} ${id}`.trim())
  return [rules.join(' '), ...refused].filter(Boolean).join(' | ')
}

async function classified(rules: string, facts: RequestFacts): Promise<string> {
  return short((await policyOf(withRules(rules))).classify(facts))
}

const allow = '  - {id: a, effect: allow}\n'
const refusedBy = (id: string): string => `inspection-required ${id}`

test('an opaque tunnel is allowed only by rules that need not see inside it', async (t) => {
  const table: readonly (readonly [string, string])[] = [
    ['  - {id: a, effect: allow}', 'a'],
    ['  - {id: a, effect: warn}', 'a'],
    ['  - {id: a, effect: allow, hosts: [other.test]}', ''],
    ['  - {id: a, effect: allow, ports: [80]}', ''],
    ['  - {id: a, effect: allow, agents: [other]}', ''],
    ['  - {id: a, effect: allow, methods: [GET]}', refusedBy('a')],
    ['  - {id: a, effect: allow, methods: [GET, CONNECT]}', 'a'],
    ['  - {id: a, effect: allow, methods: [CONNECT], paths: [/a]}', refusedBy('a')],
    ['  - {id: a, effect: allow, paths: ["/**"]}', refusedBy('a')],
    ['  - {id: a, effect: allow, decoder: json}', refusedBy('a')],
    ['  - {id: a, effect: allow, when: request.method == "GET"}', refusedBy('a')],
    ['  - {id: a, effect: allow, when: request.path == "/"}', refusedBy('a')],
    ['  - {id: a, effect: allow, when: \'request.query.a == "1"\'}', refusedBy('a')],
    ['  - {id: a, effect: allow, when: \'"x" in request.headers\'}', refusedBy('a')],
    ['  - {id: a, effect: allow, when: body.a == 1}', refusedBy('a')],
    ['  - {id: a, effect: allow, when: request.port == 443}', 'a'],
    ['  - {id: a, effect: allow, when: request.port == 444}', ''],
    ['  - {id: a, effect: allow, methods: [GET], when: request.port == 444}', ''],
    ['  - {id: a, effect: allow, methods: [GET]}\n  - {id: b, effect: allow}', 'b'],
    ['  - {id: a, effect: allow, methods: [GET]}\n  - {id: b, effect: deny}', 'b'],
    ['  - {id: a, effect: allow, state: draft, methods: [GET]}', ''],
  ]
  for (const [rules, expected] of table) t.equal(await classified(rules, tunnel()), expected, rules)
})

test('a rule that might forbid what a tunnel hides refuses the tunnel, whatever allows it', async (t) => {
  for (const effect of ['deny', 'halt', 'approve', 'queue']) {
    const conditions = [
      'methods: [DELETE]',
      'paths: [/admin]',
      'when: request.path == "/x"',
      'decoder: json',
    ]
    for (const condition of conditions) {
      const rule = `  - {id: b, effect: ${effect}, ${condition}}`
      t.equal(await classified(allow + rule, tunnel()), `a | ${refusedBy('b')}`, rule)
      const explicit = `  - {id: a, effect: allow, tls: tunnel}\n${rule}`
      t.equal(
        await classified(explicit, tunnel()),
        `a | ${refusedBy('b')}`,
        'even with tls: tunnel',
      )
      const excepted = `${allow}  - {id: b, effect: ${effect}, hosts: ["*", "!example.com"], ${condition}}`
      t.equal(await classified(excepted, tunnel()), 'a', 'unless the host is excepted')
      const draft = `${allow}  - {id: b, state: draft, effect: ${effect}, ${condition}}`
      t.equal(await classified(draft, tunnel()), 'a', 'or the rule is a draft')
    }
    const certain = `${allow}  - {id: b, effect: ${effect}, methods: [CONNECT]}`
    t.equal(await classified(certain, tunnel()), 'a b', 'a rule about CONNECT itself just speaks')
  }
  const policy = await policyOf(withRules(`${allow}  - {id: b, effect: deny, methods: [DELETE]}`))
  t.match(policy.classify(tunnel()).refusals[0]?.message, /hosts: \["\*", "!HOST"\]/)
})

test('a tunnel that is to be inspected is refused where it stays opaque', async (t) => {
  const inspected = (rules: string): string =>
    withRules(rules).replace('tls: tunnel }', 'tls: inspect }')
  const table: readonly (readonly [string, string, string])[] = [
    ['  - {id: a, effect: allow}', `a | inspection-required`, 'inspect'],
    ['  - {id: a, effect: allow, tls: tunnel}', 'a', 'tunnel'],
    ['  - {id: a, effect: allow}\n  - {id: b, effect: warn, tls: tunnel}', 'a b', 'tunnel'],
    [
      '  - {id: a, effect: allow, tls: inspect}\n  - {id: b, effect: warn, tls: tunnel}',
      `a b | ${refusedBy('a')}`,
      'inspect',
    ],
    ['  - {id: a, effect: allow, hosts: [other.test]}', '', 'inspect'],
    ['  - {id: a, effect: deny}', 'a', 'inspect'],
    [
      '  - {id: a, effect: allow, methods: [GET], tls: tunnel}\n  - {id: b, effect: allow}',
      'b',
      'tunnel',
    ],
  ]
  for (const [rules, expected, tls] of table) {
    const classification = (await policyOf(inspected(rules))).classify(tunnel())
    t.equal(short(classification), expected, rules)
    t.equal(classification.tls, tls, rules)
  }
  const open = 'version: 1\ndefaults: {verdict: allow, tls: inspect}\n'
  t.equal(short((await policyOf(open)).classify(tunnel())), 'inspection-required')
  const tunnelled = 'version: 1\ndefaults: {verdict: allow, tls: tunnel}\n'
  t.equal(short((await policyOf(tunnelled)).classify(tunnel())), '')
})

test('whether anything could be reached is the mildest answer that a request there could get', async (t) => {
  const table: readonly (readonly [string, string])[] = [
    ['  - {id: a, effect: allow}', 'a'],
    ['  - {id: a, effect: allow, methods: [GET]}', 'a'],
    ['  - {id: a, effect: allow, paths: [/x]}', 'a'],
    ['  - {id: a, effect: allow, decoder: json}', 'a'],
    ['  - {id: a, effect: allow, when: request.path == "/x"}', 'a'],
    ['  - {id: a, effect: allow, ports: [80]}', ''],
    ['  - {id: a, effect: allow, agents: [other]}', ''],
    ['  - {id: a, effect: allow, state: draft}', ''],
    ['  - {id: a, effect: allow}\n  - {id: b, effect: deny}', 'a b'],
    ['  - {id: a, effect: allow}\n  - {id: b, effect: halt}', 'a b'],
    ['  - {id: a, effect: allow}\n  - {id: b, effect: deny, methods: [PUT]}', 'a'],
    ['  - {id: a, effect: allow}\n  - {id: b, effect: approve, methods: [PUT]}', 'a'],
    ['  - {id: a, effect: allow, methods: [GET]}\n  - {id: b, effect: approve}', 'a b'],
    ['  - {id: b, effect: approve, methods: [PUT]}', 'b'],
    ['  - {id: b, effect: approve, methods: [PUT]}\n  - {id: c, effect: queue, paths: [/x]}', 'c'],
    ['  - {id: b, effect: deny, methods: [PUT]}', ''],
    ['  - {id: a, effect: allow}\n  - {id: b, effect: deny, methods: [CONNECT]}', 'a b'],
    ['  - {id: a, effect: allow}\n  - {id: b, effect: deny, methods: [CONNECT], paths: [/x]}', 'a'],
  ]
  for (const [rules, expected] of table) {
    const facts = tunnel({ kind: 'reach' })
    t.equal(await classified(rules, facts), expected, rules)
  }
  const open = await policyOf(
    withRules('  - {id: b, effect: approve, methods: [PUT]}').replace(
      '{ tls',
      '{ verdict: allow, tls',
    ),
  )
  t.equal(short(open.classify(tunnel({ kind: 'reach' }))), '', 'the default may let it pass')
})

test('a budget that cannot see what it counts is charged for the whole tunnel', async (t) => {
  const budget = (id: string, fields: string): string => {
    return `  - {id: ${id}, scope: run, limits: {requests: 1}${fields}}\n`
  }
  const budgets = [
    budget('all', ''),
    budget('posts', ', methods: [POST]'),
    budget('paths', ', paths: [/x]'),
    budget('queries', ', when: \'request.query.a == "1"\''),
    budget('elsewhere', ', hosts: [other.test]'),
    budget('others', ', agents: [other]'),
    budget('port', ', when: request.port == 80'),
    budget('draft', ', state: draft'),
    budget('off', ', state: disabled'),
  ]
  const policy = await policyOf(withRules(allow, `budgets:\n${budgets.join('')}`))
  t.same(policy.classify(tunnel()).budgets, ['all', 'posts', 'paths', 'queries', 'draft'])
  t.same(policy.classify(request({ query: 'a=2' })).budgets, ['all', 'port', 'draft'])
  t.same(policy.classify(tunnel({ kind: 'reach' })).budgets, ['all', 'draft'])
})

test('what a tunnel is charged cannot depend on what it hides', async (t) => {
  const policy = await policyOf(
    withRules(
      '  - {id: a, effect: allow, charge: {risk: size(request.path)}, context: {q: "request.query.a"}, resource: \'"r:" + request.host\'}',
    ),
  )
  const { refusals, charge, context, resource } = policy.classify(tunnel())
  t.same(
    refusals.map(({ code, message }) => [code, message]),
    [
      ['inspection-required', '`charge.risk` of a reads what this tunnel hides.'],
      ['inspection-required', '`context.q` of a reads what this tunnel hides.'],
    ],
  )
  t.same([charge, context, resource], [{}, {}, 'r:example.com'])
  const seen = policy.classify(request({ path: '/abc', query: 'a=b' }))
  t.same([seen.charge, seen.context, seen.refusals], [{ risk: 4 }, { q: 'b' }, []])
  t.equal(local.agent, 'local')
})
