/** A gate without a policy: TLS is answered with minted leaves, and each request is relayed upstream over TLS. */
import { createServer as createHttp } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { flatOf } from '../../../proxy/h2/fields.ts'
import type { RequestMessage, ResponseMessage } from '../../../proxy/h2/message.ts'
import { serveH2 } from '../../../proxy/h2/serve.ts'
import { defaultLimits, type Limits } from '../../../proxy/limits.ts'
import { acceptTls } from '../../../proxy/tls/accept.ts'
import { trustOf } from '../../../proxy/tls/dial-tls.ts'
import { Mint } from '../../../proxy/tls/mint.ts'
import { makeRoot, readRoot } from '../../../proxy/tls/root.ts'
import { SecurePools, type Spoken } from '../../../proxy/tls/secure-pools.ts'
import { UpstreamError } from '../../../proxy/tls/upstream-error.ts'
import type { UpstreamHandler, UpstreamRequest } from '../../../proxy/upstream-call.ts'

export interface Teardown {
  teardown(end: () => unknown): void
}

export const clock = { now: () => Date.now(), monotonicMs: () => performance.now() }

export function after(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delayMs)
  return () => clearTimeout(timer)
}

export interface Relay {
  readonly port: number
  /** What its clients have to trust. */
  readonly ca: string
  readonly pools: SecurePools
  /** Requests that came, by the protocol of their client. */
  readonly came: string[]
}

export interface RelayOptions {
  readonly host: string
  readonly upstreamPort: number
  readonly upstreamCa: string
  readonly limits?: Partial<Limits>
}

/** Listens for TLS as the inside of a CONNECT tunnel to `host` would have it. */
export async function startRelay(t: Teardown, options: RelayOptions): Promise<Relay> {
  const text = await makeRoot(clock.now())
  const root = await readRoot(text, clock.now())
  if (!root.ok) throw new Error(root.message)
  const mint = new Mint(root, clock)
  const limits = { ...defaultLimits, ...options.limits }
  const pools = new SecurePools({ after, limits, trust: trustOf([options.upstreamCa]) })
  const { host } = options
  const upstream = { address: '127.0.0.1', host, port: options.upstreamPort }
  const came: string[] = []
  const send =
    (protocol: Spoken): Send =>
    (request, handler) =>
      pools.dispatch({ ...upstream, protocol, proxy: null }, request, handler)
  const http = createHttp((request, response) => {
    came.push(request.httpVersion)
    relay(request, response, send('http/1.1'))
  })
  const sockets = new Set<Socket>()
  const serve = async (socket: Socket): Promise<void> => {
    sockets.add(socket)
    const minted = await mint.contextOf(host, { agent: 'tester' })
    if (!minted.ok) throw new Error(minted.message)
    const accepting = { after, context: minted.context, early: Buffer.alloc(0), socket }
    const accepted = await acceptTls({
      ...accepting,
      alpn: ['h2', 'http/1.1'],
      handshakeTimeoutMs: 5_000,
    })
    if (!accepted.ok) return
    if (accepted.protocol === 'http/1.1') {
      http.emit('connection', accepted.socket)
      return
    }
    serveH2({
      socket: accepted.socket,
      after,
      monotonicMs: clock.monotonicMs,
      onRequest: (request, response) => {
        came.push(request.httpVersion)
        relay(request, response, send('h2'))
      },
      onMalformed: () => undefined,
      onIdle: (response) => response.destroy(),
      onEnd: () => undefined,
    })
  }
  const server = createServer((socket) => void serve(socket))
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    pools.destroy()
    server.close()
  })
  return { ca: text.certificatePem, came, pools, port }
}

type Send = (request: UpstreamRequest, handler: UpstreamHandler) => void

/** What an exchange does, without a gate: forwards the head, both bodies with backpressure, and trailers. */
export function relay(request: RequestMessage, response: ResponseMessage, send: Send): void {
  const body = bodyOf(request)
  let abort: (() => void) | null = null
  const handler: UpstreamHandler = {
    onConnect: (stop) => {
      abort = stop
    },
    onHeaders: (status, raw, resume, phrase) => {
      if (status < 200) return true
      response.on('drain', resume)
      response.sendDate = false
      response.writeHead(status, phrase, kept([...raw]))
      if (!raw.some((name) => name.toLowerCase() === 'content-length')) response.flushHeaders()
      return true
    },
    onData: (chunk) => response.write(chunk),
    onComplete: (raw) => {
      response.addTrailers(
        raw.flatMap((name, index) =>
          index % 2 === 0 ? [[name, raw[index + 1] ?? ''] as [string, string]] : [],
        ),
      )
      response.end()
    },
    onError: (error) => {
      if (response.headersSent) {
        response.destroy()
        return
      }
      const reason = error instanceof UpstreamError ? error.trouble.code : error.message
      response.writeHead(502, 'Bad Gateway', ['x-reason', reason])
      response.end(error.message)
    },
  }
  response.once('close', () => abort?.())
  const headers = kept([...request.rawHeaders])
  const { method = '', url: path = '' } = request
  send({ body, headers, method, path }, handler)
}

const hop = new Set(['connection', 'transfer-encoding', 'keep-alive', 'te'])

const kept = (flat: string[]): string[] =>
  flat.filter((_, index) => !hop.has((flat[index & ~1] ?? '').toLowerCase()))

function bodyOf(request: RequestMessage): Readable | null {
  const names = flatOf(request.rawHeaders).map((text) => text.toLowerCase())
  if (!names.includes('content-length') && !names.includes('transfer-encoding')) return null
  const body = new Readable({ read: () => request.resume() })
  request.on('data', (chunk) => {
    if (!body.push(chunk)) request.pause()
  })
  request.on('end', () => body.push(null))
  request.pause()
  return body
}
