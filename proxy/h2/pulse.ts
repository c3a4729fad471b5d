/**
 * Notices that an HTTP/2 connection to an upstream is dead although it is open: an upstream that broke the protocol is
 * sent GOAWAY by nghttp2, which then neither reads nor writes, and Node tells nobody (Node 20 to 24; shown in
 * test/proxy/tls/h2-upstream-hostile.test.ts). Whatever waits on it would wait for the idle timeout.
 */
import type { ClientHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'

/** How often a connection without a frame is looked at. */
const lookMs = 250

interface Pulsing {
  readonly session: ClientHttp2Session
  readonly socket: Pick<Socket, 'bytesRead'>
  /** Without an open stream, after which the connection ends. */
  readonly keepAliveTimeoutMs: number
  streams(): number
  /** Whether a request's body is under way: then frames may wait for the upstream to read. */
  sends(): boolean
}

export class Pulse {
  readonly #pulsing: Pulsing
  readonly #lookMs: number
  /** Of the socket, when something was last heard, or found to be nothing. */
  #bytesRead = 0
  #isAsked = false
  #quietMs = 0

  constructor(pulsing: Pulsing) {
    const { keepAliveTimeoutMs, session } = pulsing
    this.#pulsing = pulsing
    this.#lookMs = Math.min(lookMs, keepAliveTimeoutMs)
    session.on('timeout', () => this.#look())
    session.setTimeout(this.#lookMs)
    for (const event of ['goaway', 'localSettings', 'ping', 'remoteSettings']) {
      session.on(event, () => this.heard())
    }
  }

  /** Something was made of what came. */
  heard(): void {
    this.#bytesRead = this.#pulsing.socket.bytesRead
  }

  /** A stream was opened. */
  began(): void {
    this.#quietMs = 0
  }

  #look(): void {
    const { keepAliveTimeoutMs, session, streams } = this.#pulsing
    if (session.destroyed) return
    this.#quietMs = streams() === 0 ? this.#quietMs + this.#lookMs : 0
    if (this.#quietMs >= keepAliveTimeoutMs) {
      session.close()
      return
    }
    if (streams() > 0) this.#feel()
    if (!session.destroyed) session.setTimeout(this.#lookMs)
  }

  /** Where bytes came of which nothing was made, asks by a frame: on a dead connection it is not even sent. */
  #feel(): void {
    const { sends, session, socket } = this.#pulsing
    if (sends()) return
    if (this.#isAsked) {
      if ((session.state.outboundQueueSize ?? 0) > 0) session.destroy(new Error('dead'))
      return
    }
    if (socket.bytesRead === this.#bytesRead) return
    this.#isAsked = session.ping(() => {
      this.#isAsked = false
      this.heard()
    })
  }
}
