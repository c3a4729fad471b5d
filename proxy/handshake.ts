/** The opening handshake of a WebSocket (RFC 6455), as the gate asks for it and checks what comes back. */
import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { HeaderNames } from './header-name.ts'
import { type BadResponse, type ResponseHead, readResponseHead } from './response-head.ts'

/** RFC 6455 1.3. */
const magic = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
/** 16 bytes in base64: the last digit holds two bits. */
const keyPattern = /^[A-Za-z0-9+/]{21}[AQgw]==$/

/** What is wrong with a client's handshake (RFC 6455 4.2.1), or null. */
export function handshakeFault(request: IncomingMessage): string | null {
  const { headers, httpVersion, method } = request
  if (method !== 'GET' || httpVersion !== '1.1') return 'A WebSocket begins with GET in HTTP/1.1.'
  if (headers.upgrade?.toLowerCase() !== 'websocket') return 'The only upgrade is to websocket.'
  if (!hasToken(headers.connection, 'upgrade')) return 'Connection does not say Upgrade.'
  if (headers['transfer-encoding'] !== undefined) return 'A WebSocket handshake has no body.'
  if ((headers['content-length'] ?? '0') !== '0') return 'A WebSocket handshake has no body.'
  if (headers['sec-websocket-version'] !== '13') return 'Sec-WebSocket-Version must be 13.'
  const key = headers['sec-websocket-key']
  if (key === undefined || !keyPattern.test(key)) return 'Sec-WebSocket-Key is not 16 bytes.'
  return null
}

/** What is wrong with an origin's 101 (RFC 6455 4.1), or null. */
export function acceptFault(response: IncomingMessage, key: string): string | null {
  const { headers, statusCode } = response
  if (statusCode !== 101) return `The upstream switched protocols with status ${statusCode}.`
  if (headers.upgrade?.toLowerCase() !== 'websocket')
    return 'The upstream switched to no WebSocket.'
  if (!hasToken(headers.connection, 'upgrade')) return 'The upstream did not say Upgrade.'
  const accept = createHash('sha1').update(`${key}${magic}`).digest('base64')
  if (headers['sec-websocket-accept'] !== accept) return 'The upstream answered another key.'
  return null
}

/** What both ends of a hop say that goes on as a WebSocket. */
export const switching = { connection: 'Upgrade', upgrade: 'websocket' } as const

/** Headers of a flat list as Node's client and httpxy take them: duplicates stay apart. */
export function gather(flat: readonly string[]): IncomingHttpHeaders {
  const headers: Record<string, string | string[]> = Object.create(null)
  for (let index = 0; index < flat.length; index += 2) {
    const name = (flat[index] ?? '').toLowerCase()
    const value = flat[index + 1] ?? ''
    const before = headers[name]
    if (before === undefined) headers[name] = value
    else headers[name] = Array.isArray(before) ? [...before, value] : [before, value]
  }
  return headers
}

/** Reads the head of an answer to a handshake as that of any other response. */
export function readUpgradeHead(response: IncomingMessage): ResponseHead | BadResponse {
  const { rawHeaders, statusCode = 0, statusMessage = '' } = response
  // A 101 was asked for here, and has been checked.
  const status = statusCode === 101 ? 200 : statusCode
  return readResponseHead(new HeaderNames(), { status, phrase: statusMessage }, rawHeaders)
}

function hasToken(value: string | undefined, token: string): boolean {
  return (value ?? '').split(',').some((part) => part.trim().toLowerCase() === token)
}
