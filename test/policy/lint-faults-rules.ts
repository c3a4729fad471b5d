/** Policies whose fault is in their rules, one each. */
import { type Faulty, head, inspect, open, team, withBudget } from './lint-fault.ts'

export const ruleFaults: readonly Faulty[] = [
  {
    title: 'a default that lets everything pass',
    text: `${head.replace('{ tls', '{ verdict: allow, tls')}  - { id: no, hosts: [a.test], effect: deny }\n`,
    ...{ code: 'default-allow', line: 2, ids: [], example: 'local CONNECT unnamed.example:443' },
  },
  {
    title: 'a mode that enforces nothing',
    text: `${head}${open}mode: observe\n`,
    ...{ code: 'not-enforced', line: 7, ids: [] },
  },
  {
    title: 'an allow for part of what a deny means',
    text: `${head}  - { id: may, hosts: [a.test], ports: [80], methods: [GET], paths: ["/x/**", "/x"], effect: allow }
  - { id: no, hosts: ["a.test"], methods: [GET, PUT, CONNECT], paths: ["/**"], ports: [80], effect: deny }
  - { id: all, hosts: [a.test], effect: deny }
`,
    ...{ code: 'always-denied', line: 6, ids: ['may', 'no'] },
    also: ['redundant'],
  },
  {
    title: 'an allow and a deny for the same requests',
    text: `${head}${open}  - { id: shut, hosts: [a.test], effect: deny }\n`,
    ...{ code: 'contradictory', line: 6, ids: ['open', 'shut'] },
    example: 'local CONNECT a.test:443',
  },
  {
    title: 'an approve that a wider allow cannot soften, said twice',
    text: `${head}  - { id: one, hosts: [a.test], ports: [80], methods: [PUT], effect: approve }
  - { id: two, hosts: [a.test], ports: [80], methods: [PUT], effect: allow }
`,
    ...{ code: 'contradictory', line: 7, ids: ['two', 'one'], example: 'local PUT http://a.test/' },
  },
  {
    title: 'a rule that a wider one makes needless',
    text: `${head}  - { id: wide, hosts: ["*.a.test", a.test], effect: allow }
  - { id: narrow, hosts: [www.a.test], effect: allow }
`,
    ...{ code: 'redundant', line: 7, ids: ['narrow', 'wide'] },
    example: 'local CONNECT www.a.test:443',
  },
  {
    title: 'what a rule is called, behind a wider one that calls it otherwise',
    text: `${head}  - { id: wide, hosts: ["*.a.test"], action: axn_read, effect: allow }
  - { id: narrow, hosts: [www.a.test], action: axn_write, effect: allow }
`,
    ...{ code: 'shadowed', line: 7, ids: ['narrow', 'wide'] },
  },
  {
    title: 'a charge behind a wider rule that charges less',
    text: `${head}  - { id: wide, hosts: ["*.a.test"], charge: { risk: 1 }, effect: allow }
  - { id: narrow, hosts: [www.a.test], charge: { risk: 50 }, effect: allow }
`,
    ...{ code: 'shadowed', line: 7, ids: ['narrow', 'wide'] },
  },
  {
    title: 'a tenant that the named agent is not of',
    text: `${team}  - { id: odd, agents: [ann], tenants: [beta], hosts: [b.test], effect: allow }\n`,
    ...{ code: 'never-matches', line: 6, ids: ['odd'] },
  },
  {
    title: 'a path of a CONNECT',
    text: `${head}${open}  - { id: odd, hosts: [b.test], methods: [CONNECT], paths: ["/x"], effect: allow }\n`,
    ...{ code: 'never-matches', line: 7, ids: ['odd'], example: 'local CONNECT b.test:443' },
    also: ['tunnel-hides'],
  },
  {
    title: 'a condition on a method that the rule does not have',
    text: `${head}  - { id: odd, hosts: [b.test], ports: [80], methods: [GET], when: 'request.method == "POST"', effect: allow }\n`,
    ...{ code: 'never-matches', line: 6, ids: ['odd'], example: 'local GET http://b.test/' },
  },
  {
    title: 'a condition on a method in lower case',
    text: `${head}  - { id: odd, hosts: [b.test], ports: [80], when: 'request.method == "post"', effect: allow }\n`,
    ...{ code: 'never-matches', line: 6, ids: ['odd'] },
  },
  {
    title: 'a condition that is false',
    text: `${head}  - { id: odd, hosts: [b.test], when: 1 > 2, effect: allow }\n`,
    ...{ code: 'never-matches', line: 6, ids: ['odd'] },
  },
  {
    title: 'a condition that is true',
    text: `${head}  - { id: odd, hosts: [b.test], when: '"body" == "body"', effect: allow }\n`,
    ...{ code: 'constant-condition', line: 6, ids: ['odd'] },
  },
  {
    title: 'an allow without hosts',
    text: `${head}  - { id: odd, methods: [GET, CONNECT], effect: allow }\n`,
    ...{ code: 'open-hosts', line: 6, ids: ['odd'], example: 'local CONNECT unnamed.example:443' },
  },
  {
    title: 'private addresses for the names of strangers',
    text: `${head}  - { id: odd, hosts: ["*.ngrok.io"], addresses: [10.0.0.0/8], effect: allow }\n`,
    ...{ code: 'wide-addresses', line: 6, ids: ['odd'] },
  },
  {
    title: 'addresses of half the world',
    text: `${head}  - { id: odd, hosts: [b.test], addresses: ["0.0.0.0/1"], effect: allow }\n`,
    ...{ code: 'wide-addresses', line: 6, ids: ['odd'] },
    also: ['metadata-address'],
  },
  {
    title: 'a credential for a zone in which anybody has a name',
    text: `${inspect}  - { id: odd, hosts: ["*.workers.dev"], ports: [443], inject: k, effect: allow }
credentials: { k: { source: { env: K }, as: { query: k } } }
`,
    ...{ code: 'inject-wide', line: 6, ids: ['odd'] },
    example: 'local GET https://www.workers.dev/',
  },
  {
    title: 'a credential that travels unencrypted',
    text: `${inspect}  - { id: odd, hosts: [b.test], inject: k, effect: allow }
credentials: { k: { source: { env: K }, as: { query: k } } }
`,
    ...{ code: 'inject-unencrypted', line: 6, ids: ['odd'] },
  },
  {
    title: 'a credential that nobody injects',
    text: `${head}${open}credentials: { k: { source: { env: K }, as: { query: k } } }\n`,
    ...{ code: 'unused-credential', line: 7, ids: [] },
  },
  {
    title: 'a proxy that nothing is sent through',
    text: `${head}${open}upstream_proxies: { p: { url: "http://p.test:1" } }\n`,
    ...{ code: 'unused-proxy', line: 7, ids: [] },
  },
  {
    title: 'an approval by two where one person may answer',
    text: `${head}  - { id: odd, hosts: [b.test], ports: [80], effect: approve, approval: { need: 2 } }\n`,
    ...{ code: 'approve-without-approvers', line: 6, ids: [] },
  },
  {
    title: 'waiting for a window that is none',
    text: withBudget(
      '  - { id: day, scope: agent, period: day, limits: { requests: 9 } }',
      `${head}  - { id: odd, hosts: [b.test], effect: queue }\n`,
    ),
    ...{ code: 'queue-without-window', line: 6, ids: ['odd'] },
  },
  {
    title: 'a rule for tunnels where tunnels are opened',
    text: `${inspect}  - { id: odd, hosts: [b.test], methods: [CONNECT], effect: allow }\n`,
    ...{ code: 'unreachable', line: 6, ids: ['odd'], example: 'local GET https://b.test/' },
  },
  {
    title: 'paths of what travels unseen',
    text: `${head}  - { id: odd, hosts: [b.test], paths: ["/x/*"], effect: allow }\n`,
    ...{ code: 'tunnel-hides', line: 6, ids: ['odd'], example: 'local CONNECT b.test:443' },
  },
  {
    title: 'a deny that stops every tunnel, for it cannot see inside',
    text: `${head}${open}  - { id: odd, methods: [DELETE], effect: deny }\n`,
    ...{ code: 'tunnel-hides', line: 7, ids: ['odd'] },
  },
  {
    title: 'a condition on a body that nobody reads',
    text: `${inspect}  - { id: odd, hosts: [b.test], when: body.a == 1, effect: allow }\n`,
    ...{ code: 'no-decoder', line: 6, ids: ['odd'] },
  },
  {
    title: 'a body that two rules read in two ways',
    text: `${inspect}  - { id: one, hosts: [b.test], methods: [POST], decoder: json, effect: allow }
  - { id: two, hosts: [b.test], paths: ["/rpc"], decoder: jsonrpc, effect: allow }
`,
    ...{ code: 'decoder-conflict', line: 7, ids: ['two', 'one'] },
    example: 'local POST https://b.test/rpc',
  },
  {
    title: 'a payload that a deny never sees',
    text: `${inspect}  - { id: odd, hosts: [b.test], payload: block, effect: deny }\n`,
    ...{ code: 'means-nothing', line: 6, ids: ['odd'] },
    also: ['agent-without-rules'],
  },
  {
    title: 'a range with an address that stays forbidden',
    text: `${head}  - { id: odd, hosts: [b.test], addresses: [100.64.0.0/10], effect: allow }\n`,
    ...{ code: 'metadata-address', line: 6, ids: ['odd'] },
  },
  {
    title: 'a draft that would deny what is denied',
    text: `${head}${open}  - { id: odd, state: draft, hosts: [b.test], effect: deny }\n`,
    ...{ code: 'draft-idle', line: 7, ids: ['odd'] },
  },
  {
    title: 'a draft that would allow what is allowed',
    text: `${head}${open}  - { id: odd, state: draft, hosts: [a.test], effect: allow }\n`,
    ...{ code: 'draft-idle', line: 7, ids: ['odd'] },
  },
  {
    title: 'an agent that no rule names',
    text: `${team.replace('hosts', 'agents: [ann], hosts')}`,
    ...{ code: 'agent-without-rules', line: 3, ids: [] },
  },
  {
    title: 'an exception to a host that is not meant',
    text: `${head}  - { id: odd, hosts: ["*.a.test", "!www.b.test"], effect: allow }\n`,
    ...{ code: 'exception-idle', line: 6, ids: ['odd'] },
  },
  {
    title: 'a host that another pattern means',
    text: `${head}  - { id: odd, hosts: ["*.a.test", www.a.test], effect: allow }\n`,
    ...{ code: 'pattern-covered', line: 6, ids: ['odd'] },
  },
]
