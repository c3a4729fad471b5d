/** What speaks against a tunnel, once its first bytes are known: it must be TLS to the host it was opened for. */
import { isIP } from 'node:net'
import type { ReasonCode } from '../kernel/reasons.ts'
import type { Heard } from './greeting.ts'

export interface Objection {
  readonly code: Extract<
    ReasonCode,
    'authority-mismatch' | 'inspection-required' | 'malformed-request'
  >
  readonly message: string
}

const object = (code: Objection['code'], message: string): Objection => ({ code, message })

/**
 * What an inspected tunnel hides from the wire is seen inside: there it needs no SNI, and an ECH that is none hides
 * nothing. host as in RequestFacts: lower case, ASCII, no trailing dot. RFC 6066 3: an address is never an SNI.
 */
export function objectionTo(
  heard: Exclude<Heard, { kind: 'left' }>,
  host: string,
  tls: 'inspect' | 'tunnel',
): Objection | null {
  switch (heard.kind) {
    case 'stalled':
      return object('malformed-request', 'The tunnel carried no whole ClientHello in time.')
    case 'malformed':
      return object('malformed-request', heard.message)
    case 'not-tls':
      return object(
        'inspection-required',
        'The tunnel does not carry TLS, which alone says its host.',
      )
    case 'hello':
      if (heard.ech && tls === 'tunnel')
        return object('inspection-required', 'The tunnel hides its host by ECH.')
      if (isIP(host) !== 0) {
        if (heard.sni === null) return null
        return object('authority-mismatch', `The SNI is ${heard.sni}, but the target an address.`)
      }
      if (heard.sni === null) {
        if (tls === 'inspect') return null
        return object('authority-mismatch', 'The tunnel has no SNI.')
      }
      if (heard.sni === host) return null
      return object('authority-mismatch', `The SNI is ${heard.sni}, but the target ${host}.`)
  }
}
