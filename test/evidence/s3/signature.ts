/** Recomputes the SigV4 signature of a request from its bytes, without the library that signed it. */
import { createHash, createHmac } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

export interface Keys {
  readonly access: string
  readonly secret: string
  /** Empty where the keys come without a token. */
  readonly token: string
}

/** How far the clock of a client may be off, as AWS has it. */
const skewMs = 15 * 60_000

/** The S3 code of what is wrong with a signature; null where it is right. */
export function signatureFault(request: IncomingMessage, keys: Keys, now: number): string | null {
  const header = request.headers.authorization ?? ''
  const form =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/
  const [, access, day = '', region = '', names = '', signature] = form.exec(header) ?? []
  if (signature === undefined) return 'AccessDenied'
  if (access !== keys.access) return 'InvalidAccessKeyId'
  const headers = request.headers as Readonly<Record<string, string | undefined>>
  const stamp = headers['x-amz-date'] ?? ''
  if (Math.abs(dateOf(stamp) - now) > skewMs || !stamp.startsWith(day)) {
    return 'RequestTimeTooSkewed'
  }
  if ((headers['x-amz-security-token'] ?? '') !== keys.token) return 'InvalidToken'
  const signed = names.split(';')
  const mustSign = Object.keys(headers).filter(
    (name) => name === 'host' || name.startsWith('x-amz-'),
  )
  if (!mustSign.every((name) => signed.includes(name))) return 'AccessDenied'
  const url = new URL(request.url ?? '/', 'http://s3')
  const canonical = [
    request.method,
    url.pathname.split('/').map(encoded).join('/'),
    [...url.searchParams]
      .map(([name, value]) => `${escaped(name)}=${escaped(value)}`)
      .sort()
      .join('&'),
    ...signed.map((name) => `${name}:${(headers[name] ?? '').trim().replaceAll(/\s+/g, ' ')}`),
    '',
    names,
    headers['x-amz-content-sha256'] ?? '',
  ].join('\n')
  const scope = `${day}/${region}/s3/aws4_request`
  const digest = createHash('sha256').update(canonical).digest('hex')
  const text = ['AWS4-HMAC-SHA256', stamp, scope, digest].join('\n')
  let key: Buffer = Buffer.from(`AWS4${keys.secret}`)
  for (const part of [day, region, 's3', 'aws4_request']) key = mac(key, part)
  return mac(key, text).toString('hex') === signature ? null : 'SignatureDoesNotMatch'
}

const mac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** All but the unreserved characters of RFC 3986. */
const escaped = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  )

const encoded = (part: string): string => escaped(decodeURIComponent(part))

function dateOf(stamp: string): number {
  const form = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/
  return Date.parse(stamp.replace(form, '$1-$2-$3T$4:$5:$6Z'))
}
