/** What is asked of a bucket: put once and hold, read, list the versions. Each answer is checked for its form. */
import { createHash } from 'node:crypto'
import { Failure } from '../../kernel/reasons.ts'
import { type Answer, exchange, type Request, type Streamed, trouble } from './exchange.ts'
import { errorCodeOf, type Marker, type Page, pageOf, type Version } from './listing.ts'
import { type Environment, type Place, placeOf } from './place.ts'
import type { Clock } from './ports.ts'

/** One version of an object, as the store holds it. */
export interface Stored {
  readonly bytes: Buffer
  /** Until when nobody can remove it, milliseconds since the epoch; null where nothing holds it. */
  readonly heldUntil: number | null
  readonly compliance: boolean
  readonly version: string
  /** What its writer said that its SHA-256 is; empty where it said nothing. */
  readonly sha256: string
  /** Its length, as the store says it. */
  readonly length: number
}

export interface Put {
  readonly key: string
  readonly body: Buffer | Streamed
  /** Base64 of its MD5: Object Lock asks for it, and every store knows it. */
  readonly md5: string
  readonly sha256: string
  readonly type: string
  readonly heldUntil: number
}

const answerBytesMax = 65_536

/** A page has at most 1,000 versions, each below 2 KiB. */
const pageBytesMax = 4_194_304

/** Versions of one object that are looked at. */
const versionsMax = 32

export class Bucket {
  readonly #place: Place
  readonly #clock: Clock
  readonly #closed = new AbortController()

  constructor(place: Place, clock: Clock) {
    this.#place = place
    this.#clock = clock
  }

  /** errors  Failure with the way out, where store or environment do not say enough. */
  static at(store: string, environment: Environment, clock: Clock): Bucket {
    const place = placeOf(store, environment)
    if (typeof place === 'string') throw new Failure('ledger-unavailable', place)
    return new Bucket(place, clock)
  }

  /** Ends what is on its way: a process that ends does not wait for a store. */
  close(): void {
    this.#closed.abort()
  }

  /** `s3://bucket/prefix`. */
  get text(): string {
    return this.#place.text
  }

  /** What stands before the key of each object; empty, or with a slash at its end. */
  get prefix(): string {
    return this.#place.prefix
  }

  /**
   * Puts an object where there is none, and has it held. False where one is there already.
   *
   * errors  Failure for any other answer, and for none: it may have arrived all the same.
   */
  async put(put: Put): Promise<boolean> {
    const { body, heldUntil, key, md5, sha256, type } = put
    const request = {
      method: 'PUT',
      key,
      body,
      bytesMax: answerBytesMax,
      headers: {
        'content-length': String(Buffer.isBuffer(body) ? body.length : body.bytes),
        'content-md5': md5,
        'content-type': type,
        'if-none-match': '*',
        'x-amz-meta-sha256': sha256,
        'x-amz-object-lock-mode': 'COMPLIANCE',
        'x-amz-object-lock-retain-until-date': new Date(heldUntil).toISOString(),
      },
    } as const
    const answer = await this.#ask(request)
    if (answer.status === 200) return true
    if (answer.status === 412) return false
    throw this.#refused(request, answer)
  }

  /** Reads a version, or the newest; what lies behind `bytesMax` is left out. Null where there is none. */
  async read(key: string, version: string, bytesMax: number): Promise<Stored | null> {
    return await this.#stored({ method: 'GET', key, query: versionQuery(version), bytesMax })
  }

  /** What `read` tells, without the bytes. */
  async head(key: string, version: string): Promise<Stored | null> {
    return await this.#stored({ method: 'HEAD', key, query: versionQuery(version), bytesMax: 0 })
  }

  /** A page of the versions under a prefix, behind a marker. */
  async page(prefix: string, after: Marker | null, count = 1_000): Promise<Page> {
    const request = {
      method: 'GET',
      key: '',
      bytesMax: pageBytesMax,
      query: {
        versions: '',
        prefix,
        'max-keys': String(count),
        ...(after === null ? {} : { 'key-marker': after.key }),
        ...(after === null || after.id === '' ? {} : { 'version-id-marker': after.id }),
      },
    } as const
    const answer = await this.#ask(request)
    if (answer.status !== 200) throw this.#refused(request, answer)
    const page = answer.cut ? 'it is too long' : pageOf(answer.body.toString('utf8'))
    if (typeof page === 'string') throw trouble(this.#place, request, `${page}`)
    return page
  }

  /** All versions of one object, the first written last. errors  Failure where there are too many to look at. */
  async versionsOf(key: string): Promise<readonly Version[]> {
    const found = await this.page(key, null, versionsMax)
    const own = found.versions.filter((version) => version.key === key)
    if (found.next !== null && own.length === found.versions.length) {
      throw trouble(this.#place, { method: 'GET', key }, `it has more than ${versionsMax} versions`)
    }
    return own
  }

  async #stored(request: Request): Promise<Stored | null> {
    const answer = await this.#ask(request)
    const { headers, status } = answer
    // 405 is how a delete marker answers that is asked for by its version.
    if (status === 404 || status === 405) {
      const code = errorCodeOf(answer.body.toString('utf8'))
      if (code !== 'NoSuchBucket') return null
    }
    if (status !== 200) throw this.#refused(request, answer)
    const until = Date.parse(headers.get('x-amz-object-lock-retain-until-date') ?? '')
    return {
      bytes: answer.body,
      heldUntil: Number.isNaN(until) ? null : until,
      compliance: headers.get('x-amz-object-lock-mode') === 'COMPLIANCE',
      version: headers.get('x-amz-version-id') ?? '',
      sha256: headers.get('x-amz-meta-sha256') ?? '',
      length: Number(headers.get('content-length') ?? -1),
    }
  }

  #ask(request: Request): Promise<Answer> {
    const way = { place: this.#place, clock: this.#clock, closed: this.#closed.signal }
    return exchange(way, request)
  }

  #refused(request: Request, { body, headers, status }: Answer): Failure {
    const code = errorCodeOf(body.toString('utf8'))
    const remedy = remedyOf(status, code, headers.get('x-amz-bucket-region') ?? '')
    const why = `it answered ${status}${code === '' ? '' : ` ${code}`}`
    return trouble(this.#place, request, remedy === '' ? why : `${why}; ${remedy}`)
  }
}

/** Base64 of the MD5 of some bytes. */
export function md5Of(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('base64')
}

const versionQuery = (version: string): Readonly<Record<string, string>> =>
  version === '' ? {} : { versionId: version }

const remedies: Readonly<Record<string, string>> = {
  AccessDenied: 'give the keys the rights of docs/anchors.md',
  InvalidAccessKeyId: 'AWS_ACCESS_KEY_ID is not known there',
  InvalidBucketState: 'the bucket has no Object Lock: see docs/anchors.md',
  InvalidRequest: 'the bucket may have no Object Lock: see docs/anchors.md',
  NoSuchBucket: 'make the bucket as docs/anchors.md says',
  RequestTimeTooSkewed: 'set the clock of this machine',
  SignatureDoesNotMatch: 'AWS_SECRET_ACCESS_KEY or AWS_REGION is another',
}

function remedyOf(status: number, code: string, region: string): string {
  if (status >= 300 && status < 400) {
    const known = /^[a-z0-9-]{2,40}$/.test(region) ? ` (${region})` : ''
    return `redirects are not followed: AWS_REGION is not the region of the bucket${known}`
  }
  return remedies[code] ?? (status === 403 ? (remedies['AccessDenied'] ?? '') : '')
}
