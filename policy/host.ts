/** Reads host patterns: an exact name or address, `*.suffix`, `*`, and `!` before what is excepted. */
import { isIP, isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'

export interface HostPattern {
  readonly kind: 'exact' | 'suffix' | 'any'
  /** Name or address for `exact`, what follows `*.` for `suffix`, empty for `any`. */
  readonly name: string
  readonly excepted: boolean
}

const namePattern =
  /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/

/** RFC 1035 section 2.3.4. */
const nameCharactersMax = 253

/** Reads one pattern; a sentence says what is wrong with it. */
export function readHost(text: string): HostPattern | { readonly problem: string } {
  const excepted = text.startsWith('!')
  const pattern = excepted ? text.slice(1) : text
  if (pattern === '*') {
    if (excepted) return { problem: 'the exception "!*" leaves no host' }
    return { kind: 'any', name: '', excepted }
  }
  const kind = pattern.startsWith('*.') ? 'suffix' : 'exact'
  const written = kind === 'suffix' ? pattern.slice(2) : pattern
  const read = readName(written)
  if ('problem' in read) return { problem: `"${text}" is no host: ${read.problem}` }
  if (kind === 'suffix' && isIP(read.name) !== 0) {
    return { problem: `"${text}" is no host: an address has no suffix` }
  }
  return { kind, name: read.name, excepted }
}

/** A pattern in its one canonical form, so that spelling does not change the digest. */
export function writeHost(pattern: HostPattern): string {
  const name =
    pattern.kind === 'any' ? '*' : pattern.kind === 'suffix' ? `*.${pattern.name}` : pattern.name
  return pattern.excepted ? `!${name}` : name
}

type Name = { readonly name: string } | { readonly problem: string }

function readName(written: string): Name {
  if (written.includes('*')) return { problem: '`*` stands alone or as `*.` at the beginning' }
  if (/[/@?#\s]/.test(written)) return { problem: 'write the name alone, without scheme or path' }
  const bare = written.startsWith('[') && written.endsWith(']') ? written.slice(1, -1) : written
  if (isIPv6(bare)) return readIPv6(bare)
  if (written.includes(':')) return { problem: 'ports belong under `ports`' }
  const undotted = written.endsWith('.') ? written.slice(0, -1) : written
  const name = domainToASCII(undotted)
  if (name === '') return { problem: 'no valid name (IDNA)' }
  if (isIP(name) !== 0 && name !== undotted) return { problem: `write the address as ${name}` }
  if (name.length > nameCharactersMax || !namePattern.test(name))
    return { problem: 'no valid name' }
  return { name }
}

function readIPv6(text: string): Name {
  if (text.includes('%')) return { problem: 'a zone names an interface of this machine' }
  return { name: unmapped(new URL(`http://[${text}]`).hostname.slice(1, -1)) }
}

/** RFC 4291 section 2.5.5.2: a v4-mapped address is an IPv4 address to every socket, and to the wire's reader. */
function unmapped(address: string): string {
  const [, ...groups] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address) ?? []
  if (groups.length === 0) return address
  const bytes = groups.map((group) => Number.parseInt(group, 16)).flatMap((n) => [n >> 8, n & 255])
  return bytes.join('.')
}
