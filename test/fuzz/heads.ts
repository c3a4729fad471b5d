/** Fuzzes what reads heads: of requests, of streams and of responses; what is ours or of one hop never goes on. */
import fc from 'fast-check'
import { readHead } from '../../proxy/front.ts'
import { readStreamHead } from '../../proxy/h2/head.ts'
import { HeaderNames } from '../../proxy/header-name.ts'
import { defaultLimits } from '../../proxy/limits.ts'
import { cleanPhrase, readResponseHead, readTrailers } from '../../proxy/response-head.ts'
import { ensure, type Fuzzed } from './fuzzed.ts'
import { mutatedLatin } from './mutation.ts'
import { timely } from './timely.ts'

/** Never passed on, in either direction. */
const hopNames = [
  'connection',
  'keep-alive',
  'te',
  'transfer-encoding',
  'upgrade',
  'proxy-connection',
]

const ownNames = ['haltgate-purpose', 'proxy-authorization', 'proxy-authenticate']

const name = mutatedLatin(
  fc.constantFrom(
    ...hopNames,
    ...ownNames,
    'Host',
    'Content-Length',
    'Trailer',
    'Expect',
    'X-A',
    'x-b',
    'Cookie',
    '__proto__',
    'constructor',
    ':path',
  ),
  ['-', '_', ' ', ':', 'A'],
)

const value = mutatedLatin(
  fc.constantFrom(
    '',
    'a',
    '0',
    '5',
    '-5',
    '+5',
    '0x10',
    '1e3',
    '5, 5',
    '1152921504606846976',
    '9007199254740993',
    'chunked',
    'Chunked',
    'gzip, chunked',
    'close',
    'keep-alive',
    'x-a, close',
    'Content-Length',
    'host, x-b',
    'trailers',
    '100-continue',
    'a.test',
    'websocket',
  ),
  [',', ' ', '\t', 'x-a', '0', '-'],
)

const length = fc.tuple(
  fc.constantFrom('Content-Length', 'content-length'),
  fc.oneof(fc.nat().map(String), value),
)

const flat = fc
  .array(fc.oneof({ weight: 8, arbitrary: fc.tuple(name, value) }, length), { maxLength: 8 })
  .map((pairs) => pairs.flat())

/** Names at even places, in lower case. */
const namesOf = (headers: readonly string[]): readonly string[] =>
  headers.filter((_, index) => index % 2 === 0).map((each) => each.toLowerCase())

function nominatedIn(headers: readonly string[]): readonly string[] {
  return headers.flatMap((each, index) =>
    index % 2 === 0 && each.toLowerCase() === 'connection'
      ? (headers[index + 1] ?? '')
          .toLowerCase()
          .split(',')
          .map((token) => token.trim())
      : [],
  )
}

/** What goes on stands in what came, in its order, and is of no hop and not ours. */
function checkPassed(passed: readonly string[], came: readonly string[]): void {
  let at = 0
  for (let index = 0; index < passed.length; index += 2) {
    while (at < came.length && (came[at] !== passed[index] || came[at + 1] !== passed[index + 1]))
      at += 2
    ensure(at < came.length, 'a header goes on as it came, in its order')
    at += 2
  }
  for (const each of namesOf(passed)) {
    ensure(!hopNames.includes(each), `${each} is of one hop`)
    ensure(!each.startsWith('proxy-') && !each.startsWith('haltgate-'), `${each} is ours`)
  }
}

const requestHead = fc.record({
  method: fc.constantFrom('GET', 'POST', 'CONNECT', undefined),
  url: fc.constantFrom('/', 'http://a.test/', '/a'.repeat(5_000), undefined),
  httpVersion: fc.constantFrom('1.1', '1.1', '1.1', '1.0', '2.0', '0.9', ''),
  rawHeaders: flat,
})

export const requestHeads: Fuzzed = {
  name: 'request-heads',
  share: 2,
  roundRuns: 500,
  reaches: ['a head', 'refused'],
  open: async (reached) => {
    const names = new HeaderNames()
    return fc.property(requestHead, (raw) => {
      const bytes = raw.rawHeaders.join('').length
      const head = timely(bytes, () => readHead(names, raw, defaultLimits))
      ensure(
        JSON.stringify(head) === JSON.stringify(readHead(new HeaderNames(), raw, defaultLimits)),
        'what names were seen before changes nothing',
      )
      reached(head.ok ? 'a head' : 'refused')
      if (!head.ok) return
      checkPassed(head.headers, raw.rawHeaders)
      const passed = namesOf(head.headers)
      for (const each of ['host', 'content-length', 'expect', ...nominatedIn(raw.rawHeaders)]) {
        ensure(!passed.includes(each), `${each} does not go on with the headers`)
      }
      ensure(
        head.length === null || (Number.isSafeInteger(head.length) && head.length >= 0),
        'a length is a count',
      )
      ensure(Number.isSafeInteger(head.bytes) && head.bytes > 0, 'a head has bytes')
      ensure(
        namesOf(head.ours).every((each) => each.startsWith('haltgate-')),
        'ours are ours',
      )
    })
  },
}

const responseHead = fc.record({
  status: fc.oneof(fc.constantFrom(200, 204, 304, 101, 407, 500), fc.integer()),
  phrase: fc.string({ unit: 'binary', maxLength: 8 }),
  raw: flat,
})

export const responseHeads: Fuzzed = {
  name: 'response-heads',
  share: 2,
  roundRuns: 500,
  reaches: ['a head', 'refused', 'a length', 'a trailer'],
  open: async (reached) => {
    const names = new HeaderNames()
    return fc.property(responseHead, ({ raw, ...line }) => {
      const head = timely(raw.join('').length, () => readResponseHead(names, line, raw))
      reached(head.ok ? 'a head' : 'refused')
      const trailers = readTrailers(names, raw)
      if (trailers.length > 0) reached('a trailer')
      checkPassed(trailers.flat(), raw)
      ensure(/^[\t\x20-\x7e]*$/.test(cleanPhrase(line.phrase)), 'a phrase is of one line')
      if (!head.ok) return
      checkPassed(head.headers, raw)
      const passed = namesOf(head.headers)
      for (const each of nominatedIn(raw)) {
        ensure(!passed.includes(each) || each === 'content-length', `${each} was nominated`)
      }
      ensure(Number.isSafeInteger(head.length) && head.length >= -1, 'a length is a count')
      const lengths = head.headers.filter(
        (_, at) => namesOf(head.headers)[(at - 1) / 2] === 'content-length',
      )
      if (lengths.length > 0) reached('a length')
      ensure(
        lengths.every((each) => each === String(head.length).padStart(each.length, '0')),
        'the length that goes on is the length that is counted',
      )
    })
  },
}

const streamHead = fc
  .tuple(
    fc.shuffledSubarray(
      [
        [':method', 'GET'],
        [':scheme', 'https'],
        [':authority', 'a.test'],
        [':path', '/'],
      ],
      { minLength: 3 },
    ),
    fc.array(
      fc.tuple(
        fc.oneof(
          name.map((each) => each.toLowerCase()),
          name,
          fc.constantFrom('host', 'cookie', 'cookie'),
        ),
        value,
      ),
      { maxLength: 4 },
    ),
  )
  .map(([pseudo, headers]) => [...pseudo, ...headers].flat())

export const streamHeads: Fuzzed = {
  name: 'stream-heads',
  share: 2,
  roundRuns: 500,
  reaches: ['a head', 'refused'],
  open: async (reached) => {
    const names = new HeaderNames()
    return fc.property(streamHead, fc.boolean(), (raw, bodiless) => {
      const head = timely(raw.join('').length, () => readStreamHead(raw, bodiless))
      reached(head.ok ? 'a head' : 'refused')
      if (!head.ok) return
      ensure(
        !namesOf(head.rawHeaders).some((each) => each.startsWith(':')),
        'no pseudo-header is left',
      )
      const front = readHead(names, { ...head, httpVersion: '2.0' }, defaultLimits)
      if (front.ok) ensure(front.host !== null, 'a head that is read has a host')
    })
  },
}
