/** Clients of HTTP/2 that mean ill: floods are cut off, and what is malformed goes nowhere. */
import { once } from 'node:events'
import { constants } from 'node:http2'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { test } from 'tap'
import { startWorld } from './h2-world.ts'
import type { Relay } from './relay.ts'

test('a client that resets stream after stream is told to calm down, and cut off', async (t) => {
  const world = await startWorld(t, (stream) => stream.respond({ ':status': 200 }))
  const raw = await rawClient(world.relay)
  const closed = once(raw, 'close')
  const told = calmed(raw)
  const frames: Buffer[] = []
  for (let id = 1; id < 1_000; id += 2) {
    const reset = Buffer.from([0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0, 8])
    reset.writeUInt32BE(id, 5)
    frames.push(headersFrame(id, goodHead), reset)
  }
  raw.write(Buffer.concat(frames))
  t.equal(await told, constants.NGHTTP2_ENHANCE_YOUR_CALM)
  await closed
})

test('a client that floods with pings or settings is cut off', async (t) => {
  const world = await startWorld(t, (stream) => stream.respond({ ':status': 200 }))
  await once(world.client, 'connect')
  const ping = Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8])
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
  for (const frame of [ping, settings]) {
    const raw = await rawClient(world.relay)
    const closed = once(raw, 'close')
    raw.resume()
    raw.write(Buffer.concat(Array.from({ length: 2_000 }, () => frame)))
    await closed
    t.pass(`type ${frame[3]}`)
  }
})

test('a header that HTTP/2 does not have resets the stream, and nothing goes upstream', async (t) => {
  let asked = 0
  const world = await startWorld(t, (stream) => {
    asked += 1
    stream.respond({ ':status': 200 }, { endStream: true })
  })
  const rows = [
    ['X-Upper', '1'],
    ['connection', 'close'],
    ['transfer-encoding', 'chunked'],
    [':path', '/'],
  ]
  for (const extra of [...rows, []]) {
    const raw = await rawClient(world.relay)
    raw.write(headersFrame(1, [...goodHead, ...extra]))
    const type = await firstOn(raw, 1)
    t.equal(type, extra.length === 0 ? 1 : 3, extra.join(': '))
    raw.destroy()
  }
  t.equal(asked, 1)
})

const goodHead = [':method', 'GET', ':scheme', 'https', ':authority', 'localhost', ':path', '/']

/** HEADERS with END_STREAM and END_HEADERS, its fields literal (RFC 7541 section 6.2.2). */
function headersFrame(id: number, flat: readonly string[]): Buffer {
  const fields = flat.map((text) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]))
  const block = Buffer.concat(
    fields.flatMap((bytes, index) => (index % 2 === 0 ? [Buffer.from([0]), bytes] : [bytes])),
  )
  const head = Buffer.from([0, 0, block.length, 1, 5, 0, 0, 0, 0])
  head.writeUInt32BE(id, 5)
  return Buffer.concat([head, block])
}

/** A client that says the preface and its settings, and nothing else by itself. */
async function rawClient({ ca, port }: Relay): Promise<Socket> {
  const raw = connectTls({ ALPNProtocols: ['h2'], ca, host: 'localhost', port })
  raw.on('error', () => undefined)
  await once(raw, 'secureConnect')
  raw.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  raw.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]))
  return raw
}

/** The code of the GOAWAY that comes. */
function calmed(socket: Socket): Promise<number> {
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0)
    socket.once('close', () => resolve(-1))
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
        if (bytes[3] === 7) resolve(bytes.readUInt32BE(13))
        bytes = bytes.subarray(9 + bytes.readUIntBE(0, 3))
      }
    })
  })
}

/** Type of the first frame on a stream: 1 HEADERS, 3 RST_STREAM, 7 GOAWAY on the connection counts as a reset. */
function firstOn(socket: Socket, id: number): Promise<number> {
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
        const [length, type, stream] = [
          bytes.readUIntBE(0, 3),
          bytes[3] ?? 0,
          bytes.readUInt32BE(5),
        ]
        if (stream === id) resolve(type)
        if (type === 7) resolve(3)
        bytes = bytes.subarray(9 + length)
      }
    })
  })
}
