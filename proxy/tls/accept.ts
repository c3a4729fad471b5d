/** Answers the ClientHello of an inspected tunnel: from a socket to what is said inside, or to why nothing was. */
import type { Socket } from 'node:net'
import { type SecureContext, TLSSocket } from 'node:tls'
import type { Clock } from '../../gate/ports.ts'

export interface Accepting {
  /** The client's connection; nothing listens to its bytes any more. */
  readonly socket: Socket
  /** What was read of it already: the ClientHello, or its first bytes. */
  readonly early: Buffer
  readonly context: SecureContext
  /** What is spoken inside, the best first. */
  readonly alpn: readonly ('h2' | 'http/1.1')[]
  readonly handshakeTimeoutMs: number
  readonly after: Clock['after']
}

/** Who ended the handshake: the client for our certificate's sake, the client in silence, time, or the protocol. */
export type Rejected = 'distrusted' | 'left' | 'stalled' | 'broken'

export interface Unaccepted {
  readonly ok: false
  readonly why: Rejected
  /** For a log line; the client can no longer be told anything. */
  readonly message: string
}

export interface Accepted {
  readonly ok: true
  /** Has an error handler; paused until someone reads. Its `wire` is the connection under it, which is what sever.ts resets. */
  readonly socket: TLSSocket
  readonly protocol: 'h2' | 'http/1.1'
}

/** Alerts by which clients say that they do not know our CA (RFC 8446 section 6.2), as OpenSSL names them. */
const distrust =
  /TLSV1_ALERT_UNKNOWN_CA|ALERT_CERTIFICATE_UNKNOWN|ALERT_BAD_CERTIFICATE|ALERT_UNSUPPORTED_CERTIFICATE/

const messages: Readonly<Record<Rejected, string>> = {
  distrusted:
    'The client does not trust the CA of the gate: give it the bundle (haltgate ca bundle, docs/inspection.md).',
  left: 'The client left in the middle of the TLS handshake; some do so where they do not trust the CA of the gate.',
  stalled: 'The client did not finish the TLS handshake in time.',
  broken: 'The client and the gate did not agree on TLS.',
}

/**
 * Runs the server's side of a TLS handshake. Owns the socket until it resolves, and destroys it unless it is accepted.
 *
 * returns  once; never rejects.
 */
export function acceptTls(accepting: Accepting): Promise<Accepted | Unaccepted> {
  const { after, alpn, context, early, handshakeTimeoutMs, socket } = accepting
  if (socket.destroyed) return Promise.resolve(unaccepted('left'))
  // For good: what its end means, the TLS socket's tells.
  socket.on('error', ignore)
  if (early.length > 0) socket.unshift(early)
  const secure = new TLSSocket(socket, {
    ALPNProtocols: [...alpn],
    isServer: true,
    secureContext: context,
  })
  return new Promise((resolve) => {
    let trouble: Rejected = 'left'
    const cancel = after(handshakeTimeoutMs, () => {
      trouble = 'stalled'
      secure.destroy()
      socket.destroy()
    })
    // A server's TLS socket tells of its errors by this event, as tls.Server listens to it (Node 20 to 24). Behind
    // the handshake too: unless it is heard there, a broken record would leave the socket open and silent.
    secure.on('_tlsError', (error: NodeJS.ErrnoException) => {
      if (trouble === 'left') trouble = rejectionOf(error)
      secure.destroy()
    })
    secure.on('error', ignore)
    const closed = (): void => {
      cancel()
      socket.destroy()
      resolve(unaccepted(trouble))
    }
    secure.once('close', closed)
    // Half open as the tunnel is, it would wait for the rest of a handshake that cannot come.
    const left = (): void => {
      secure.destroy()
    }
    secure.once('end', left)
    secure.once('secure', () => {
      cancel()
      secure.off('end', left)
      secure.off('close', closed)
      // TLS 1.2 only, and refused by the context too: an attempt ends the connection.
      secure.disableRenegotiation()
      // tls.Server says so too; an HTTP/2 session would wait for it.
      Object.assign(secure, { secureConnecting: false, wire: socket })
      const protocol = secure.alpnProtocol === 'h2' ? 'h2' : 'http/1.1'
      resolve({ ok: true, socket: secure, protocol })
    })
  })
}

function rejectionOf(error: NodeJS.ErrnoException): Rejected {
  const code = error.code ?? ''
  if (distrust.test(code)) return 'distrusted'
  return code === 'ECONNRESET' || code === 'EPIPE' ? 'left' : 'broken'
}

const unaccepted = (why: Rejected): Unaccepted => ({ ok: false, why, message: messages[why] })

function ignore(): void {}
