/** Reads the host and port of a target into the one spelling that policies, pools and records use; null if it is none. */
import { isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'
import type { Authority } from './context.ts'

/** RFC 1035 section 2.3.4: a name of 253 bytes, labels of 63. */
const nameBytesMax = 253
const labelBytesMax = 63

/**
 * Reads a host: lower case, IDNA as ASCII, one trailing dot removed, brackets for IPv6 only and taken off.
 * Names that a resolver would read as a number (`127.1`, `0x7f000001`) stay names: what they resolve to is judged.
 */
export function readHost(text: string): string | null {
  if (text.charCodeAt(0) === 91) return readBracketed(text)
  let name = text
  if (!isAscii(name)) name = domainToASCII(name)
  name = name.toLowerCase()
  if (name.endsWith('.')) name = name.slice(0, -1)
  return isName(name) ? name : null
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
  if (address.includes('%') || !isIPv6(address)) return null
  return new URL(`http://[${address}]/`).hostname.slice(1, -1)
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
    const fits =
      (code >= 97 && code <= 122) || (code >= 48 && code <= 57) || code === 45 || code === 95
    label += 1
    if (!fits || label > labelBytesMax) return false
  }
  return label > 0
}
