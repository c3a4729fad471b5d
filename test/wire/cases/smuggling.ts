/** Framing that two readers could take in two ways, from client to origin: TE.CL, CL.TE, CL.CL and their kin. */
import { type Case, type Expect, sizeOf, type Topic } from '../case.ts'
import { chunked, hidden, host, malformed, post } from './bytes.ts'

const linhart = 'Linhart et al. 2005, HTTP Request Smuggling; RFC 9112 6.1'
const kettle = 'Kettle 2019, HTTP Desync Attacks; RFC 9112 6.1'

/** One request or two, as long as the proxy answers as many as the origin sees. */
const agreed: Expect = { outcome: 'safe', requests: [0, 2], answers: 2 }
const whole = 5 + sizeOf(hidden)
const size = sizeOf(hidden).toString(16)

const lengthAndCoding: readonly Case[] = [
  {
    name: 'CL.TE: a length for all, chunks that end before',
    why: linhart,
    send: [chunked(`0\r\n\r\n${hidden}`, `Content-Length: ${whole}`)],
    expect: agreed,
    haltgate: malformed,
  },
  {
    name: 'TE.CL: chunks for all, a length that ends before',
    why: linhart,
    send: [chunked(`${size}\r\n${hidden}\r\n0\r\n\r\n`, `Content-Length: ${size.length + 2}`)],
    expect: agreed,
    haltgate: malformed,
  },
  {
    name: 'Content-Length: 0 with chunks',
    why: kettle,
    send: [chunked('5\r\nhello\r\n0\r\n\r\n', 'Content-Length: 0')],
    expect: agreed,
    haltgate: malformed,
  },
  {
    name: 'a chunked body in HTTP/1.0',
    why: 'RFC 9112 6.1: Transfer-Encoding in HTTP/1.0 is faulty framing',
    send: [
      `POST {base}/post HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
    ],
    expect: agreed,
    haltgate: malformed,
  },
]

const lengths: readonly Case[] = [
  ['two lengths that differ', 'Content-Length: 5\r\nContent-Length: 6'],
  ['two lengths that agree', 'Content-Length: 5\r\nContent-Length: 5'],
  ['a list of lengths', 'Content-Length: 5, 5'],
  ['a list of lengths that differ', 'Content-Length: 5, 6'],
  ['a length with a sign', 'Content-Length: +5'],
  ['a negative length', 'Content-Length: -5'],
  ['a length in hexadecimal', 'Content-Length: 0x5'],
  ['a length with a fraction', 'Content-Length: 5.0'],
  ['a length with an exponent', 'Content-Length: 5e0'],
  ['a length with a space inside', 'Content-Length: 5 5'],
  ['a length with an underscore', 'Content-Length: 5_0'],
  ['a length in quotes', 'Content-Length: "5"'],
  ['an empty length', 'Content-Length:'],
  ['a length in full-width digits', 'Content-Length: \xef\xbc\x95'],
  ['a length with a vertical tab before', 'Content-Length: \x0b5'],
  ['a length with a form feed behind', 'Content-Length: 5\x0c'],
  ['a length above 2^63', 'Content-Length: 9223372036854775813'],
  ['a length above 2^64', 'Content-Length: 18446744073709551621'],
  ['a length with leading zeros', 'Content-Length: 0000000005'],
  ['a length with a space before the colon', 'Content-Length : 5'],
  ['a length folded to the next line', 'Content-Length:\r\n 5'],
  ['a length behind a bare CR', 'X-A: b\rContent-Length: 5'],
  ['a length behind a bare LF', 'X-A: b\nContent-Length: 5'],
].map(([name = '', header = '']) => ({
  name,
  why: 'RFC 9112 6.3 and RFC 9110 8.6: a Content-Length is digits, once',
  send: [`POST {base}/post HTTP/1.1\r\n${host}${header}\r\n\r\nhello${hidden}`],
  expect: agreed,
  haltgate: { status: 400, entries: [] },
}))

const codings: readonly Case[] = [
  ['xchunked', 'Transfer-Encoding: xchunked'],
  ['chunkedx', 'Transfer-Encoding: chunkedx'],
  ['chunked in quotes', 'Transfer-Encoding: "chunked"'],
  ['chunked in single quotes', "Transfer-Encoding: 'chunked'"],
  ['chunked with a parameter', 'Transfer-Encoding: chunked;q=1'],
  ['chunked, identity', 'Transfer-Encoding: chunked, identity'],
  ['identity, chunked', 'Transfer-Encoding: identity, chunked'],
  ['gzip, chunked', 'Transfer-Encoding: gzip, chunked'],
  ['chunked, gzip', 'Transfer-Encoding: chunked, gzip'],
  ['chunked, chunked', 'Transfer-Encoding: chunked, chunked'],
  ['a comma before chunked', 'Transfer-Encoding: , chunked'],
  ['a comma behind chunked', 'Transfer-Encoding: chunked,'],
  ['identity', 'Transfer-Encoding: identity'],
  ['an empty coding', 'Transfer-Encoding:'],
  ['chunked in capitals', 'Transfer-Encoding: CHUNKED'],
  ['chunked with a capital', 'transfer-encoding: Chunked'],
  ['chunked twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked'],
  ['chunked, then identity', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity'],
  ['identity, then chunked', 'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked'],
  ['a tab before chunked', 'Transfer-Encoding:\tchunked'],
  ['no space before chunked', 'Transfer-Encoding:chunked'],
  ['spaces around chunked', 'Transfer-Encoding:   chunked   '],
  ['a space before the colon', 'Transfer-Encoding : chunked'],
  ['a tab before the colon', 'Transfer-Encoding\t: chunked'],
  ['a space before the name', ' Transfer-Encoding: chunked'],
  ['a vertical tab before chunked', 'Transfer-Encoding: \x0bchunked'],
  ['a NUL behind chunked', 'Transfer-Encoding: chunked\x00'],
  ['a byte above ASCII behind chunked', 'Transfer-Encoding: chunked\xff'],
  ['a no-break space before chunked', 'Transfer-Encoding: \xa0chunked'],
  ['chunked folded to the next line', 'Transfer-Encoding:\r\n chunked'],
  ['chunked folded by a tab', 'Transfer-Encoding:\r\n\tchunked'],
  ['chunked behind a bare CR', 'X-A: b\rTransfer-Encoding: chunked'],
  ['chunked behind a bare LF', 'X-A: b\nTransfer-Encoding: chunked'],
  ['a bare CR behind chunked', 'Transfer-Encoding: chunked\r'],
  ['an underscore for the hyphen', 'Transfer_Encoding: chunked'],
].map(([name = '', header = '']): Case => {
  return {
    name: `a length and Transfer-Encoding: ${name}`,
    why: `${kettle}; 6.3 for both fields at once`,
    send: [
      `POST {base}/post HTTP/1.1\r\n${host}Content-Length: ${whole}\r\n${header}\r\n\r\n0\r\n\r\n${hidden}`,
    ],
    expect: agreed,
    ...(name.startsWith('an underscore') ? {} : { haltgate: { status: 400, entries: [] } }),
  }
})

const chunks: readonly Case[] = [
  ['a chunk size with 0x', '0x5\r\nhello\r\n0\r\n\r\n'],
  ['a negative chunk size', '-5\r\nhello\r\n0\r\n\r\n'],
  ['a chunk size with a sign', '+5\r\nhello\r\n0\r\n\r\n'],
  ['an empty chunk size', '\r\nhello\r\n0\r\n\r\n'],
  ['a chunk size that is no number', 'zz\r\nhello\r\n0\r\n\r\n'],
  ['a chunk size above 2^64', '10000000000000005\r\nhello\r\n0\r\n\r\n'],
  ['a chunk size of 17 hexadecimal digits', 'ffffffffffffffff5\r\nhello\r\n0\r\n\r\n'],
  ['a chunk size with an underscore', '0_5\r\nhello\r\n0\r\n\r\n'],
  ['a space before the chunk size', ' 5\r\nhello\r\n0\r\n\r\n'],
  ['a space behind the chunk size', '5 \r\nhello\r\n0\r\n\r\n'],
  ['a chunk size in full-width digits', '\xef\xbc\x95\r\nhello\r\n0\r\n\r\n'],
  ['a bare LF behind the chunk size', '5\nhello\r\n0\r\n\r\n'],
  ['a bare CR behind the chunk size', '5\rhello\r\n0\r\n\r\n'],
  ['a bare LF behind the chunk', '5\r\nhello\n0\r\n\r\n'],
  ['no line end behind the chunk', '5\r\nhello0\r\n\r\n'],
  ['a chunk that is longer than it says', '5\r\nhello world\r\n0\r\n\r\n'],
  ['two bytes in place of the line end', '5\r\nhelloXX0\r\n\r\n'],
  ['a bare LF in a chunk extension', '5;a\nb\r\nhello\r\n0\r\n\r\n'],
  ['a bare CR in a chunk extension', '5;a\rb\r\nhello\r\n0\r\n\r\n'],
  ['a NUL in a chunk extension', '5;a\x00b\r\nhello\r\n0\r\n\r\n'],
  ['a NUL in the chunk size', '5\x00\r\nhello\r\n0\r\n\r\n'],
  ['a bare LF at the end of the last chunk', '5\r\nhello\r\n0\n\n'],
  ['a trailer with a space before the colon', '5\r\nhello\r\n0\r\nX-A : b\r\n\r\n'],
  ['a trailer without a name', '5\r\nhello\r\n0\r\n: b\r\n\r\n'],
  ['a folded trailer', '5\r\nhello\r\n0\r\nX-A: b\r\n c\r\n\r\n'],
].map(
  ([name = '', body = '']): Case => ({
    name,
    why: 'RFC 9112 7.1; CVE-2022-35256, CVE-2023-26049 and Jaeckel 2025 (chunk extensions, line ends)',
    send: [chunked(`${body}${hidden}`)],
    // Refused in the middle of it: what the origin got so far must not be a whole request with another one behind.
    expect: agreed,
  }),
)

const endings: readonly Case[] = [
  {
    name: 'chunk extensions do not change the body',
    why: 'RFC 9112 7.1.1: an unknown chunk extension is ignored',
    send: [chunked('5;a=b;c="d"\r\nhello\r\n0;e\r\n\r\n')],
    expect: { outcome: 'safe', requestHas: [/hello/] },
  },
  {
    name: 'chunk extensions without end are refused',
    why: 'CVE-2024-22019: unbounded chunk extensions',
    send: [chunked('5;'), { repeat: 'a'.repeat(1024), times: 512 }],
    expect: { outcome: 'refused', requests: [0, 1], closes: true },
  },
  {
    name: 'trailers that frame or name a host do not reach the origin as headers',
    why: 'RFC 9110 6.5.1: trailers must not frame, route or authenticate',
    send: [
      chunked(
        '5\r\nhello\r\n0\r\nContent-Length: 3\r\nHost: denied.test\r\nTransfer-Encoding: x\r\n\r\n',
      ),
    ],
    expect: {
      outcome: 'safe',
      requestLacks: [/Content-Length: 3|denied\.test|Transfer-Encoding: x/i],
    },
  },
  {
    name: 'a last chunk that never comes is no whole request',
    why: 'RFC 9112 8: an incomplete message',
    send: [chunked('5\r\nhello\r\n'), { act: 'end' }],
    expect: { outcome: 'refused', requests: [0, 1], closes: true },
  },
  {
    name: 'a body that is shorter than its length is no whole request',
    why: 'RFC 9112 8',
    send: [post('hell', 'Content-Length: 5'), { act: 'end' }],
    expect: { outcome: 'refused', requests: [0, 1], closes: true },
  },
  {
    name: 'what stands behind a body is a request of its own, and judged',
    why: 'RFC 9112 9.3.2: pipelining',
    send: [
      `${post('hello', 'Content-Length: 5')}GET http://denied.test/{id}/ HTTP/1.1\r\nHost: denied.test\r\n\r\n`,
    ],
    expect: { outcome: 'safe', requests: [1, 1], answers: 2, requestLacks: [/denied/] },
    haltgate: { entries: ['decision allow', 'settlement settled'] },
  },
]

export const smuggling: Topic = {
  name: 'smuggling',
  cases: [...lengthAndCoding, ...lengths, ...codings, ...chunks, ...endings],
}
