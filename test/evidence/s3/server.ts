/**
 * An S3 store on loopback for tests, as far as anchors need one: path style, signatures checked, versions, conditional
 * puts, Object Lock in mode COMPLIANCE, lists in pages; and each fault that a store or a network can have.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { errorXml, statuses, versionsXml } from './answers.ts'
import { type Lock, Objects, type StoredVersion } from './objects.ts'
import { type Keys, signatureFault } from './signature.ts'

export type FaultKind =
  /** Never answers. */
  | 'silent'
  | 'InternalError'
  | 'SlowDown'
  /** Cuts the connection, and did nothing. */
  | 'cut'
  /** Does what was asked, and cuts the connection. */
  | 'done and cut'
  /** Answers 200 to a put, and stores nothing. */
  | 'lie'
  /** Gives other bytes back than it holds. */
  | 'wrong bytes'
  | 'redirect'
  /** Answers something that is no XML. */
  | 'nonsense'
  /** Answers without an end. */
  | 'endless'

export interface Fault {
  readonly kind: FaultKind
  readonly method: string
  /** Part of the path and query. */
  readonly part: string
  times: number
}

export interface StoreOptions {
  readonly now: () => number
  readonly keys?: Keys
  /** Without it, puts that ask for a lock are refused. */
  readonly objectLock?: boolean
  /** Takes If-None-Match and ignores it, as Ceph 16 does. */
  readonly ignoresCondition?: boolean
  /** Versions in one page of a list, at most. */
  readonly pageMax?: number
}

const bucketName = 'anchors'

export class S3Store {
  readonly objects = new Objects()
  readonly faults: Fault[] = []
  /** Method and path of each request that was signed right. */
  readonly asked: string[] = []
  /** Codes of what was refused. */
  readonly refused: string[] = []
  readonly #options: StoreOptions
  readonly #server: Server
  readonly #keys: Keys

  private constructor(options: StoreOptions) {
    this.#options = options
    this.#keys = options.keys ?? { access: 'AKTEST', secret: 'a secret/of+tests', token: '' }
    this.#server = createServer((request, response) => {
      this.#receive(request, response).catch(() => response.destroy())
    })
  }

  static async open(options: StoreOptions): Promise<S3Store> {
    const store = new S3Store(options)
    await new Promise<void>((resolve) => store.#server.listen(0, '127.0.0.1', resolve))
    return store
  }

  /** What a client's environment has to say. */
  get environment(): Readonly<Record<string, string>> {
    const { port } = this.#server.address() as AddressInfo
    const { access, secret, token } = this.#keys
    return {
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}`,
      AWS_ACCESS_KEY_ID: access,
      AWS_SECRET_ACCESS_KEY: secret,
      AWS_SESSION_TOKEN: token,
    }
  }

  fail(kind: FaultKind, method: string, part: string, times = 1): void {
    this.faults.push({ kind, method, part, times })
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const body = Buffer.concat(pieces)
    const method = request.method ?? ''
    const fault = this.#faultOf(method, decodeURIComponent(request.url ?? ''))
    if (fault === 'silent') return
    if (fault === 'cut') {
      response.destroy()
      return
    }
    if (fault !== null && strange(fault, response)) return
    const wrong =
      signatureFault(request, this.#keys, this.#options.now()) ?? bodyFault(request, body)
    const code =
      wrong ?? (fault === 'lie' ? 'lie' : this.#answer(request, response, { body, fault }))
    if (code === null) return
    if (code === 'lie') response.writeHead(200, { 'x-amz-version-id': 'v-lie' }).end()
    else {
      this.refused.push(code)
      const status = statuses[code] ?? 400
      response.writeHead(status, { 'content-type': 'application/xml' })
      response.end(method === 'HEAD' ? undefined : errorXml(code))
    }
  }

  #faultOf(method: string, url: string): FaultKind | null {
    const fault = this.faults.find(
      (one) => one.times > 0 && one.method === method && url.includes(one.part),
    )
    if (fault === undefined) return null
    fault.times -= 1
    return fault.kind
  }

  /** The code of a refusal; null where it was answered. */
  #answer(
    request: IncomingMessage,
    response: ServerResponse,
    { body, fault }: { readonly body: Buffer; readonly fault: FaultKind | null },
  ): string | null {
    const url = new URL(request.url ?? '', 'http://s3')
    const [, bucket = '', ...rest] = decodeURIComponent(url.pathname).split('/')
    const key = rest.join('/')
    const query = url.searchParams
    this.asked.push(`${request.method} ${key}`)
    if (bucket !== bucketName) return 'NoSuchBucket'
    if (request.method === 'PUT') {
      if (query.has('retention')) return this.#retain(key, query, { body, response })
      return this.#put(request, response, { body, fault, key })
    }
    if (request.method === 'DELETE') return this.#delete(key, query.get('versionId'), response)
    if (key === '') {
      if (!query.has('versions')) return 'NotImplemented'
      response.end(versionsXml(this.objects, query, this.#options.pageMax ?? 1_000))
      return null
    }
    const found = this.objects.find(key, query.get('versionId'))
    if (found === null) return query.has('versionId') ? 'NoSuchVersion' : 'NoSuchKey'
    if (found.deleted) return query.has('versionId') ? 'MethodNotAllowed' : 'NoSuchKey'
    const bytes = fault === 'wrong bytes' ? Buffer.from('something else') : found.bytes
    response.writeHead(200, { ...headersOf(found), 'content-length': bytes.length })
    response.end(request.method === 'HEAD' ? undefined : bytes)
    return null
  }

  #put(
    { headers }: IncomingMessage,
    response: ServerResponse,
    { body, fault, key }: { body: Buffer; fault: FaultKind | null; key: string },
  ): string | null {
    const lock = lockOf(headers as Readonly<Record<string, string | undefined>>)
    if (lock !== null) {
      if (this.#options.objectLock === false) return 'InvalidRequest'
      if (headers['content-md5'] === undefined) return 'InvalidRequest'
      if (!(lock.until > this.#options.now()) || lock.mode !== 'COMPLIANCE') return 'InvalidRequest'
    }
    const conditional = headers['if-none-match'] === '*' && this.#options.ignoresCondition !== true
    if (conditional && this.objects.has(key)) return 'PreconditionFailed'
    const metadata = Object.fromEntries(
      Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-')),
    ) as Readonly<Record<string, string>>
    const modified = this.#options.now()
    const { id } = this.objects.put(key, body, { lock, metadata, modified })
    if (fault === 'done and cut') response.destroy()
    else response.writeHead(200, { 'x-amz-version-id': id }).end()
    return null
  }

  #retain(
    key: string,
    query: URLSearchParams,
    { body, response }: { readonly body: Buffer; readonly response: ServerResponse },
  ): string | null {
    const found = this.objects.find(key, query.get('versionId'))
    if (found === null) return 'NoSuchKey'
    const text = body.toString()
    const mode = /<Mode>(\w+)<\/Mode>/.exec(text)?.[1] ?? ''
    const until = Date.parse(/<RetainUntilDate>([^<]+)</.exec(text)?.[1] ?? '')
    const held = found.lock !== null && found.lock.until > this.#options.now()
    if (held && (mode !== found.lock?.mode || !(until >= found.lock.until))) return 'AccessDenied'
    found.lock = { mode, until }
    response.writeHead(200).end()
    return null
  }

  #delete(key: string, id: string | null, response: ServerResponse): string | null {
    const now = this.#options.now()
    if (id === null) {
      const marker = { deleted: true, lock: null, metadata: {}, modified: now }
      this.objects.put(key, Buffer.alloc(0), marker)
    } else if (!this.objects.remove(key, id, now)) return 'AccessDenied'
    response.writeHead(204).end()
    return null
  }
}

/** Faults that need not know what was asked; true where one was answered. */
function strange(fault: FaultKind, response: ServerResponse): boolean {
  if (fault === 'InternalError' || fault === 'SlowDown') {
    response.writeHead(statuses[fault] ?? 500).end(errorXml(fault))
  } else if (fault === 'redirect') {
    response.writeHead(307, { location: 'http://127.0.0.1:9/', 'x-amz-bucket-region': 'eu-west-1' })
    response.end()
  } else if (fault === 'nonsense') response.end('<html>welcome to this wireless network</html>')
  else if (fault === 'endless') {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536, 'a')));
    }
    response.on('drain', more).on('error', () => undefined)
    more()
  } else return false
  return true
}

/** What the headers say of a body, and the body does not. */
function bodyFault({ headers }: IncomingMessage, body: Buffer): string | null {
  if (headers['transfer-encoding'] !== undefined) return 'NotImplemented'
  const sum = (kind: string, encoding: 'hex' | 'base64'): string =>
    createHash(kind).update(body).digest(encoding)
  const sha256 = headers['x-amz-content-sha256']
  if (sha256 !== 'UNSIGNED-PAYLOAD' && sha256 !== sum('sha256', 'hex')) {
    return 'XAmzContentSHA256Mismatch'
  }
  const md5 = headers['content-md5']
  return md5 !== undefined && md5 !== sum('md5', 'base64') ? 'BadDigest' : null
}

function lockOf(headers: Readonly<Record<string, string | undefined>>): Lock | null {
  const mode = headers['x-amz-object-lock-mode']
  const until = Date.parse(headers['x-amz-object-lock-retain-until-date'] ?? '')
  return mode === undefined ? null : { mode, until }
}

function headersOf({ id, lock, metadata }: StoredVersion): Record<string, string> {
  return {
    ...metadata,
    'x-amz-version-id': id,
    ...(lock === null
      ? {}
      : {
          'x-amz-object-lock-mode': lock.mode,
          'x-amz-object-lock-retain-until-date': new Date(lock.until).toISOString(),
        }),
  }
}
