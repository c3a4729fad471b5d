/** Every limit of the proxy, with its unit: nothing a peer does takes more than this. Each one is an option. */

export interface Limits {
  /** Open client connections, tunnels included; one more is answered 503 and closed. */
  readonly connectionsMax: number
  /** Bytes of one header section, request line left out: 431 above. */
  readonly headerBytesMax: number
  readonly headerCountMax: number
  /** Bytes of a request target: 414 above. */
  readonly urlBytesMax: number
  /** From a connection's first byte of a request, or its opening, to the end of its header section: 408 after. */
  readonly headersTimeoutMs: number
  /** Bytes of a body that something has to judge, before and after its coding is taken off: 413 above. */
  readonly judgedBytesMax: number
  /** Bytes of bodies that are being judged, of all connections together: 503 above. */
  readonly judgingBytesMax: number
  /** For such a body, from its first byte to its last: 408 after. */
  readonly bodyTimeoutMs: number
  /** For the TLS handshake of a client inside of an inspected tunnel. */
  readonly handshakeTimeoutMs: number
  /** Without a byte in either direction, while bytes could move. */
  readonly idleTimeoutMs: number
  /** A connection between two requests. */
  readonly keepAliveTimeoutMs: number
  readonly dialTimeoutMs: number
  /** From the last byte of the request to the response's header section: 504 after. */
  readonly upstreamHeadersTimeoutMs: number
  /** An upstream connection between two requests. */
  readonly upstreamKeepAliveTimeoutMs: number
  /** Connections to one judged address of one host. */
  readonly upstreamConnectionsMax: number
  /** Hosts and addresses to which idle connections are kept. */
  readonly poolsMax: number
  /** Whole life of a CONNECT tunnel or a WebSocket. */
  readonly tunnelLifetimeMs: number
  /** What a drain gives requests in flight before they are cut. */
  readonly drainMs: number
  /** Of metered bytes, what a request asks to hold at a time. */
  readonly holdBytesStep: number
  /** Of wall time, what a request asks to hold at a time. */
  readonly holdWallStepMs: number
  /** Of a body that nobody wants, what is read so that the client gets to read its refusal. */
  readonly lingerBytesMax: number
  readonly lingerMs: number
}

export const defaultLimits: Limits = {
  connectionsMax: 12_000,
  headerBytesMax: 16 * 1024,
  headerCountMax: 100,
  urlBytesMax: 8192,
  headersTimeoutMs: 20_000,
  judgedBytesMax: 8 * 1024 * 1024,
  judgingBytesMax: 256 * 1024 * 1024,
  bodyTimeoutMs: 60_000,
  handshakeTimeoutMs: 10_000,
  idleTimeoutMs: 300_000,
  keepAliveTimeoutMs: 65_000,
  dialTimeoutMs: 10_000,
  upstreamHeadersTimeoutMs: 300_000,
  upstreamKeepAliveTimeoutMs: 4_000,
  upstreamConnectionsMax: 256,
  poolsMax: 256,
  tunnelLifetimeMs: 3_600_000,
  drainMs: 10_000,
  holdBytesStep: 1024 * 1024,
  holdWallStepMs: 60_000,
  lingerBytesMax: 1024 * 1024,
  lingerMs: 2_000,
}
