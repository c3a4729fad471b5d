/** What is done to requests that are seen into: looked through, given a credential, sent by another way; and when not. */
import { test } from 'tap'
import type { Classification } from '../../kernel/policy.ts'
import { policyOf, request, tunnel, withRules } from './facts.ts'

const rest = `credentials:
  key: {source: {env: API_KEY}, as: {header: Authorization, format: "Bearer {secret}"}, placeholder: sk-placeholder}
  file: {source: {file: /run/secret}, as: {query: key}}
  made: {source: {command: [pass, show, x]}, as: {basic: user}}
upstream_proxies:
  office: {url: "http://Proxy.Test:3128", auth: made}
  other: {url: "http://[::1]:1", by: name}
`

test('credentials and proxies are named, with where their values are and never with them', async (t) => {
  const policy = await policyOf(withRules('  - {id: a, effect: allow}', rest))
  t.same(policy.credentials.get('key'), {
    name: 'key',
    source: { kind: 'env', variable: 'API_KEY' },
    placement: { kind: 'header', name: 'authorization', format: 'Bearer {secret}' },
    placeholder: 'sk-placeholder',
  })
  t.same(policy.credentials.get('file')?.source, { kind: 'file', path: '/run/secret' })
  t.same(policy.credentials.get('file')?.placement, { kind: 'query', key: 'key' })
  t.same(policy.credentials.get('made')?.source, { kind: 'command', argv: ['pass', 'show', 'x'] })
  t.same(policy.credentials.get('made')?.placement, { kind: 'basic', user: 'user' })
  t.same(
    [...policy.upstreamProxies.values()],
    [
      { name: 'office', host: 'proxy.test', port: 3128, credential: 'made', by: 'address' },
      { name: 'other', host: '::1', port: 1, credential: '', by: 'name' },
    ],
  )
})

test('each rule that matches has its payload looked for and its credential set, and the first says the way', async (t) => {
  const policy = await policyOf(
    withRules(
      `  - {id: a, hosts: [a.test], effect: allow, payload: block, inject: key}
  - {id: b, hosts: ["*.test"], effect: warn, payload: {action: redact, detectors: [iban, jwt, iban], responses: true}, inject: key, upstream_proxy: office}
  - {id: c, hosts: [a.test], paths: [/c], effect: allow, inject: file, payload: off, upstream_proxy: other}
  - {id: d, hosts: [a.test], state: draft, effect: allow, inject: made, payload: warn}
  - {id: e, hosts: [e.test], effect: allow, upstream_proxy: direct}`,
      rest,
    ).replace('{ tls: tunnel }', '{ tls: tunnel, upstream_proxy: other }'),
  )
  const handled = ({ payload, inject, upstreamProxy }: Classification): unknown => {
    return [payload.map(({ rule, action }) => `${rule} ${action}`), inject, upstreamProxy]
  }
  const classify = (host: string, path = '/'): Classification =>
    policy.classify(request({ host, path }))
  t.same(handled(classify('a.test')), [['a block', 'b redact'], ['key'], 'office'])
  t.same(handled(classify('a.test', '/c')), [['a block', 'b redact'], ['key', 'file'], 'office'])
  t.same(handled(classify('x.test')), [['b redact'], ['key'], 'office'])
  t.same(handled(classify('e.test')), [['b redact'], ['key'], 'office'])
  t.same(handled(classify('none.example')), [[], [], 'other'])
  const [first, second] = classify('a.test').payload
  t.same(first?.detectors, [
    'card-numbers',
    'iban',
    'jwt',
    'own-secrets',
    'private-keys',
    'provider-keys',
  ])
  t.same([first?.responses, second?.detectors, second?.responses], [false, ['iban', 'jwt'], true])
  const straight = await policyOf(
    withRules('  - {id: e, effect: allow, upstream_proxy: direct}', rest).replace(
      '{ tls: tunnel }',
      '{ tls: tunnel, upstream_proxy: other }',
    ),
  )
  t.equal(straight.classify(request()).upstreamProxy, 'direct')
  const silent = await policyOf(withRules('  - {id: e, effect: allow}', rest))
  t.equal(silent.classify(request()).upstreamProxy, '')
})

/** Whether a tunnel is to be inspected, and what is said of it if it stays opaque nevertheless. */
function seen(policy: Awaited<ReturnType<typeof policyOf>>): readonly string[] {
  const opaque = policy.classify(tunnel({ host: 'a.test' }))
  const refused = opaque.refusals.map(({ code, id }) => `${code} ${id}`)
  return [policy.classify(tunnel({ host: 'a.test', kind: 'reach' })).tls, ...refused]
}

test('what must see inside has the tunnel inspected, and never passes an opaque one', async (t) => {
  const table: readonly (readonly [string, readonly string[]])[] = [
    ['{id: a, effect: allow}', ['tunnel']],
    ['{id: a, effect: allow, decoder: json}', ['inspect', 'inspection-required a']],
    ['{id: a, effect: allow, payload: block}', ['inspect', 'inspection-required a']],
    ['{id: a, effect: allow, payload: warn}', ['inspect', 'inspection-required a']],
    ['{id: a, effect: allow, payload: off}', ['tunnel']],
    ['{id: a, hosts: [a.test], effect: allow, inject: key}', ['inspect', 'inspection-required a']],
    ['{id: a, effect: allow, tls: inspect}', ['inspect', 'inspection-required a']],
    ['{id: a, effect: allow, payload: block, state: draft}', ['tunnel']],
    ['{id: a, effect: allow, payload: block, ports: [80]}', ['tunnel']],
    ['{id: a, effect: allow, payload: block, when: request.port == 80}', ['tunnel']],
    [
      '{id: a, effect: allow}\n  - {id: b, effect: allow, payload: warn}',
      ['inspect', 'inspection-required b'],
    ],
    ['{id: a, effect: allow, tls: tunnel}\n  - {id: b, effect: allow, payload: warn}', ['tunnel']],
    [
      '{id: a, effect: allow, tls: tunnel}\n  - {id: b, effect: allow, payload: redact}',
      ['tunnel', 'inspection-required b'],
    ],
    ['{id: a, effect: allow, tls: tunnel}\n  - {id: b, effect: warn, tls: inspect}', ['tunnel']],
    [
      '{id: a, effect: allow, tls: inspect}\n  - {id: b, effect: warn, tls: tunnel}',
      ['inspect', 'inspection-required a'],
    ],
    [
      '{id: a, effect: allow, tls: tunnel, when: agent.name == "x"}\n  - {id: b, effect: warn, tls: inspect}',
      ['inspect', 'inspection-required b'],
    ],
  ]
  for (const [rules, expected] of table) {
    t.same(seen(await policyOf(withRules(`  - ${rules}`, rest))), expected, rules)
  }
  const byDefault = withRules('  - {id: a, effect: allow}').replace('tls: tunnel', 'tls: inspect')
  t.same(seen(await policyOf(byDefault)), ['inspect', 'inspection-required '])
})

test('a request inside inspected TLS is judged as any other, and says that it was', async (t) => {
  const policy = await policyOf(
    withRules(`  - {id: a, hosts: [a.test], methods: [GET], effect: allow, tls: inspect}
  - {id: b, hosts: [a.test], when: request.scheme == "https", effect: warn}
  - {id: c, hosts: [a.test], when: request.scheme == "http", effect: warn}`),
  )
  const inner = request({ host: 'a.test', port: 443, scheme: 'https' })
  const { rules, refusals } = policy.classify(inner)
  t.same([rules, refusals], [['a', 'b'], []])
  t.same(policy.classify(request({ host: 'a.test' })).rules, ['a', 'c'])
})
