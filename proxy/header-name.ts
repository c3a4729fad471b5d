/** What a header means to a proxy, by its name: which ones are ours, which stay on this hop, which frame the body. */

export type HeaderRole =
  /** End-to-end: passed on as it came. */
  | 'pass'
  /** Hop-by-hop (RFC 9110 section 7.6.1), or one that only a proxy may say: never passed on. */
  | 'drop'
  | 'host'
  | 'length'
  | 'encoding'
  | 'connection'
  | 'upgrade'
  | 'expect'
  | 'credentials'
  /** Announces trailers: kept only where trailers can follow. */
  | 'trailer'
  /** `Haltgate-*`: read by the gate, never passed on in either direction, so that nobody forges ours. */
  | 'haltgate'

export interface HeaderName {
  readonly lower: string
  readonly role: HeaderRole
}

const roles: Readonly<Record<string, HeaderRole>> = {
  host: 'host',
  'content-length': 'length',
  'transfer-encoding': 'encoding',
  connection: 'connection',
  upgrade: 'upgrade',
  expect: 'expect',
  'proxy-authorization': 'credentials',
  'keep-alive': 'drop',
  te: 'drop',
  trailer: 'trailer',
}

/** Spellings remembered; a client that invents names makes the table begin anew. */
const namesMax = 1024

/** Remembers the role of each spelling that was seen, since clients send the same few again and again. */
export class HeaderNames {
  readonly #names = new Map<string, HeaderName>()

  read(spelling: string): HeaderName {
    const known = this.#names.get(spelling)
    if (known !== undefined) return known
    const lower = spelling.toLowerCase()
    const name = { lower, role: roleOf(lower) }
    if (this.#names.size >= namesMax) this.#names.clear()
    this.#names.set(spelling, name)
    return name
  }
}

function roleOf(lower: string): HeaderRole {
  const role = Object.hasOwn(roles, lower) ? roles[lower] : undefined
  if (role !== undefined) return role
  if (lower.startsWith('haltgate-')) return 'haltgate'
  return lower.startsWith('proxy-') ? 'drop' : 'pass'
}

/** The lower-case names that a Connection header nominates as hop-by-hop. */
export function nominated(value: string): string[] {
  return value
    .toLowerCase()
    .split(',')
    .map((token) => token.trim())
}

/** Removes headers that Connection nominates from a flat list; the list as it is where there are none. */
export function withoutNominated(
  names: HeaderNames,
  headers: string[],
  nominations: ReadonlySet<string> | null,
): string[] {
  if (nominations === null) return headers
  return headers.filter((_, index) => {
    const name = headers[index & ~1]
    return name === undefined || !nominations.has(names.read(name).lower)
  })
}
