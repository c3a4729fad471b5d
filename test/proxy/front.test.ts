/** The strict front, raw bytes on a socket: each malformed request is refused, recorded once and closed. */
import { test } from 'tap'
import { eventually, exchangeRaw, startRawOrigin, startWorld } from './world.ts'

const host = 'Host: a.example\r\n'
const start = `POST http://a.example/ HTTP/1.1\r\n${host}`
const get = (target: string): string => `GET ${target} HTTP/1.1\r\n${host}\r\n`

/** Name, bytes, status; every one is malformed, closes the connection, and reaches neither gate nor origin. */
const malformed: [string, string, number][] = [
  ['two Host headers', `GET http://a.example/ HTTP/1.1\r\n${host}${host}\r\n`, 400],
  ['no Host header', 'GET http://a.example/ HTTP/1.1\r\n\r\n', 400],
  ['userinfo in the target', get('http://user:pass@a.example/'), 400],
  ['an https target', get('https://a.example/'), 400],
  ['an ftp target', get('ftp://a.example/'), 400],
  ['origin-form', get('/metrics'), 400],
  ['origin-form of a control route', get('/api/v1/halts'), 400],
  ['asterisk-form', `OPTIONS * HTTP/1.1\r\n${host}\r\n`, 400],
  ['authority-form without CONNECT', get('a.example:80'), 400],
  ['TRACE', `TRACE http://a.example/ HTTP/1.1\r\n${host}\r\n`, 400],
  ['a fragment', get('http://a.example/#x'), 400],
  ['a raw byte above ASCII in the target', get('http://a.example/\xe9'), 400],
  ['a control character in the target', get('http://a.example/\x01'), 400],
  ['a dot segment', get('http://a.example/a/../b'), 400],
  ['an encoded dot segment', get('http://a.example/a/%2e%2e/b'), 400],
  ['an encoded slash', get('http://a.example/a%2fb'), 400],
  ['an encoded backslash', get('http://a.example/a%5Cb'), 400],
  ['a raw backslash', get('http://a.example/a\\b'), 400],
  ['an empty host', get('http:///'), 400],
  ['an empty label', get('http://a..example/'), 400],
  ['a zone id', get('http://[fe80::1%25eth0]/'), 400],
  ['port 0', get('http://a.example:0/'), 400],
  ['HTTP/0.9', 'GET http://a.example/\r\n\r\n', 400],
  ['HTTP/2.0', `GET http://a.example/ HTTP/2.0\r\n${host}\r\n`, 400],
  ['HTTP/1.2', `GET http://a.example/ HTTP/1.2\r\n${host}\r\n`, 400],
  ['an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['TLS on the plain port', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  [
    'Transfer-Encoding twice',
    `${start}${'Transfer-Encoding: chunked\r\n'.repeat(2)}\r\n0\r\n\r\n`,
    400,
  ],
  [
    'Transfer-Encoding gzip, chunked',
    `${start}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    400,
  ],
  [
    'Transfer-Encoding chunked, gzip',
    `${start}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`,
    400,
  ],
  ['Transfer-Encoding identity', `${start}Transfer-Encoding: identity\r\n\r\n`, 400],
  ['an empty Transfer-Encoding', `${start}Transfer-Encoding: \r\n\r\n`, 400],
  ['Transfer-Encoding in capitals', `${start}Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n`, 400],
  [
    'Transfer-Encoding in HTTP/1.0',
    `POST http://a.example/ HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
  ],
  [
    'Content-Length, then chunked',
    `${start}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
  ],
  [
    'chunked, then Content-Length',
    `${start}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
    400,
  ],
  ['two Content-Lengths', `${start}Content-Length: 2\r\nContent-Length: 2\r\n\r\nab`, 400],
  ['a list of Content-Lengths', `${start}Content-Length: 2, 2\r\n\r\nab`, 400],
  ['a signed Content-Length', `${start}Content-Length: +2\r\n\r\nab`, 400],
  ['a negative Content-Length', `${start}Content-Length: -2\r\n\r\nab`, 400],
  ['a hexadecimal Content-Length', `${start}Content-Length: 0x2\r\n\r\nab`, 400],
  ['a Content-Length with zeros before it', `${start}Content-Length: 002\r\n\r\nab`, 400],
  ['an empty Content-Length', `${start}Content-Length: \r\n\r\n`, 400],
  ['a Content-Length above 2^53', `${start}Content-Length: 9007199254740993\r\n\r\n`, 400],
  ['a folded header', `GET http://a.example/ HTTP/1.1\r\n${host}X: a\r\n b\r\n\r\n`, 400],
  ['a folded header by tab', `GET http://a.example/ HTTP/1.1\r\n${host}X: a\r\n\tb\r\n\r\n`, 400],
  [
    'a fold behind an empty value',
    `GET http://a.example/ HTTP/1.1\r\n${host}X:\r\n b\r\n\r\n`,
    400,
  ],
  ['a NUL in a header', `GET http://a.example/ HTTP/1.1\r\n${host}X: a\x00b\r\n\r\n`, 400],
  [
    'a control character in a header',
    `GET http://a.example/ HTTP/1.1\r\n${host}X: a\x07b\r\n\r\n`,
    400,
  ],
  ['a bare LF behind the request line', `GET http://a.example/ HTTP/1.1\n${host}\r\n`, 400],
  ['a bare LF behind a header', 'GET http://a.example/ HTTP/1.1\r\nHost: a\nX: y\r\n\r\n', 400],
  ['a bare LF at the end', 'GET http://a.example/ HTTP/1.1\r\nHost: a\r\n\n', 400],
  ['a bare CR in a header', 'GET http://a.example/ HTTP/1.1\r\nHost: a\rX: y\r\n\r\n', 400],
  ['a space before the colon', `GET http://a.example/ HTTP/1.1\r\n${host}X : a\r\n\r\n`, 400],
  ['an empty header name', `GET http://a.example/ HTTP/1.1\r\n${host}: a\r\n\r\n`, 400],
  ['a header without colon', `GET http://a.example/ HTTP/1.1\r\n${host}X\r\n\r\n`, 400],
  ['an empty method', ` http://a.example/ HTTP/1.1\r\n${host}\r\n`, 400],
  ['a method in small letters', `get http://a.example/ HTTP/1.1\r\n${host}\r\n`, 400],
  ['a method that nobody knows', `STEAL http://a.example/ HTTP/1.1\r\n${host}\r\n`, 400],
  [
    'Upgrade to h2c',
    `GET http://a.example/ HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n`,
    400,
  ],
  [
    'Upgrade to two things',
    `GET http://a.example/ HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n`,
    400,
  ],
  [
    'Upgrade without Connection',
    `GET http://a.example/ HTTP/1.1\r\n${host}Upgrade: websocket\r\n\r\n`,
    400,
  ],
  [
    'an upgrade with a body',
    `GET http://a.example/ HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc`,
    400,
  ],
  [
    'an upgrade by POST',
    `POST http://a.example/ HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    400,
  ],
  ['CONNECT with a body', 'CONNECT a.example:443 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc', 400],
  [
    'CONNECT with chunks',
    'CONNECT a.example:443 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  ['CONNECT to a URL', 'CONNECT http://a.example/ HTTP/1.1\r\n\r\n', 400],
  ['CONNECT without port', 'CONNECT a.example HTTP/1.1\r\n\r\n', 400],
  ['CONNECT with userinfo', 'CONNECT u@a.example:443 HTTP/1.1\r\n\r\n', 400],
  ['an expectation that nobody knows', `${start}Expect: gold\r\nContent-Length: 0\r\n\r\n`, 417],
  ['a target that is too long', get(`http://a.example/${'x'.repeat(8192)}`), 414],
  [
    'headers that are too long',
    `GET http://a.example/ HTTP/1.1\r\n${host}X: ${'x'.repeat(17_000)}\r\n\r\n`,
    431,
  ],
  [
    'headers that are far too long',
    `GET http://a.example/ HTTP/1.1\r\n${host}X: ${'x'.repeat(70_000)}\r\n\r\n`,
    431,
  ],
  [
    'too many headers',
    `GET http://a.example/ HTTP/1.1\r\n${host}${'X: y\r\n'.repeat(100)}\r\n`,
    431,
  ],
]

test('what is malformed is refused, recorded once and closed, and the gate is not asked', async (t) => {
  const world = await startWorld()
  t.teardown(() => world.close())
  for (const [name, bytes, status] of malformed) {
    const before = world.gate.rejections.length
    const { text, fate } = await exchangeRaw(world.port, bytes, { waitMs: 1500 })
    const code = status === 414 || status === 431 ? 'request-too-large' : 'malformed-request'
    t.ok(text.startsWith(`HTTP/1.1 ${status} `), `${name}: ${text.slice(0, 60)}`)
    t.match(text, `Haltgate-Reason: ${code}\r\n`, name)
    t.match(text, /Connection: close\r\n/, name)
    t.equal(fate, 'ended', `${name}: the connection ends`)
    t.equal(world.gate.rejections.length, before + 1, `${name}: one entry`)
  }
  t.equal(world.gate.admissions.length, 0)
  t.equal(world.openings.length, 0)
})

test('an https target is told to use CONNECT', async (t) => {
  const world = await startWorld()
  t.teardown(() => world.close())
  const { text } = await exchangeRaw(world.port, get('https://a.example/'))
  t.match(text, /use CONNECT host:port/)
})

test('bad chunks are refused though the request has begun, and its end never reaches the origin', async (t) => {
  const world = await startWorld()
  const origin = await startRawOrigin(() => {})
  t.teardown(async () => {
    await world.close()
    await origin.close()
  })
  const head = `POST http://127.0.0.1:${origin.port}/ HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n`
  for (const body of [
    'zz\r\nab\r\n',
    '2\nab\r\n',
    '2\r\nab\n0\r\n\r\n',
    '2\r\nabc\r\n',
    '0x2\r\nab\r\n',
    '2 \r\nab\r\n',
  ]) {
    const { text, fate } = await exchangeRaw(world.port, head + body)
    t.match(text, /^HTTP\/1.1 400 .*malformed-request/, JSON.stringify(body))
    t.equal(fate, 'ended')
  }
  for (const seen of origin.seen) t.notMatch(seen, /\r\n0\r\n\r\n$/)
  for (const { settlements } of world.gate.admissions) t.equal(settlements.length, 1)
})

test('what is unusual and yet right passes the front', async (t) => {
  const world = await startWorld()
  const origin = await startRawOrigin((socket, text) => {
    if (/\r\n\r\n$/.test(text))
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  })
  t.teardown(async () => {
    await world.close()
    await origin.close()
  })
  const base = `http://127.0.0.1:${origin.port}`
  const fine = [
    `GET ${base}/ HTTP/1.0\r\n\r\n`,
    `\r\nGET ${base}/ HTTP/1.1\r\n${host}\r\n`,
    `QUERY ${base}/ HTTP/1.1\r\n${host}\r\n`,
    `GET ${base}/ HTTP/1.1\r\nHost: somebody-else\r\nX: \xe9\r\n\r\n`,
    `GET ${base}/a//b;c=d?e=%2f..%5c HTTP/1.1\r\n${host}\r\n`,
    `PROPFIND ${base}/.well-known HTTP/1.1\r\n${host}\r\n`,
  ]
  for (const bytes of fine) {
    const { text } = await exchangeRaw(world.port, bytes, { waitMs: 1500, until: /\r\n\r\n/ })
    t.match(text, /^HTTP\/1.1 200 OK\r\n/, bytes.slice(0, 60))
  }
  t.match(origin.seen[3], `host: 127.0.0.1:${origin.port}\r\n`, 'Host is regenerated')
  t.notMatch(origin.seen[3], /somebody-else/)
  t.match(origin.seen[3], /X: \xe9\r\n/)
  t.match(origin.seen[4], /^GET \/a\/\/b;c=d\?e=%2f..%5c HTTP/)
})

test('a CONNECT or an upgrade that passed the front is handed on with its facts', async (t) => {
  const world = await startWorld()
  t.teardown(() => world.close())
  await exchangeRaw(
    world.port,
    'CONNECT A.example:443 HTTP/1.1\r\nProxy-Authorization: Basic eA==\r\n\r\nhello',
  )
  t.equal(world.openings.length, 0, 'credentials of nobody')
  await exchangeRaw(world.port, 'CONNECT A.example:443 HTTP/1.1\r\n\r\nhello')
  await exchangeRaw(
    world.port,
    `GET http://a.example/chat?x HTTP/1.1\r\n${host}Connection: X-Hop, Upgrade\r\nUpgrade: WebSocket\r\nX-Hop: 1\r\nX-End: 2\r\nSec-WebSocket-Key: k\r\nHaltgate-Policy-Pin: p\r\n\r\n`,
  )
  const [tunnel, socket] = world.openings
  t.match(tunnel?.facts, {
    kind: 'tunnel',
    method: 'CONNECT',
    host: 'a.example',
    port: 443,
    path: '',
  })
  t.equal(tunnel?.head.toString(), 'hello')
  t.match(socket?.facts, { kind: 'websocket', method: 'GET', path: '/chat', query: 'x', port: 80 })
  t.strictSame(socket?.headers, ['X-End', '2', 'Sec-WebSocket-Key', 'k'])
  t.strictSame(
    { ...socket?.facts.headers },
    {
      'x-end': '2',
      'sec-websocket-key': 'k',
      'haltgate-policy-pin': 'p',
    },
  )
})

test('a CONNECT behind a request that is not answered yet is cut off', async (t) => {
  const world = await startWorld()
  t.teardown(() => world.close())
  world.gate.script.admit = () => new Promise(() => {})
  const bytes = `${get('http://a.example/')}CONNECT a.example:443 HTTP/1.1\r\n\r\n`
  const { text, fate } = await exchangeRaw(world.port, bytes)
  t.equal(text, '')
  t.not(fate, 'open')
  t.equal(world.openings.length, 0)
  await eventually(() => world.gate.rejections.length === 1)
})
