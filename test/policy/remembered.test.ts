/** What a policy remembers of equal requests is what it would say anew, and nothing that a key does not hold. */
import fc from 'fast-check'
import { test } from 'tap'
import type { RequestFacts } from '../../kernel/request.ts'
import { policyOf, request, withRules } from './facts.ts'
import '../kernel/seed.ts'

const plain = [
  '  - {id: read, hosts: [a.example], methods: [GET], paths: ["/docs/**"], effect: allow}',
  '  - {id: paid, hosts: [a.example], agents: [other], effect: allow, charge: {effort: 3}}',
  '  - {id: keyed, hosts: [b.example], effect: allow, when: \'request.query.k == "1"\'}',
  '  - {id: read-body, hosts: [c.example], effect: allow, decoder: json, when: "body.n > 1"}',
].join('\n')

test('a hit is only for a request that is equal in all that was asked', async (t) => {
  const policy = await policyOf(withRules(plain))
  const base = request({ host: 'a.example', path: '/docs/x' })
  const first = policy.classify(base)
  t.same({ ...policy.memory }, { ...policy.memory, hits: 0, misses: 1 })
  t.equal(policy.classify({ ...base, id: 'another' }), first, 'the id is no part of it')
  t.equal(policy.memory?.hits, 1)
  const others: readonly Partial<RequestFacts>[] = [
    { path: '/docs/y' },
    { method: 'POST' },
    { port: 8080 },
    { scheme: 'https' },
    { kind: 'websocket' },
    { principal: { ...base.principal, agent: 'other' } },
    { principal: { ...base.principal, key: 'k' } },
    { principal: { ...base.principal, actor: 'someone' } },
  ]
  for (const other of others) {
    policy.classify({ ...base, ...other })
    t.equal(policy.memory?.hits, 1, JSON.stringify(other))
  }
})

test('what reads more than the first line is never remembered', async (t) => {
  const policy = await policyOf(withRules(plain))
  const asked = request({ host: 'b.example', path: '/', query: 'k=1' })
  t.same(policy.classify(asked).rules, ['keyed'])
  t.same(policy.classify({ ...asked, query: 'k=2' }).rules, [])
  const content = { decoder: 'json' as const, facts: {}, model: null }
  const body = request({ host: 'c.example', path: '/' })
  t.same(policy.classify({ ...body, content: { ...content, body: { n: 2 } } }).rules, ['read-body'])
  t.same(policy.classify({ ...body, content: { ...content, body: { n: 0 } } }).rules, [])
  t.equal(policy.memory?.hits, 0)
})

test('it says the same as a policy without memory, whatever came before', async (t) => {
  const remembering = await policyOf(withRules(plain))
  const { rulebook } = remembering
  const fresh = rulebook as unknown as { classify: typeof remembering.classify }
  const one = fc.record({
    host: fc.constantFrom('a.example', 'b.example', 'c.example', 'd.example'),
    method: fc.constantFrom('GET', 'POST'),
    path: fc.constantFrom('/', '/docs/a', '/docs/b'),
    query: fc.constantFrom('', 'k=1', 'k=2'),
    agent: fc.constantFrom('local', 'other'),
  })
  fc.assert(
    fc.property(fc.array(one, { maxLength: 30 }), (asked) => {
      for (const { agent, ...rest } of asked) {
        const base = request(rest)
        const facts = { ...base, principal: { ...base.principal, agent } }
        t.same(remembering.classify(facts), fresh.classify(facts))
      }
    }),
    { numRuns: 60 },
  )
  t.ok((remembering.memory?.hits ?? 0) > 0, 'and it did remember')
})

test('a key is bounded: what an agent makes longer is asked anew', async (t) => {
  const policy = await policyOf(withRules(plain))
  const long = request({ host: 'a.example', path: `/docs/${'x'.repeat(4_000)}` })
  t.same(policy.classify(long), policy.classify(long))
  t.same([policy.memory?.hits, policy.memory?.misses], [0, 0])
})
