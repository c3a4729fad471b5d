/** An upstream's trouble that is named where it happens, so that nobody has to guess it from Node's words. */
import type { ReasonCode } from '../../kernel/reasons.ts'

export interface Trouble {
  readonly code: Extract<ReasonCode, `upstream-${string}`>
  /** Says nothing of the request, only what the upstream did. */
  readonly message: string
  /** The same at every other address of the host: none of them is tried. */
  readonly final?: boolean
}

export class UpstreamError extends Error {
  readonly trouble: Trouble

  constructor(trouble: Trouble, options?: { cause?: unknown }) {
    super(trouble.message, options)
    this.name = 'UpstreamError'
    this.trouble = trouble
  }
}

/** Why an upstream's certificate is not accepted, by Node's code of it; every other code is a broken handshake. */
const faults: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'has expired',
  CERT_CHAIN_TOO_LONG: 'has a chain that is too long',
  CERT_NOT_YET_VALID: 'is not valid yet',
  CERT_REJECTED: 'is rejected',
  CERT_REVOKED: 'is revoked',
  CERT_SIGNATURE_FAILURE: 'has a signature that does not hold',
  CERT_UNTRUSTED: 'is not trusted',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'is signed by itself',
  ERR_TLS_CERT_ALTNAME_INVALID: 'is for another host',
  ERR_TLS_CERT_ALTNAME_FORMAT: 'names its hosts in a form that is not valid',
  HOSTNAME_MISMATCH: 'is for another host',
  INVALID_CA: 'is signed by a certificate that is no CA',
  INVALID_PURPOSE: 'is not for a server',
  PATH_LENGTH_EXCEEDED: 'has a chain that is longer than its CA allows',
  SELF_SIGNED_CERT_IN_CHAIN: 'leads to a root that is not trusted',
  UNABLE_TO_GET_ISSUER_CERT: 'is signed by a CA that is not known',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'is signed by a CA that is not known',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'is signed by a CA that is not known',
  // Node's word for each of OpenSSL's faults that it has no name for.
  UNSPECIFIED: 'does not hold',
}

const unreached =
  /^(?:ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|EMFILE|ENFILE|EACCES|EPERM)$/

/**
 * Reads why a TLS connection did not come to be.
 *
 * connected  whether the upstream had accepted the TCP connection already.
 */
export function dialErrorOf(error: Error & { code?: string }, connected: boolean): UpstreamError {
  const code = error.code ?? ''
  const fault = Object.hasOwn(faults, code) ? faults[code] : undefined
  if (fault !== undefined) {
    const message = `The certificate of the upstream ${fault}.`
    return new UpstreamError({ code: 'upstream-tls', message }, { cause: error })
  }
  if (code === 'ETIMEDOUT') {
    const message = connected
      ? 'The upstream did not finish the TLS handshake in time.'
      : 'The upstream did not accept a connection in time.'
    return new UpstreamError({ code: 'upstream-timeout', message }, { cause: error })
  }
  if (!connected || unreached.test(code)) {
    const why = /^E[A-Z0-9]+$/.test(code) ? code : 'failed'
    const message = `The upstream cannot be reached: ${why}.`
    return new UpstreamError({ code: 'upstream-unreachable', message }, { cause: error })
  }
  const why = code === 'ECONNRESET' ? 'it closed the connection' : 'it does not speak it as we do'
  const message = `The TLS handshake with the upstream failed: ${why}.`
  return new UpstreamError({ code: 'upstream-tls', message }, { cause: error })
}
