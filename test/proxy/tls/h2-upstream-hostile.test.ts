/** Upstreams of HTTP/2 that answer what Node's own HTTP/2 does not send: a stream may end for it, and never the gate. */
import { connect } from 'node:http2'
import type { Socket } from 'node:net'
import { createServer } from 'node:tls'
import { type Test, test } from 'tap'
import { selfSigned, signedBy } from './certificates.ts'
import { startRelay } from './relay.ts'

const prefaceBytes = 24
const frameHeadBytes = 9
const [data, headers, settings] = [0, 1, 4]
const [endStream, endHeaders] = [1, 4]

function frame(type: number, flags: number, payload: Buffer): Buffer {
  const head = Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, type === settings ? 0 : 1])
  return Buffer.concat([head, payload])
}

/** A literal field without indexing (RFC 7541 section 6.2.2). */
function field(name: string, value: string): Buffer {
  const bytes = [0, name.length, ...Buffer.from(name), value.length, ...Buffer.from(value)]
  return Buffer.from(bytes)
}

/** Answers the first stream with these frames, whatever it asks. */
function answering(socket: Socket, answer: Buffer): void {
  socket.on('error', () => undefined)
  socket.write(frame(settings, 0, Buffer.alloc(0)))
  let heard = Buffer.alloc(0)
  let at = prefaceBytes
  socket.on('data', (piece: Buffer) => {
    heard = Buffer.concat([heard, piece])
    while (heard.length >= at + frameHeadBytes) {
      if (heard[at + 3] === headers) socket.write(answer)
      at += frameHeadBytes + heard.readUIntBE(at, 3)
    }
  })
}

async function answeredBy(t: Test, answer: Buffer): Promise<{ status: unknown; body: string }> {
  const ca = await selfSigned('Origin CA')
  const own = await signedBy(ca, 'localhost', { names: [{ type: 'dns', value: 'localhost' }] })
  const sockets: Socket[] = []
  const upstream = createServer(
    { ALPNProtocols: ['h2'], cert: own.cert, key: own.key },
    (socket) => {
      sockets.push(socket)
      answering(socket, answer)
    },
  )
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    upstream.close()
  })
  const address = upstream.address()
  const upstreamPort = typeof address === 'object' && address !== null ? address.port : 0
  const relay = await startRelay(t, { host: 'localhost', upstreamCa: ca.cert, upstreamPort })
  const client = connect(`https://localhost:${relay.port}`, { ca: relay.ca })
  client.on('error', () => undefined)
  t.teardown(() => client.destroy())
  const stream = client.request({ ':path': '/' })
  const told: { status: unknown; body: string } = { status: null, body: '' }
  stream.on('response', (fields) => {
    told.status = fields[':status']
    t.notOk('http2-settings' in fields)
  })
  stream.on('error', () => undefined)
  stream.on('data', (piece: Buffer) => {
    told.body += piece.toString()
  })
  await new Promise<void>((resolve) => stream.once('close', () => resolve()))
  return told
}

const ok = Buffer.from([0x88])

void test('a header of HTTP/1 in an answer or its trailers is left out', async (t) => {
  const settingsField = field('http2-settings', 'AAMAAABk')
  const whole = frame(headers, endStream | endHeaders, Buffer.concat([ok, settingsField]))
  t.strictSame(await answeredBy(t, whole), { status: 200, body: '' })
  const trailing = [
    frame(headers, endHeaders, ok),
    frame(data, 0, Buffer.from('hi')),
    frame(headers, endStream | endHeaders, settingsField),
  ]
  t.strictSame(await answeredBy(t, Buffer.concat(trailing)), { status: 200, body: 'hi' })
})

void test('a status that HTTP does not have ends its stream, and the gate serves on', async (t) => {
  for (const status of ['600', '999']) {
    const answer = [
      frame(headers, endHeaders, field(':status', status)),
      frame(data, endStream, Buffer.from('hi')),
    ]
    const told = await answeredBy(t, Buffer.concat(answer))
    t.strictSame(told, { status: null, body: '' }, status)
  }
})

const unreadable: readonly (readonly [why: string, answer: Buffer])[] = [
  ['a body before the head', frame(data, endStream, Buffer.from('hi'))],
  ['fields that are no HPACK', frame(headers, endHeaders, Buffer.alloc(7, 0xff))],
  ['a frame beyond its size', Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])])],
  ['a head that another frame cuts', Buffer.concat([frame(headers, 0, ok), frame(data, 0, ok)])],
  ['HTTP/1.1', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
]

void test('an upstream that breaks the protocol ends what waits for it, long before the idle timeout', async (t) => {
  for (const [why, answer] of unreadable) {
    const body = 'The upstream did not answer in valid HTTP/2.'
    t.strictSame(await answeredBy(t, answer), { status: 502, body }, why)
  }
})
