/** Real clients through the proxy: undici with many requests at once, node:http, and uploads that are cut short. */
import { createHash, randomBytes } from 'node:crypto'
import { request as ask, createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'tap'
import { Pool } from 'undici'
import { exchangeRaw, startRawOrigin, startWorld } from './world.ts'

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** An origin that answers what it was sent, in the framing that the path asks for. */
async function startEcho(): Promise<{
  base: string
  count: () => number
  close: () => Promise<void>
}> {
  let count = 0
  const server = createServer(async (request, response) => {
    count += 1
    const body = await bodyOf(request)
    if (request.url === '/length') response.setHeader('content-length', body.length)
    response.setHeader('x-sum', sha256(body))
    response.end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.closeAllConnections()
      server.close(() => resolve())
    })
  return { base: `http://127.0.0.1:${port}`, count: () => count, close }
}

test('three hundred requests at once come back whole, each settled once and to the byte', async (t) => {
  const world = await startWorld()
  const echo = await startEcho()
  const pool = new Pool(`http://127.0.0.1:${world.port}`, { connections: 30 })
  t.teardown(async () => {
    await pool.destroy()
    await world.close()
    await echo.close()
  })
  world.gate.script.limits = { bytes_down: 1001, bytes_up: 1_000_000, wall: 60_001 }
  const sizes = [0, 1, 1000, 65_536, 300_000]
  await Promise.all(
    Array.from({ length: 300 }, async (_, index) => {
      const sent = randomBytes(sizes[index % sizes.length] ?? 0)
      const path = `${echo.base}/${index % 2 === 0 ? 'length' : 'chunks'}`
      const { statusCode, headers, body } = await pool.request({ path, method: 'POST', body: sent })
      const got = Buffer.from(await body.arrayBuffer())
      t.equal(statusCode, 200)
      t.equal(headers['x-sum'], sha256(sent))
      t.equal(sha256(got), sha256(sent))
    }),
  )
  t.equal(echo.count(), 300)
  t.equal(world.gate.admissions.length, 300)
  for (const { charge, settlements } of world.gate.admissions) {
    t.equal(settlements.length, 1)
    t.equal(settlements[0]?.outcome, 'settled')
    t.equal(
      settlements[0]?.actual['bytes_up'],
      charge['bytes_up'],
      'a known length is charged exactly',
    )
  }
})

test('a chunked upload of Node goes through, and its answer comes back', async (t) => {
  const world = await startWorld()
  const echo = await startEcho()
  t.teardown(async () => {
    await world.close()
    await echo.close()
  })
  const sent = randomBytes(3_000_000)
  const message = await new Promise<IncomingMessage>((resolve, reject) => {
    const path = `${echo.base}/chunks`
    const request = ask({ port: world.port, path, method: 'PUT', agent: false }, resolve)
    request.on('error', reject)
    for (let at = 0; at < sent.length; at += 50_000) request.write(sent.subarray(at, at + 50_000))
    request.end()
  })
  t.equal(sha256(await bodyOf(message)), sha256(sent))
  t.ok((world.gate.admissions[0]?.settlements[0]?.actual['bytes_up'] ?? 0) >= sent.length)
})

test('an upstream that answers before it has the body is heard, and the rest is not sent to it', async (t) => {
  const world = await startWorld()
  const answer = 'HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig'
  const origin = await startRawOrigin((socket, text) => {
    if (text.includes('xxx') && socket.writable) socket.end(answer)
  })
  t.teardown(async () => {
    await world.close()
    await origin.close()
  })
  const head = `POST http://127.0.0.1:${origin.port}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n`
  const { text, fate } = await exchangeRaw(world.port, head + 'x'.repeat(300_000), { waitMs: 2000 })
  t.match(text, /^HTTP\/1.1 413 Too Large\r\n/)
  t.match(text, /Connection: close\r\n[\s\S]*big$/)
  t.equal(fate, 'ended')
  t.match(world.gate.admissions[0]?.settlements, [{ outcome: 'settled', status: 413, cut: '' }])
})

test('an upstream that closes a kept connection is dialled anew for the next request', async (t) => {
  const world = await startWorld()
  const origin = await startRawOrigin((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    setTimeout(() => socket.destroy(), 20)
  })
  t.teardown(async () => {
    await world.close()
    await origin.close()
  })
  const get = `GET http://127.0.0.1:${origin.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`
  for (let index = 0; index < 5; index += 1) {
    const { text } = await exchangeRaw(world.port, get, { until: /ok$/ })
    t.match(text, /^HTTP\/1.1 200/)
    await new Promise((resolve) => setTimeout(resolve, 40))
  }
  t.equal(origin.connections(), 5)
})

test('one connection serves many requests, and one upstream connection too', async (t) => {
  const world = await startWorld()
  const echo = await startEcho()
  const pool = new Pool(`http://127.0.0.1:${world.port}`, { connections: 1 })
  t.teardown(async () => {
    await pool.destroy()
    await world.close()
    await echo.close()
  })
  for (let index = 0; index < 20; index += 1) {
    const { body } = await pool.request({ path: `${echo.base}/length`, method: 'GET' })
    await body.dump()
  }
  t.equal(world.proxy.connections, 1)
})
