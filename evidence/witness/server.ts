/** The door of a witness: `POST /add-checkpoint`, bounded in everything, so that no input ends it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { requestBytesMax } from './request.ts'
import type { Answered, Witness } from './witness.ts'

export interface WitnessServer {
  readonly port: number
  close(): Promise<void>
}

const connectionsMax = 256
const headerBytesMax = 16_384
const requestTimeoutMs = 10_000

const path = '/add-checkpoint'

/** errors  those of listen. */
export async function openWitnessServer(
  witness: Witness,
  address: { readonly host: string; readonly port: number },
): Promise<WitnessServer> {
  const limits = {
    connectionsCheckingInterval: 1_000,
    headersTimeout: requestTimeoutMs,
    keepAliveTimeout: 30_000,
    maxHeaderSize: headerBytesMax,
    requestTimeout: requestTimeoutMs,
  }
  const server = createServer(limits, (request, response) => {
    response.on('error', () => undefined)
    // What rejects here is a bug: nobody catches it.
    void answer(witness, request, response)
  })
  server.maxConnections = connectionsMax
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(address.port, address.host, resolve)
  })
  // A connection that cannot be taken for want of descriptors ends nothing: the next one may be.
  server.on('error', () => undefined)
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
      }),
  }
}

async function answer(
  witness: Witness,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.url !== path) return refuse(response, 404, `there is only POST ${path}`)
  if (request.method !== 'POST') {
    response.setHeader('allow', 'POST')
    return refuse(response, 405, `there is only POST ${path}`)
  }
  const body = await bodyOf(request)
  if (body === 'gone') return
  if (body === 'long') return refuse(response, 413, `a body has at most ${requestBytesMax} bytes`)
  const text = textOf(body)
  if (text === null) return refuse(response, 400, 'the body is not UTF-8')
  send(response, await witness.receive(text))
}

/** Of what is longer than a request can be, the rest is not read; whoever went away needs no answer. */
function bodyOf(request: IncomingMessage): Promise<Buffer | 'long' | 'gone'> {
  const pieces: Buffer[] = []
  let bytes = 0
  return new Promise((resolve) => {
    request.on('data', (piece: Buffer) => {
      bytes += piece.length
      if (bytes <= requestBytesMax) pieces.push(piece)
      else {
        request.pause()
        resolve('long')
      }
    })
    request.on('end', () => resolve(Buffer.concat(pieces)))
    request.on('error', () => resolve('gone'))
    request.on('close', () => resolve('gone'))
  })
}

function textOf(body: Buffer): string | null {
  const text = body.toString('utf8')
  return Buffer.from(text).equals(body) ? text : null
}

function refuse(response: ServerResponse, status: number, why: string): void {
  // The connection ends with it: what the client still sends belongs to no request.
  response.shouldKeepAlive = false
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${why}\n`)
}

function send(response: ServerResponse, { status, text, type }: Answered): void {
  const charset = type === 'text/plain' ? '; charset=utf-8' : ''
  const headers = { 'content-type': `${type}${charset}`, 'content-length': Buffer.byteLength(text) }
  response.writeHead(status, headers).end(text)
}
