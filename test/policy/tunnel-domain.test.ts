/** A domain, and a token that is required, stand in the way of what they cannot see: a tunnel is no way around them. */
import { test } from 'tap'
import type { RequestFacts } from '../../kernel/request.ts'
import { loadPolicy } from '../../policy/load.ts'
import { local } from './facts.ts'

const policyWith = (narrow: string): string => `version: 1
defaults: { tls: tunnel }
agents: { local: {} }
rules:
  - { id: wide, hosts: [a.test], effect: allow }
  - { id: narrow, hosts: [a.test], methods: [POST], paths: [/orders], effect: allow${narrow} }
`

const tunnel: RequestFacts = {
  ...{ id: 'boot-1', principal: local, kind: 'tunnel', method: 'CONNECT', scheme: 'https' },
  ...{ host: 'a.test', port: 443, path: '', query: '', headers: {}, content: null },
}

test('an opaque tunnel is refused where a rule inside would ask a domain or for a token', async (t) => {
  const table = [
    ['', 0],
    [', domain: general, action: axn_request', 1],
    [', capability: require', 1],
  ] as const
  for (const [narrow, refused] of table) {
    const loaded = await loadPolicy({ name: 'p.yaml', text: policyWith(narrow) })
    if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems))
    const { refusals } = loaded.policy.classify(tunnel)
    t.equal(refusals.length, refused, narrow)
    if (refused > 0) t.match(refusals, [{ code: 'inspection-required', id: 'narrow' }])
  }
})
