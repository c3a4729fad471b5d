/** What all exchanges of one proxy share: its context, its upstream connections and what it learned of headers. */
import type { Socket } from 'node:net'
import type { Client } from './client.ts'
import type { ProxyContext } from './context.ts'
import type { ServedH2 } from './h2/serve.ts'
import { HeaderNames } from './header-name.ts'
import { ReadAhead } from './line.ts'
import { Outbox } from './outbox.ts'
import { Pools } from './pool.ts'
import type { SecurePools } from './tls/secure-pools.ts'

export class Desk {
  readonly context: ProxyContext
  readonly names = new HeaderNames()
  readonly pools: Pools
  /** Of upstreams by TLS; null until a tunnel was inspected. */
  securePools: SecurePools | null = null
  readonly outbox: Outbox
  readonly ahead = new ReadAhead()
  /** Bytes of bodies that are being judged. */
  judging = 0
  /** Every open client connection, tunnels included. */
  readonly clients = new Map<Socket, Client>()
  /** Connections of clients that speak HTTP/2. */
  readonly streams = new Set<ServedH2>()
  /** From here on each connection ends after the response it is busy with. */
  closing = false

  constructor(context: ProxyContext) {
    this.context = context
    this.outbox = new Outbox(context.soon)
    this.pools = new Pools(context.limits, context.after)
  }

  /** Whether a connection should end after its present response. */
  get ending(): boolean {
    return this.closing || this.context.gate.draining
  }
}
