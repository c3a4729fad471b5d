/**
 * Reads the header section of a stream into the head that the front reads: pseudo-headers become method, target and
 * Host, and an unknown length becomes a chunked one. Stricter than nghttp2 wherever RFC 9113 section 8 says malformed.
 */

export interface StreamHead {
  readonly ok: true
  readonly method: string
  readonly url: string
  /** Flat; Host first. Two of them where :authority and Host differ, which the front refuses. */
  readonly rawHeaders: readonly string[]
  readonly expect: string | undefined
}

/** A stream that is reset and never becomes a request (RFC 9113 section 8.1.1). */
export interface MalformedHead {
  readonly ok: false
  readonly message: string
}

const pseudoNames: ReadonlySet<string> = new Set([':method', ':scheme', ':authority', ':path'])

/** RFC 9113 section 8.2.2. */
const connectionNames: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])

/** RFC 9110 section 5.6.2, without upper case. */
const namePattern = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/

/** RFC 9113 section 8.2.1: no NUL, CR or LF, and no white space at either end. */
const valuePattern = /^(?![ \t])[^\0\r\n]*(?<![ \t])$/

const methodPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

class Reading {
  readonly pseudo = new Map<string, string>()
  readonly headers: string[] = []
  readonly hosts: string[] = []
  /** Where the one cookie header stands; its parts may come apart (RFC 9113 section 8.2.3). */
  cookieAt = -1
  hasLength = false
  expect: string | undefined

  /** Takes one field; answers what is wrong with it, or null. */
  take(name: string, value: string): string | null {
    if (!valuePattern.test(value)) return 'A header has a value with control characters or spaces.'
    if (name.startsWith(':')) return this.#takePseudo(name, value)
    if (!namePattern.test(name)) return 'The name of a header is not lower-case.'
    if (connectionNames.has(name)) return `HTTP/2 has no ${name} header.`
    if (name === 'te' && value !== 'trailers') return 'The only value of TE in HTTP/2 is trailers.'
    if (name === 'host') {
      this.hosts.push(value)
      return null
    }
    if (name === 'cookie' && this.cookieAt >= 0) {
      this.headers[this.cookieAt] = `${this.headers[this.cookieAt] ?? ''}; ${value}`
      return null
    }
    this.headers.push(name, value)
    if (name === 'cookie') this.cookieAt = this.headers.length - 1
    if (name === 'content-length') this.hasLength = true
    if (name === 'expect') this.expect = value
    return null
  }

  #takePseudo(name: string, value: string): string | null {
    if (!pseudoNames.has(name)) return `The pseudo-header ${name} has no place in a request here.`
    if (this.pseudo.has(name)) return `The pseudo-header ${name} was sent twice.`
    if (this.headers.length + this.hosts.length > 0) return 'A pseudo-header came behind a header.'
    this.pseudo.set(name, value)
    return null
  }
}

/**
 * raw       flat name and value, as Node hands them over with a stream.
 * bodiless  whether the header section ended the stream.
 * errors    none: what is malformed is an answer.
 */
export function readStreamHead(
  raw: readonly string[],
  bodiless: boolean,
): StreamHead | MalformedHead {
  const reading = new Reading()
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const problem = reading.take(raw[index] ?? '', raw[index + 1] ?? '')
    if (problem !== null) return malformed(problem)
  }
  const { headers, hosts, pseudo } = reading
  const [method, scheme] = [pseudo.get(':method') ?? '', pseudo.get(':scheme') ?? '']
  const [url, authority] = [pseudo.get(':path') ?? '', pseudo.get(':authority')]
  if (!methodPattern.test(method)) return malformed('The pseudo-header :method is missing.')
  if (method === 'CONNECT') return malformed('There is no CONNECT in a tunnel.')
  if (scheme !== 'https') return malformed('The :scheme inside of a TLS tunnel is https.')
  if (!url.startsWith('/') && !(url === '*' && method === 'OPTIONS')) {
    return malformed('The pseudo-header :path is missing, or is no path.')
  }
  if (authority === '') return malformed('The pseudo-header :authority is empty.')
  const named = authority === undefined ? hosts : [authority, ...differing(hosts, authority)]
  if (named.length === 0) return malformed('There is neither :authority nor Host.')
  const framing = bodiless || reading.hasLength ? [] : ['transfer-encoding', 'chunked']
  const rawHeaders = [...named.flatMap((host) => ['host', host]), ...headers, ...framing]
  return { ok: true, method, url, rawHeaders, expect: reading.expect }
}

/** Hosts that are not the authority over again. */
function differing(hosts: readonly string[], authority: string): readonly string[] {
  if (hosts.length === 1 && hosts[0]?.toLowerCase() === authority.toLowerCase()) return []
  return hosts
}

const malformed = (message: string): MalformedHead => ({ ok: false, message })
