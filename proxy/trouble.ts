/** Names what went wrong with an upstream: not reached, too slow, or against the protocol. */
import { type Trouble, UpstreamError } from './tls/upstream-error.ts'

/**
 * Reads an error of undici or of the socket.
 *
 * opened  whether bytes may have left already.
 */
export function troubleOf(error: Error, opened: boolean): Trouble {
  if (error instanceof UpstreamError) return error.trouble
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (!opened) {
    if (code === 'ETIMEDOUT') {
      return {
        code: 'upstream-timeout',
        message: 'The upstream did not accept a connection in time.',
      }
    }
    const why = /^E[A-Z0-9]+$/.test(code) ? code : 'failed'
    return { code: 'upstream-unreachable', message: `The upstream cannot be reached: ${why}.` }
  }
  if (code === 'UND_ERR_HEADERS_TIMEOUT') {
    return { code: 'upstream-timeout', message: 'The upstream did not answer in time.' }
  }
  if (code === 'UND_ERR_BODY_TIMEOUT') {
    return {
      code: 'upstream-timeout',
      message: 'The upstream stopped in the middle of its answer.',
    }
  }
  if (code === 'ECONNABORTED' || code === 'EPIPE' || code === 'UND_ERR_SOCKET') {
    return { code: 'upstream-protocol', message: 'The upstream closed before it had answered.' }
  }
  return { code: 'upstream-protocol', message: 'The upstream did not answer in valid HTTP/1.1.' }
}
