/** The digest of a policy changes with its meaning, and with nothing else. */
import { test } from 'tap'
import { base, policyOf } from './facts.ts'

const same: readonly (readonly [string, string])[] = [
  ['a comment', `# hello\n${base}`],
  ['a byte order mark', `\ufeff${base}`],
  ['Windows line ends', base.replaceAll('\n', '\r\n')],
  ['defaults left out', base.replace('mode: enforce\n', '').replace('verdict: deny, ', '')],
  [
    'defaults written out',
    base.replace(
      '    scope: run\n',
      '    scope: run\n    period: run\n    on_limit: block\n    tiers: [50, 70, 90, 100]\n    queue: {length: 64, wait: 30s}\n',
    ),
  ],
  ['the order of hosts', base.replace('[a.test, "*.b.test"]', '["*.b.test", a.test, a.test]')],
  ['the case of a host', base.replace('a.test', 'A.TEST.')],
  ['the case of methods', base.replace('[GET, HEAD]', '[head, get]')],
  ['the order of keys', base.replace('{ risk: 1, effort: 2 }', '{ effort: 2, risk: 1 }')],
  ['a payload that is off', base.replace('effect: allow', 'effect: allow\n    payload: off')],
  ['another unit', base.replace('wall: 1h', 'wall: 3600s')],
  ['the order of agents', base.replace('  local: {}\n', '').replace('rules:', '  local:\nrules:')],
  [
    'a disabled rule',
    base.replace('budgets:', '  - {id: x, state: disabled, effect: deny}\nbudgets:'),
  ],
  [
    'JSON',
    JSON.stringify({
      version: 1,
      defaults: { tls: 'tunnel' },
      agents: { local: {}, other: { tokens: [`sha256:${'a'.repeat(64)}`] } },
      rules: [
        {
          id: 'a',
          hosts: ['a.test', '*.b.test'],
          methods: ['GET', 'HEAD'],
          ports: [80],
          charge: { risk: 1, effort: 2 },
          when: 'agent.name == "local"',
          effect: 'allow',
        },
      ],
      budgets: [{ id: 'b', scope: 'run', limits: { requests: 5, wall: '1h' } }],
    }),
  ],
]

const different: readonly (readonly [string, string])[] = [
  ['the mode', base.replace('enforce', 'observe')],
  ['the default verdict', base.replace('verdict: deny', 'verdict: warn')],
  ['the default tls', base.replace('tls: tunnel', 'tls: inspect')],
  ['a token', base.replace('aaa', 'bbb')],
  ['an agent', base.replace('rules:', '  third: {}\nrules:')],
  ['a host', base.replace('a.test', 'c.test')],
  ['a method', base.replace(', HEAD', '')],
  ['a port', base.replace('ports: [80]', 'ports: [80, 443]')],
  ['the default ports', base.replace('    ports: [80]\n', '').replace('[GET, HEAD]', '[PUT]')],
  ['a charge', base.replace('risk: 1', 'risk: 2')],
  ['a condition', base.replace('"local"', '"other"')],
  ['an effect', base.replace('effect: allow', 'effect: warn')],
  ['a reason', base.replace('effect: allow', 'effect: allow\n    reason: because')],
  ['a draft', base.replace('  - id: a', '  - state: draft\n    id: a')],
  ['a limit', base.replace('requests: 5', 'requests: 6')],
  ['a period', base.replace('scope: run', 'scope: run\n    period: day')],
  ['a payload', base.replace('effect: allow', 'effect: allow\n    payload: warn')],
  ['a decoder', base.replace('effect: allow', 'effect: allow\n    decoder: json')],
  ['a proxy', `${base}upstream_proxies: {p: {url: "http://p.test:1"}}\n`],
  ['another proxy', `${base}upstream_proxies: {p: {url: "http://p.test:2"}}\n`],
  ['a proxy by name', `${base}upstream_proxies: {p: {url: "http://p.test:1", by: name}}\n`],
  ['a credential', `${base}credentials: {c: {source: {env: A}, as: {query: k}}}\n`],
  ['where a credential is', `${base}credentials: {c: {source: {env: B}, as: {query: k}}}\n`],
  ['where a credential goes', `${base}credentials: {c: {source: {env: A}, as: {basic: k}}}\n`],
  ['a price', `${base}prices: {models: [{id: m, input: 1, output: 2}]}\n`],
  ['another price', `${base}prices: {models: [{id: m, input: 1, output: 3}]}\n`],
  ['a price for the rest', `${base}prices: {unpriced: {input: 1, output: 2}}\n`],
  ['the order of rules', base.replace('budgets:', '  - {id: x, effect: deny}\nbudgets:')],
]

test('the digest is that of the meaning: form, order of keys and defaults do not change it', async (t) => {
  const { digest } = await policyOf(base)
  t.match(digest, /^sha256:[0-9a-f]{64}$/)
  for (const [what, text] of same) t.equal((await policyOf(text)).digest, digest, what)
  const digests = new Set([digest])
  for (const [what, text] of different) {
    const other = (await policyOf(text)).digest
    t.notOk(digests.has(other), what)
    digests.add(other)
  }
})
