/** What no client should send: broken bytes, half requests, resets, anything at all; the listener lives. */
import { connect } from 'node:net'
import fc from 'fast-check'
import { test } from 'tap'
import { openControl, raw, token } from './world.ts'
import '../kernel/seed.ts'

/** Raw bytes, and the status line they must get; empty where the socket may just end. */
const hostile: readonly (readonly [string, string, RegExp])[] = [
  ['no HTTP', 'hello\r\n\r\n', /^HTTP\/1\.1 400 [\s\S]*problem\+json/],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', /^(HTTP\/1\.1 400 |$)/],
  [
    'a header section without end',
    `GET /healthz HTTP/1.1\r\nx: ${'a'.repeat(20_000)}`,
    /^HTTP\/1\.1 431 /,
  ],
  [
    'two hosts',
    'GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: a.example\r\n\r\n',
    /^HTTP\/1\.1 400 /,
  ],
  ['no host', 'GET /healthz HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 4(00|21) /],
  ['an empty host', 'GET /healthz HTTP/1.1\r\nHost: \r\n\r\n', /^HTTP\/1\.1 421 /],
  ['no host in 1.0', 'GET /healthz HTTP/1.0\r\n\r\n', /^HTTP\/1\.1 421 /],
  [
    'an absolute target',
    'GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n',
    /^HTTP\/1\.1 400 /,
  ],
  ['CONNECT', 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n', /^(HTTP\/1\.1 4|$)/],
  [
    'smuggling',
    'POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    /^HTTP\/1\.1 400 /,
  ],
  [
    'two authorizations',
    `GET /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nAuthorization: Bearer x\r\n\r\n`,
    /^HTTP\/1\.1 400 /,
  ],
]

test('hostile bytes are answered once or cut, and the listener lives', async (t) => {
  const { port, ask, faults } = await openControl(t, { limits: { keepAliveTimeoutMs: 200 } })
  for (const [what, bytes, expected] of hostile) {
    const answer = await raw(port, bytes)
    t.match(answer, expected, what)
    t.equal(answer.split('HTTP/1.1 ').length <= 2, true, `${what}: one answer at most`)
  }
  t.equal((await ask('GET', '/healthz')).status, 200)
  t.same(faults, [])
})

test('a client that dawdles over headers or body is cut', async (t) => {
  const { port, gate, faults } = await openControl(t, {
    limits: { headersTimeoutMs: 300, requestTimeoutMs: 600 },
  })
  const head = `POST /api/v1/halts HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n`
  const type = 'Content-Type: application/json\r\nContent-Length: 40\r\n\r\n{"scope":'
  const [headers, body] = await Promise.all([raw(port, head), raw(port, head + type)])
  t.match(headers, /^HTTP\/1\.1 408 /)
  t.match(body, /^(HTTP\/1\.1 4|$)/)
  t.same(gate.orders, [])
  t.same(faults, [])
})

test('a client that leaves in the middle of its body, or of its answer, harms nobody', async (t) => {
  const { port, gate, ask, faults } = await openControl(t)
  await ask('GET', '/api/v1/runs')
  const head = `POST /api/v1/halts HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n`
  const type = 'Content-Type: application/json\r\nContent-Length: 40\r\n\r\n{"scope":'
  for (const bytes of [head, head + type, 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n']) {
    await new Promise<void>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port }, () => {
        socket.write(bytes, () => socket.resetAndDestroy())
      })
      socket.on('error', () => undefined)
      socket.on('close', () => resolve())
    })
  }
  t.equal((await ask('GET', '/metrics')).status, 200)
  t.same(gate.orders, [])
  t.same(faults, [])
})

test('requests made of anything never reach a fault of ours', async (t) => {
  const { port, ask, faults } = await openControl(t)
  const sign = fc.constantFrom(...'/%.?#:@[]{}"\\ aZ09é\u0000\t')
  const line = fc.array(sign, { maxLength: 40 }).map((signs) => signs.join(''))
  const header = fc.constantFrom(
    'Host',
    'Origin',
    'Authorization',
    'Sec-Fetch-Site',
    'X',
    'Upgrade',
  )
  const requests = fc.tuple(line, fc.array(fc.tuple(header, line), { maxLength: 4 }))
  await fc.assert(
    fc.asyncProperty(requests, async ([path, headers]) => {
      const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
      const bytes = `GET /${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${lines}\r\n`
      const answer = await raw(port, bytes)
      return /^(HTTP\/1\.1 (200|4\d\d) |$)/.test(answer)
    }),
    { numRuns: 200 },
  )
  t.equal((await ask('GET', '/healthz')).status, 200)
  t.same(faults, [])
})
