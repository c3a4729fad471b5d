/** WebSockets inside of inspected tunnels: a real client and server, and upstreams that are not who they should be. */

import { writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { connect as connectH2, type Settings } from 'node:http2'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { fleet } from '../../kernel/scope.ts'
import { listen, makeDirectory, type Teardown } from '../e2e/world.ts'
import { type Gate, openChainGate, tunnelTo } from './chain-world.ts'
import { selfSigned, signedBy } from './tls/certificates.ts'

interface Echo {
  readonly port: number
  /** Of the root that signed its certificate. */
  readonly ca: string
  readonly headers: IncomingHttpHeaders[]
  readonly urls: string[]
  readonly sockets: WebSocketServer
}

/** An echo by wss for localhost, or with a certificate for another name. */
async function startEcho(t: Teardown, name = 'localhost'): Promise<Echo> {
  const root = await selfSigned('test root')
  const { cert, key } = await signedBy(root, name, { names: [{ type: 'dns', value: name }] })
  const server = createServer({ cert, key })
  const sockets = new WebSocketServer({ server, perMessageDeflate: { threshold: 0 } })
  const [headers, urls]: [IncomingHttpHeaders[], string[]] = [[], []]
  server.on('tlsClientError', () => {})
  sockets.on('connection', (socket, request) => {
    headers.push(request.headers)
    urls.push(request.url ?? '')
    socket.on('error', () => {})
    socket.on('message', (message, binary) => {
      if (!binary && message.toString() === 'leave') socket.close(4321, 'gone')
      else socket.send(message, { binary })
    })
  })
  const port = await listen(t, server)
  t.teardown(() => {
    for (const client of sockets.clients) client.terminate()
  })
  return { port, ca: root.cert, headers, urls, sockets }
}

const rule = (port: number, more = ''): string =>
  `rules:
  - id: echo
    hosts: [localhost]
    ports: [${port}]
    addresses: [127.0.0.0/8, "::1/128"]
    effect: allow
${more}`

interface Opening {
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly deflate?: boolean
}

/** A client whose handshake has been sent; the answer may be any. */
async function open(t: Teardown, gate: Gate, port: number, how: Opening = {}): Promise<WebSocket> {
  const inside = await gate.inside(port)
  const { deflate = false, headers = {}, path = '/chat' } = how
  const socket = new WebSocket(`wss://localhost:${port}${path}`, {
    headers: { ...headers },
    perMessageDeflate: deflate ? { threshold: 0 } : false,
    createConnection: (() => inside) as unknown as typeof import('node:net').connect,
  })
  t.teardown(() => socket.terminate())
  return socket
}

const opened = (socket: WebSocket): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('unexpected-response', (_request, response) => {
      reject(new Error(`${response.statusCode} ${response.headers['haltgate-reason']}`))
    })
    socket.once('error', reject)
  })

/** The status and the problem by which a handshake was refused. */
const refusalOf = (
  socket: WebSocket,
): Promise<{ readonly status: number; readonly code: string; readonly detail: string }> =>
  new Promise((resolve, reject) => {
    socket.on('error', () => {})
    socket.once('open', () => reject(new Error('it was opened')))
    socket.once('unexpected-response', (_request, response) => {
      let text = ''
      response.on('data', (piece: Buffer) => {
        text += piece.toString()
      })
      response.on('end', () => {
        const { detail } = JSON.parse(text) as { detail: string }
        const code = String(response.headers['haltgate-reason'])
        resolve({ status: response.statusCode ?? 0, code, detail })
      })
    })
  })

const messageOf = (socket: WebSocket): Promise<Buffer> =>
  new Promise((resolve) => socket.once('message', (bytes: Buffer) => resolve(bytes)))
const closeOf = (socket: WebSocket): Promise<[number, string]> =>
  new Promise((resolve) => socket.once('close', (code, why) => resolve([code, String(why)])))

for (const deflate of [false, true]) {
  test(`messages, pings and close codes pass ${deflate ? 'with' : 'without'} compression`, async (t) => {
    const echo = await startEcho(t)
    const gate = await openChainGate(t, { policy: rule(echo.port), upstreamCa: echo.ca })
    const socket = await open(t, gate, echo.port, { deflate, path: '/chat?a=1&b=%20' })
    await opened(socket)
    t.equal(socket.extensions, deflate ? 'permessage-deflate' : '')
    for (const size of [0, 1, 125, 126, 65_536, 1_048_576]) {
      const message = Buffer.alloc(size, 'message of some length ')
      const back = messageOf(socket)
      socket.send(message)
      t.ok(message.equals(await back), `${size} bytes`)
    }
    const pong = new Promise<Buffer>((resolve) => socket.once('pong', resolve))
    socket.ping('beat')
    t.equal(String(await pong), 'beat')
    const closed = closeOf(socket)
    socket.send('leave')
    t.same(await closed, [4321, 'gone'])
    t.same(echo.urls, ['/chat?a=1&b=%20'])
    t.equal(echo.headers[0]?.host, `localhost:${echo.port}`)
    const [settlement] = await gate.settled(1)
    t.match(settlement, { data: { outcome: 'settled', status: 101 } })
    const [decision] = gate.entries('decision')
    t.match(decision, { data: { verdict: 'allow', path: '/chat', method: 'GET' } })
  })
}

test('a halt cuts an open WebSocket at both ends, and no other is opened', async (t) => {
  const echo = await startEcho(t)
  const gate = await openChainGate(t, { policy: rule(echo.port), upstreamCa: echo.ca })
  const socket = await open(t, gate, echo.port)
  await opened(socket)
  const [atOrigin] = echo.sockets.clients
  const gone = new Promise((resolve) => atOrigin?.once('close', resolve))
  const closed = closeOf(socket)
  socket.on('error', () => {})
  await gate.world.gate.halt({ scope: fleet, cause: 'operator', by: 'operator', reason: 'no' })
  t.equal((await closed)[0], 1006)
  await gone
  t.match(await gate.settled(1), [{ data: { cut: 'halted' } }])
  await t.rejects(gate.inside(echo.port))
})

test('a budget cuts a WebSocket exactly at the hold', async (t) => {
  const echo = await startEcho(t)
  const budget =
    'budgets:\n  - { id: bytes, scope: run, limits: { bytes_up: 10000 }, on_limit: block }\n'
  const gate = await openChainGate(t, {
    policy: rule(echo.port, budget),
    upstreamCa: echo.ca,
    limits: { holdBytesStep: 3_000 },
  })
  const socket = await open(t, gate, echo.port)
  await opened(socket)
  socket.on('error', () => {})
  const closed = closeOf(socket)
  for (let index = 0; index < 20; index += 1) socket.send(Buffer.alloc(1_000))
  t.equal((await closed)[0], 1006)
  t.match(await gate.settled(1), [
    { data: { cut: 'budget-exhausted', actual: { bytes_up: 10_000 } } },
  ])
})

test('an upstream that is not proven is never shaken hands with', async (t) => {
  const table: readonly (readonly [string, string, boolean])[] = [
    ['for another host', 'other.test', true],
    ['signed by a CA that is not known', 'localhost', false],
  ]
  for (const [why, name, isTrusted] of table) {
    const echo = await startEcho(t, name)
    const upstreamCa = isTrusted ? { upstreamCa: echo.ca } : {}
    const gate = await openChainGate(t, { policy: rule(echo.port), ...upstreamCa })
    const refusal = await refusalOf(await open(t, gate, echo.port))
    t.match(refusal, { status: 502, code: 'upstream-tls' })
    t.match(refusal.detail, /certificate of the upstream/, why)
    t.same(echo.urls, [], why)
    t.match(await gate.settled(1), [{ data: { outcome: 'settled', status: 502 } }])
  }
})

test('a credential is set on the handshake, and a secret of the gate in it refuses it', async (t) => {
  const echo = await startEcho(t)
  const file = join(makeDirectory(t), 'secret')
  writeFileSync(file, 'a-secret-of-the-gate-0123456789')
  const credentials = `credentials:
  key:
    source: { file: ${file} }
    as: { header: Authorization, format: "Bearer {secret}" }
    placeholder: placeholder-of-the-key
`
  const gate = await openChainGate(t, {
    policy: `${credentials}${rule(echo.port, '    inject: key\n')}`,
    upstreamCa: echo.ca,
  })
  const socket = await open(t, gate, echo.port, {
    headers: { Authorization: 'Bearer placeholder-of-the-key', 'X-Mine': 'kept' },
  })
  await opened(socket)
  t.match(echo.headers, [
    { authorization: 'Bearer a-secret-of-the-gate-0123456789', 'x-mine': 'kept' },
  ])
  const stolen = await open(t, gate, echo.port, {
    path: '/chat?x=a-secret-of-the-gate-0123456789',
  })
  t.match(await refusalOf(stolen), { status: 403, code: 'payload-secret' })
  t.equal(echo.urls.length, 1)
  t.notMatch(JSON.stringify(gate.entries()), 'a-secret-of-the-gate')
})

test('a client that speaks HTTP/2 is offered no WebSocket', async (t) => {
  const echo = await startEcho(t)
  const gate = await openChainGate(t, { policy: rule(echo.port), upstreamCa: echo.ca })
  const socket = await tunnelTo(t, gate.port, `localhost:${echo.port}`)
  const ca = await gate.ca()
  const client = connectH2(`https://localhost:${echo.port}`, {
    createConnection: () =>
      connectTls({ socket, ca, servername: 'localhost', ALPNProtocols: ['h2'] }),
  })
  client.on('error', () => {})
  t.teardown(() => client.destroy())
  const settings = await new Promise<Settings>((resolve) => client.once('remoteSettings', resolve))
  t.equal(settings.enableConnectProtocol ?? false, false)
  t.same(echo.urls, [])
})

test('a rule that would look into messages refuses a WebSocket, and says so', async (t) => {
  const personal = 'payload-personal-data'
  const table: readonly (readonly [string, string, RegExp | null])[] = [
    ['payload: block', personal, /what iban finds \(rule echo\)/],
    ['payload: redact', personal, /what iban finds \(rule echo\)/],
    ['decoder: json', 'inspection-required', /need a body, .* messages of a WebSocket/],
    ['payload: warn', '', null],
  ]
  for (const [more, code, said] of table) {
    const echo = await startEcho(t)
    const gate = await openChainGate(t, {
      policy: rule(echo.port, `    ${more}\n`),
      upstreamCa: echo.ca,
    })
    const iban = { 'X-Account': 'DE89370400440532013000' }
    const socket = await open(t, gate, echo.port, { headers: iban })
    if (said === null) {
      await opened(socket)
      const found = gate.entries('decision').map(({ data }) => data['findings'])
      t.match(found, [[{ detector: 'iban', place: 'request-header' }]], 'of its handshake')
    } else {
      const refusal = await refusalOf(socket)
      t.match(refusal, { status: 403, code, detail: said }, more)
    }
    t.equal(echo.urls.length, said === null ? 1 : 0, more)
  }
})
