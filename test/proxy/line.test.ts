/** What a client pipelines: how much of it is parsed, who is cut off for it, and what waits in all. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, Socket } from 'node:net'
import { type Test, test } from 'tap'
import { Line, ReadAhead } from '../../proxy/line.ts'
import { eventually, startPair } from './world.ts'

const get = (url: string): string => `GET ${url} HTTP/1.1\r\nHost: x\r\n\r\n`

/** Counts the requests that Node's parser makes objects of. */
function countParsed(t: Test): () => number {
  let parsed = 0
  const count = (): void => {
    parsed += 1
  }
  subscribe('http.server.request.start', count)
  t.teardown(() => unsubscribe('http.server.request.start', count))
  return () => parsed
}

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

test('of a thousand requests in one piece six are parsed, and the client is cut off', async (t) => {
  const { world, origin, base } = await startPair(t, () => {})
  const parsed = countParsed(t)
  const client = open(world.port)
  client.socket.write(get(`${base}/`).repeat(1000))
  await eventually(client.closed)
  t.equal(parsed(), 6, 'the one that is served, four that wait, and one too many')
  t.equal(client.text(), '')
  t.match(world.gate.rejections, [{ code: 'malformed-request', message: /pipelined/ }])
  await eventually(() => origin.sockets.size === 0)
  t.equal(world.gate.admissions.length, 1)
  await eventually(() => world.gate.admissions[0]?.settlements.length === 1)
})

test('a client that leaves while its requests wait lets go of the upstream at once', async (t) => {
  const { world, origin, base } = await startPair(t, () => {})
  const client = open(world.port)
  client.socket.write(get(`${base}/`).repeat(3))
  await eventually(() => origin.seen.length === 1)
  client.socket.destroy()
  await eventually(() => origin.sockets.size === 0)
  t.equal(world.gate.admissions.length, 1)
  await eventually(() => world.gate.admissions[0]?.settlements.length === 1)
})

test('what waits in all lines together is bounded, and given back when a client leaves', async (t) => {
  const ahead = new ReadAhead()
  const asked = (bytes: number): { request: IncomingMessage; response: ServerResponse } => ({
    request: { url: '', rawHeaders: ['x'.repeat(bytes)] } as unknown as IncomingMessage,
    response: {} as ServerResponse,
  })
  const megabyte = 1024 * 1024
  const first = { socket: new Socket(), line: null as Line | null }
  first.line = new Line(first.socket, ahead)
  t.equal(first.line.add(asked(20 * megabyte)), null)
  t.equal(first.line.add(asked(12 * megabyte)), null)
  const second = new Line(new Socket(), ahead)
  t.match(second.add(asked(1)), /Too much/)
  t.equal(first.line.next()?.request.rawHeaders[0]?.length, 20 * megabyte)
  const third = new Line(new Socket(), ahead)
  t.equal(third.add(asked(20 * megabyte)), null)
  t.match(new Line(new Socket(), ahead).add(asked(1)), /Too much/)
  first.socket.destroy()
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(new Line(new Socket(), ahead).add(asked(12 * megabyte)), null)
})
