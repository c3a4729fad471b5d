/** Turns flat headers into the fields that Node's HTTP/2 sends, which stand by name in lower case. */
import type { OutgoingHttpHeaders } from 'node:http2'

/** Of one hop, which HTTP/2 has other ways for (RFC 9113 section 8.2.2). */
const hopNames: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'te',
])

/** Headers that Node's HTTP/2 sends once and throws at otherwise (lib/internal/http2/util.js, Node 20). */
const singleNames: ReadonlySet<string> = new Set([
  'access-control-allow-credentials',
  'access-control-max-age',
  'access-control-request-method',
  'age',
  'authorization',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'dnt',
  'etag',
  'expires',
  'from',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'range',
  'referer',
  'retry-after',
  'tk',
  'upgrade-insecure-requests',
  'user-agent',
  'x-content-type-options',
])

/**
 * Fields in the order of their first appearance; what is repeated is sent repeatedly.
 *
 * Of a header that may stand once, the first counts and further ones are left out: Node's own HTTP/1.1 reads them so.
 * That is for responses; a request is forwarded as it was judged, so there `repeated` says what cannot be.
 */
export function fieldsOf(flat: readonly string[]): OutgoingHttpHeaders {
  const fields: Record<string, string | string[]> = Object.create(null)
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const name = flat[index]?.toLowerCase() ?? ''
    const value = flat[index + 1] ?? ''
    if (hopNames.has(name)) continue
    const known = fields[name]
    if (known === undefined) fields[name] = value
    else if (singleNames.has(name)) continue
    else if (typeof known === 'string') fields[name] = [known, value]
    else known.push(value)
  }
  return fields
}

/** The first header that stands twice and can be sent once only; null where there is none. */
export function repeated(flat: readonly string[]): string | null {
  const seen = new Set<string>()
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const name = flat[index]?.toLowerCase() ?? ''
    if (!singleNames.has(name)) continue
    if (seen.has(name)) return name
    seen.add(name)
  }
  return null
}

/** Flat headers, whichever way they came. */
export function flatOf(headers: readonly string[] | Readonly<Record<string, unknown>>): string[] {
  if (Array.isArray(headers)) return [...headers]
  return Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).flatMap((one) => [name, String(one)]),
  )
}
