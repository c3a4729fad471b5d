/** Answers of an origin that frame themselves in two ways, break off, come early, or never end. */
import type { Case, Script, Topic } from '../case.ts'
import { ask, get, kib, post, served } from './bytes.ts'

const head = 'HTTP/1.1 200 OK\r\n'
const second = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Second: yes\r\n\r\nsecond'

/** The client never takes what stands in an answer, or behind it, for another answer. */
const faulty: readonly Case[] = [
  [
    'two lengths that differ',
    `${head}Content-Length: 5\r\nContent-Length: 2\r\n\r\nhello${second}`,
  ],
  ['two lengths that agree', `${head}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`],
  [
    'a length and chunks',
    `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${second}`,
  ],
  [
    'chunks and a length',
    `${head}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${second}`,
  ],
  ['a negative length', `${head}Content-Length: -5\r\n\r\nhello${second}`],
  ['a length with a sign', `${head}Content-Length: +5\r\n\r\nhello${second}`],
  ['a length in hexadecimal', `${head}Content-Length: 0x5\r\n\r\nhello${second}`],
  ['a length that is no number', `${head}Content-Length: five\r\n\r\nhello${second}`],
  ['a list of lengths', `${head}Content-Length: 5, 5\r\n\r\nhello${second}`],
  [
    'an unknown coding',
    `${head}Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\nhello${second}`,
  ],
  [
    'chunked twice',
    `${head}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${second}`,
  ],
  ['chunked, identity', `${head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${second}`],
  [
    'a coding folded to the next line',
    `${head}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n${second}`,
  ],
  ['a folded header', `${head}X-A: b\r\n c\r\nContent-Length: 5\r\n\r\nhello`],
  [
    'a space before the colon',
    `${head}Content-Length : 5\r\nContent-Length: 2\r\n\r\nhello${second}`,
  ],
  ['a bare LF between headers', `${head}X-A: b\nContent-Length: 5\r\n\r\nhello${second}`],
  [
    'a bare CR between headers',
    `${head}X-A: b\rContent-Length: 2\r\nContent-Length: 5\r\n\r\nhello`,
  ],
  ['a NUL in a value', `${head}X-A: b\x00c\r\nContent-Length: 5\r\n\r\nhello`],
  [
    'a chunk size with 0x',
    `${head}Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n${second}`,
  ],
  [
    'a negative chunk size',
    `${head}Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n${second}`,
  ],
  [
    'a chunk size above 2^64',
    `${head}Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n`,
  ],
  ['a status line of another protocol', `SSH-2.0-OpenSSH_9.0\r\n\r\n`],
  ['no status line', `hello, world\r\n\r\n`],
  ['a status of two digits', `HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\nhello`],
  ['a status of four digits', `HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nhello`],
  ['HTTP/2.0', `HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello`],
].map(
  ([name = '', text = '']): Case => ({
    name: `the origin answers with ${name}`,
    why: 'RFC 9112 6.3 and 8: response splitting and response queue poisoning',
    send: [`${get('/a')}`],
    answer: [text, { act: 'end' }],
    // Whole or not: one answer at most, and never a second one out of the first.
    expect: { outcome: 'answered', requests: [1, 2], status: [200, 500, 502, 503, 504] },
  }),
)

const surplus: readonly Case[] = [
  {
    name: 'a second answer that nobody asked for reaches nobody',
    why: 'RFC 9112 9.2: an answer without a request is not a response to a later one',
    send: [get('/one'), { hear: 'first' }, get('/two')],
    answer: [`${head}Content-Length: 5\r\n\r\nfirst${second}`],
    expect: {
      outcome: 'served',
      requests: [1, 2],
      answers: 2,
      clientLacks: [/X-Second[\s\S]*X-Second/],
    },
  },
  {
    name: 'bytes behind the length of an answer reach nobody',
    why: 'RFC 9112 9.2',
    send: [get('/a')],
    answer: [`${head}Content-Length: 5\r\n\r\nhello surplus`],
    expect: { outcome: 'served', clientLacks: [/surplus/] },
  },
  {
    name: 'a body of a 304 reaches nobody',
    why: 'RFC 9110 15.4.5: a 304 has no content',
    send: [get('/a', 'If-None-Match: "a"')],
    answer: [`HTTP/1.1 304 Not Modified\r\nContent-Length: ${second.length}\r\n\r\n${second}`],
    expect: { outcome: 'served', clientLacks: [/second$/] },
  },
  {
    name: 'a body of a 204 reaches nobody',
    why: 'RFC 9110 15.3.5: a 204 has no content',
    send: [get('/a')],
    answer: [`HTTP/1.1 204 No Content\r\n\r\n${second}`],
    expect: { outcome: 'served', clientLacks: [/second/] },
  },
  {
    name: 'a body of the answer to HEAD reaches nobody',
    why: 'RFC 9110 9.3.2',
    send: [ask('HEAD', '{base}/a')],
    answer: [`${head}Content-Length: ${second.length}\r\n\r\n${second}`],
    expect: { outcome: 'served', clientLacks: [/second$/] },
  },
]

const interim: readonly Case[] = [
  {
    name: '101 that nobody asked for opens nothing',
    why: 'RFC 9110 15.2.2: only in answer to Upgrade',
    send: [get('/a')],
    answer: [
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nraw bytes',
    ],
    expect: { outcome: 'cut', requests: [1, 2], clientLacks: [/raw bytes/] },
    haltgate: { status: 502, code: 'upstream-protocol' },
  },
  {
    name: 'interim answers do not stand for the final one',
    why: 'RFC 9110 15.2',
    send: [get('/a')],
    answer: [`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${head}Content-Length: 2\r\n\r\nok`],
    expect: { outcome: 'served', clientHas: [/ok$/] },
  },
  {
    name: '100 that nobody asked for does not stand for the final one',
    why: 'RFC 9110 15.2.1',
    send: [get('/a')],
    answer: [`HTTP/1.1 100 Continue\r\n\r\n${head}Content-Length: 2\r\n\r\nok`],
    expect: { outcome: 'served', clientHas: [/ok$/] },
  },
  {
    name: 'a flood of interim answers ends',
    why: 'RFC 9110 15.2; CVE-2024-27316 kin: frames without end',
    send: [get('/a')],
    answer: [
      { repeat: `HTTP/1.1 103 Early Hints\r\nX: ${kib(1)}\r\n\r\n`, times: 4000 },
      { act: 'gone' },
    ],
    expect: { outcome: 'cut', requests: [1, 2] },
    unfair: 'a proxy may wait for as long as its timeouts say',
  },
  {
    name: 'headers that never end are cut off',
    why: 'CWE-770: the origin is not trusted either',
    send: [get('/a')],
    answer: [head, { repeat: `X-A: ${kib(1)}\r\n`, times: 2000 }, { act: 'gone' }],
    expect: { outcome: 'cut', requests: [1, 2] },
    haltgate: { status: 502 },
  },
  {
    name: 'a header line that never ends is cut off',
    why: 'CWE-770',
    send: [get('/a')],
    answer: [`${head}X-A: `, { repeat: kib(1), times: 2000 }, { act: 'gone' }],
    expect: { outcome: 'cut', requests: [1, 2] },
    haltgate: { status: 502 },
  },
]

const cue = { cue: 'take' } as const

const broken: readonly (readonly [string, Script])[] = [
  ['closes without an answer', [{ act: 'end' }]],
  ['resets without an answer', [{ act: 'reset' }]],
  ['closes in the status line', ['HTTP/1.1 2', { act: 'end' }]],
  ['closes in the headers', [`${head}Content-Le`, { act: 'end' }]],
  ['closes before its length', [`${head}Content-Length: 100\r\n\r\nhalf`, { act: 'end' }]],
  ['resets before its length', [`${head}Content-Length: 100\r\n\r\nhalf`, cue, { act: 'reset' }]],
  [
    'closes between chunks',
    [`${head}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n`, { act: 'end' }],
  ],
  ['closes in a chunk', [`${head}Transfer-Encoding: chunked\r\n\r\n40\r\nhalf`, { act: 'end' }]],
  [
    'resets between chunks',
    [`${head}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n`, cue, { act: 'reset' }],
  ],
  ['resets a body without a length', [`${head}\r\nhalf`, cue, { act: 'reset' }]],
  ['never says anything', [{ act: 'gone' }]],
  ['stops in the headers', [head, { act: 'gone' }]],
  ['stops in the body', [`${head}Content-Length: 100\r\n\r\nhalf`, { act: 'gone' }]],
]

const breaking: readonly Case[] = broken.map(([name, answer]) => ({
  name: `an origin that ${name} is not made a whole answer`,
  why: 'RFC 9112 8: an incomplete message must not look complete',
  // A reset right behind a piece may come as an ordinary end: the client has heard the piece first.
  send: answer.includes(cue) ? [get('/a'), { hear: 'half' }, { cue: 'give' }] : [get('/a')],
  answer,
  expect: { outcome: 'cut', requests: [1, 3] },
  ...(/never|stops/.test(name)
    ? { unfair: 'a proxy may wait for as long as its timeouts say' }
    : {}),
}))

const early: readonly Case[] = [
  {
    name: 'an answer that comes before the body is passed on',
    why: 'RFC 9112 9.5: a client monitors the connection while it sends',
    send: [post('half', 'Content-Length: 1000'), { hear: 'early' }],
    answer: [`HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nearly`],
    early: true,
    expect: { outcome: 'refused', requests: [1, 1], status: [413], clientHas: [/early/] },
  },
  {
    name: 'what a client sends on after an early answer is no request',
    why: 'RFC 9112 9.6 and 9.3: the rest of the body is still body',
    send: [
      post('half', 'Content-Length: 2000'),
      { hear: 'early' },
      { repeat: get('/hidden'), times: 20 },
    ],
    answer: [`${head}Content-Length: 5\r\n\r\nearly`],
    early: true,
    expect: { outcome: 'served', requests: [1, 1], requestLacks: [/^GET/] },
  },
  {
    name: 'what the origin says of the proxy is not passed on',
    why: 'RFC 9110 11.7: Proxy-Authenticate and its kin belong to the next hop',
    send: [get('/a')],
    answer: [
      `${head}Proxy-Authenticate: Basic\r\nConnection: X-A\r\nX-A: b\r\nContent-Length: 2\r\n\r\nok`,
    ],
    expect: { ...served, clientLacks: [/Proxy-Authenticate|X-A: b/i] },
  },
  {
    name: 'haltgate is not spoken for by an origin',
    why: 'docs/reasons.md: Haltgate-* headers are the gate’s own',
    send: [get('/a')],
    answer: [
      `${head}Haltgate-Decision: deny\r\nHaltgate-Reason: halted\r\nContent-Length: 2\r\n\r\nok`,
    ],
    expect: { ...served, clientLacks: [/Haltgate-Reason/i, /Haltgate-Decision: deny/i] },
    only: 'haltgate',
  },
  {
    name: 'trailers of an answer reach the client, but none that frame',
    why: 'RFC 9110 6.5',
    send: [get('/a', 'TE: trailers')],
    answer: [
      `${head}Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n`,
    ],
    expect: { ...served, clientLacks: [/Content-Length: 9/i] },
  },
]

export const responses: Topic = {
  name: 'responses',
  cases: [...faulty, ...surplus, ...interim, ...breaking, ...early],
}
