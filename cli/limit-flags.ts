/** Each limit of the proxy as a flag and a variable: `--idle-timeout-ms 60000`, `HALTGATE_IDLE_TIMEOUT_MS`. */
import { defaultLimits, type Limits } from '../proxy/limits.ts'

export interface LimitFlag {
  readonly key: keyof Limits
  /** With its two hyphens. */
  readonly flag: string
  readonly variable: string
  readonly fallback: number
  /** For --help and docs/limits.md, which is tested against it. */
  readonly meaning: string
}

const meanings: Readonly<Record<keyof Limits, string>> = {
  connectionsMax: 'open client connections, tunnels included',
  headerBytesMax: 'bytes of the headers of one request',
  headerCountMax: 'headers of one request',
  urlBytesMax: 'bytes of a request target',
  headersTimeoutMs: 'for the headers of a request, and for the first bytes of a tunnel',
  judgedBytesMax: 'bytes of a body that a rule has to see',
  judgingBytesMax:
    'bytes of such bodies, of all connections together, and of the values that a decoder makes of them',
  bodyTimeoutMs: 'for such a body, from its first byte to its last',
  handshakeTimeoutMs: 'for the TLS handshake of a client in an inspected tunnel',
  idleTimeoutMs: 'without a byte in either direction',
  keepAliveTimeoutMs: 'between two requests of a client',
  dialTimeoutMs: 'to connect to an upstream',
  upstreamHeadersTimeoutMs: 'for the headers of an answer',
  upstreamKeepAliveTimeoutMs: 'between two requests to an upstream',
  upstreamConnectionsMax: 'connections to one address of one host',
  poolsMax: 'hosts and addresses to which idle connections are kept',
  tunnelLifetimeMs: 'the whole life of a tunnel or a WebSocket',
  drainMs: 'for requests under way when the gate ends',
  holdBytesStep: 'bytes that a request reserves at a time where bytes are limited',
  holdWallStepMs: 'time that a request reserves at a time where time is limited',
  lingerBytesMax: 'bytes that are read of a refused body, so that the refusal is read',
  lingerMs: 'for the same',
}

const words = (key: string): string[] => key.split(/(?=[A-Z])/).map((word) => word.toLowerCase())

export const limitFlags: readonly LimitFlag[] = Object.entries(meanings).map(([name, meaning]) => {
  const key = name as keyof Limits
  return {
    key,
    flag: `--${words(name).join('-')}`,
    variable: `HALTGATE_${words(name).join('_').toUpperCase()}`,
    fallback: defaultLimits[key],
    meaning,
  }
})
