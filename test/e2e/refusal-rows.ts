/** What a plain proxy can be asked that it must refuse, with the code that it must give: one row each. */
import type { RequestListener } from 'node:http'
import { connect } from 'node:net'
import type { ReasonCode } from '../../kernel/reasons.ts'
import { asRun } from './wire.ts'
import type { TestWorld } from './world.ts'

export const silentMs = 300

export const serve: RequestListener = (request, response) => {
  if (request.url !== '/silent') response.end('ok')
}

export const rules = (
  closed: number,
  liar: number,
): string => `  - { id: no, hosts: [denied.test], effect: deny, reason: Not for you. }
  - { id: trap, hosts: [trap.test], effect: halt }
  - { id: inside, hosts: [127.0.0.1], effect: allow }
  - { id: metadata, hosts: [169.254.169.254], addresses: [0.0.0.0/0], effect: allow }
  - { id: nowhere, hosts: [nothing.invalid], effect: allow }
  - { id: pages, hosts: [pages.test], methods: [GET], paths: ["/a"], effect: allow }
  - { id: plain, hosts: [plain.test], effect: allow }
  - { id: person, hosts: [person.test], effect: approve }
  - { id: broken, hosts: [localhost], ports: [${closed}, ${liar}], addresses: [127.0.0.0/8, "::1/128"], effect: allow }`

export const budgets = `  - { id: spent, scope: agent, paths: ["/spent"], limits: { requests: 1 }, on_limit: block }
  - { id: killed, scope: run, paths: ["/killed"], limits: { requests: 1 }, on_limit: kill }
  - { id: rated, scope: agent, paths: ["/rated"], window: 60s, limits: { requests: 1 }, on_limit: block }
  - id: queued
    scope: agent
    paths: ["/queued"]
    window: 60s
    limits: { requests: 1 }
    on_limit: queue
    queue: { length: 1, wait: 5s }`

export interface Place {
  readonly world: TestWorld
  readonly origin: string
  readonly closed: number
  readonly liar: number
}

export interface Row {
  readonly name: string
  readonly code: ReasonCode
  /** The registry's where absent. */
  readonly status?: number
  readonly decision?: string
  readonly bytes: (place: Place) => string
  readonly prepare?: (place: Place) => Promise<unknown>
}

export const get = (url: string, ...headers: readonly string[]): string => {
  const lines = headers.map((header) => `${header}\r\n`).join('')
  return `GET ${url} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n${lines}\r\n`
}

const proxyAuthorization = (run: string): string =>
  `Proxy-Authorization: ${asRun('tester', run)['Proxy-Authorization']}`

export const ofKernel: readonly Row[] = [
  { name: 'a host of no rule', code: 'no-rule', bytes: () => get('http://other.test/') },
  {
    name: 'a CONNECT to a host of no rule',
    code: 'no-rule',
    bytes: () => 'CONNECT other.test:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n',
  },
  {
    name: 'a CONNECT for plain HTTP to a host of no rule',
    code: 'no-rule',
    bytes: () => 'CONNECT other.test:80 HTTP/1.1\r\n\r\n',
  },
  {
    name: 'a WebSocket to a host of no rule',
    code: 'no-rule',
    bytes: () =>
      get(
        'http://other.test/',
        ...['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ),
  },
  { name: 'a denied host', code: 'rule-denied', bytes: () => get('http://denied.test/') },
  {
    name: 'a person who must approve',
    code: 'approval-required',
    decision: 'approve',
    bytes: () => get('http://person.test/'),
  },
  {
    name: 'a tunnel that a rule must see inside',
    code: 'inspection-required',
    bytes: () => 'CONNECT pages.test:443 HTTP/1.1\r\n\r\n',
  },
  {
    name: 'a host that halts',
    code: 'rule-denied',
    decision: 'halt',
    bytes: () => get('http://trap.test/', proxyAuthorization('trapped')),
  },
  {
    name: 'a halted run',
    code: 'halted',
    decision: 'halt',
    prepare: ({ world }) =>
      world.control('POST', '/api/v1/halts', { scope: 'run:tester/stopped', reason: 'a test' }),
    bytes: ({ origin }) => get(origin, proxyAuthorization('stopped')),
  },
  {
    name: 'a budget that is spent',
    code: 'budget-exhausted',
    prepare: ({ world, origin }) => world.get(`${origin}/spent`),
    bytes: ({ origin }) => get(`${origin}/spent`),
  },
  {
    name: 'a budget that kills',
    code: 'budget-exhausted',
    decision: 'halt',
    prepare: ({ world, origin }) => world.get(`${origin}/killed`, asRun('tester', 'doomed')),
    bytes: ({ origin }) => get(`${origin}/killed`, proxyAuthorization('doomed')),
  },
  {
    name: 'a rate limit',
    code: 'rate-limited',
    prepare: ({ world, origin }) => world.get(`${origin}/rated`),
    bytes: ({ origin }) => get(`${origin}/rated`),
  },
  {
    name: 'a queue that is full',
    code: 'queue-full',
    prepare: async ({ world, origin }) => {
      await world.get(`${origin}/queued`)
      await new Promise<void>((resolve) => {
        const waiting = connect(world.port, '127.0.0.1', () => {
          waiting.write(get(`${origin}/queued`), () => resolve())
        })
        waiting.on('error', () => undefined).unref()
      })
      // It waits once the gate has answered a request that was sent after it.
      await world.get(origin)
    },
    bytes: ({ origin }) => get(`${origin}/queued`),
  },
]

export const ofDestination: readonly Row[] = [
  {
    name: 'loopback without its range',
    code: 'destination-forbidden',
    bytes: () => get('http://127.0.0.1/'),
  },
  {
    name: 'the metadata address, whatever range the rule opens',
    code: 'destination-forbidden',
    bytes: () => get('http://169.254.169.254/latest/meta-data/'),
  },
  {
    name: 'a name without an address',
    code: 'destination-unresolved',
    bytes: () => get('http://nothing.invalid/'),
  },
  {
    name: 'an upstream that is not there',
    code: 'upstream-unreachable',
    bytes: ({ closed }) => get(`http://localhost:${closed}/`),
  },
  {
    name: 'a tunnel to an upstream that is not there',
    code: 'upstream-unreachable',
    bytes: ({ closed }) => `CONNECT localhost:${closed} HTTP/1.1\r\n\r\n`,
  },
  {
    name: 'an upstream that does not answer',
    code: 'upstream-timeout',
    bytes: ({ origin }) => get(`${origin}/silent`),
  },
  {
    name: 'an upstream that speaks no HTTP',
    code: 'upstream-protocol',
    bytes: ({ liar }) => get(`http://localhost:${liar}/`),
  },
]

const bad = (name: string, bytes: string | ((place: Place) => string), status = 400): Row => ({
  name,
  code: 'malformed-request',
  status,
  bytes: typeof bytes === 'string' ? () => bytes : bytes,
})

const post = (headers: string): string =>
  `POST http://localhost/ HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n\r\n`

export const ofFront: readonly Row[] = [
  bad('origin-form', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  bad('no Host', 'GET http://localhost/ HTTP/1.1\r\n\r\n'),
  bad('two Hosts', 'GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\nHost: b\r\n\r\n'),
  bad('userinfo', 'GET http://user:pass@localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  bad('https in the clear', 'GET https://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  bad('another scheme', 'GET ftp://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  bad('CONNECT without a port', 'CONNECT localhost HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  bad('CONNECT with a path', 'CONNECT localhost:443/ HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  bad('HTTP/0.9', 'GET http://localhost/\r\n\r\n'),
  bad('HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  bad('an encoded slash', 'GET http://localhost/a%2fb HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  bad('a dot segment', 'GET http://localhost/a/%2e%2e/b HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  bad(
    'a control character',
    'GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\nA: \x01\r\n\r\n',
  ),
  bad('a folded line', 'GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c\r\n\r\n'),
  bad('Transfer-Encoding gzip', post('Transfer-Encoding: gzip, chunked')),
  bad('two framings', post('Content-Length: 3\r\nTransfer-Encoding: chunked')),
  bad('two lengths', post('Content-Length: 3\r\nContent-Length: 4')),
  bad('an unknown upgrade', post('Connection: upgrade\r\nUpgrade: h2c')),
  bad('an unknown expectation', post('Expect: a-miracle'), 417),
  {
    ...bad('a target that is too long', () => get(`http://localhost/${'a'.repeat(8_200)}`), 414),
    code: 'request-too-large',
  },
  {
    ...bad('headers that are too long', () => get('http://a/', `A: ${'a'.repeat(17_000)}`), 431),
    code: 'request-too-large',
  },
  {
    ...bad('headers that never end', () => get('http://a/', `A: ${'a'.repeat(40_000)}`), 431),
    code: 'request-too-large',
  },
  {
    ...bad('too many headers', () => get('http://a/', ...Array(101).fill('A: b')), 431),
    code: 'request-too-large',
  },
]
