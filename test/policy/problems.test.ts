/** Bad policies: each mistake is told with its place, and none ends the process. */
import { readFileSync } from 'node:fs'
import { test } from 'tap'
import { readAmount, readDuration } from '../../policy/amount.ts'
import { nearest } from '../../policy/problem.ts'
import { fileCharactersMax } from '../../policy/yaml-text.ts'
import { policyOf, spoken, withRules } from './facts.ts'

/** Cases of problems.txt: title, text, and the problems that are expected. */
function cases(): readonly (readonly [string, string, readonly string[]])[] {
  const [, ...sections] = readFileSync('test/policy/problems.txt', 'utf8').split('\n=== ')
  return sections.map((section) => {
    const [title = '', ...lines] = section.replace(/\n$/, '').split('\n')
    const isAnswer = (line: string): boolean => line.startsWith('--> ')
    const answers = lines.filter(isAnswer).map((line) => `policies.yaml:${line.slice(4)}`)
    return [title, `${lines.filter((line) => !isAnswer(line)).join('\n')}\n`, answers] as const
  })
}

test('each mistake in a policy is told with its line, its column and the way out', async (t) => {
  const table = cases()
  t.ok(table.length >= 80, `${table.length} mistakes`)
  for (const [title, text, answers] of table) t.same(await spoken(text), answers, title)
})

test('a policy that is no policy, or too long or too deep for one, is refused and not parsed', async (t) => {
  t.same(await spoken(''), ['policies.yaml:1:1: the file holds no policy; begin with `version: 1`'])
  t.same(await spoken('# only a comment\n'), [
    'policies.yaml:1:1: the file holds no policy; begin with `version: 1`',
  ])
  t.same(await spoken(' '.repeat(fileCharactersMax + 1)), [
    'policies.yaml:1:1: the file is longer than 4194304 characters',
  ])
  for (const hostile of ['['.repeat(20_000), '{a: '.repeat(20_000), '- '.repeat(20_000)]) {
    const said = await spoken(`version: 1\nrules:\n${hostile}`)
    t.match(said[0], /nested too deep for a policy$/, hostile.slice(0, 8))
    t.equal(said.length, 1)
  }
  let maps = ''
  for (let depth = 0; depth < 400; depth += 1) maps += `${' '.repeat(depth)}a:\n`
  t.match((await spoken(maps))[0], /nested too deep/, 'nested maps')
  const bomb = `a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nversion: 1\n`
  t.match((await spoken(bomb)).join('\n'), /anchors are refused.*\n.*aliases are refused/s)
})

test('more rules than a policy may have are refused', async (t) => {
  const rules = Array.from({ length: 10_001 }, (_, index) => `{id: r${index}, effect: deny}`)
  const said = await spoken(`version: 1\nrules: [${rules.join(', ')}]\n`)
  t.same(said, ['policies.yaml:2:8: `rules` is too long: at most 10000'])
})

test('what a policy does not do is a warning, not silence', async (t) => {
  const one = (fields: string): string => withRules(`  - id: a\n    effect: allow\n${fields}`)
  const table: readonly (readonly [string, RegExp])[] = [
    [one('    methods: [GET]'), /9:5: an opaque tunnel hides `methods`: this rule never allows/],
    [one('    paths: [/a]'), /9:5: an opaque tunnel hides `paths`: this rule never allows/],
    [one('    when: request.method == "GET"'), /9:5: an opaque tunnel hides `when`/],
    [one('    when: body.a == 1'), /9:11: no rule names a `decoder`/],
    [one('    when: facts.a == 1'), /9:11: no rule names a `decoder`/],
    [
      one('    when: body.a == 1\n  - {id: b, state: draft, decoder: json, effect: allow}'),
      /9:11: no rule names a `decoder`/,
    ],
    [
      `${one('    hosts: [a.b]\n    inject: c')}credentials: {c: {source: {env: C}, as: {query: k}}}`,
      /10:5: on port 80 the credential travels unencrypted/,
    ],
    [
      `${one('')}credentials: {c: {source: {env: C}, as: {query: k}}}`,
      /10:15: no rule injects the credential c/,
    ],
    [
      `${one('')}upstream_proxies: {p: {url: "http://p.test:1"}}`,
      /10:20: no rule is sent through the proxy p/,
    ],
    [
      withRules('  - {id: a, effect: deny, payload: block}'),
      /7:27: `payload` means nothing with effect: deny/,
    ],
    [one('    approval: { need: 2 }'), /9:5: `approval` means nothing without effect: approve/],
    [
      one('    hosts: [a.b]\n    addresses: [100.64.0.0/10]'),
      /10:17: 100\.100\.100\.200, .* stays forbidden/,
    ],
    [withRules('  - {id: a, effect: deny, methods: [DELETE]}'), /7:27: an opaque tunnel hides/],
    [
      withRules(
        '  - {id: a, hosts: [x.a.b], effect: allow}\n  - {id: b, hosts: ["*.b"], effect: deny}',
      ),
      /7:10: the rule b always overrides this one/,
    ],
    [
      withRules(
        '',
        'budgets: [{id: a, scope: run, limits: {requests: 1}, queue: {wait: 1s}}]',
      ).replace('rules:\n', ''),
      /7:54: `queue` means nothing without on_limit: queue/,
    ],
  ]
  for (const [text, pattern] of table) {
    const said = await spoken(text)
    t.match(said.join('\n'), pattern, pattern.source)
    await t.resolves(policyOf(text), 'and it loads')
  }
})

test('a policy that does what it says loads without a warning', async (t) => {
  const quiet = [
    '  - {id: a, effect: allow}',
    '  - {id: a, effect: allow, methods: [GET, CONNECT]}',
    '  - {id: a, effect: allow, methods: [GET], ports: [80]}',
    '  - {id: a, effect: deny, methods: [DELETE], ports: [80]}',
    '  - {id: a, effect: allow, hosts: [a.b], methods: [CONNECT]}\n  - {id: b, effect: allow, hosts: [a.b], methods: [GET], paths: [/x]}',
    '  - {id: a, effect: allow, hosts: [a.b]}\n  - {id: b, effect: deny, hosts: [a.b], agents: [local]}',
    '  - {id: a, effect: allow, hosts: [a.b]}\n  - {id: b, effect: deny, hosts: ["*.b", "!a.b"]}',
    '  - {id: a, effect: allow, hosts: [a.b], state: draft}\n  - {id: b, effect: deny}',
    '  - {id: a, effect: allow, when: \'agent.tenant == "acme"\'}',
    '  - {id: a, effect: allow, decoder: json, paths: [/a], when: body.a == 1}',
    '  - {id: a, effect: allow, tls: inspect, methods: [GET]}',
    '  - {id: a, effect: deny, tls: inspect, methods: [DELETE]}',
    '  - {id: a, effect: allow, payload: block, paths: [/a]}',
  ]
  for (const rules of quiet) t.same(await spoken(withRules(rules)), [], rules)
  const shipped = [
    'policies.yaml',
    'examples/policies/team.yaml',
    'examples/policies/models.yaml',
    'examples/policies/reference.yaml',
  ]
  for (const file of shipped) {
    t.same(await spoken(readFileSync(file, 'utf8')), [], file)
  }
})

test('the reference policy loads', async (t) => {
  const text = readFileSync('examples/policies/reference.yaml', 'utf8')
  const policy = await policyOf(text)
  t.same([...policy.rules.keys()], ['docs-read', 'model-calls', 'place-order', 'no-deletes'])
  t.equal(policy.budgets.get('per-run')?.limits['cost_usd'], 5_000_000_000)
  t.same(policy.budgets.get('per-minute')?.period, { kind: 'window', lengthMs: 60_000 })
  t.same([...policy.credentials.keys()], ['office-proxy', 'openai'])
  t.same([...policy.upstreamProxies.keys()], ['office'])
})

test('amounts are exact integers of the unit of their dimension', (t) => {
  const table: readonly (readonly [string, string, number])[] = [
    ['requests', '500', 500],
    ['tokens', '200k', 200_000],
    ['tokens', '5M', 5_000_000],
    ['tokens', '1.5k', 1_500],
    ['risk', '0', 0],
    ['db_queries', '2G', 2_000_000_000],
    ['bytes_up', '10MiB', 10 * 1024 * 1024],
    ['bytes_down', '1GiB', 1024 ** 3],
    ['bytes_up', '1.5KiB', 1_536],
    ['bytes_up', '1kB', 1_000],
    ['bytes_up', '7B', 7],
    ['bytes_up', '12', 12],
    ['wall', '500ms', 500],
    ['wall', '30s', 30_000],
    ['wall', '1h', 3_600_000],
    ['wall', '7d', 604_800_000],
    ['wall', '0', 0],
    ['cost_usd', '5.00', 5_000_000_000],
    ['cost_usd', '0.1', 100_000_000],
    ['cost_usd', '0.000000001', 1],
    ['cost_usd', '1.1', 1_100_000_000],
    ['cost_usd', '9007199.254740991', Number.MAX_SAFE_INTEGER],
    ['requests', '-0', 0],
    ['requests', String(Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER],
  ]
  for (const [dimension, text, value] of table) {
    t.same(readAmount(dimension, text), { value }, `${dimension}: ${text}`)
  }
  const wrong = [
    '',
    ' ',
    '5 ',
    '+5',
    '.5',
    '5.',
    '0x5',
    '1e3',
    '5kk',
    'k',
    '5%',
    '５',
    '1,000',
    '--1',
  ]
  for (const text of wrong) {
    t.ok('problem' in readAmount('requests', text), `"${text}" is no amount`)
    t.ok('problem' in readDuration(`${text}`), `"${text}" is no time`)
  }
  t.ok('problem' in readAmount('constructor', '5KiB'), 'a name that objects have is no unit')
  t.ok('problem' in readAmount('requests', '9'.repeat(1_000_000)), 'a million digits are refused')
  t.end()
})

test('a word is only guessed where it is near', (t) => {
  t.equal(nearest('hsots', ['hosts', 'ports']), 'hosts')
  t.equal(nearest('HOSTS', ['hosts']), 'hosts')
  t.equal(nearest('alpha', ['omega']), null)
  t.equal(nearest('x'.repeat(100_000), ['x']), null)
  t.end()
})
