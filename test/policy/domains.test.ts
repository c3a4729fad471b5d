/** Domains in a policy: declarations, what is judged and what is not, and the digest. */
import { test } from 'tap'
import type { Content } from '../../kernel/content.ts'
import type { DomainCall, DomainPlugin, Judgement } from '../../kernel/domain.ts'
import { generalDomain } from '../../kernel/domains/general.ts'
import { pluginMsMax } from '../../kernel/judge.ts'
import { explain } from '../../policy/explain.ts'
import { compileSource, formatProblem, loadPolicy } from '../../policy/load.ts'
import { termsOfSource } from '../../policy/terms.ts'
import { local, policyOf, request, spoken, tunnel, withRules } from './facts.ts'
import { body, codes, judged, loaded, logistics, occasion, ship } from './judged.ts'

test('a domain that a policy declares judges by its types, bounds and rates', async (t) => {
  const policy = await policyOf(withRules(ship, logistics))
  const sent = (value: Content['body']): Judgement | null =>
    judged(policy, request(body({ id: '7', weight: value })))
  t.same(codes(sent(5)), [])
  t.same(codes(sent(31)), ['deny logistics/bound-weight'])
  t.same(codes(sent(0)), ['deny logistics/bound-weight'])
  t.same(codes(sent('heavy')), ['deny logistics/facts-missing', 'deny logistics/facts-missing'])
  const judgement = sent(5)
  t.match(judgement, { riskLevel: 4, controls: ['soc-2/CC6.1'], charge: {} })
  t.same(judgement?.checks, [
    ...['type-unknown', 'facts-missing', 'bound-weight', 'rate-1'].map(
      (each) => `logistics/${each}`,
    ),
  ])
  const marks = judgement?.marks ?? []
  t.ok(marks.length > 0)
  for (const mark of marks) {
    t.match(mark, { op: 'add', amount: 5, limit: 100 })
    t.match(mark.key, /^logistics\/rate-1\/local\//)
    t.ok(mark.until > occasion.at && mark.until <= occasion.at + 2 * 3_600_000)
  }
  t.same(policy.domains.get('logistics')?.origin, 'yaml')
})

test('only where an active rule names a domain is a request judged', async (t) => {
  const rule = (rest: string): string => withRules(`  - {id: a, effect: allow, ${rest}}`)
  const judges: readonly (readonly [string, boolean])[] = [
    [rule('reason: none'), false],
    [rule('action: axn_read'), false],
    [rule('domain: general, action: axn_read'), true],
    [rule('domain: general, action: axn_read, state: draft'), false],
    [rule('domain: general'), true],
  ]
  for (const [text, expected] of judges) {
    const policy = await policyOf(text)
    t.equal(judged(policy, request()) !== null, expected, text)
    t.equal(judged(policy, request({ kind: 'reach', method: 'CONNECT', path: '' })), null)
  }
  const opaque = await policyOf(rule('domain: general, action: axn_read'))
  t.same(codes(judged(opaque, tunnel())), [], 'a tunnel is judged as well')
})

test('what no rule says an action of, or an agent is no one to, is refused', async (t) => {
  const text = withRules(
    '  - {id: a, effect: allow, domain: ai}\n  - {id: b, hosts: [b.test], effect: allow, domain: general, action: axn_read, resource: \'"res_x:" + request.host\'}',
  ).replace('local: {}', 'local: {type: act_assistant}')
  const policy = await policyOf(text)
  t.same(codes(judged(policy, request())), ['deny ai/type-unknown'])
  t.equal(policy.agents.get('local')?.type, 'act_assistant')
  const other = await policyOf(text.replace(', domain: ai', ''))
  t.same(codes(judged(other, request({ host: 'b.test' }))), [
    'deny general/type-unknown',
    'deny general/type-unknown',
  ])
})

const spy = (verbs: Partial<DomainPlugin>): { plugin: DomainPlugin; origin: string } => ({
  plugin: { ...generalDomain, ...verbs, config: { ...generalDomain.config, name: 'spy' } },
  origin: `sha256:${'0'.repeat(64)}`,
})

test('a plugin sees the call as the wire and the policy have it', async (t) => {
  const seen: DomainCall[] = []
  const given = spy({
    validate: (call) => {
      seen.push(call)
      return { violations: [], checks: [] }
    },
  })
  const policy = await loaded(
    withRules(
      `  - {id: a, effect: allow, decoder: json, domain: spy, action: axn_write, resource: "res_file:a:b", context: {n: body.n}}`,
    ).replace('other: {', 'other: {type: act_human, '),
    { plugins: [given] },
  )
  const principal = { ...local, agent: 'other', tenant: 'acme', project: 'web', run: 'r1' }
  judged(policy, request({ principal, method: 'PUT', path: '/x', ...body({ n: 3 }, { f: 'g' }) }))
  t.same(seen, [
    {
      ...{ actor: 'act_human', action: 'axn_write', resource: 'res_file', resourceId: 'a:b' },
      ...{ context: { n: 3 }, facts: { f: 'g' }, agent: 'other', run: 'r1', tenant: 'acme' },
      ...{ project: 'web', method: 'PUT', host: 'example.com', path: '/x', at: occasion.at },
      ...{ proofs: [], parameters: {} },
    },
  ])
})

test('an exact charge never stands in the place of what a model call is metered by', async (t) => {
  const charge = { cost_usd: 1, tokens: 1, parcels: 2 }
  const given = spy({ afterDecision: () => ({ charge, marks: [] }) })
  const policy = await loaded(
    withRules('  - {id: a, effect: allow, domain: spy, action: axn_write, decoder: openai}'),
    { plugins: [given] },
  )
  const model = {
    ...{ wire: 'openai-chat' as const, model: 'gpt-4o', streams: false },
    ...{ tokensInMax: 10, tokensOutMax: 5, choices: 1 },
  }
  const facts = request({ content: { decoder: 'openai', body: {}, facts: {}, model } })
  t.same(judged(policy, facts)?.charge, { parcels: 2 })
  const plain = request({ content: { decoder: 'openai', body: {}, facts: {}, model: null } })
  t.same(judged(policy, plain)?.charge, charge)
})

test('a slow plugin denies by the clock that the policy was loaded with', async (t) => {
  const times = [0, pluginMsMax + 1]
  const options = { plugins: [spy({})], elapsedMs: () => times.shift() ?? 0 }
  const text = withRules('  - {id: a, effect: allow, domain: spy, action: axn_read}')
  t.same(codes(judged(await loaded(text, options), request())), ['deny spy/plugin-failed'])
})

test('a plugin that is none, or takes a name, is a problem of the policy', async (t) => {
  const named = (name: string) => {
    const { plugin, origin } = spy({})
    return { plugin: { ...plugin, config: { ...plugin.config, name } }, origin }
  }
  const table = [
    [[named('finance')], 'a plugin calls itself finance, a name that comes with the gate'],
    [[named('a'), named('a')], 'a plugin calls itself a, a name that is another plugin’s'],
    [[named('A')], 'a plugin is no domain: config.name: must match ^[a-z][a-z0-9_]{0,31}$'],
  ] as const
  for (const [plugins, message] of table) {
    const read = await loadPolicy({ name: 'p.yaml', text: 'version: 1\n' }, { plugins })
    t.same('problems' in read ? read.problems.map(formatProblem) : [], [`p.yaml:1:1: ${message}`])
  }
})

test('what a domain is and was told is in the digest; policies without one keep theirs', async (t) => {
  const plain = withRules('  - {id: a, effect: approve}')
  t.equal(
    (await policyOf(plain)).source,
    '{"agents":[{"name":"local"},{"actor":"alice","name":"other","project":"web","tenant":"acme"}],"budgets":[],"defaults":{"tls":"tunnel","verdict":"deny"},"mode":"enforce","rules":[{"effect":"approve","id":"a","state":"active"}],"version":1}',
  )
  const changed = [
    plain,
    withRules('  - {id: a, effect: approve, domain: general, action: axn_read}'),
    withRules('  - {id: a, effect: approve, capability: require}'),
    withRules('  - {id: a, effect: approve}', 'domains: {ai: {models: [a]}}\n'),
    withRules('  - {id: a, effect: approve}', 'domains: {ai: {models: [a, b]}}\n'),
    withRules('  - {id: a, effect: approve}', logistics),
    withRules('  - {id: a, effect: approve}', logistics.replace('max: 30', 'max: 31')),
    withRules(
      '  - {id: a, effect: approve}',
      `approvers: {m: {tokens: ["sha256:${'a'.repeat(64)}"]}}\n`,
    ),
    withRules(
      '  - {id: a, effect: approve}',
      'issuers: {c: {kinds: [consent], key: 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo}}\n',
    ),
    plain.replace('local: {}', 'local: {type: act_system}'),
  ]
  const digests = new Set<string>()
  for (const text of changed) digests.add((await policyOf(text)).digest)
  t.equal(digests.size, changed.length)
  const same = plain.replace('local: {}', 'local: {type: act_agent}')
  t.equal((await policyOf(same)).digest, (await policyOf(plain)).digest)
  const text = withRules('  - {id: a, effect: allow, domain: spy, action: axn_read}')
  const [one, two] = [spy({}), { ...spy({}), origin: `sha256:${'1'.repeat(64)}` }]
  t.not(
    (await loaded(text, { plugins: [one] })).digest,
    (await loaded(text, { plugins: [two] })).digest,
    'another file of a plugin is another policy',
  )
})

test('a policy is compiled again from its source; without its plugin it refuses, and keeps its terms', async (t) => {
  const declared = await policyOf(withRules(ship, `${logistics}  ai: { models: [gpt-4o] }\n`))
  const again = await compileSource(declared.source)
  t.equal(again.digest, declared.digest)
  t.same(again.domains.get('ai')?.parameters, declared.domains.get('ai')?.parameters)
  const facts = request(body({ id: '7', weight: 31 }))
  t.same(judged(again, facts), judged(declared, facts))
  const text = withRules('  - {id: a, effect: allow, domain: spy, action: axn_read}')
  const policy = await loaded(text, { plugins: [spy({})] })
  t.same(codes(judged(policy, request())), [])
  for (const plugins of [[], [{ ...spy({}), origin: `sha256:${'1'.repeat(64)}` }]]) {
    const without = await compileSource(policy.source, { plugins })
    t.equal(without.digest, policy.digest)
    t.same(codes(judged(without, request())), ['deny spy/domain-unknown'])
  }
  t.equal(termsOfSource(policy.source)?.digest, policy.digest)
  t.match(await spoken(text), [/no domain is named "spy"/])
})

test('an explanation has what the domain says, and its verdict', async (t) => {
  const policy = await policyOf(withRules(ship, logistics))
  const heavy = request(body({ id: '7', weight: 31 }))
  t.equal(explain(policy, heavy).verdict, 'allow', 'nobody was asked')
  t.match(explain(policy, heavy, occasion), {
    verdict: 'deny',
    judgement: { violations: [{ code: 'bound-weight' }] },
  })
  t.equal(explain(policy, request(), occasion).judgement, null, 'the body is still to be read')
})

test('general is what a policy adds to it', async (t) => {
  const declared =
    'domains: {general: {actions: {axn_wash: {requires: [degrees]}}, bounds: [{fact: degrees, max: 60, actions: [axn_wash]}]}}\n'
  const policy = await policyOf(
    withRules(
      `  - {id: a, effect: allow, domain: general, action: axn_wash, decoder: json, context: {degrees: body.d}}
  - {id: b, hosts: [b.test], effect: allow, domain: general, action: axn_read}`,
      declared,
    ),
  )
  t.same(codes(judged(policy, request(body({ d: 40 })))), [])
  t.same(codes(judged(policy, request(body({ d: 90 })))), ['deny general/bound-degrees'])
  t.ok(policy.domains.get('general')?.plugin.config.actions.some(({ name }) => name === 'axn_read'))
})

test('what a rule does not give a domain is a warning', async (t) => {
  const rule = (rest: string): string =>
    withRules(`  - {id: a, effect: allow, domain: logistics, ${rest}}`, logistics)
  t.match(await spoken(rule('action: axn_ship')), [/`axn_ship` is judged by weight/])
  t.same(await spoken(rule('action: axn_ship, context: {weight: "5"}')), [])
  t.match(await spoken(rule('action: axn_ship, decoder: json')), [/is judged by weight/])
  t.same(await spoken(rule('action: axn_ship, decoder: sql')), [])
  t.same(await spoken(rule('action: axn_track')), [])
  t.match(await spoken(rule('reason: x')), [/without `action`, the domain logistics refuses/])
})
