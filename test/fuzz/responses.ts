/** Fuzzes the reader of upstreams' responses: in any pieces the same, and never another body than Node's parser reads. */
import { createRequire } from 'node:module'
import fc from 'fast-check'
import { bytesOf, readWhole, type Whole } from '../proxy/h1/read-whole.ts'
import { ensure, type Fuzzed } from './fuzzed.ts'
import { mutated } from './mutation.ts'
import { timely } from './timely.ts'

interface NodeParser {
  initialize(type: number, resource: object): void
  execute(bytes: Buffer): number | Error
  [event: number]: ((...told: never[]) => number | undefined) | null
}

type ParserClass = (new () => NodeParser) &
  Readonly<Record<'RESPONSE' | 'kOnHeadersComplete' | 'kOnBody' | 'kOnMessageComplete', number>>

/** llhttp as Node's own client uses it. */
const { HTTPParser } = createRequire(import.meta.url)('node:_http_common') as {
  readonly HTTPParser: ParserClass
}

interface Oracle {
  readonly status: number
  readonly body: string
  readonly whole: boolean
}

/** What llhttp reads of the first final response; null where it only says that extensions are too long. */
function oracle(bytes: Buffer, method: string): Oracle | null {
  const parser = new HTTPParser()
  let status = 0
  let body = ''
  let whole = false
  parser.initialize(HTTPParser.RESPONSE, {})
  parser[HTTPParser.kOnHeadersComplete] = (...told: never[]) => {
    if (status < 200) status = told[5] ?? 0
    return method === 'HEAD' ? 1 : 0
  }
  parser[HTTPParser.kOnBody] = (piece: Buffer) => {
    if (!whole) body += piece.toString('latin1')
    return undefined
  }
  parser[HTTPParser.kOnMessageComplete] = () => {
    if (status >= 200) whole = true
    return undefined
  }
  const executed = parser.execute(bytes)
  // Node 20 counts what extensions hold from a number that it never sets, and so finds short ones too long.
  if (executed instanceof Error && 'code' in executed) {
    if (executed.code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return null
  }
  return { status, body, whole }
}

const start = fc.constantFrom(
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.1 404 Not Found\r\n',
  'HTTP/1.0 200 OK\r\n',
  'HTTP/1.1 204 No Content\r\n',
  'HTTP/1.1 304\r\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n',
)
const header = fc.constantFrom(
  'X: y\r\n',
  'Connection: close\r\n',
  'Keep-Alive: timeout=5\r\n',
  'Set-Cookie: a=b\r\n',
)
const framed = fc.constantFrom(
  'Content-Length: 5\r\n\r\nhello',
  'Content-Length: 0\r\n\r\n',
  'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n',
  '\r\nuntil the end',
)
const response = fc
  .tuple(start, fc.array(header, { maxLength: 3 }), framed)
  .map((parts) => bytesOf(parts.flat().join('')))

const pieces = [
  ...['\r\n', '\n', '\r', '\0', ' ', '\t', ':', ';', '0', 'f', 'HTTP/1.1 200 OK\r\n\r\n'],
  ...['Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n', 'content-length:5', ', chunked'],
]

/** Cut at these places, taken modulo the length. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  return [...ends, bytes.length].map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end))
}

const told = ({ body, end, headers, status, trailers }: Whole): string =>
  JSON.stringify({ body, end, headers, status, trailers })

export const responseReaders: Fuzzed = {
  name: 'response-readers',
  share: 3,
  roundRuns: 300,
  reaches: ['whole', 'open', 'fault', 'trailers', 'a body until the end'],
  open: async (reached) =>
    fc.property(
      mutated(response, pieces),
      fc.array(fc.nat({ max: 1 << 16 }), { maxLength: 6 }),
      fc.constantFrom('GET', 'GET', 'GET', 'HEAD'),
      (bytes, places, method) => {
        const read = timely(bytes.length, () => readWhole([bytes], { method }))
        const inPieces = readWhole(cut(bytes, places), { method })
        ensure(told(read) === told(inPieces), 'pieces change nothing')
        const singly = [...bytes].map((byte) => Buffer.from([byte]))
        if (bytes.length < 4096) {
          ensure(told(read) === told(readWhole(singly, { method })), 'single bytes change nothing')
        }
        reached(read.end)
        if (read.trailers.length > 0) reached('trailers')
        for (const text of [...read.headers, ...read.trailers, read.phrase]) {
          ensure(!/[\0\r\n]/.test(text), 'no header holds a line end')
        }
        if (read.status === 0) return
        const node = oracle(bytes, method)
        // For llhttp a connection of HTTP/1.0 ends with an interim answer.
        if (read.end === 'fault' || node === null || node.status < 200) return
        ensure(node.status === read.status, `Node reads ${node.status}, not ${read.status}`)
        ensure(node.body === read.body, 'the body is the one that Node reads')
        const ends = readWhole([bytes], { method, closes: true })
        if (read.end === 'open' && ends.end === 'whole') reached('a body until the end')
        ensure(node.whole === (read.end === 'whole'), 'a response ends where Node says so')
      },
    ),
}
