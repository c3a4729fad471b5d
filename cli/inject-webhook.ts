/**
 * The admission webhook: HTTPS that answers the questions of an API server. Bodies, times and connections are bounded,
 * and nothing that comes in ends it; where it is away, opted-in namespaces start no pods (failurePolicy Fail).
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Logger } from 'pino'
import { jsonOf } from './inject-json.ts'
import type { InjectOptions } from './inject-options.ts'
import { type Reach, reviewed } from './inject-review.ts'
import type { Address } from './settings.ts'

export interface WebhookOptions {
  readonly listen: Address
  readonly certificatePem: string
  readonly keyPem: string
  readonly inject: InjectOptions
  readonly log: Logger
  readonly limits?: Partial<WebhookLimits>
}

export interface WebhookLimits {
  /** A question has the pod, and with an update the old one: 1.5 MiB each at most, as etcd keeps them. */
  readonly bodyBytesMax: number
  /** The API server waits for 10 s; what is slower than this is no API server. */
  readonly requestTimeoutMs: number
  readonly connectionsMax: number
}

const usualLimits: WebhookLimits = {
  bodyBytesMax: 4 * 1024 * 1024,
  requestTimeoutMs: 8_000,
  connectionsMax: 256,
}

export interface Webhook {
  readonly port: number
  /** Answers new connections with another certificate. errors  Error where it is none; the old one stays. */
  renew(certificatePem: string, keyPem: string): void
  close(): Promise<void>
}

const reaches: ReadonlyMap<string, Reach> = new Map([
  ['/inject/all', 'all'],
  ['/inject/asked', 'asked'],
])

/** errors  those of listening, and of a certificate that is none. */
export async function openWebhook(options: WebhookOptions): Promise<Webhook> {
  const { certificatePem, keyPem, listen, log } = options
  const limits = { ...usualLimits, ...options.limits }
  const server = createServer(
    {
      cert: certificatePem,
      key: keyPem,
      minVersion: 'TLSv1.2',
      handshakeTimeout: limits.requestTimeoutMs,
      headersTimeout: limits.requestTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, limits.requestTimeoutMs),
      keepAliveTimeout: 65_000,
      maxHeaderSize: 16_384,
    },
    (request, response) => {
      answer(request, response, { ...options, limits }).catch((error: unknown) => {
        log.error({ why: sentenceOf(error) }, 'a question was not answered')
        response.destroy()
      })
    },
  )
  server.maxConnections = limits.connectionsMax
  // Half a handshake, another protocol, a reset: the connection ends, and the server goes on.
  server.on('tlsClientError', (error) => log.debug({ why: error.message }, 'no TLS'))
  server.on('clientError', (_error, socket) => socket.destroy())
  await listening(server, listen)
  server.on('error', (error) => log.error({ why: error.message }, 'the listener has an error'))
  return {
    port: portOf(server),
    renew: (cert, key) => server.setSecureContext({ cert, key, minVersion: 'TLSv1.2' }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
        setTimeout(() => server.closeAllConnections(), closeMs).unref()
      }),
  }
}

/** Answers that are under way are given this long. */
const closeMs = 2_000

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

function listening(server: Server, { host, port }: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

interface Answering extends WebhookOptions {
  readonly limits: WebhookLimits
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { inject, limits, log }: Answering,
): Promise<void> {
  request.on('error', () => response.destroy())
  response.on('error', () => undefined)
  const path = (request.url ?? '').split('?')[0] ?? ''
  if (path === '/healthz' && request.method === 'GET') return end(response, 200, 'ok')
  const reach = reaches.get(path)
  if (reach === undefined) return end(response, 404, 'the paths are /inject/all and /inject/asked')
  if (request.method !== 'POST') return end(response, 405, 'a question is posted')
  const body = await bodyOf(request, limits.bodyBytesMax)
  if (body === null) return end(response, 413, `more than ${limits.bodyBytesMax} bytes`)
  const done = reviewed(jsonOf(body), { reach, options: inject })
  if (done === null) return end(response, 400, 'this is no AdmissionReview of version v1')
  const { outcome, pod, why } = done
  log.info({ outcome, pod, reach, ...(why === '' ? {} : { why }) }, 'a pod was reviewed')
  const text = JSON.stringify(done.answer)
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(text)
}

function end(response: ServerResponse, status: number, sentence: string): void {
  // What was not read is not waited for: the connection ends with the answer.
  const headers = { 'Content-Type': 'text/plain', ...(status < 400 ? {} : { Connection: 'close' }) }
  response.writeHead(status, headers).end(`${sentence}\n`)
}

/** Null where it is too long; what comes behind is not read. */
async function bodyOf(request: IncomingMessage, bytesMax: number): Promise<string | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    if (!Buffer.isBuffer(chunk)) continue
    bytes += chunk.length
    if (bytes > bytesMax) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const sentenceOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)
