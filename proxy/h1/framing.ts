/** How long the body of a response is, and whether the connection outlives it (RFC 9112 sections 6.3 and 9.3). */

export interface Framing {
  readonly kind: 'none' | 'length' | 'chunked' | 'close'
  /** Of a body of known length. */
  readonly length: number
  /** Whether another response may follow. */
  readonly keepsAlive: boolean
  /** What the upstream says of how long it keeps an idle connection; infinite where it says nothing. */
  readonly keepAliveMs: number
}

/** Decimal digits only, and few enough for an integer to hold (RFC 9110 section 8.6). */
const lengthPattern = /^[0-9]{1,15}$/

interface Spoken {
  length: string | null
  coding: string | null
  close: boolean
  keepAlive: boolean
  keepAliveMs: number
}

export interface Answering {
  readonly method: string
  readonly status: number
  readonly version: '1.0' | '1.1'
  /** Flat name and value. */
  readonly headers: readonly string[]
}

/** A sentence where two readers could frame it in two ways, or no reader could. */
export function framingOf({ headers, method, status, version }: Answering): Framing | string {
  if (status === 101) return 'The upstream switched protocols, which nobody asked for.'
  const spoken = spokenIn(headers)
  if (typeof spoken === 'string') return spoken
  const { coding, close, keepAlive, keepAliveMs, length } = spoken
  if (coding !== null && length !== null)
    return 'The upstream announced a length and a transfer coding.'
  if (coding !== null && version === '1.0')
    return 'The upstream used a transfer coding in HTTP/1.0.'
  if (coding !== null && coding.toLowerCase() !== 'chunked') {
    return 'The upstream used a transfer coding nobody asked for.'
  }
  if (length !== null && !lengthPattern.test(length)) {
    return 'The upstream announced an absurd length.'
  }
  const lives = version === '1.1' ? !close : keepAlive && !close
  if (method === 'HEAD' || status === 204 || status === 304) {
    // Whoever sends a body here all the same sends what looks like the next response: that one is not waited for.
    const clear = method !== 'HEAD' && coding === null && Number(length ?? '0') === 0
    return { kind: 'none', length: 0, keepsAlive: lives && clear, keepAliveMs }
  }
  if (coding !== null) return { kind: 'chunked', length: 0, keepsAlive: lives, keepAliveMs }
  if (length === null) return { kind: 'close', length: 0, keepsAlive: false, keepAliveMs }
  return { kind: 'length', length: Number(length), keepsAlive: lives, keepAliveMs }
}

/** The few headers that frame; told apart by their length first, since most are others. */
function spokenIn(headers: readonly string[]): Spoken | string {
  const spoken: Spoken = {
    length: null,
    coding: null,
    close: false,
    keepAlive: false,
    keepAliveMs: Number.POSITIVE_INFINITY,
  }
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? ''
    const value = headers[index + 1] ?? ''
    const bytes = name.length
    if (bytes !== 10 && bytes !== 14 && bytes !== 17) continue
    switch (name.toLowerCase()) {
      case 'content-length':
        if (spoken.length !== null) return 'The upstream announced its length twice.'
        spoken.length = value
        break
      case 'transfer-encoding':
        if (spoken.coding !== null) return 'The upstream announced its transfer coding twice.'
        spoken.coding = value
        break
      case 'connection':
        takeOptions(spoken, value)
        break
      case 'keep-alive':
        spoken.keepAliveMs = keepAliveOf(value)
        break
      default:
        break
    }
  }
  return spoken
}

function takeOptions(spoken: Spoken, value: string): void {
  for (const option of value.toLowerCase().split(',')) {
    const word = option.trim()
    if (word === 'close') spoken.close = true
    if (word === 'keep-alive') spoken.keepAlive = true
  }
}

function keepAliveOf(value: string): number {
  const seconds = /(?:^|[,; \t])timeout=([0-9]{1,9})(?:$|[,; \t])/i.exec(value)?.[1]
  return seconds === undefined ? Number.POSITIVE_INFINITY : Number(seconds) * 1000
}
