/** What a rule judges by a domain, a token or its payload is not let pass unjudged in another spelling of its path. */
import { test } from 'tap'
import { policyOf, request, withRules } from './facts.ts'

const wide = '  - {id: wide, hosts: [a.example], effect: allow}\n'
const judging = [
  ['a domain', 'domain: general, action: axn_write'],
  ['a payload', 'payload: {action: block, detectors: [card-numbers]}'],
] as const

test('another spelling of a judged path is refused, whatever else lets it pass', async (t) => {
  for (const [what, key] of judging) {
    const rule = `  - {id: narrow, hosts: [a.example], paths: [/orders], effect: allow, ${key}}`
    const policy = await policyOf(withRules(wide + rule))
    const asked = (path: string): ReturnType<typeof policy.classify> =>
      policy.classify(request({ host: 'a.example', path }))
    for (const path of ['/ORDERS', '/orders;x=1', '/%4frders']) {
      t.match(
        asked(path),
        { rules: ['wide'], refusals: [{ code: 'validator-refused', id: 'narrow' }] },
        `${what}: ${path}`,
      )
    }
    t.same(asked('/orders').refusals, [], `${what}: as the rule has it`)
    t.same(asked('/orders').rules, ['wide', 'narrow'])
    t.same(asked('/other').refusals, [], `${what}: another path`)
  }
})

test('a path that another rule of the same domain judges is no misspelling', async (t) => {
  const rules = [
    '  - {id: one, hosts: [a.example], paths: [/orders], effect: allow, domain: general, action: axn_write}',
    '  - {id: two, hosts: [a.example], paths: [/Orders], effect: allow, domain: general, action: axn_read}',
    '  - {id: draft, state: draft, hosts: [a.example], paths: [/x], effect: allow, domain: general, action: axn_read}',
  ]
  const policy = await policyOf(withRules(wide + rules.join('\n')))
  t.same(policy.classify(request({ host: 'a.example', path: '/Orders' })).refusals, [])
  t.same(
    policy.classify(request({ host: 'a.example', path: '/X' })).refusals,
    [],
    'a draft binds nobody',
  )
})

test('rules that only let pass, and methods that differ, refuse nothing', async (t) => {
  const rules = [
    '  - {id: plain, hosts: [a.example], paths: [/docs], effect: allow}',
    '  - {id: post, hosts: [a.example], methods: [POST], paths: [/orders], effect: allow, domain: general, action: axn_write}',
  ]
  const policy = await policyOf(withRules(wide + rules.join('\n')))
  t.same(policy.classify(request({ host: 'a.example', path: '/DOCS' })).refusals, [])
  t.same(policy.classify(request({ host: 'a.example', path: '/ORDERS' })).refusals, [])
})
