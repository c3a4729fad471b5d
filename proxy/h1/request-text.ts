/** Writes the head of a request as it goes to an upstream; what a line cannot hold is never written. */
import type { UpstreamRequest } from '../upstream-call.ts'

export interface RequestText {
  /** Request line and headers, without the empty line at the end. */
  readonly text: string
  /** Of the body: null where it is sent in chunks. */
  readonly length: number | null
}

/** Methods of which an upstream expects a body, and so a length even where there is none (RFC 9110 section 8.6). */
const bodied: ReadonlySet<string> = new Set([
  'POST',
  'PUT',
  'PATCH',
  'QUERY',
  'PROPFIND',
  'PROPPATCH',
])

const notInValue = /[^\t\x20-\x7e\x80-\xff]/
const notInName = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/
const notInTarget = /[^\x21-\x7e\x80-\xff]/

/** Null where it cannot be written: a line end in a value would be another header, and two lengths two requests. */
export function requestText(request: UpstreamRequest): RequestText | null {
  const { body, headers, method, path } = request
  if (notInTarget.test(path) || notInName.test(method)) return null
  let host: string | null = null
  let length: number | null = null
  let rest = ''
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? ''
    const value = headers[index + 1] ?? ''
    if (name === '' || notInName.test(name) || notInValue.test(value)) return null
    const role = roleOf(name)
    if (role === 'host' && host === null) host = value
    else if (role === 'content-length' && length === null) length = Number(value)
    else if (role === '') rest += `${name}: ${value}\r\n`
    else return null
  }
  if (host === null || (length !== null && !Number.isSafeInteger(length))) return null
  const text = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n${rest}`
  if (body !== null && length === null) {
    return { text: `${text}transfer-encoding: chunked\r\n`, length }
  }
  const framing = length !== null || bodied.has(method) ? `content-length: ${length ?? 0}\r\n` : ''
  return { text: text + framing, length: length ?? 0 }
}

/** What a header says of the request itself, which is said once; most are told apart by their length. */
function roleOf(name: string): '' | 'host' | 'content-length' | 'transfer-encoding' {
  const { length } = name
  if (length !== 4 && length !== 14 && length !== 17) return ''
  const lower = name.toLowerCase()
  return lower === 'host' || lower === 'content-length' || lower === 'transfer-encoding'
    ? lower
    : ''
}
