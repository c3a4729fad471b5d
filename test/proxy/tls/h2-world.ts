/** An upstream of HTTP/2, the relay before it, and a client of Node's own behind TLS on both sides. */
import {
  type ClientHttp2Session,
  connect,
  createSecureServer,
  type Http2SecureServer,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Socket } from 'node:net'
import type { Test } from 'tap'
import { selfSigned, signedBy } from './certificates.ts'
import { type Relay, startRelay } from './relay.ts'

export type Serve = (stream: ServerHttp2Stream, raw: readonly string[]) => void

export interface World {
  readonly relay: Relay
  readonly client: ClientHttp2Session
  readonly upstream: Http2SecureServer
  readonly sessions: ServerHttp2Session[]
}

async function startUpstream(
  t: Test,
  serve: Serve,
): Promise<{
  ca: string
  upstream: Http2SecureServer
  sessions: ServerHttp2Session[]
  port: number
}> {
  const ca = await selfSigned('Origin CA')
  const own = await signedBy(ca, 'localhost', { names: [{ type: 'dns', value: 'localhost' }] })
  const upstream = createSecureServer({ allowHTTP1: true, cert: own.cert, key: own.key })
  const sessions: ServerHttp2Session[] = []
  const sockets = new Set<Socket>()
  upstream.on('session', (session) => sessions.push(session))
  upstream.on('secureConnection', (socket) => sockets.add(socket))
  upstream.on('stream', (...[stream, , , raw]: [ServerHttp2Stream, unknown, number, string[]]) => {
    stream.on('error', () => undefined)
    serve(stream, raw)
  })
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    upstream.close()
  })
  const address = upstream.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { ca: ca.cert, port, sessions, upstream }
}

export async function startWorld(t: Test, serve: Serve): Promise<World> {
  const { ca, port, sessions, upstream } = await startUpstream(t, serve)
  const relay = await startRelay(t, { host: 'localhost', upstreamCa: ca, upstreamPort: port })
  const client = connect(`https://localhost:${relay.port}`, { ca: relay.ca })
  client.on('error', () => undefined)
  t.teardown(() => client.destroy())
  return { client, relay, sessions, upstream }
}
