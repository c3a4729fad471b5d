/** Plain HTTP through the proxy, byte for byte: framing, hop-by-hop headers, refusals, requests in a row. */
import { connect } from 'node:net'
import { test } from 'tap'
import {
  eventually,
  exchangeRaw,
  lastPath,
  refusalWith,
  type Serve,
  startPair,
  startRawOrigin,
  startWorld,
} from './world.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const answer =
  (bytes: string): Serve =>
  (socket, text) => {
    if (text.endsWith('\r\n\r\n')) socket.write(bytes, 'latin1')
  }
const get = (url: string, headers = ''): string =>
  `GET ${url} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`

test('headers keep their order, case and duplicates, and what is of this hop stays here', async (t) => {
  const response =
    'HTTP/1.1 299 Odd Phrase\r\nX-One: 1\r\nx-one: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nConnection: X-Hop\r\n' +
    'X-Hop: 1\r\nKeep-Alive: timeout=9\r\nProxy-Authenticate: Basic\r\nHaltgate-Decision: allow\r\n' +
    'haltgate-receipt: 999-forged\r\nProxy-Status: haltgate; error=x\r\nX-High: \xe9\r\nContent-Length: 2\r\n\r\nok'
  const { world, origin, base } = await startPair(t, answer(response))
  const headers =
    'Accept: a\r\naccept: b\r\nX-Mixed-CASE: 1\r\nConnection: keep-alive, X-Nominated\r\nX-Nominated: 1\r\n' +
    'Proxy-Connection: keep-alive\r\nProxy-X: 1\r\nHaltgate-Policy-Pin: p\r\nKeep-Alive: 5\r\nTE: trailers\r\nCookie: c\r\n'
  const { text } = await exchangeRaw(world.port, get(`${base}/h`, headers), { until: /ok$/ })
  t.equal(
    origin.seen[0],
    `GET /h HTTP/1.1\r\nhost: 127.0.0.1:${origin.port}\r\nconnection: keep-alive\r\n` +
      'Accept: a\r\naccept: b\r\nX-Mixed-CASE: 1\r\nCookie: c\r\n\r\n',
  )
  t.match(
    text,
    'HTTP/1.1 299 Odd Phrase\r\nX-One: 1\r\nx-one: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nX-High: \xe9\r\n',
  )
  t.notMatch(text, /X-Hop|timeout=9|Proxy-|forged/)
  t.match(text, /Haltgate-Decision: allow\r\n/)
  t.match(text, /Haltgate-Receipt: 7-abababababababab\r\n/)
  t.match(text, /Haltgate-Policy: sha256:/)
  const { facts } = world.gate.admissions[0] ?? {}
  t.strictSame(
    { ...facts?.headers },
    { accept: 'a, b', 'x-mixed-case': '1', cookie: 'c', 'haltgate-policy-pin': 'p' },
  )
})

test('a body goes up in the framing it came in, and a second request is never inside', async (t) => {
  const { world, origin, base } = await startPair(t, (socket, text) => {
    if (/hello$|0\r\n\r\n$|\r\n\r\n$/.test(text))
      socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok`)
  })
  const inner = 'GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n'
  for (const method of ['DELETE', 'OPTIONS', 'GET', 'POST']) {
    const count = origin.seen.length
    const chunk = `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`
    const bytes = `${method} ${base}/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`
    const { text } = await exchangeRaw(world.port, bytes, { until: /ok$/ })
    t.match(text, /200 OK/)
    const seen = origin.seen[count] ?? ''
    t.match(seen, /transfer-encoding: chunked\r\n/i, method)
    t.notMatch(seen, /content-length/i, method)
    t.ok(seen.endsWith(`\r\n\r\n${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`), method)
  }
  t.equal(world.gate.admissions.length, 4)
  const count = origin.seen.length
  const bytes = `POST ${base}/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello`
  await exchangeRaw(world.port, bytes, { until: /ok$/ })
  t.match(origin.seen[count], /content-length: 5\r\n\r\nhello$/i)
  const empty = `POST ${base}/a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`
  await exchangeRaw(world.port, empty, { until: /ok$/ })
  t.match(origin.seen[count + 1], /content-length: 0\r\n\r\n$/i)
  t.equal(world.gate.admissions.at(-2)?.settlements[0]?.actual['bytes_up'], bytes.length)
})

test('HEAD, 204 and 304 have no body, HTTP/1.0 gets no chunks, and an unknown length gets them', async (t) => {
  const answers: Record<string, string> = {
    '/head': 'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n',
    '/204': 'HTTP/1.1 204 No Content\r\n\r\n',
    '/304': 'HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\nETag: "x"\r\n\r\n',
    '/close': 'HTTP/1.1 200 OK\r\n\r\nuntil the end',
    '/chunks':
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 9\r\nHaltgate-X: 1\r\n\r\n',
  }
  const { world, base } = await startPair(t, (socket, text) => {
    const target = lastPath(text)
    socket.write(answers[target] ?? '')
    if (target === '/close') socket.end()
  })
  const ask = async (line: string, until: RegExp): Promise<string> =>
    (await exchangeRaw(world.port, `${line}\r\nHost: x\r\n\r\n`, { until, waitMs: 1500 })).text
  t.match(
    await ask(`HEAD ${base}/head HTTP/1.1`, /\r\n\r\n$/),
    /Content-Length: 500\r\n[\s\S]*\r\n\r\n$/,
  )
  t.notMatch(await ask(`GET ${base}/204 HTTP/1.1`, /\r\n\r\n$/), /chunked/i)
  t.match(await ask(`GET ${base}/304 HTTP/1.1`, /\r\n\r\n$/), /Content-Length: 500\r\nETag/)
  t.match(await ask(`GET ${base}/close HTTP/1.1`, /0\r\n\r\n$/), /d\r\nuntil the end\r\n0\r\n\r\n$/)
  const old = await ask(`GET ${base}/close HTTP/1.0`, /never/)
  t.match(old, /\r\n\r\nuntil the end$/)
  t.notMatch(old, /chunked/i)
  const chunks = await ask(`GET ${base}/chunks HTTP/1.1`, /9\r\n\r\n$/)
  t.match(chunks, /Trailer: X-Sum\r\n[\s\S]*3\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n$/)
  t.match(await ask(`GET ${base}/chunks HTTP/1.0`, /never/), /\r\n\r\nabc$/)
  t.equal(
    world.gate.admissions.every(({ settlements }) => settlements.length === 1),
    true,
  )
})

test('100 Continue comes after the admission and not before, and never for a refusal', async (t) => {
  const { world, origin, base } = await startPair(t, (socket, text) => {
    if (text.endsWith('hello')) socket.write(ok)
  })
  let admit: (addresses: string[]) => void = () => {}
  world.gate.script.admit = () =>
    new Promise((resolve) => {
      admit = resolve
    })
  const socket = connect(world.port, '127.0.0.1')
  t.teardown(() => void socket.destroy())
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.write(
    `POST ${base}/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`,
  )
  await eventually(() => world.gate.admissions.length === 1)
  t.equal(text, '')
  admit(['127.0.0.1'])
  await eventually(() => text.includes('100 Continue\r\n\r\n'))
  socket.write('hello')
  await eventually(() => text.endsWith('ok'))
  t.notMatch(origin.seen[0], /expect/i)
  world.gate.script.admit = () => refusalWith('no-rule')
  const refused = await exchangeRaw(
    world.port,
    `POST ${base}/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`,
  )
  t.match(refused.text, /^HTTP\/1.1 403 /)
  t.equal(refused.fate, 'ended')
})

test('pipelined requests are answered in their order, one after the other', async (t) => {
  const { world, base } = await startPair(t, (socket, text) => {
    const path = text.split('\r\n\r\n').at(-2)?.split(' ')[1] ?? ''
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`)
  })
  let running = 0
  world.gate.script.admit = async () => {
    running += 1
    t.equal(running, 1, 'one at a time')
    await new Promise((resolve) => setTimeout(resolve, 5))
    running -= 1
    return ['127.0.0.1']
  }
  const bytes = ['/1', '/22', '/333'].map((path) => get(base + path)).join('')
  const { text } = await exchangeRaw(world.port, bytes, { until: /\/333$/ })
  t.match(text.replaceAll(/HTTP[\s\S]*?\r\n\r\n/g, '|'), '|/1|/22|/333')
})

test('a refusal can be read by program, person and model', async (t) => {
  const { world, base, origin } = await startPair(t, answer(ok))
  world.gate.script.admit = () =>
    refusalWith('rate-limited', {
      retryAfterSeconds: 12,
      remaining: [
        { budget: 'b', scope: 'run:a/b' as never, dimension: 'requests', limit: 5, left: 0 },
      ],
    })
  const { text, fate } = await exchangeRaw(world.port, get(`${base}/`))
  t.equal(fate, 'open', 'the connection stays')
  const [head = '', body = ''] = text.split('\r\n\r\n')
  for (const line of [
    'HTTP/1.1 429 Too Many Requests (haltgate: rate-limited)',
    'Content-Type: application/problem+json',
    'Haltgate-Decision: deny',
    'Haltgate-Reason: rate-limited',
    'Haltgate-Retry: after',
    'Haltgate-Receipt: 7-abababababababab',
    'Proxy-Status: haltgate; error=http_request_denied; details="rate-limited"',
    'Retry-After: 12',
  ]) {
    t.ok(head.split('\r\n').includes(line), line)
  }
  t.match(head, /Haltgate-Policy: sha256:/)
  t.strictSame(Object.keys(JSON.parse(body)), [
    ...['type', 'title', 'status', 'detail', 'decision', 'reasons', 'retry', 'retry_after'],
    ...['receipt', 'policy', 'budgets', 'approval', 'halt', 'error'],
  ])
  t.match(JSON.parse(body), {
    type: 'urn:haltgate:reason:rate-limited',
    detail: 'because rate-limited',
  })
  t.equal(origin.seen.length, 0)
})

test('a refused upload is answered while it is still being sent', async (t) => {
  const { world, base } = await startPair(t, answer(ok))
  world.gate.script.admit = () => refusalWith('no-rule')
  const bytes = `POST ${base}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n${'x'.repeat(400_000)}`
  const { text, fate } = await exchangeRaw(world.port, bytes, { waitMs: 2000 })
  t.match(text, /^HTTP\/1.1 403 /)
  t.match(text, /Connection: close\r\n/)
  t.match(text, /\}$/)
  t.equal(fate, 'ended')
})

test('observe mode says what it would have answered', async (t) => {
  const { world, base } = await startPair(t, answer(ok))
  world.gate.script = { observed: true, verdict: 'deny' }
  const { text } = await exchangeRaw(world.port, get(`${base}/`), { until: /ok$/ })
  t.match(text, /Haltgate-Decision: allow\r\n[\s\S]*Haltgate-Observed: deny\r\n/)
})

test('plain HTTP inside a tunnel is judged request by request, and only for the host of the tunnel', async (t) => {
  const origin = await startRawOrigin(answer(ok))
  const world = await startWorld({
    tunnel: async (context, { listener }, { facts, head, socket }) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      const { host, port, principal } = facts
      context.serveInner({ listener, principal, authority: { host, port } }, socket, head)
    },
  })
  t.teardown(async () => {
    await world.close()
    await origin.close()
  })
  const at = `127.0.0.1:${origin.port}`
  const opening = `CONNECT ${at} HTTP/1.1\r\n\r\n`
  const inner = `GET /in HTTP/1.1\r\nHost: ${at}\r\n\r\n`
  const fine = await exchangeRaw(world.port, opening + inner + inner, { until: /ok[\s\S]*ok$/ })
  t.match(fine.text, /ok[\s\S]*ok$/)
  t.match(world.gate.admissions[0]?.facts, {
    kind: 'request',
    path: '/in',
    port: origin.port,
    host: '127.0.0.1',
  })
  const cases: [string, string][] = [
    [`GET / HTTP/1.1\r\nHost: other.example\r\n\r\n`, 'authority-mismatch'],
    [`GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`, 'authority-mismatch'],
    [`GET http://${at}/ HTTP/1.1\r\nHost: ${at}\r\n\r\n`, 'malformed-request'],
    ['GET / HTTP/1.1\r\n\r\n', 'malformed-request'],
    [`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, 'malformed-request'],
    ['\x16\x03\x01\x00\x05hello', 'malformed-request'],
  ]
  for (const [bytes, code] of cases) {
    const { text } = await exchangeRaw(world.port, opening + bytes)
    t.match(text, `Haltgate-Reason: ${code}\r\n`, bytes)
  }
  t.equal(world.gate.admissions.length, 2)
})
