/** One client connection: what is known of it, the request it is busy with, and the ones pipelined behind. */
import type { Socket } from 'node:net'
import type { Policy } from '../kernel/policy.ts'
import type { Principal } from '../kernel/scope.ts'
import type { Connection } from './context.ts'
import type { ResponseMessage } from './h2/message.ts'
import type { Authority } from './host.ts'
import { type Identity, identify, identifyAgain } from './identity.ts'
import { Line, type ReadAhead } from './line.ts'
import { sever } from './sever.ts'

/** The exchange that a connection is busy with, as its connection sees it. */
export interface Busy {
  readonly response: ResponseMessage
  /** Found malformed by the front, and recorded: what the parser finds behind it is no second refusal. */
  readonly unfit: boolean
  /** Whether it is the client that keeps it waiting. */
  readonly waitsForClient: boolean
  /** The client's connection is gone, or can no longer be used. */
  abandon(): void
}

export class Client implements Connection {
  readonly listener: string
  readonly principal: Principal | null
  readonly authority: Authority | null
  readonly scheme: 'http' | 'https'
  readonly redirected: boolean
  readonly socket: Socket
  busy: Busy | null = null
  /** What is pipelined behind the request that is served. */
  readonly line: Line
  /** True once nothing more is read as HTTP from it: refused, or handed to a tunnel. */
  done = false
  #authorization: string | null = null
  #policy: Policy | null = null
  #identity: Identity | null = null

  constructor(connection: Connection, socket: Socket, ahead: ReadAhead) {
    this.line = new Line(socket, ahead)
    this.listener = connection.listener
    this.principal = connection.principal
    this.authority = connection.authority
    this.scheme = connection.scheme ?? 'http'
    this.redirected = connection.redirected === true
    this.socket = socket
  }

  /** Ends the connection at once, and what the system still had to send on it. */
  sever(): void {
    sever([this.socket])
  }

  /**
   * Establishes who sent a request. What this connection showed before is not hashed anew while the policy is the
   * same; only what was found good is remembered. Inside a tunnel it is whoever opened it, as long as the policy in
   * force still knows them.
   */
  identify(policy: Policy, authorization: string | null, listenerAgent: string | null): Identity {
    if (
      this.#identity !== null &&
      this.#policy === policy &&
      (this.#authorization === authorization || this.principal !== null)
    ) {
      return this.#identity
    }
    const identity =
      this.principal === null
        ? identify(policy, { authorization, listenerAgent })
        : identifyAgain(policy, this.principal)
    if (identity.ok) {
      this.#identity = identity
      this.#policy = policy
      this.#authorization = authorization
    }
    return identity
  }
}
