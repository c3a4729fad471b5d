/** One signed request to a store and its answer: SigV4, a time-out, a bounded body, no redirect. Names no secret. */
import { createHash } from 'node:crypto'
import { Failure } from '../../kernel/reasons.ts'
import type { Place } from './place.ts'
import type { Clock } from './ports.ts'

/** Bytes that are read as they are sent. */
export interface Streamed {
  readonly bytes: number
  /** Lower-case hex. */
  readonly sha256: string
  open(): AsyncIterable<Uint8Array>
}

export interface Request {
  readonly method: 'GET' | 'HEAD' | 'PUT'
  /** Path behind the bucket, without a slash before it. */
  readonly key: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | Streamed
  /** What lies behind so many bytes of the answer is not read. */
  readonly bytesMax: number
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Buffer
  /** True where the body was longer than asked for. */
  readonly cut: boolean
}

/** How a store is reached. */
export interface Way {
  readonly place: Place
  readonly clock: Clock
  /** Ends what is on its way. */
  readonly closed: AbortSignal
}

/** So long a store may be silent: before its answer, and between two pieces of a body. */
export const silenceMs = 10_000

/** What is at most sent in one piece of a stream. */
export const pieceBytes = 262_144

/** What the whole exchange may take beyond what its bytes need at the slowest accepted pace. */
const exchangeMs = 20_000

/** 64 KiB/s: a segment of 64 MiB then takes 17 minutes. */
const slowestBytesPerMs = 65.536

/** errors  Failure with a sentence, for anything that is no answer. */
export async function exchange(way: Way, request: Request): Promise<Answer> {
  const { clock, closed, place } = way
  const ending = new AbortController()
  const { body } = request
  const giveUp = (): void => ending.abort()
  const sentBytes = body === undefined ? 0 : Buffer.isBuffer(body) ? body.length : body.bytes
  const cancelWhole = clock.after(exchangeMs + sentBytes / slowestBytesPerMs, giveUp)
  let cancelSilence = clock.after(silenceMs, giveUp)
  const heard = (): void => {
    cancelSilence()
    cancelSilence = clock.after(silenceMs, giveUp)
  }
  try {
    const { headers, url } = await signed(place, clock, request)
    const response = await fetch(url, {
      method: request.method,
      headers,
      redirect: 'manual',
      signal: AbortSignal.any([ending.signal, closed]),
      ...sentBody(body, heard),
    })
    heard()
    return await answerOf(response, request.bytesMax, heard)
  } catch (error) {
    if (error instanceof Failure) throw error
    const late = ending.signal.aborted ? 'it did not answer in time' : reasonOf(error)
    const why = closed.aborted ? 'it was not waited for any longer' : late
    throw new Failure('ledger-unavailable', troubleText(place, request, why), { cause: error })
  } finally {
    cancelSilence()
    cancelWhole()
  }
}

type Asked = Pick<Request, 'key' | 'method'>

/** A Failure that says what was asked of which store, and what came of it. */
export function trouble(place: Place, asked: Asked, why: string): Failure {
  return new Failure('ledger-unavailable', troubleText(place, asked, why))
}

function troubleText(place: Place, { key, method }: Asked, why: string): string {
  return `${place.text}: ${method}${key === '' ? '' : ` ${key}`}: ${why}`
}

async function signed(
  place: Place,
  clock: Clock,
  request: Request,
): Promise<{ readonly headers: Headers; readonly url: URL }> {
  // Loaded with the first request: a gate without anchors needs none of it.
  const { AwsV4Signer } = await import('aws4fetch')
  const query = Object.entries(request.query ?? {}).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  )
  const key = request.key.split('/').map(encodeURIComponent).join('/')
  const path = key === '' ? '' : `/${key}`
  const signer = new AwsV4Signer({
    method: request.method,
    url: `${place.base}${path}${query.length === 0 ? '' : `?${query.join('&')}`}`,
    headers: { ...request.headers, 'x-amz-content-sha256': digestOf(request.body) },
    accessKeyId: place.accessKeyId,
    secretAccessKey: place.secretAccessKey,
    ...(place.sessionToken === '' ? {} : { sessionToken: place.sessionToken }),
    service: 's3',
    region: place.region,
    datetime: new Date(clock.now()).toISOString().replaceAll(/[:-]|\.\d{3}/g, ''),
  })
  const { headers, url } = await signer.sign()
  return { headers, url }
}

function digestOf(body: Request['body']): string {
  if (body !== undefined && !Buffer.isBuffer(body)) return body.sha256
  return createHash('sha256')
    .update(body ?? '')
    .digest('hex')
}

/** What fetch is told of a body. A stream says its length, since stores take none of an unknown one. */
function sentBody(body: Request['body'], heard: () => void): object {
  if (body === undefined) return {}
  if (Buffer.isBuffer(body)) return { body }
  return { body: told(body, heard), duplex: 'half' }
}

async function* told(body: Streamed, heard: () => void): AsyncGenerator<Uint8Array> {
  for await (const piece of body.open()) {
    heard()
    yield piece
  }
}

async function answerOf(response: Response, bytesMax: number, heard: () => void): Promise<Answer> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  if (response.body !== null) {
    for await (const piece of response.body) {
      heard()
      pieces.push(piece)
      bytes += piece.length
      if (bytes > bytesMax) break
    }
  }
  const body = Buffer.concat(pieces).subarray(0, bytesMax)
  return { status: response.status, headers: response.headers, body, cut: bytes > bytesMax }
}

/** What fetch says stands in the cause of its error. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!(cause instanceof Error)) return 'it cannot be reached'
  const code = 'code' in cause && typeof cause.code === 'string' ? `${cause.code} ` : ''
  return `it cannot be reached (${code}${cause.message.slice(0, 200)})`
}
