/** Reads the host and port of a target into the one spelling that policies, pools and records use; null if it is none. */
import { isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'

export interface Authority {
  /** As in RequestFacts. */
  readonly host: string
  readonly port: number
}

/** RFC 1035 section 2.3.4: a name of 253 bytes, labels of 63. */
const nameBytesMax = 253
const labelBytesMax = 63

/** An IPv6 address as text: eight groups of four, the last two written as IPv4. */
const addressCharactersMax = 45

/**
 * Reads a host: lower case, IDNA as ASCII, one trailing dot removed, brackets for IPv6 only and taken off.
 *
 * An address has one spelling too, whichever a URL may have it in: dotted decimal for IPv4, also where it comes as
 * numbers (`134744072`, `0x8.8.2056`) or mapped into IPv6, and RFC 5952 for IPv6. So a rule, a record and a dial
 * all mean the same (I12).
 *
 * text    as Node reads it from the wire: a character is a byte; those above ASCII must be UTF-8.
 * source  WHATWG URL, sections 3.5 (host parser) and 3.4 (a name whose last label is a number is an address or none).
 */
export function readHost(text: string): string | null {
  if (text.charCodeAt(0) === 91) return readBracketed(text)
  let name = isAscii(text) ? text.toLowerCase() : readUnicode(text)
  if (name.endsWith('.')) name = name.slice(0, -1)
  if (!isName(name)) return null
  return endsInNumber(name) ? readNumbers(name) : name
}

/** Writes an authority as a Host header or a URL has it; the port is left out where the scheme implies it. */
export function writeHost(host: string, port: number, portImplied: number): string {
  const name = host.includes(':') ? `[${host}]` : host
  return port === portImplied ? name : `${name}:${port}`
}

/**
 * Reads `host` or `host:port`.
 *
 * portImplied  what a missing port means; null where a port must be given.
 */
export function readAuthority(text: string, portImplied: number | null): Authority | null {
  const bracket = text.lastIndexOf(']')
  const colon = text.indexOf(':', Math.max(bracket, 0))
  if (bracket >= 0 && colon >= 0 && colon !== bracket + 1) return null
  const host = readHost(colon < 0 ? text : text.slice(0, colon))
  const port = colon < 0 ? portImplied : readPort(text.slice(colon + 1))
  return host === null || port === null ? null : { host, port }
}

/** Reads a port from 1 to 65535 without sign, space or leading zero. */
export function readPort(text: string): number | null {
  if (text.length === 0 || text.length > 5 || text.charCodeAt(0) === 48) return null
  let port = 0
  for (let index = 0; index < text.length; index += 1) {
    const digit = text.charCodeAt(index) - 48
    if (digit < 0 || digit > 9) return null
    port = port * 10 + digit
  }
  return port <= 65_535 ? port : null
}

/** RFC 5952 spelling, which is what the WHATWG URL parser writes; a zone id names an interface of ours: null. */
function readBracketed(text: string): string | null {
  if (!text.endsWith(']')) return null
  const address = text.slice(1, -1)
  if (address.length > addressCharactersMax) return null
  if (address.includes('%') || !isIPv6(address)) return null
  return unmapped(new URL(`http://[${address}]/`).hostname.slice(1, -1))
}

/** RFC 4291 section 2.5.5.2: a v4-mapped address is an IPv4 address to every socket, and so to us. */
function unmapped(address: string): string {
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address) ?? []
  if (high === undefined || low === undefined) return address
  return writeV4(Number.parseInt(high, 16) * 65_536 + Number.parseInt(low, 16))
}

/** IDNA (UTS #46) of what is not ASCII; empty where it is no UTF-8, or holds what no name may. */
function readUnicode(text: string): string {
  // domainToASCII is a URL parser behind its name: it would stop at what is ASCII and no name's, or decode it.
  if (!/^[A-Za-z0-9_.\u0080-\u00ff-]+$/.test(text)) return ''
  // What is no UTF-8 becomes U+FFFD, which IDNA refuses.
  return domainToASCII(Buffer.from(text, 'latin1').toString('utf8'))
}

/** WHATWG URL: the last label is digits, or `0x` and hexadecimal digits, be they none. */
function endsInNumber(name: string): boolean {
  const start = name.lastIndexOf('.') + 1
  const first = name.charCodeAt(start)
  if (first < 48 || first > 57) return false
  return /^(?:[0-9]+|0x[0-9a-f]*)$/.test(name.slice(start))
}

/** Four numbers at most, decimal, octal or hexadecimal, the last of which fills what the others leave. */
function readNumbers(name: string): string | null {
  const numbers = name.split('.').map(readNumber)
  const last = numbers.pop()
  if (last === undefined || numbers.length > 3) return null
  if (!(last < 256 ** (4 - numbers.length)) || !numbers.every((number) => number < 256)) return null
  return writeV4(numbers.reduce((sum, number, at) => sum + number * 256 ** (3 - at), last))
}

/** NaN where it is no number. Digits past 2^53 lose exactness, which is far above what any address may be. */
function readNumber(label: string): number {
  if (/^0x[0-9a-f]*$/.test(label)) return label === '0x' ? 0 : Number.parseInt(label.slice(2), 16)
  if (/^0[0-7]+$/.test(label)) return Number.parseInt(label, 8)
  return /^(?:0|[1-9][0-9]*)$/.test(label) ? Number(label) : Number.NaN
}

function writeV4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (text.charCodeAt(index) > 127) return false
  }
  return true
}

/** Letters, digits, hyphen and underscore (which no host may have, and many have) in labels that are not empty. */
function isName(name: string): boolean {
  if (name.length === 0 || name.length > nameBytesMax) return false
  let label = 0
  for (let index = 0; index < name.length; index += 1) {
    const code = name.charCodeAt(index)
    if (code === 46) {
      if (label === 0) return false
      label = 0
      continue
    }
    label += 1
    if (!isNameByte(code) || label > labelBytesMax) return false
  }
  return label > 0
}

function isNameByte(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 48 && code <= 57) || code === 45 || code === 95
}
