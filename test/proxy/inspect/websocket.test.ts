/** WebSockets through a whole gate that has something to look for: real clients and servers, compression offered. */
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { listen, makeDirectory, type Teardown } from '../../e2e/world.ts'
import { type Gate, openChainGate } from '../chain-world.ts'
import { selfSigned, signedBy } from '../tls/certificates.ts'

const secret = 'a-secret-of-the-gate-0123456789'
const iban = 'DE89370400440532013000'

interface Echo {
  readonly port: number
  readonly ca: string
  readonly heard: string[]
  readonly offered: (string | undefined)[]
}

/** Answers each message with itself, and `tell` with the credential that the handshake brought. */
async function startEcho(t: Teardown): Promise<Echo> {
  const root = await selfSigned('test root')
  const named = { names: [{ type: 'dns' as const, value: 'localhost' }] }
  const server = createServer(await signedBy(root, 'localhost', named))
  const sockets = new WebSocketServer({ server, perMessageDeflate: { threshold: 0 } })
  const [heard, offered]: [string[], (string | undefined)[]] = [[], []]
  sockets.on('connection', (socket, request) => {
    offered.push(request.headers['sec-websocket-extensions'])
    socket.on('error', () => {})
    socket.on('message', (message, binary) => {
      heard.push(String(message))
      const { authorization = '' } = request.headers
      if (String(message) === 'tell') socket.send(`you are ${authorization}`)
      else socket.send(message, { binary })
    })
  })
  const port = await listen(t, server)
  t.teardown(() => {
    for (const client of sockets.clients) client.terminate()
  })
  return { port, ca: root.cert, heard, offered }
}

async function openGate(t: Teardown, echo: Echo, more: string): Promise<Gate> {
  const file = join(makeDirectory(t), 'secret')
  writeFileSync(file, secret)
  const policy = `credentials:
  key: { source: { file: ${file} }, as: { header: Authorization, format: "Bearer {secret}" } }
rules:
  - { id: echo, hosts: [localhost], ports: [${echo.port}], addresses: [127.0.0.0/8, "::1/128"], effect: allow, ${more} }
`
  return openChainGate(t, { policy, upstreamCa: echo.ca })
}

async function open(t: Teardown, gate: Gate, port: number): Promise<WebSocket> {
  const inside = await gate.inside(port)
  const socket = new WebSocket(`wss://localhost:${port}/chat`, {
    perMessageDeflate: { threshold: 0 },
    createConnection: (() => inside) as unknown as typeof connect,
  })
  t.teardown(() => socket.terminate())
  await new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  socket.on('error', () => {})
  return socket
}

const closeOf = (socket: WebSocket): Promise<readonly [number, string]> =>
  new Promise((resolve) => socket.once('close', (code, why) => resolve([code, String(why)])))

const answerTo = (socket: WebSocket, message: string | Buffer): Promise<string> => {
  const answer = new Promise<string>((resolve) => {
    socket.once('message', (bytes: Buffer) => resolve(String(bytes)))
  })
  socket.send(message)
  return answer
}

void test('a secret of the gate does not leave in a message, and no compression hides it', async (t) => {
  const half = secret.length / 2
  const ways: readonly (readonly [string, (socket: WebSocket) => void])[] = [
    ['text', (socket) => socket.send(`see ${secret}`)],
    ['binary', (socket) => socket.send(Buffer.from(`see ${secret}`))],
    ['base64', (socket) => socket.send(Buffer.from(`see ${secret}`).toString('base64'))],
    ['JSON', (socket) => socket.send(JSON.stringify({ a: [secret] }))],
    ['a ping', (socket) => socket.ping(secret)],
    ['the reason of a close', (socket) => socket.close(1000, secret)],
    [
      'fragments',
      (socket) => {
        socket.send(secret.slice(0, half), { fin: false })
        socket.send(secret.slice(half))
      },
    ],
  ]
  const echo = await startEcho(t)
  const gate = await openGate(t, echo, 'inject: key')
  for (const [index, [way, say]] of ways.entries()) {
    const socket = await open(t, gate, echo.port)
    t.equal(socket.extensions, '', 'nothing is compressed')
    t.equal(await answerTo(socket, 'hello'), 'hello')
    const closed = closeOf(socket)
    say(socket)
    if (way !== 'the reason of a close') {
      t.strictSame(await closed, [1008, 'haltgate: payload-secret'], way)
    }
    const settled = await gate.settled(index + 1)
    t.match(settled[index], {
      data: {
        ...{ outcome: 'settled', status: 101, cut: 'payload-secret' },
        findings: [{ detector: 'own-secrets', place: 'request-body', count: 1 }],
      },
    })
  }
  t.same(new Set(echo.heard), new Set(['hello']))
  t.same(new Set(echo.offered), new Set([undefined]))
  t.notMatch(JSON.stringify(gate.entries()), secret)
})

void test('a secret that the upstream echoes does not come back', async (t) => {
  const echo = await startEcho(t)
  const gate = await openGate(t, echo, 'inject: key')
  const socket = await open(t, gate, echo.port)
  const messages: string[] = []
  socket.on('message', (bytes: Buffer) => messages.push(String(bytes)))
  const closed = closeOf(socket)
  socket.send('tell')
  t.strictSame(await closed, [1008, 'haltgate: payload-secret'])
  t.same(messages, [])
  t.match(await gate.settled(1), [
    { data: { cut: 'payload-secret', findings: [{ place: 'response-body' }] } },
  ])
})

void test('a rule blocks, redacts or notes what it looks for in messages', async (t) => {
  const table = [
    ['payload: block', null, 1008],
    ['payload: redact', 'to [redacted:iban]', 0],
    ['payload: warn', `to ${iban}`, 0],
  ] as const
  for (const [more, answer, status] of table) {
    const echo = await startEcho(t)
    const gate = await openGate(t, echo, more)
    const socket = await open(t, gate, echo.port)
    t.equal(await answerTo(socket, 'hello'), 'hello')
    if (answer === null) {
      const closed = closeOf(socket)
      socket.send(`to ${iban}`)
      t.strictSame(await closed, [status, 'haltgate: payload-personal-data'])
      t.same(echo.heard, ['hello'])
    } else {
      t.equal(await answerTo(socket, `to ${iban}`), answer, more)
      const closed = closeOf(socket)
      socket.close(1000, 'done')
      t.strictSame(await closed, [1000, 'done'])
    }
    t.match(await gate.settled(1), [
      { data: { findings: [{ detector: 'iban', place: 'request-body', count: 1 }] } },
    ])
  }
})

void test('messages of every size pass where they are searched, and close codes', async (t) => {
  const echo = await startEcho(t)
  const gate = await openGate(t, echo, 'payload: block')
  const socket = await open(t, gate, echo.port)
  for (const size of [0, 1, 125, 126, 65_536, 1_048_576]) {
    const message = 'a line of some length\n'.repeat(Math.ceil(size / 22)).slice(0, size)
    t.ok((await answerTo(socket, message)) === message, `${size} bytes`)
  }
  const closed = closeOf(socket)
  socket.close(4321, 'gone')
  t.strictSame(await closed, [4321, 'gone'])
  const [settlement] = await gate.settled(1)
  t.match(settlement, { data: { outcome: 'settled', status: 101 } })
  t.notOk(settlement?.data['cut'] ?? settlement?.data['findings'])
})
