/** Reads HTTP/1.1 as it stands in recorded bytes, strictly, and says wherever a reader could take it in two ways. */

/** One message as the bytes have it. */
export interface Message {
  readonly startLine: string
  /** Names in lower case, as often as they came. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** All of its bytes, as latin1. */
  readonly text: string
  /** Its body is all there. */
  readonly whole: boolean
  /** What another reader could take otherwise. */
  readonly faults: readonly string[]
}

export interface Read {
  readonly message: Message
  /** Where the next message begins. */
  readonly end: number
}

const headEnd = '\r\n\r\n'
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

export const valuesOf = (message: Message, name: string): readonly string[] =>
  message.headers.filter(([known]) => known === name).map(([, value]) => value)

/** Reads a request that begins at an offset; null while its head is not whole. */
export function readRequest(text: string, start: number): Read | null {
  const head = readHead(text, start)
  if (head === null) return null
  const faults = [...head.faults]
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+ (?:\/[^\s#]*|\*) HTTP\/1\.[01]$/.test(head.startLine)) {
    faults.push(`the request line is ${JSON.stringify(head.startLine)}`)
  }
  return withBody(text, start, { ...head, faults, bodiless: false })
}

/** Reads an answer; `open` says that a body without a length may still grow. */
export function readAnswer(
  text: string,
  start: number,
  { open, head: onlyHead }: { readonly open: boolean; readonly head: boolean },
): (Read & { readonly status: number }) | null {
  const head = readHead(text, start)
  if (head === null) return null
  const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(head.startLine)?.[1] ?? 0)
  const bodiless = onlyHead || status < 200 || status === 204 || status === 304
  const read = withBody(text, start, { ...head, bodiless })
  const framed = head.headers.some(([name]) => /^(content-length|transfer-encoding)$/.test(name))
  if (bodiless || framed) return { ...read, status }
  const message = { ...read.message, text: text.slice(start), whole: !open }
  return { status, message, end: text.length }
}

interface Head {
  readonly startLine: string
  readonly headers: readonly (readonly [string, string])[]
  readonly faults: readonly string[]
  readonly bodyStart: number
}

function readHead(text: string, start: number): Head | null {
  const end = text.indexOf(headEnd, start)
  if (end < 0) return null
  const faults: string[] = []
  const [startLine = '', ...lines] = text.slice(start, end).split('\r\n')
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(text.slice(start, end).replaceAll('\r\n', ''))) {
    faults.push('the head holds a control character')
  }
  const headers = lines.map((line): readonly [string, string] => {
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0))
    if (!token.test(name)) faults.push(`a header line is ${JSON.stringify(line)}`)
    return [name.toLowerCase(), line.slice(colon + 1).trim()]
  })
  return { startLine, headers, faults, bodyStart: end + headEnd.length }
}

function withBody(text: string, start: number, head: Head & { readonly bodiless: boolean }): Read {
  const { headers, startLine, bodyStart } = head
  const faults = [...head.faults]
  const of = (name: string): string[] =>
    headers.filter(([known]) => known === name).map(([, value]) => value)
  const [lengths, codings] = [of('content-length'), of('transfer-encoding')]
  if (lengths.length > 1) faults.push('Content-Length is there more than once')
  if (lengths.some((length) => !/^\d+$/.test(length))) faults.push('Content-Length is no number')
  if (codings.length > 1 || codings.some((coding) => coding.toLowerCase() !== 'chunked')) {
    faults.push(`Transfer-Encoding is ${JSON.stringify(codings)}`)
  }
  if (codings.length > 0 && lengths.length > 0) faults.push('both length and coding are given')
  const body = { end: bodyStart, whole: true }
  if (!head.bodiless && codings.length > 0) Object.assign(body, readChunks(text, bodyStart, faults))
  else if (!head.bodiless && lengths.length > 0) {
    const wanted = bodyStart + Number(lengths[0])
    body.whole = text.length >= wanted
    body.end = Math.min(text.length, wanted)
  }
  const { end, whole } = body
  return { end, message: { startLine, headers, faults, text: text.slice(start, end), whole } }
}

function readChunks(
  text: string,
  start: number,
  faults: string[],
): { readonly end: number; readonly whole: boolean } {
  let at = start
  for (;;) {
    const line = text.indexOf('\r\n', at)
    if (line < 0) return { end: text.length, whole: false }
    const size = /^([0-9a-fA-F]{1,12})(?:[ \t]*;[^\r\n]*)?$/.exec(text.slice(at, line))?.[1]
    if (size === undefined) {
      faults.push(`a chunk begins with ${JSON.stringify(text.slice(at, Math.min(line, at + 40)))}`)
      return { end: text.length, whole: false }
    }
    const bytes = Number.parseInt(size, 16)
    at = line + 2
    if (bytes === 0) break
    if (text.length < at + bytes + 2) return { end: text.length, whole: false }
    if (text.slice(at + bytes, at + bytes + 2) !== '\r\n') {
      faults.push('a chunk does not end where it says')
      return { end: text.length, whole: false }
    }
    at += bytes + 2
  }
  // Trailers, and the empty line behind them.
  if (text.startsWith('\r\n', at)) return { end: at + 2, whole: true }
  const end = text.indexOf(headEnd, at)
  return end < 0 ? { end: text.length, whole: false } : { end: end + headEnd.length, whole: true }
}
