/** Names what went wrong with an upstream: not reached, too slow, or against the protocol. */
import { type Trouble, UpstreamError } from './tls/upstream-error.ts'

/**
 * Reads an error of the connection.
 *
 * opened  whether bytes may have left already.
 */
export function troubleOf(error: Error, opened: boolean): Trouble {
  if (error instanceof UpstreamError) return error.trouble
  if (opened) {
    return { code: 'upstream-protocol', message: 'The upstream closed before it had answered.' }
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (code === 'ETIMEDOUT') {
    return {
      code: 'upstream-timeout',
      message: 'The upstream did not accept a connection in time.',
    }
  }
  const why = /^E[A-Z0-9]+$/.test(code) ? code : 'failed'
  return { code: 'upstream-unreachable', message: `The upstream cannot be reached: ${why}.` }
}
