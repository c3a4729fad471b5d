/** One client connection: what is known of it, the request it is busy with, and the ones pipelined behind. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Policy } from '../kernel/policy.ts'
import type { Principal } from '../kernel/scope.ts'
import type { Authority, Connection } from './context.ts'
import { type Identity, identify } from './identity.ts'

/** One request after the other: what is pipelined waits, as RFC 9112 section 9.3.2 asks of unsafe methods. */
export interface Waiting {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** The exchange that a connection is busy with, as its connection sees it. */
export interface Busy {
  readonly response: ServerResponse
  /** Found malformed by the front, and recorded: what the parser finds behind it is no second refusal. */
  readonly unfit: boolean
  /** Whether it is the client that keeps it waiting. */
  readonly waitsForClient: boolean
  /** The client's connection is gone, or can no longer be used. */
  abandon(): void
}

/** A client that pipelines more than this is cut off. */
export const pipelinedMax = 4

export class Client implements Connection {
  readonly listener: string
  readonly principal: Principal | null
  readonly authority: Authority | null
  readonly socket: Socket
  busy: Busy | null = null
  readonly queue: Waiting[] = []
  /** True once nothing more is read as HTTP from it: refused, or handed to a tunnel. */
  done = false
  #authorization: string | null = null
  #policy: Policy | null = null
  #identity: Identity | null = null

  constructor(connection: Connection, socket: Socket) {
    this.listener = connection.listener
    this.principal = connection.principal
    this.authority = connection.authority
    this.socket = socket
  }

  /**
   * Establishes who sent a request. What this connection showed before is not hashed anew while the policy is the
   * same; only what was found good is remembered.
   */
  identify(policy: Policy, authorization: string | null, listenerAgent: string | null): Identity {
    if (this.principal !== null) return { ok: true, principal: this.principal }
    if (
      this.#identity !== null &&
      this.#policy === policy &&
      this.#authorization === authorization
    ) {
      return this.#identity
    }
    const identity = identify(policy, { authorization, listenerAgent })
    if (identity.ok) {
      this.#identity = identity
      this.#policy = policy
      this.#authorization = authorization
    }
    return identity
  }
}
