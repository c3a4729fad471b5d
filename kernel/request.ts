/** The facts of a request, as the proxy read them from the wire: what a policy may judge by. */
import type { Content } from './content.ts'
import type { Principal } from './scope.ts'

export interface RequestFacts {
  /** Unique for all time: the boot's id and a counter. */
  readonly id: string
  readonly principal: Principal
  /**
   * request    one HTTP request whose method and path are known.
   * websocket  an HTTP request that upgrades.
   * tunnel     an opaque tunnel: method is CONNECT, path and query are empty and unknowable.
   * action     no request: an action of a domain that somebody asks about. Method, host, path and headers are
   *            empty, port is 0; only rules that name its domain and action speak, `body` is its context.
   * reach      only whether any rule could allow this host and port; never admitted itself.
   */
  readonly kind: 'request' | 'websocket' | 'tunnel' | 'action' | 'reach'
  readonly method: string
  readonly scheme: 'http' | 'https'
  /** Lower case, IDNA as ASCII, without trailing dot; an IPv6 address without brackets. */
  readonly host: string
  readonly port: number
  /** Canonical: begins with `/`, no dot segments, percent-encoding normalised; empty for a tunnel. */
  readonly path: string
  /** Without `?`; empty where there is none. Never recorded. */
  readonly query: string
  /** By lower-case name; repeated ones joined with `, `. Never recorded. */
  readonly headers: Readonly<Record<string, string>>
  /** What a decoder made of the body; null while nobody read it. Never recorded, but for a model's name. */
  readonly content: Content | null
  /** What is asked about where kind is `action`; absent otherwise. */
  readonly action?: AskedAction
}

export interface AskedAction {
  readonly domain: string
  /** `axn_*` */
  readonly action: string
  /** `res_*`, or empty. */
  readonly resource: string
  /** `act_*`, or empty: the type that the policy gives the agent. */
  readonly actor: string
}
