/** The control listener's door: refuses what a browser could be tricked into sending, before anything is looked up. */
import type { IncomingMessage } from 'node:http'
import { isIP, isIPv4 } from 'node:net'
import { problem, type Reply } from './problem.ts'

export type Listen = { readonly host: string; readonly port: number } | { readonly path: string }

/** `localhost`, `::1` and 127.0.0.0/8 (RFC 1122 §3.2.1.3), without brackets. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase()
  return name === 'localhost' || name === '::1' || (isIPv4(name) && name.startsWith('127.'))
}

const hostPattern = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9._-]{1,253}))(?::\d{1,5})?$/i

/** The name in a Host header, lower case, without port and brackets; null where it is malformed. */
function nameOf(host: string): string | null {
  const match = hostPattern.exec(host)
  return (match?.[1] ?? match?.[2])?.toLowerCase() ?? null
}

const singular: readonly string[] = ['host', 'origin', 'authorization', 'content-type']

/** Names the headers that may come once and came again; Node keeps the first and says nothing. */
function repeated(rawHeaders: readonly string[]): string | null {
  const seen = new Set<string>()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase()
    if (!singular.includes(name)) continue
    if (seen.has(name)) return name
    seen.add(name)
  }
  return null
}

/**
 * Null where the request may be looked at.
 *
 * A page that rebinds its own name to this address still sends that name as Host; a name that is neither
 * loopback nor ours is refused. An address as Host cannot be rebound; a listener that is not on loopback
 * takes it, since probes and scrapers use it. A page of another origin that sends here says so in Origin or
 * in Sec-Fetch-Site (Fetch standard, §3.2; Fetch Metadata, §2.3).
 */
export function objection(request: IncomingMessage, listen: Listen): Reply | null {
  const { headers, url } = request
  if (url === undefined || !url.startsWith('/')) {
    return problem(
      400,
      'The request target must be a path; this is the control listener, no proxy.',
    )
  }
  const twice = repeated(request.rawHeaders)
  if (twice !== null) return problem(400, `The header ${twice} may come once only.`)
  const host = headers.host ?? ''
  const name = nameOf(host)
  if (name === null || !accepts(listen, name)) {
    const detail =
      'The Host header names neither loopback nor the address this listener is bound to.'
    return problem(421, detail)
  }
  const { origin } = headers
  if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`) {
    return problem(403, 'Requests of another origin are refused; there is no CORS here.')
  }
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return problem(403, 'A browser says that another site sent this request.')
  }
  return null
}

function accepts(listen: Listen, name: string): boolean {
  if (!('host' in listen)) return true
  if (isLoopback(name) || name === listen.host.toLowerCase()) return true
  return !isLoopback(listen.host) && isIP(name) !== 0
}
