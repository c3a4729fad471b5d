/** What every handler of the proxy is given, and the signatures by which its files call each other. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Passage } from '../gate/passage.ts'
import type { AdmitPorts, Clock, Resolve } from '../gate/ports.ts'
import type { Refusal } from '../gate/refusal.ts'
import type { Amounts } from '../gate/work.ts'
import type { Classification, Policy } from '../kernel/policy.ts'
import type { ReasonCode } from '../kernel/reasons.ts'
import type { RequestFacts } from '../kernel/request.ts'
import type { Principal } from '../kernel/scope.ts'
import type { Authority } from './host.ts'
import type { Limits } from './limits.ts'
import type { Sight } from './sight.ts'
import type { Ticker } from './ticker.ts'
import type { Voice } from './voice.ts'

/** What was found wrong before the gate could be asked; recorded, then answered. */
export interface Rejection {
  readonly code: ReasonCode
  /** Nearer to the wire than the registry's: 408, 414, 417, 431. */
  readonly status?: number
  readonly message: string
  readonly principal: Principal | null
  readonly listener: string
}

/** The gate as the proxy needs it; class Gate has this shape. */
export interface Deciding {
  readonly policy: Policy
  readonly draining: boolean
  admit(facts: RequestFacts, amounts: Amounts, ports: AdmitPorts): Promise<Passage | Refusal>
  reach(facts: RequestFacts): Promise<Classification | Refusal>
  /** Whether the policy could let such a request pass; no decision, and no entry. */
  allows(facts: RequestFacts): boolean
  reject(rejection: Rejection): Promise<Refusal>
}

export type Log = (
  level: 'debug' | 'info' | 'warn' | 'error',
  fields: Readonly<Record<string, unknown>>,
  message: string,
) => void

export interface ProxyContext {
  readonly gate: Deciding
  readonly limits: Limits
  readonly resolve: Resolve
  /** The agent that this listener is bound to; null where credentials say who speaks. */
  readonly listenerAgent: string | null
  readonly log: Log
  /** Unique for all time: the boot's id and a counter. */
  newId(): string
  /** Milliseconds that never run backward; of no known origin, with a fraction. */
  monotonic(): number
  /** A timer that does not keep the process alive; the answer cancels it. */
  readonly after: Clock['after']
  /** Calls back when what came in this turn of the loop is read; at once where nobody says when that is. */
  soon(callback: () => void): void
  /** Watches the wall time of all meters with one timer. */
  readonly ticker: Ticker
  readonly sight: Sight
  /** How a socket that is no HTTP server's any more is told what became of it. */
  readonly voice: Voice
  /**
   * Serves plain HTTP on a socket of which `head` was read already: the inside of a tunnel to port 80.
   * Every request is judged on its own, origin-form, with Host equal to the authority.
   */
  serveInner(connection: Connection, socket: Socket, head: Buffer): void
  /** Serves HTTP/2 inside of an inspected tunnel: every stream is judged as a request of its own. */
  serveStreams(connection: Connection, socket: TLSSocket): void
}

/** One client connection, or the plain HTTP inside of one tunnel. */
export interface Connection {
  /** Which listener accepted it, for the record. */
  readonly listener: string
  /** Set where it was established for the whole connection: inside a tunnel. */
  readonly principal: Principal | null
  /** The CONNECT target inside a tunnel; null on the proxy's port. */
  readonly authority: Authority | null
  /** What is spoken inside a tunnel; absent on the proxy's port, where it is http. */
  readonly scheme?: 'http' | 'https'
  /** Redirected here by the network: each request names its host in Host, and is not asked of a proxy. */
  readonly redirected?: boolean
}

/** A CONNECT or an upgrade that passed the front: well-formed, identified, its target read. */
export interface Opening {
  readonly request: IncomingMessage
  readonly socket: Socket
  /** Bytes that came behind the header section. */
  readonly head: Buffer
  /** kind is `tunnel` for CONNECT (scheme `https`, path and query empty) and `websocket` for an upgrade. */
  readonly facts: RequestFacts
  /** End-to-end headers as name, value, name, value …: order, case and duplicates kept; without Host. */
  readonly headers: readonly string[]
  /** Request line and header section, for bytes_up. */
  readonly headBytes: number
}

/**
 * Owns the socket from this call on, its errors included; answers every outcome on it; never throws.
 * `connection` is the outer one; for CONNECT the target is `facts.host` and `facts.port`.
 */
export type HandleOpening = (
  context: ProxyContext,
  connection: Connection,
  opening: Opening,
) => Promise<void>
