/** Turns the head of an upstream's response into the one that the client is sent, or finds it against the protocol. */
import { type HeaderNames, nominated, withoutNominated } from './header-name.ts'

export interface ResponseHead {
  readonly ok: true
  /** Flat, in the order they came; room is left for ours at the end. */
  readonly headers: string[]
  /** Content-Length, or -1. */
  readonly length: number
  /** Value of Trailer, which may be sent on only where the client is sent chunks; or null. */
  readonly trailer: string | null
  /** Status line and header section as they came. */
  readonly bytes: number
}

export interface BadResponse {
  readonly ok: false
  readonly message: string
}

/**
 * Drops what is hop-by-hop, and every `Proxy-*` and `Haltgate-*` header, so that no upstream speaks for the gate.
 *
 * raw  flat name and value, as they were read.
 */
export function readResponseHead(
  names: HeaderNames,
  { status, phrase }: { readonly status: number; readonly phrase: string },
  raw: readonly string[],
): ResponseHead | BadResponse {
  if (status < 200) return bad('The upstream switched protocols, which nobody asked for.')
  if (status > 599) return bad('The upstream answered with a status that HTTP does not have.')
  if (status === 407) return bad('The upstream answered 407, which only a proxy may.')
  const headers: string[] = []
  let nominations: Set<string> | null = null
  // `HTTP/1.1 200 `, the phrase, and two line ends.
  let bytes = 17 + phrase.length
  let length = -1
  let trailer: string | null = null
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const spelling = raw[index] ?? ''
    const value = raw[index + 1] ?? ''
    bytes += spelling.length + value.length + 4
    switch (names.read(spelling).role) {
      case 'length':
        if (length !== -1) return bad('The upstream announced its length twice.')
        length = lengthPattern.test(value) ? Number(value) : Number.NaN
        if (!Number.isSafeInteger(length)) return bad('The upstream announced an absurd length.')
        headers.push(spelling, value)
        break
      case 'encoding':
        if (value !== 'chunked') return bad('The upstream used a transfer coding nobody asked for.')
        break
      case 'connection':
        nominations = nominate(nominations, value)
        break
      case 'trailer':
        trailer = value
        break
      case 'pass':
      case 'expect':
      case 'host':
        headers.push(spelling, value)
        break
      default:
        break
    }
  }
  return {
    ok: true,
    headers: withoutNominated(names, headers, nominations),
    length,
    trailer,
    bytes,
  }
}

/** RFC 9112 section 4: a reason phrase may hold bytes of old encodings, which Node would not write. */
export function cleanPhrase(phrase: string): string {
  return phrase.replaceAll(notPhrase, '?')
}

/** RFC 9110 section 8.6: digits, and what `Number` would read besides is none. */
const lengthPattern = /^[0-9]+$/

const notPhrase = /[^\t\x20-\x7e]/g

/** Trailers that may follow a response's body: none that frame, route or speak for the gate (RFC 9110 section 6.5.1). */
export function readTrailers(names: HeaderNames, raw: readonly string[]): [string, string][] {
  const trailers: [string, string][] = []
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const spelling = raw[index] ?? ''
    const value = raw[index + 1] ?? ''
    if (names.read(spelling).role === 'pass') trailers.push([spelling, value])
  }
  return trailers
}

const bad = (message: string): BadResponse => ({ ok: false, message })

function nominate(nominations: Set<string> | null, value: string): Set<string> | null {
  const lower = value.toLowerCase()
  if (lower === 'keep-alive' || lower === 'close') return nominations
  const all = nominations ?? new Set<string>()
  for (const name of nominated(value)) if (name !== 'content-length') all.add(name)
  return all
}
