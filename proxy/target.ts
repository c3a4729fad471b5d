/** Reads the target of a request: absolute-form on the proxy's port, origin-form inside a tunnel, host:port for CONNECT. */
import { canonicalPath } from './canonical-path.ts'
import { type Authority, readAuthority } from './host.ts'

export interface Target {
  readonly ok: true
  readonly host: string
  readonly port: number
  /** Canonical; empty for CONNECT. */
  readonly path: string
  readonly query: string
  /** What is sent upstream: path and, where there is a question mark, it and the query. */
  readonly origin: string
}

export interface NoTarget {
  readonly ok: false
  readonly message: string
}

const none = (message: string): NoTarget => ({ ok: false, message })

export const httpPort = 80

/** Reads `http://host[:port][/path][?query]`. */
export function readAbsolute(target: string): Target | NoTarget {
  if (!isScheme(target, 'http://')) {
    if (isScheme(target, 'https://')) {
      return none('An https URL is not sent to a proxy in the clear: use CONNECT host:port.')
    }
    return none(
      'The request target must be an absolute http URL: this port is a forward proxy, not a server.',
    )
  }
  let end = 7
  for (; end < target.length; end += 1) {
    const code = target.charCodeAt(end)
    if (code === 47 || code === 63 || code === 35) break
    if (code === 64) return none('The request target holds user information: send a header.')
  }
  const authority = readAuthority(target.slice(7, end), httpPort)
  if (authority === null) return none('The host or port of the request target is not valid.')
  const rest = target.slice(end)
  return readOrigin(rest.charCodeAt(0) === 47 ? rest : `/${rest}`, authority)
}

/** Reads `/path[?query]`. */
export function readOrigin(target: string, authority: Authority): Target | NoTarget {
  if (target.charCodeAt(0) !== 47) return none('The request target must begin with a slash here.')
  for (let index = 0; index < target.length; index += 1) {
    const code = target.charCodeAt(index)
    if (code === 35) return none('The request target holds a fragment.')
    if (code <= 32 || code >= 127) return none('The request target holds a byte that is no text.')
  }
  const question = target.indexOf('?')
  const canonical = canonicalPath(question < 0 ? target : target.slice(0, question))
  if (!canonical.ok) return canonical
  const { path } = canonical
  const query = question < 0 ? '' : target.slice(question + 1)
  const origin = question < 0 ? path : `${path}?${query}`
  return { ok: true, host: authority.host, port: authority.port, path, query, origin }
}

/** Reads the `host:port` of a CONNECT. */
export function readTunnel(target: string): Target | NoTarget {
  const authority = readAuthority(target, null)
  if (authority === null) return none('A CONNECT target must be host:port and nothing else.')
  return { ok: true, host: authority.host, port: authority.port, path: '', query: '', origin: '' }
}

function isScheme(target: string, scheme: string): boolean {
  return target.startsWith(scheme) || target.slice(0, scheme.length).toLowerCase() === scheme
}
