/** Connects to a judged address and proves by TLS that the host behind it is the one that was asked for (I5). */
import { connect as connectPlain, isIP, type Socket } from 'node:net'
import {
  type ConnectionOptions,
  checkServerIdentity,
  connect,
  createSecureContext,
  rootCertificates,
  type SecureContext,
  type TLSSocket,
} from 'node:tls'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../../gate/ports.ts'
import { assert } from '../../kernel/contract.ts'
import { askByEvents, type ChainedProxy, chainError, hopOf } from '../chain.ts'
import { dialErrorOf, type UpstreamError } from './upstream-error.ts'

/** Hosts of which a session is kept, so that the next handshake with them is a short one; 2 to 4 KiB each. */
const sessionsMax = 1_000

/** What is read from an upstream ahead of the client, as in pool.ts. */
const readBytes = 64 * 1024

/** The roots by which upstreams are verified, read once, and the sessions that were verified by them. */
export interface Trust {
  readonly context: SecureContext
  /** By host and port; only sessions of connections whose certificate was accepted. */
  readonly sessions: LRUCache<string, Buffer>
}

/**
 * Node's own roots and further ones, in one context for all connections: parsing them takes milliseconds.
 *
 * extra   certificates in PEM: the machine's bundle, `--upstream-ca`.
 * errors  those of OpenSSL, where a text holds a certificate that cannot be read.
 */
export function trustOf(extra: readonly string[]): Trust {
  return {
    context: createSecureContext({ ca: [...rootCertificates, ...extra], minVersion: 'TLSv1.2' }),
    sessions: new LRUCache({ max: sessionsMax }),
  }
}

export interface SecureDialling {
  readonly trust: Trust
  /** The name that the certificate must be for; a host that is an address is looked for among its IP names. */
  readonly host: string
  readonly port: number
  /** A judged address, literal. */
  readonly address: string
  /** What may be spoken, the best first; `http/1.1` alone for connections that speak nothing else. */
  readonly alpn: readonly ('h2' | 'http/1.1')[]
  /** For connection and handshake together. */
  readonly timeoutMs: number
  readonly after: Clock['after']
  /** The proxy that leads there; absent or null where the address is dialled. */
  readonly proxy?: ChainedProxy | null
  /** Given the connection before it is made, so that a halt can sever it. */
  readonly own?: (socket: Socket) => void
}

/** An upstream's connection, verified; both of its sockets have an error handler. */
export interface Secured {
  /** Its `alpnProtocol` says what is spoken. */
  readonly secure: TLSSocket
  /** The connection under it: what a halt has to sever, since a TLS socket cannot be reset (Node 20 to 24). */
  readonly raw: Socket
}

export type Dialled = (error: UpstreamError | null, secured: Secured | null) => void

/** Connects, and calls back once. */
export function dialTls(dialling: SecureDialling, done: Dialled): void {
  const { address, after, host, port, proxy = null, timeoutMs } = dialling
  assert(isIP(address) !== 0, 'an upstream is dialled by an address that was judged (I5)')
  const raw = connectPlain({ ...hopOf(proxy, { address, port }), noDelay: true })
  dialling.own?.(raw)
  let dialled = false
  const finish = (error: Error | null, secure: TLSSocket | null): void => {
    if (dialled) return
    dialled = true
    cancel()
    if (secure !== null) done(null, { raw, secure })
    else {
      raw.destroy()
      const why = error ?? coded('closed', 'ECONNRESET')
      const isProxys = proxy !== null && !connected
      done(isProxys ? chainError(proxy, why) : dialErrorOf(why, connected), null)
    }
  }
  const fail = (error: Error): void => finish(error, null)
  const cancel = after(timeoutMs, () => fail(coded('the time is over', 'ETIMEDOUT')))
  let connected = false
  // For good: behind the handshake the TLS socket tells of it.
  raw.on('error', fail)
  raw.once('close', () => finish(null, null))
  const begin = (): void => {
    connected = true
    handshake(dialling, raw, finish)
  }
  raw.once('connect', () => {
    if (proxy === null) begin()
    else {
      askByEvents(raw, { proxy, target: { address, host, port } }, (error) => {
        if (error === null) begin()
        else fail(error)
      })
    }
  })
}

function handshake(
  dialling: SecureDialling,
  raw: Socket,
  finish: (error: Error | null, secure: TLSSocket | null) => void,
): void {
  const { sessions } = dialling.trust
  const key = keyOf(dialling)
  const secure = connect(optionsOf(dialling, raw))
  let proven = false
  let early: Buffer | null = null
  // TLS 1.2 tells of its session before the certificate is judged.
  secure.on('session', (session: Buffer) => {
    if (proven) sessions.set(key, session)
    else early = session
  })
  const fail = (error: Error): void => {
    // What led here is not resumed.
    sessions.delete(key)
    secure.destroy()
    finish(error, null)
  }
  secure.once('error', fail)
  // Still there when whoever is given the socket has let go of it.
  secure.on('error', ignore)
  secure.once('close', () => finish(null, null))
  secure.once('secureConnect', () => {
    secure.off('error', fail)
    // Node has seen to it already (rejectUnauthorized); said again where it counts.
    assert(secure.authorized, 'an upstream that was not verified is never spoken to')
    proven = true
    if (early !== null) sessions.set(key, early)
    // An error of TLS itself is told of, and the socket left open.
    secure.on('error', () => secure.destroy())
    Object.assign(secure, { wire: raw })
    finish(null, secure)
  })
}

const keyOf = ({ host, port }: SecureDialling): string => `${host} ${port}`

function optionsOf(
  dialling: SecureDialling,
  raw: Socket,
): ConnectionOptions & { readonly highWaterMark: number } {
  const { alpn, host, trust } = dialling
  const session = trust.sessions.get(keyOf(dialling))
  return {
    ALPNProtocols: [...alpn],
    highWaterMark: readBytes,
    checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
    rejectUnauthorized: true,
    secureContext: trust.context,
    socket: raw,
    ...(session === undefined ? {} : { session }),
    // RFC 6066 section 3 has no addresses in an SNI.
    ...(isIP(host) === 0 ? { servername: host } : {}),
  }
}

const coded = (message: string, code: string): Error & { code: string } =>
  Object.assign(new Error(message), { code })

function ignore(): void {}
