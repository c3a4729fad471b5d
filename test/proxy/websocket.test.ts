/** WebSocket over plain HTTP: real clients and servers, and origins that answer what they should not. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { connect, type Socket } from 'node:net'
import { test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { createClient, createOrigin, createWorld, listen, type Teardown } from './crossing-world.ts'

const lookup = { 'origin.test': ['127.0.0.1'] }
const key = 'dGhlIHNhbXBsZSBub25jZQ=='
const accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

/** A server that echoes, and remembers the headers it was asked with. */
async function createEcho(
  t: Teardown,
): Promise<{ port: number; url: string; headers: IncomingHttpHeaders[]; urls: string[] }> {
  const headers: IncomingHttpHeaders[] = []
  const urls: string[] = []
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket, request) => {
    headers.push(request.headers)
    urls.push(request.url ?? '')
    socket.on('error', () => {})
    socket.on('message', (message, binary) => socket.send(message, { binary }))
  })
  sockets.on('headers', (lines) => lines.push('Haltgate-Decision: forged', 'X-Origin: yes'))
  const port = await listen(t, server)
  t.teardown(() => {
    for (const client of sockets.clients) client.terminate()
  })
  return { port, url: `ws://origin.test:${port}`, headers, urls }
}

/** A client that speaks absolute-form to the proxy. */
function openSocket(t: Teardown, proxyPort: number, url: string): WebSocket {
  const socket = new WebSocket(url, {
    headers: {
      'Proxy-Authorization': `Basic ${btoa('researcher+nightly:')}`,
      'Haltgate-Run': 'x',
      'X-Mine': 'kept',
    },
    createConnection: (() => connect({ port: proxyPort, host: '127.0.0.1' })) as typeof connect,
    finishRequest: (request) => {
      request.path = url.replace('ws:', 'http:')
      request.end()
    },
  })
  socket.on('error', () => {})
  t.teardown(() => socket.terminate())
  return socket
}

function handshake(port: number, changes: Readonly<Record<string, string>> = {}): string {
  const headers = {
    Host: `origin.test:${port}`,
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': key,
    ...changes,
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET http://origin.test:${port}/chat HTTP/1.1\r\n${lines.join('')}\r\n`
}

test('messages of every size pass both ways, and are counted', async (t) => {
  const world = await createWorld(t, { lookup })
  const echo = await createEcho(t)
  const socket = openSocket(t, world.port, `${echo.url}/chat?a=1&b=%20`)
  let answered: IncomingHttpHeaders = {}
  socket.on('upgrade', (response) => {
    answered = response.headers
  })
  await new Promise((resolve) => socket.once('open', resolve))
  for (const size of [0, 1, 125, 126, 65_535, 65_536, 3_000_000]) {
    const message = Buffer.alloc(size, size % 251)
    const back = new Promise<Buffer>((resolve) =>
      socket.once('message', (data: Buffer) => resolve(data)),
    )
    socket.send(message)
    const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
    t.equal(digest(await back), digest(message))
  }
  socket.close(1000, 'done')
  const closed = await new Promise((resolve) => socket.once('close', resolve))
  t.equal(closed, 1000)
  await world.settle(1)
  t.match(world.settled, [{ outcome: 'settled', status: 101, cut: '' }])
  t.ok((world.settled[0]?.actual['bytes_up'] ?? 0) > 3_100_000)
  t.ok((world.settled[0]?.actual['bytes_down'] ?? 0) > 3_100_000)
  t.match(world.admitted, [{ kind: 'websocket', method: 'GET', path: '/chat' }])
  t.equal(echo.urls[0], '/chat?a=1&b=%20')
  t.match(echo.headers[0], { host: `origin.test:${echo.port}`, 'x-mine': 'kept' })
  t.notOk(echo.headers[0]?.['proxy-authorization'])
  t.notOk(echo.headers[0]?.['haltgate-run'])
  t.match(answered, {
    'x-origin': 'yes',
    'haltgate-decision': 'allow',
    'haltgate-receipt': '42-cdcdcdcdcdcdcdcd',
  })
})

test('a WebSocket that idles is kept by its heartbeats', async (t) => {
  const world = await createWorld(t, { lookup, limits: { idleTimeoutMs: 150 } })
  const echo = await createEcho(t)
  const socket = openSocket(t, world.port, echo.url)
  await new Promise((resolve) => socket.once('open', resolve))
  for (let beat = 0; beat < 6; beat += 1) {
    socket.ping()
    await new Promise((resolve) => socket.once('pong', resolve))
    await new Promise((resolve) => setTimeout(resolve, 60))
  }
  t.equal(socket.readyState, WebSocket.OPEN, 'after 360 ms')
  await new Promise((resolve) => socket.once('close', resolve))
  await world.settle(1)
  t.match(world.settled, [{ cut: 'upstream-timeout' }])
})

test('a halt cuts an open WebSocket, and a budget cuts it at the hold', async (t) => {
  const world = await createWorld(t, { lookup })
  const echo = await createEcho(t)
  const socket = openSocket(t, world.port, echo.url)
  await new Promise((resolve) => socket.once('open', resolve))
  world.halt()
  t.match(world.settled, [{ outcome: 'settled', cut: 'halted' }])
  const code = await new Promise((resolve) => socket.once('close', resolve))
  t.equal(code, 1006)

  const poor = await createWorld(t, {
    lookup,
    left: { bytes_up: 10_000 },
    limits: { holdBytesStep: 3_000 },
  })
  const second = openSocket(t, poor.port, echo.url)
  await new Promise((resolve) => second.once('open', resolve))
  for (let index = 0; index < 20; index += 1) second.send(Buffer.alloc(1_000))
  await new Promise((resolve) => second.once('close', resolve))
  t.match(poor.settled, [{ cut: 'budget-exhausted', actual: { bytes_up: 10_000 } }])
})

test('a malformed handshake is refused before anything is asked', async (t) => {
  const world = await createWorld(t, { lookup })
  const cases: Readonly<Record<string, string>>[] = [
    { 'Sec-WebSocket-Version': '8' },
    { 'Sec-WebSocket-Key': 'short' },
    { 'Sec-WebSocket-Key': `${key}, ${key}` },
    { Upgrade: 'h2c' },
    { Upgrade: 'websocket, h2c' },
    { 'Content-Length': '3' },
    { 'Transfer-Encoding': 'chunked' },
  ]
  for (const changes of cases) {
    const client = await createClient(t, world.port)
    client.socket.write(handshake(9, changes))
    t.match(await client.head(), /^HTTP\/1\.1 400 .*malformed-request/, JSON.stringify(changes))
  }
  t.equal(world.rejected.length, cases.length)
  t.equal(world.admitted.length, 0)
})

test('an origin that answers wrongly is 502, and nothing of it passes', async (t) => {
  const start = 'HTTP/1.1 101 Switching Protocols\r\n'
  const upgrade = 'Upgrade: websocket\r\nConnection: Upgrade\r\n'
  const cases = [
    { name: 'no accept', answer: `${start}${upgrade}\r\nsecret` },
    {
      name: 'wrong accept',
      answer: `${start}${upgrade}Sec-WebSocket-Accept: ${key}\r\n\r\nsecret`,
    },
    {
      name: 'another protocol',
      answer: `${start}Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\nsecret`,
    },
    { name: 'no HTTP', answer: 'secret\r\n\r\n' },
    { name: 'a head without end', answer: `${start}X: ${'secret'.repeat(20_000)}` },
    { name: 'nothing', answer: '' },
    { name: '407', answer: 'HTTP/1.1 407 No\r\nContent-Length: 6\r\n\r\nsecret' },
    {
      name: 'a coding that nobody asked for',
      answer: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n6\r\nsecret\r\n0\r\n\r\n',
    },
    {
      name: 'a length that no number holds',
      answer: 'HTTP/1.1 200 OK\r\nContent-Length: 9007199254740993\r\n\r\nsecret',
    },
  ]
  for (const { name, answer } of cases) {
    await t.test(name, async (t) => {
      const world = await createWorld(t, { lookup })
      const origin = await createOrigin(t, (socket) => {
        socket.once('data', () => socket.end(answer))
      })
      const client = await createClient(t, world.port)
      client.socket.write(handshake(origin.port))
      t.match(await client.head(), /^HTTP\/1\.1 502 .*upstream-(protocol|unreachable)/)
      await client.gone()
      t.notMatch(client.received.toString(), 'secret')
      await world.settle(1)
      t.match(world.settled, [{ outcome: 'settled', status: 502, cut: /^upstream-/ }])
    })
  }
})

test('an origin that never answers is 504', async (t) => {
  const world = await createWorld(t, { lookup, limits: { upstreamHeadersTimeoutMs: 80 } })
  const origin = await createOrigin(t, (socket) => socket.on('data', () => {}))
  const client = await createClient(t, world.port)
  client.socket.write(handshake(origin.port))
  t.match(await client.head(), /^HTTP\/1\.1 504 .*upstream-timeout/)
  t.match(world.settled, [{ status: 504, cut: 'upstream-timeout' }])
})

test('an answer other than 101 is passed on as it is, metered and marked', async (t) => {
  const cases = [
    {
      name: 'a length',
      answer:
        'HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\nX-A: b\r\nHaltgate-Halt: x\r\n\r\nnope',
      body: 'nope',
    },
    {
      name: 'chunks',
      answer:
        'HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nnope\r\n0\r\n\r\n',
      body: '4\r\nnope\r\n0\r\n\r\n',
    },
    { name: 'until the end', answer: 'HTTP/1.1 200 OK\r\n\r\nnope', body: 'nope' },
    { name: 'nothing', answer: 'HTTP/1.1 204 No Content\r\n\r\n', body: '' },
  ]
  for (const { name, answer, body } of cases) {
    await t.test(name, async (t) => {
      const world = await createWorld(t, { lookup })
      const origin = await createOrigin(t, (socket) => {
        socket.once('data', () => socket.end(answer))
      })
      const client = await createClient(t, world.port)
      client.socket.write(handshake(origin.port))
      const head = await client.head()
      await client.until(() => client.ended)
      t.equal(head.slice(0, 12), answer.slice(0, 12))
      t.match(head.toLowerCase(), /\r\nhaltgate-receipt: 42-/)
      t.notMatch(head.toLowerCase(), 'haltgate-halt')
      t.equal(client.received.toString(), body)
      client.socket.end()
      await world.settle(1)
      t.match(world.settled, [{ outcome: 'settled', status: Number(answer.slice(9, 12)), cut: '' }])
      t.ok((world.settled[0]?.actual['bytes_down'] ?? 0) >= body.length)
    })
  }
})

test('of an answer to a handshake nothing passes that stays on its hop, or that only the gate may say', async (t) => {
  const ends = 'X-Hop: 1\r\nX-End: a\r\nX-End: b\r\nKeep-Alive: timeout=5\r\nTE: trailers'
  const forged = `Proxy-Authenticate: Basic\r\nHaltgate-Decision: forged\r\n${ends}`
  const answers = [
    `HTTP/1.1 403 Verbot\xe9n\r\n${forged}\r\nConnection: X-Hop, Haltgate-Receipt\r\nContent-Length: 0\r\n\r\n`,
    `HTTP/1.1 101 Switching\r\n${forged}\r\nConnection: Upgrade, X-Hop, Haltgate-Receipt\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  ]
  for (const answer of answers) {
    const world = await createWorld(t, { lookup })
    const origin = await createOrigin(t, (socket) => {
      socket.once('data', () => socket.write(answer, 'latin1'))
    })
    const client = await createClient(t, world.port)
    client.socket.write(handshake(origin.port))
    const head = (await client.head()).toLowerCase()
    t.equal(head.slice(0, 12), answer.slice(0, 12).toLowerCase())
    t.match(head, /\r\nhaltgate-decision: allow\r\n/)
    t.match(head, /\r\nhaltgate-receipt: 42-/)
    t.match(head, /\r\nx-end: a\r\nx-end: b\r\n/)
    t.notMatch(head, /forged|x-hop|keep-alive|proxy-authenticate|\r\nte:|\xe9/)
    client.socket.destroy()
  }
})

test('an answer that breaks off breaks off, and settles', async (t) => {
  const world = await createWorld(t, { lookup })
  const origin = await createOrigin(t, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart')
      setTimeout(() => socket.resetAndDestroy(), 30)
    })
  })
  const client = await createClient(t, world.port)
  client.socket.write(handshake(origin.port))
  await client.gone()
  await world.settle(1)
  t.match(world.settled, [{ outcome: 'settled', status: 200, cut: 'upstream-protocol' }])
})

test('whoever leaves, and whenever: it settles once', async (t) => {
  await t.test('the client resets, or ends, while the origin is asked', async (t) => {
    for (const leave of ['end', 'resetAndDestroy'] as const) {
      const world = await createWorld(t, { lookup })
      let asked: () => void = () => {}
      const heard = new Promise<void>((resolve) => {
        asked = resolve
      })
      const origin = await createOrigin(t, (socket) => socket.on('data', () => asked()))
      const client = await createClient(t, world.port)
      client.socket.write(handshake(origin.port))
      await heard
      client.socket[leave]()
      await world.settle(1)
      t.match(world.settled, [{ outcome: 'settled', status: 0, cut: '' }])
    }
  })
  await t.test('either side resets an open one', async (t) => {
    for (const side of ['client', 'origin'] as const) {
      const world = await createWorld(t, { lookup })
      const answer = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\nfirst`
      const origin = await createOrigin(t, (socket: Socket) => {
        socket.once('data', () => socket.write(answer))
      })
      const client = await createClient(t, world.port)
      client.socket.write(`${handshake(origin.port)}early`)
      t.match(await client.head(), /^HTTP\/1\.1 101 Switching Protocols\r\n/)
      t.equal((await client.bytes(5)).toString(), 'first')
      const socket = side === 'client' ? client.socket : origin.sockets[0]
      socket?.resetAndDestroy()
      await world.settle(1)
      t.match(world.settled, [
        { outcome: 'settled', status: 101, cut: '', actual: { bytes_up: Number } },
      ])
      await client.until(() => client.ended || client.closed)
    }
  })
  await t.test('a refusal, a dead origin, a halt before the dispatch', async (t) => {
    const closed = await createWorld(t, { refuse: 'no-rule' })
    const refused = await createClient(t, closed.port)
    refused.socket.write(handshake(9))
    t.match(await refused.head(), /^HTTP\/1\.1 403 .*no-rule/)
    const world = await createWorld(t, { lookup })
    const dead = await createClient(t, world.port)
    dead.socket.write(handshake(9))
    t.match(await dead.head(), /^HTTP\/1\.1 502 .*upstream-unreachable/)
    t.match(world.settled, [{ status: 502 }])
    const halted = await createWorld(t, { lookup, refuseOpen: 'halted' })
    const late = await createClient(t, halted.port)
    late.socket.write(handshake(9))
    t.match(await late.head(), /^HTTP\/1\.1 403 .*halted/)
    t.match(halted.settled, [{ outcome: 'voided' }])
  })
})
