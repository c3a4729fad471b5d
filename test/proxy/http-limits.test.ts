/** Limits, timeouts and the drain: no client holds the proxy up, and none ends it. */
import { connect, type Socket } from 'node:net'
import { test } from 'tap'
import { eventually, exchangeRaw, refusalWith, startRawOrigin, startWorld } from './world.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const get = (url: string): string => `GET ${url} HTTP/1.1\r\nHost: x\r\n\r\n`

function open(port: number): { socket: Socket; text: () => string; closed: () => boolean } {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  let closed = false
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    closed = true
  })
  return { socket, text: () => text, closed: () => closed }
}

test('a client that sends a byte at a time is told 408 and closed, an idle one is closed without a record', async (t) => {
  const world = await startWorld({ limits: { headersTimeoutMs: 400 } })
  t.teardown(() => world.close())
  const slow = open(world.port)
  const idle = open(world.port)
  const timer = setInterval(() => slow.socket.write('X'), 50)
  t.teardown(() => clearInterval(timer))
  slow.socket.write('GET http://a.example/ HTTP/1.1\r\nX: ')
  await eventually(() => slow.closed() && idle.closed())
  t.match(slow.text(), /^HTTP\/1.1 408 .*malformed-request/)
  t.equal(idle.text(), '')
  t.equal(world.gate.rejections.length, 1)
})

test('a client that stops in the middle of its body, or stops reading, is cut off', async (t) => {
  const origin = await startRawOrigin((socket, text) => {
    if (text.startsWith('GET'))
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 90000000\r\n\r\n${'x'.repeat(20_000_000)}`)
  })
  const world = await startWorld({ limits: { idleTimeoutMs: 500 } })
  t.teardown(async () => {
    await world.close()
    await origin.close()
  })
  const sending = open(world.port)
  sending.socket.write(
    `POST http://127.0.0.1:${origin.port}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc`,
  )
  const reading = open(world.port)
  reading.socket.pause()
  reading.socket.write(get(`http://127.0.0.1:${origin.port}/`))
  await eventually(
    () => world.gate.admissions.filter(({ settlements }) => settlements.length === 1).length === 2,
  )
  await eventually(() => world.proxy.connections === 0)
  await eventually(() => origin.sockets.size === 0)
  reading.socket.destroy()
  t.equal(sending.text(), '')
})

test('a connection above the limit is told so, and those below are served', async (t) => {
  const origin = await startRawOrigin((socket) => void socket.write(ok))
  const world = await startWorld({ limits: { connectionsMax: 3 } })
  t.teardown(async () => {
    await world.close()
    await origin.close()
  })
  const held = [open(world.port), open(world.port), open(world.port)]
  await eventually(() => world.proxy.connections === 3)
  const { text, fate } = await exchangeRaw(world.port, get('http://a.example/'))
  t.match(text, /^HTTP\/1.1 429 .*rate-limited/)
  t.equal(fate, 'ended')
  t.equal(world.gate.admissions.length, 0)
  held[0]?.socket.write(get(`http://127.0.0.1:${origin.port}/`))
  await eventually(() => held[0]?.text().endsWith('ok') === true)
  for (const { socket } of held) socket.destroy()
  await eventually(() => world.proxy.connections === 0)
  const again = await exchangeRaw(world.port, get(`http://127.0.0.1:${origin.port}/`), {
    until: /ok$/,
  })
  t.match(again.text, /^HTTP\/1.1 200/)
})

test('two thousand idle connections do not keep the next request from being served', async (t) => {
  const origin = await startRawOrigin((socket) => void socket.write(ok))
  const world = await startWorld()
  const idle = Array.from({ length: 2000 }, () => open(world.port))
  t.teardown(async () => {
    for (const { socket } of idle) socket.destroy()
    await world.close()
    await origin.close()
  })
  await eventually(() => world.proxy.connections === 2000)
  const { text } = await exchangeRaw(world.port, get(`http://127.0.0.1:${origin.port}/`), {
    until: /ok$/,
    waitMs: 2000,
  })
  t.match(text, /^HTTP\/1.1 200/)
})

test('whatever a client does to its socket, the proxy lives', async (t) => {
  const origin = await startRawOrigin((socket) => void socket.write(ok))
  const world = await startWorld()
  t.teardown(async () => {
    await world.close()
    await origin.close()
  })
  const url = `http://127.0.0.1:${origin.port}/`
  const openings = [
    '',
    'G',
    get(url),
    'CONNECT a.example:443 HTTP/1.1\r\n\r\n',
    'CONNECT a.example:443 HT',
  ]
  for (const bytes of openings) {
    for (const delayMs of [0, 1, 5]) {
      const { socket, closed } = open(world.port)
      socket.write(bytes)
      await new Promise((resolve) => setTimeout(resolve, delayMs))
      socket.resetAndDestroy()
      await eventually(closed)
    }
  }
  await eventually(() => world.proxy.connections === 0)
  const { text } = await exchangeRaw(world.port, get(url), { until: /ok$/ })
  t.match(text, /^HTTP\/1.1 200/)
})

test('plain HTTP inside a tunnel lives no longer than any tunnel', async (t) => {
  const origin = await startRawOrigin((socket, text) => {
    if (text.endsWith('\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\npart')
  })
  const world = await startWorld({
    limits: { tunnelLifetimeMs: 300 },
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
  const idle = open(world.port)
  idle.socket.write(`CONNECT ${at} HTTP/1.1\r\n\r\n`)
  const busy = open(world.port)
  busy.socket.write(`CONNECT ${at} HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: ${at}\r\n\r\n`)
  await eventually(() => idle.text().includes('200') && busy.text().endsWith('part'))
  await eventually(() => idle.closed() && busy.closed())
  await eventually(() => world.gate.admissions[0]?.settlements.length === 1)
  await eventually(() => origin.sockets.size === 0)
})

test('a drain closes what is idle, lets what is in flight finish, and tells it to close', async (t) => {
  const origin = await startRawOrigin((socket) => setTimeout(() => socket.write(ok), 200))
  const world = await startWorld({ limits: { drainMs: 2000 } })
  t.teardown(() => origin.close())
  const idle = open(world.port)
  const used = open(world.port)
  const url = `http://127.0.0.1:${origin.port}/`
  used.socket.write(get(url))
  await eventually(() => used.text().endsWith('ok'))
  const busy = open(world.port)
  busy.socket.write(get(url))
  await eventually(() => world.gate.admissions.length === 2)
  const began = performance.now()
  await world.close()
  t.ok(performance.now() - began < 1500, 'it does not wait for the drain to time out')
  await eventually(() => idle.closed() && used.closed() && busy.closed())
  t.equal(idle.text(), '')
  t.match(busy.text(), /Connection: close\r\n[\s\S]*ok$/)
  t.equal((await exchangeRaw(world.port, get(url))).fate, 'reset', 'nobody listens any more')
})

test('a drain ends what does not end by itself', async (t) => {
  const origin = await startRawOrigin(() => {})
  const world = await startWorld({ limits: { drainMs: 150 } })
  t.teardown(() => origin.close())
  const busy = open(world.port)
  busy.socket.write(get(`http://127.0.0.1:${origin.port}/`))
  await eventually(() => origin.seen.length === 1)
  await world.close()
  await eventually(busy.closed)
  t.equal(world.gate.admissions[0]?.settlements.length, 1)
  await eventually(() => origin.sockets.size === 0)
})

test('while the gate drains, a refusal closes its connection', async (t) => {
  const world = await startWorld()
  t.teardown(() => world.close())
  world.gate.draining = true
  world.gate.script.admit = () => refusalWith('shutting-down')
  const { text, fate } = await exchangeRaw(world.port, get('http://a.example/'))
  t.match(text, /^HTTP\/1.1 503 .*shutting-down/)
  t.match(text, /Connection: close/)
  t.equal(fate, 'ended')
})
