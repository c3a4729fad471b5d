/** The opening handshake of a WebSocket (RFC 6455), as the gate asks for it and checks what comes back. */
import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

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

/** Headers of a flat list for Node's client, with the gate's own hop: duplicates stay apart. */
export function upstreamHeaders(flat: readonly string[], host: string): IncomingHttpHeaders {
  const headers: Record<string, string | string[]> = Object.create(null)
  for (let index = 0; index < flat.length; index += 2) {
    const name = (flat[index] ?? '').toLowerCase()
    const value = flat[index + 1] ?? ''
    const before = headers[name]
    if (before === undefined) headers[name] = value
    else headers[name] = Array.isArray(before) ? [...before, value] : [before, value]
  }
  return { ...headers, host, connection: 'Upgrade', upgrade: 'websocket' }
}

/** Headers of an answer without what an origin may not say for us: `Haltgate-*` and `Proxy-*`. */
export function clientHeaders(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !/^(haltgate|proxy)-/.test(name)),
  )
}

function hasToken(value: string | undefined, token: string): boolean {
  return (value ?? '').split(',').some((part) => part.trim().toLowerCase() === token)
}
