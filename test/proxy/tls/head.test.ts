/** The header section of a stream, read into the head of a request: what is malformed never becomes one. */
import { test } from 'tap'
import { fieldsOf, repeated } from '../../../proxy/h2/fields.ts'
import { readStreamHead } from '../../../proxy/h2/head.ts'

const pseudo = [':method', 'POST', ':scheme', 'https', ':authority', 'a.example', ':path', '/x?y=1']

test('a head keeps order, duplicates and values, and says Host first', async (t) => {
  const rows: readonly (readonly [string, readonly string[], boolean, readonly string[]])[] = [
    ['a GET', [], true, ['host', 'a.example']],
    [
      'a body of unknown length is chunked',
      ['x-a', '1', 'x-b', '', 'x-a', '2'],
      false,
      ['host', 'a.example', 'x-a', '1', 'x-b', '', 'x-a', '2', 'transfer-encoding', 'chunked'],
    ],
    [
      'a body of known length is not',
      ['content-length', '3', 'te', 'trailers'],
      false,
      ['host', 'a.example', 'content-length', '3', 'te', 'trailers'],
    ],
    [
      'a cookie that came apart is one again',
      ['cookie', 'a=1', 'x-a', '1', 'cookie', 'b=2', 'cookie', 'c=3'],
      true,
      ['host', 'a.example', 'cookie', 'a=1; b=2; c=3', 'x-a', '1'],
    ],
    ['Host that agrees', ['host', 'A.example'], true, ['host', 'a.example']],
    ['Host that differs', ['host', 'b.example'], true, ['host', 'a.example', 'host', 'b.example']],
  ]
  for (const [name, headers, bodiless, expected] of rows) {
    const head = readStreamHead([...pseudo, ...headers], bodiless)
    t.match(head, { ok: true, method: 'POST', url: '/x?y=1', rawHeaders: expected }, name)
  }
  const byHost = readStreamHead(
    [
      ':method',
      'OPTIONS',
      ':scheme',
      'https',
      ':path',
      '*',
      'host',
      'h.example',
      'expect',
      '100-continue',
    ],
    true,
  )
  t.match(byHost, { ok: true, url: '*', expect: '100-continue' })
})

test('whatever RFC 9113 calls malformed is no request', async (t) => {
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ['no :method', pseudo.slice(2)],
    ['no :scheme', [...pseudo.slice(0, 2), ...pseudo.slice(4)]],
    ['no :path', pseudo.slice(0, 6)],
    ['an empty :path', [...pseudo.slice(0, 7), '']],
    ['a :path that is none', [...pseudo.slice(0, 7), 'http://b.example/']],
    ['neither :authority nor Host', [...pseudo.slice(0, 4), ...pseudo.slice(6)]],
    ['an empty :authority', [...pseudo.slice(0, 5), '', ...pseudo.slice(6)]],
    [':path twice', [...pseudo, ':path', '/z']],
    [':method twice', [...pseudo, ':method', 'GET']],
    [':status', [...pseudo, ':status', '200']],
    [':protocol', [...pseudo, ':protocol', 'websocket']],
    ['a pseudo-header behind a header', [...pseudo.slice(0, 6), 'x-a', '1', ':path', '/']],
    ['a pseudo-header behind Host', [...pseudo.slice(0, 6), 'host', 'a.example', ':path', '/']],
    ['another scheme', [...pseudo.slice(0, 3), 'http', ...pseudo.slice(4)]],
    ['CONNECT', [':method', 'CONNECT', ...pseudo.slice(2)]],
    ['a method with a space', [':method', 'GET /', ...pseudo.slice(2)]],
    ['upper case', [...pseudo, 'X-A', '1']],
    ['an empty name', [...pseudo, '', '1']],
    ['a name with a space', [...pseudo, 'x a', '1']],
    ['a value with a line end', [...pseudo, 'x-a', '1\r\nx-b: 2']],
    ['a value with NUL', [...pseudo, 'x-a', '\0']],
    ['a value that begins with a space', [...pseudo, 'x-a', ' 1']],
    ['a value that ends with a tab', [...pseudo, 'x-a', '1\t']],
    ['a path with a line end', [...pseudo.slice(0, 7), '/\n']],
    ['another TE', [...pseudo, 'te', 'gzip']],
    ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'].map(
      (name) => [name, [...pseudo, name, 'x']] as const,
    ),
  ]
  for (const [name, raw] of rows) t.match(readStreamHead(raw, true), { ok: false }, name)
})

test('fields repeat what may be repeated, and drop what is of one hop', async (t) => {
  const fields = fieldsOf([
    'Set-Cookie',
    'a',
    'X-A',
    '1',
    'set-cookie',
    'b',
    'ETag',
    '1',
    'etag',
    '2',
    'Connection',
    'x',
    'TE',
    'y',
  ])
  t.same({ ...fields }, { 'set-cookie': ['a', 'b'], 'x-a': '1', etag: '1' })
  t.same(Object.keys({ ...fieldsOf(['__proto__', 'x']) }), ['__proto__'])
  t.equal(repeated(['accept', '1', 'accept', '2']), null)
  t.equal(repeated(['Authorization', '1', 'authorization', '2']), 'authorization')
})
