/**
 * Reads the head of a request more strictly than Node's parser does: whatever two parsers could read in two ways is
 * refused, and what is left is sorted into what goes upstream, what frames the body, and what was for us.
 *
 * Node 20's parser itself refuses (test/proxy/front.test.ts shows each): folded lines, bare CR and LF, control
 * characters, space before the colon, unknown methods, Content-Length that is repeated, signed or not a number,
 * Content-Length with Transfer-Encoding, bad chunks.
 */
import type { ReasonCode } from '../kernel/reasons.ts'
import { type HeaderNames, nominated, withoutNominated } from './header-name.ts'
import type { Limits } from './limits.ts'

export interface Head {
  readonly ok: true
  /** End-to-end headers, flat, as they came: order, case and duplicates kept; without Host and framing. */
  readonly headers: readonly string[]
  /** `Haltgate-*` headers, flat: for the gate only. */
  readonly ours: readonly string[]
  readonly host: string | null
  /** Length of the body: 0 where there is none; null where it is chunked. */
  readonly length: number | null
  /** Whether a Content-Length header was there, even of 0. */
  readonly lengthGiven: boolean
  /** `Expect: 100-continue`. */
  readonly expects: boolean
  /** Value of Upgrade where there is one. */
  readonly upgrade: string | null
  /** Value of Proxy-Authorization. */
  readonly authorization: string | null
  /** Request line and header section as they came. */
  readonly bytes: number
}

/** Why a head is refused; the connection is closed after it. */
export interface Fault {
  readonly ok: false
  readonly code: Extract<ReasonCode, 'malformed-request' | 'request-too-large'>
  readonly status: number
  readonly message: string
}

/** The parts of an IncomingMessage that the front reads. */
export interface RawHead {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly httpVersion: string
  readonly rawHeaders: readonly string[]
}

export function malformed(message: string, status = 400): Fault {
  return { ok: false, code: 'malformed-request', status, message }
}

export function tooLarge(message: string, status: number): Fault {
  return { ok: false, code: 'request-too-large', status, message }
}

/** Bytes; an eighth of what an integer holds exactly, so that no sum with it leaves the safe range: 413 above. */
const contentLengthMax = 2 ** 50

/** Decimal digits only, as RFC 9110 section 8.6 has it, and no zero before them. */
const lengthPattern = /^(0|[1-9][0-9]{0,15})$/

class Reading {
  readonly headers: string[] = []
  readonly ours: string[] = []
  host: string | null = null
  length: string | null = null
  encoding: string | null = null
  upgrade: string | null = null
  expect: string | null = null
  authorization: string | null = null
  nominations: Set<string> | null = null
  bytes = 0

  /** Takes one header in; answers what is wrong with it, or null. */
  take(names: HeaderNames, spelling: string, value: string): string | null {
    this.bytes += spelling.length + value.length + 4
    const { role } = names.read(spelling)
    switch (role) {
      case 'pass':
        this.headers.push(spelling, value)
        return null
      case 'drop':
      case 'trailer':
        return null
      case 'haltgate':
        this.ours.push(spelling, value)
        return null
      case 'connection':
        this.#nominate(value)
        return null
      case 'host':
      case 'length':
      case 'encoding':
      case 'upgrade':
      case 'expect':
        return this.#takeOnce(role, spelling, value)
      case 'credentials':
        return this.#takeOnce('authorization', spelling, value)
    }
  }

  #takeOnce(
    place: 'host' | 'length' | 'encoding' | 'upgrade' | 'expect' | 'authorization',
    ...[spelling, value]: [string, string]
  ): string | null {
    if (this[place] !== null) return `The header ${spelling} was sent twice.`
    this[place] = value
    return null
  }

  #nominate(value: string): void {
    const lower = value.toLowerCase()
    if (lower === 'keep-alive' || lower === 'close') return
    this.nominations ??= new Set()
    for (const name of nominated(value)) this.nominations.add(name)
  }
}

/** Reads the head of a request; a fault where it is not what a strict peer would send. */
export function readHead(names: HeaderNames, raw: RawHead, limits: Limits): Head | Fault {
  const { rawHeaders, httpVersion, method = '', url = '' } = raw
  // A stream of HTTP/2 says h2; a request line that says HTTP/2.0 is none.
  if (httpVersion !== '1.1' && httpVersion !== '1.0' && httpVersion !== 'h2') {
    return malformed('The gate speaks HTTP/1.1 and HTTP/1.0.')
  }
  if (url.length > limits.urlBytesMax) {
    return tooLarge(`The request target is longer than ${limits.urlBytesMax} bytes.`, 414)
  }
  if (rawHeaders.length > 2 * limits.headerCountMax) {
    return tooLarge(`There are more than ${limits.headerCountMax} headers.`, 431)
  }
  const reading = new Reading()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const problem = reading.take(names, rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '')
    if (problem !== null) return malformed(problem)
  }
  if (reading.bytes > limits.headerBytesMax) {
    return tooLarge(`The headers are longer than ${limits.headerBytesMax} bytes.`, 431)
  }
  const fault = framingFault(reading, httpVersion)
  if (fault !== null) return fault
  const { authorization, host, length, ours, upgrade } = reading
  return {
    ok: true,
    headers: withoutNominated(names, reading.headers, reading.nominations),
    ours,
    host,
    length: reading.encoding !== null ? null : Number(length ?? '0'),
    lengthGiven: length !== null,
    expects: reading.expect !== null,
    upgrade,
    authorization,
    bytes: reading.bytes + method.length + url.length + 14,
  }
}

function framingFault(reading: Reading, httpVersion: string): Fault | null {
  const { encoding, expect, length } = reading
  if (encoding !== null) {
    if (encoding !== 'chunked') return malformed('Transfer-Encoding must be exactly chunked.')
    if (httpVersion === '1.0') return malformed('HTTP/1.0 has no Transfer-Encoding.')
    if (length !== null) return malformed('Content-Length and Transfer-Encoding contradict.')
  }
  if (length !== null && (!lengthPattern.test(length) || !Number.isSafeInteger(Number(length)))) {
    return malformed('Content-Length must be a plain decimal number.')
  }
  if (Number(length ?? '0') > contentLengthMax) {
    const message = 'Content-Length is larger than anything that can be held.'
    return { ok: false, code: 'request-too-large', status: 413, message }
  }
  if (expect !== null && expect.toLowerCase() !== '100-continue') {
    return malformed('The only expectation known here is 100-continue.', 417)
  }
  return null
}
