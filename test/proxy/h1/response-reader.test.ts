/** The reader of responses by table: what is whole, what is not yet, and what is none. */
import { test } from 'tap'
import { bytesOf, type Reading, readWhole, type Whole } from './read-whole.ts'

const ok = 'HTTP/1.1 200 OK\r\n'
const chunked = `${ok}Transfer-Encoding: chunked\r\n\r\n`

const whole: readonly [string, string, Partial<Whole>, Reading?][] = [
  ['a length', `${ok}Content-Length: 5\r\n\r\nhello`, { body: 'hello', keepsAlive: true }],
  ['no body', `${ok}Content-Length: 0\r\n\r\n`, { body: '', keepsAlive: true }],
  ['a length with zeros', `${ok}Content-Length: 005\r\n\r\nhello`, { body: 'hello' }],
  ['what comes behind', `${ok}Content-Length: 1\r\n\r\nabc`, { body: 'a', left: 2 }],
  ['no phrase', 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', { phrase: '' }],
  ['an empty phrase', 'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n', { phrase: '' }],
  ['an old phrase', 'HTTP/1.1 200 Tr\xe8s\r\nContent-Length: 0\r\n\r\n', { phrase: 'Tr\xe8s' }],
  [
    'white space',
    `${ok}X: \t a b \t\r\nContent-Length:0\r\n\r\n`,
    { headers: ['X', 'a b', 'Content-Length', '0'] },
  ],
  [
    'an empty value',
    `${ok}X:\r\nContent-Length: 0\r\n\r\n`,
    { headers: ['X', '', 'Content-Length', '0'] },
  ],
  [
    'chunks',
    `${chunked}5\r\nhello\r\n006;a="b\\"; =";c;d=e\r\n world\r\n0\r\n\r\n`,
    { body: 'hello world', keepsAlive: true },
  ],
  [
    'capital digits',
    `${chunked}A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n`,
    { body: '01234567890123456789' },
  ],
  [
    'trailers',
    `${chunked}0;x\r\nA: b\r\nC: d\r\n\r\n`,
    { body: '', trailers: ['A', 'b', 'C', 'd'] },
  ],
  [
    'interim answers',
    `HTTP/1.1 100\r\nX: y\r\n\r\nHTTP/1.1 103 Early\r\n\r\n${ok}Content-Length: 1\r\n\r\na`,
    { body: 'a', status: 200 },
  ],
  [
    'a body until the end',
    `${ok}\r\nhello`,
    { body: 'hello', keepsAlive: false },
    { closes: true },
  ],
  ['an empty one', `${ok}\r\n`, { body: '', keepsAlive: false }, { closes: true }],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na', { keepsAlive: false }],
  [
    'HTTP/1.0 that stays',
    'HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\na',
    { keepsAlive: true },
  ],
  ['a close', `${ok}Connection: x, Close\r\nContent-Length: 1\r\n\r\na`, { keepsAlive: false }],
  ['HEAD', `${ok}Content-Length: 5\r\n\r\n`, { body: '', keepsAlive: false }, { method: 'HEAD' }],
  ['HEAD in chunks', chunked, { body: '', keepsAlive: false }, { method: 'HEAD' }],
  ['204', 'HTTP/1.1 204 No\r\n\r\n', { body: '', keepsAlive: true }],
  [
    '204 with a length',
    'HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\nabc',
    { body: '', keepsAlive: false, left: 3 },
  ],
  ['304', 'HTTP/1.1 304 Same\r\nContent-Length: 3\r\n\r\n', { body: '', keepsAlive: false }],
]

test('a response is read the same in one piece, in two, and byte by byte', async (t) => {
  for (const [name, text, expected, reading] of whole) {
    const bytes = bytesOf(text)
    const once = readWhole([bytes], reading)
    t.match(once, { end: 'whole', ...expected }, name)
    for (let at = 1; at < bytes.length; at += 1) {
      const twice = readWhole([bytes.subarray(0, at), bytes.subarray(at)], reading)
      t.strictSame(twice, once, `${name}, cut at ${at}`)
    }
    const singly = [...bytes].map((byte) => Buffer.from([byte]))
    t.strictSame(readWhole(singly, reading), once, `${name}, byte by byte`)
  }
})

const noResponse: Readonly<Record<string, string>> = {
  'no HTTP': 'NOT HTTP AT ALL\r\n\r\n',
  'noise without a line': 'x',
  'another version': 'HTTP/1.2 200 OK\r\n\r\n',
  'HTTP/2': 'HTTP/2.0 200 OK\r\n\r\n',
  'a lower-case name': 'http/1.1 200 OK\r\n\r\n',
  'two spaces': 'HTTP/1.1  200 OK\r\n\r\n',
  'a tab': 'HTTP/1.1\t200 OK\r\n\r\n',
  'two digits': 'HTTP/1.1 20 OK\r\n\r\n',
  'four digits': 'HTTP/1.1 2000 OK\r\n\r\n',
  'status 0': 'HTTP/1.1 099 OK\r\n\r\n',
  'a word for a status': 'HTTP/1.1 OK 200\r\n\r\n',
  'an empty line first': `\r\n${ok}\r\n`,
  'a space first': ` ${ok}\r\n`,
  'a bare LF behind the status line': 'HTTP/1.1 200 OK\nContent-Length: 0\n\n',
  'a bare LF behind a header': `${ok}X: y\nContent-Length: 0\r\n\r\n`,
  'a bare LF at the end': `${ok}Content-Length: 0\r\n\n`,
  'a bare CR in a value': `${ok}X: a\rb\r\n\r\n`,
  'two CRs': `${ok}X: a\r\r\n\r\n`,
  'a folded line': `${ok}X: a\r\n b\r\n\r\n`,
  'a folded line by a tab': `${ok}X: a\r\n\tb\r\n\r\n`,
  'a folded line first': `${ok} X: a\r\n\r\n`,
  'a NUL': `${ok}X: a\0b\r\n\r\n`,
  'a DEL': `${ok}X: a\x7fb\r\n\r\n`,
  'a NUL in the phrase': 'HTTP/1.1 200 O\0K\r\n\r\n',
  'no colon': `${ok}X\r\n\r\n`,
  'no name': `${ok}: x\r\n\r\n`,
  'a space before the colon': `${ok}Content-Length : 0\r\n\r\n`,
  'a name in brackets': `${ok}(X): y\r\n\r\n`,
  'a name of old bytes': `${ok}X\xe9: y\r\n\r\n`,
  'an endless line': `${ok}X: ${'a'.repeat(2000)}`,
  'too many interim answers': 'HTTP/1.1 102 On\r\n\r\n'.repeat(65),
}

const unframed: Readonly<Record<string, string>> = {
  '101': 'HTTP/1.1 101 Switching Protocols\r\n\r\n',
  'a length and chunks': `${ok}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n`,
  'two lengths': `${ok}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`,
  'a list of lengths': `${ok}Content-Length: 3, 3\r\n\r\nabc`,
  'a length with a sign': `${ok}Content-Length: +3\r\n\r\nabc`,
  'a negative length': `${ok}Content-Length: -3\r\n\r\nabc`,
  'a length in hex': `${ok}Content-Length: 0x3\r\n\r\nabc`,
  'an empty length': `${ok}Content-Length:\r\n\r\nabc`,
  'a length of no number': `${ok}Content-Length: 9007199254740993\r\n\r\nabc`,
  'gzip and chunks': `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  identity: `${ok}Transfer-Encoding: identity\r\n\r\n0\r\n\r\n`,
  'chunks twice': `${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'chunks in HTTP/1.0': 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
}

const badChunks: Readonly<Record<string, string>> = {
  'no size': '\r\n',
  'an extension alone': ';a\r\n',
  'a word': 'z\r\n',
  'a sign': '+5\r\nhello\r\n',
  'a prefix': '0x5\r\nhello\r\n',
  'a space behind the size': '5 \r\nhello\r\n',
  'a space before the size': ' 5\r\nhello\r\n',
  'a bare LF': '5\nhello\r\n',
  'too many digits': `${'0'.repeat(13)}5\r\nhello\r\n`,
  'a size of no number': 'fffffffffffffff\r\n',
  'a chunk that is longer': '5\r\nhello!\r\n0\r\n\r\n',
  'a chunk without its end': '5\r\nhello0\r\n\r\n',
  'a bare LF behind a chunk': '5\r\nhello\n0\r\n\r\n',
  'a control character': '5;\0\r\nhello\r\n',
  'a bare LF in an extension': '5;a\nb\r\nhello\r\n',
  'an extension without a name': '5;\r\nhello\r\n',
  'an extension without a value': '5;a=\r\nhello\r\n',
  'an extension of two values': '5;a=b=c\r\nhello\r\n',
  'an extension with a colon': '5;a:b\r\nhello\r\n',
  'an extension that goes on behind its quote': '5;a="b"c\r\nhello\r\n',
  'long extensions': `5;${'a'.repeat(5000)}\r\nhello\r\n`,
  'many extensions': '1;aaaaaaaaaaaaaaaa\r\na\r\n'.repeat(300),
  'a folded trailer': '0\r\nA: b\r\n c\r\n\r\n',
  'no trailer': '0\r\nA\r\n\r\n',
  'long trailers': `0\r\nA: ${'a'.repeat(2000)}\r\n\r\n`,
}

test('what two readers could read in two ways is no response', async (t) => {
  for (const [name, text] of Object.entries(noResponse)) {
    t.match(readWhole([bytesOf(text)]), { end: 'fault', status: 0 }, name)
  }
  for (const [name, text] of Object.entries(unframed)) {
    const { end, fault, status } = readWhole([bytesOf(text)])
    t.match({ end, fault, status }, { end: 'fault', status: 0, fault: /^The upstream / }, name)
  }
  for (const [name, text] of Object.entries(badChunks)) {
    t.match(readWhole([bytesOf(chunked + text)]), { end: 'fault', status: 200 }, name)
  }
})

test('half a response is none when the connection ends', async (t) => {
  for (const text of [
    '',
    'HTTP/1.1 2',
    ok,
    `${ok}Content-Length: 5\r\n\r\nhell`,
    `${chunked}5\r\nhello\r\n`,
    `${chunked}0\r\n`,
    `${chunked}0\r\nA: b\r\n`,
  ]) {
    t.match(readWhole([bytesOf(text)]), { end: 'open' }, JSON.stringify(text))
    t.match(readWhole([bytesOf(text)], { closes: true }), { end: 'fault' }, JSON.stringify(text))
  }
})

test('a header section is bounded, however it comes, and the next one begins anew', async (t) => {
  const long = `${ok}X: ${'a'.repeat(900)}\r\nContent-Length: 0\r\n\r\n`
  const longer = `${ok}X: ${'a'.repeat(1000)}\r\nContent-Length: 0\r\n\r\n`
  const pieces = (text: string): Buffer[] => (text.match(/[\s\S]{1,7}/g) ?? []).map(bytesOf)
  t.match(readWhole(pieces(long)), { end: 'whole' })
  t.match(readWhole([bytesOf(longer)]), { end: 'fault' })
  t.match(readWhole(pieces(longer)), { end: 'fault' })
  const interim = `HTTP/1.1 103 Early\r\nX: ${'a'.repeat(700)}\r\n\r\n`
  t.match(readWhole(pieces(interim + interim + long)), { end: 'whole' })
})
