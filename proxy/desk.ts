/** What all exchanges of one proxy share: its context, its upstream connections and what it learned of headers. */
import type { Socket } from 'node:net'
import type { Client } from './client.ts'
import type { ProxyContext } from './context.ts'
import { HeaderNames } from './header-name.ts'
import { Pools } from './pool.ts'

export class Desk {
  readonly context: ProxyContext
  readonly names = new HeaderNames()
  readonly pools: Pools
  /** Every open client connection, tunnels included. */
  readonly clients = new Map<Socket, Client>()
  /** From here on each connection ends after the response it is busy with. */
  closing = false

  constructor(context: ProxyContext) {
    this.context = context
    this.pools = new Pools(context.limits)
  }

  /** Whether a connection should end after its present response. */
  get ending(): boolean {
    return this.closing || this.context.gate.draining
  }
}
