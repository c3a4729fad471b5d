/** Reads what Node's HTTP parser refused into a status and a sentence; null where it was the socket that failed. */
import type { ReasonCode } from '../kernel/reasons.ts'

export interface ParserError {
  readonly code: Extract<ReasonCode, 'malformed-request' | 'request-too-large'>
  readonly status: number
  readonly message: string
  /** The header section did not come in time. */
  readonly late: boolean
  /** The client stopped sending in the middle. */
  readonly cutOff: boolean
}

export function readParserError(error: Error): ParserError | null {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const base = { code: 'malformed-request', status: 400, late: false, cutOff: false } as const
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const message = 'The headers of the request did not come in time.'
    return { ...base, status: 408, message, late: true }
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    return { ...base, code: 'request-too-large', status: 431, message: 'The headers are too long.' }
  }
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') {
    const message = 'The chunk extensions are too long.'
    return { ...base, code: 'request-too-large', status: 413, message }
  }
  if (code === 'HPE_INVALID_EOF_STATE') {
    return { ...base, message: 'The connection ended within a request.', cutOff: true }
  }
  if (!code.startsWith('HPE_')) return null
  // llhttp's own words name the rule that was broken and hold no byte of the request.
  const reason = 'reason' in error && typeof error.reason === 'string' ? error.reason : 'bad syntax'
  return { ...base, message: `The request is not valid HTTP/1.1: ${reason}.` }
}
