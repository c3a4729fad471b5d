/** Origins that a chained proxy leads to, a policy that sends all of them through it, and clients of each kind. */
import { writeFileSync } from 'node:fs'
import { createServer as createPlain } from 'node:http'
import { connect as connectH2 } from 'node:http2'
import { createServer as createSecure } from 'node:https'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TLSSocket, connect as tlsConnect } from 'node:tls'
import { WebSocket, WebSocketServer } from 'ws'
import { type Answer, readAnswer } from '../e2e/wire.ts'
import { listen, makeDirectory, type Teardown } from '../e2e/world.ts'
import { type Gate, tunnelTo } from './chain-world.ts'
import { selfSigned, signedBy } from './tls/certificates.ts'

export interface Origins {
  readonly plain: number
  readonly secure: number
  readonly ca: string
  /** Header names and values of each request, as it came. */
  readonly heads: string[]
}

/** One origin in the clear and one by TLS, both for localhost, both with WebSockets that echo. */
export async function startOrigins(t: Teardown): Promise<Origins> {
  const root = await selfSigned('test root')
  const { cert, key } = await signedBy(root, 'localhost', {
    names: [{ type: 'dns', value: 'localhost' }],
  })
  const heads: string[] = []
  const servers = [createPlain(), createSecure({ cert, key })]
  const ports: number[] = []
  for (const server of servers) {
    server.on('request', (request, response) => {
      heads.push(`${request.url}\n${request.rawHeaders.join('\n')}`)
      response.end(`seen ${request.url}`)
    })
    server.on('connection', (socket: Socket) => socket.on('error', () => {}))
    const sockets = new WebSocketServer({ server })
    sockets.on('connection', (socket, request) => {
      heads.push(`${request.url}\n${request.rawHeaders.join('\n')}`)
      socket.on('message', (message, binary) => socket.send(message, { binary }))
    })
    ports.push(await listen(t, server))
    t.teardown(() => {
      for (const client of sockets.clients) client.terminate()
      server.closeAllConnections()
    })
  }
  const [plain = 0, secure = 0] = ports
  return { plain, secure, ca: root.cert, heads }
}

export const loopback: string = 'addresses: [127.0.0.0/8, "::1/128"]'

interface Policed {
  readonly url: string
  readonly ports: readonly number[]
  readonly more?: string
  readonly way?: string
  readonly rules?: string
}

/** All of localhost through the proxy `office`, which wants credentials. */
export function policyFor(
  t: Teardown,
  { more = '', ports, rules = '', url, way = 'office' }: Policed,
): string {
  const file = join(makeDirectory(t), 'password')
  writeFileSync(file, 'the-password-of-the-proxy')
  return `credentials:
  corporate: { source: { file: ${file} }, as: { basic: gate } }
upstream_proxies:
  office: { url: "${url}", auth: corporate${more} }
rules:
  - { id: origin, hosts: [localhost], ports: [${ports.join(', ')}], ${loopback}, effect: allow, upstream_proxy: ${way} }
${rules}`
}

export const shown: string = `Basic ${Buffer.from('gate:the-password-of-the-proxy').toString('base64')}`

/** One request inside of a tunnel that the gate looks into. */
export async function askInside(gate: Gate, port: number, path = '/inside'): Promise<Answer> {
  const socket = await gate.inside(port)
  const lines = [`GET ${path} HTTP/1.1`, `Host: localhost:${port}`, 'Connection: close']
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  return readAnswerOf(socket)
}

async function readAnswerOf(socket: Socket): Promise<Answer> {
  const said = await text(socket).catch(() => '')
  return readAnswer(said, true) ?? { status: 0, phrase: '', headers: new Map(), body: said }
}

/** What one stream of HTTP/2 brings, inside of a tunnel that the gate looks into. */
export async function askStream(t: Teardown, gate: Gate, port: number): Promise<string> {
  const socket = await tunnelTo(t, gate.port, `localhost:${port}`)
  const inside = { socket, ca: await gate.ca(), servername: 'localhost', ALPNProtocols: ['h2'] }
  const client = connectH2(`https://localhost:${port}`, {
    createConnection: () => tlsConnect(inside),
  })
  t.teardown(() => client.destroy())
  client.on('error', () => {})
  return text(client.request({ ':path': '/stream' }))
}

/** One request through a tunnel that the gate does not look into: an error where it does not stand. */
export async function askThrough(
  t: Teardown,
  gate: Gate,
  origins: Pick<Origins, 'ca' | 'secure'>,
): Promise<Answer> {
  const { ca, secure } = origins
  const socket = await tunnelTo(t, gate.port, `localhost:${secure}`)
  const inside = tlsConnect({ socket, ca, servername: 'localhost' })
  inside.on('error', () => {})
  inside.write(`GET /through HTTP/1.1\r\nHost: localhost:${secure}\r\nConnection: close\r\n\r\n`)
  return readAnswerOf(inside)
}

/** What comes back by a WebSocket, plain through the proxy's port or inside of TLS. */
export async function echoOf(
  t: Teardown,
  gate: Gate,
  port: number,
  inside: TLSSocket | null,
): Promise<string> {
  const url = `localhost:${port}/socket`
  const socket = new WebSocket(`${inside === null ? 'ws' : 'wss'}://${url}`, {
    createConnection: (() =>
      inside ?? connect(gate.port, '127.0.0.1')) as unknown as typeof connect,
    ...(inside === null
      ? {
          finishRequest: (request: { path: string; end(): void }) => {
            request.path = `http://${url}`
            request.end()
          },
        }
      : {}),
  })
  t.teardown(() => socket.terminate())
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('open', () => socket.send('hello'))
    socket.once('message', (message) => resolve(String(message)))
  })
}
