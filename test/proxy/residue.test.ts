/**
 * What still arrives after a halt: of a plain transfer only what lies in the receiver's own buffer already, and nothing
 * of the megabytes that the gate's system had taken from it and not sent.
 */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { type Test, test } from 'tap'
import type { Admission } from './world.ts'
import { eventually, type Pair, refusalWith, startPair } from './world.ts'

const pour = Buffer.alloc(65_536, 'x')

/** Sends for ever, as fast as the peer takes it. */
function flood(socket: Socket): void {
  const send = (): void => {
    while (!socket.destroyed && socket.write(pour));
  }
  socket.on('drain', send)
  send()
}

interface Queues {
  /** Bytes that the system holds and has not sent, or that were not acknowledged. */
  readonly unsent: number
  /** Bytes that arrived and were not read. */
  readonly unread: number
}

const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0')

/** The queues of one end of a loopback connection, as the system counts them. */
function queuesOf(localPort: number, remotePort: number): Queues {
  const row = new RegExp(`:${hex(localPort)} \\w+:${hex(remotePort)} \\w+ (\\w+):(\\w+)`)
  const match = row.exec(readFileSync('/proc/net/tcp', 'utf8'))
  return {
    unsent: Number.parseInt(match?.[1] ?? '0', 16),
    unread: Number.parseInt(match?.[2] ?? '0', 16),
  }
}

/** Waits until nothing moves any more between two ends. */
async function settled(count: () => number): Promise<void> {
  let last = -1
  while (count() !== last) {
    last = count()
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

function halt(world: Pair['world']): Admission {
  const [admission] = world.gate.admissions
  if (admission?.cut === null || admission === undefined) throw new Error('it was dispatched')
  admission.cut(refusalWith('halted'))
  return admission
}

const skip = process.platform === 'linux' ? false : 'the queues are read from /proc'

/** Reads many bytes, so that the system gives the connection large buffers; then none. */
async function download(t: Test, pair: Pair): Promise<{ client: Socket; got: () => number }> {
  const client = connect({ port: pair.world.port, host: '127.0.0.1' })
  t.teardown(() => client.destroy())
  client.on('error', () => {})
  let got = 0
  client.on('data', (chunk) => {
    got += chunk.length
  })
  client.write(`GET ${pair.base}/ HTTP/1.1\r\nHost: x\r\n\r\n`)
  await eventually(() => got > 50_000_000, 20_000)
  client.pause()
  return { client, got: () => got }
}

test('of a download that is halted nothing arrives but what had arrived', { skip }, async (t) => {
  const pair = await startPair(t, (socket, text) => {
    if (!text.endsWith('\r\n\r\n')) return
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n')
    flood(socket)
  })
  const { world } = pair
  const { client, got } = await download(t, pair)
  const port = client.localPort ?? 0
  await settled(() => queuesOf(world.port, port).unsent)
  const before = got()
  const { unsent } = queuesOf(world.port, port)
  const { unread } = queuesOf(port, world.port)
  // Read by Node and not yet told: what a paused socket holds itself.
  const held = client.readableLength
  t.ok(unsent > 256 * 1024, `${unsent} bytes were on their way`)
  const { settlements } = halt(world)
  t.match(settlements, [{ cut: 'halted', status: 200 }])
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()))
  client.resume()
  await closed
  const late = got() - before
  t.comment(
    `${late} bytes after the halt; ${unread + held} had arrived, ${unsent} were on their way`,
  )
  t.ok(late <= unread + held, 'none of those that were on their way')
})

test('of an upload that is halted the origin gets nothing but what had arrived', {
  skip,
}, async (t) => {
  let received = 0
  const pair = await startPair(t, (socket) => {
    socket.removeAllListeners('data')
    socket.on('data', (chunk) => {
      received += chunk.length
      if (received > 50_000_000) socket.pause()
    })
  })
  const { origin, world } = pair
  const client = connect({ port: world.port, host: '127.0.0.1' })
  t.teardown(() => client.destroy())
  client.on('error', () => {})
  client.write(`POST ${pair.base}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n`)
  flood(client)
  await eventually(() => received > 50_000_000, 20_000)
  const [socket] = origin.sockets
  if (socket === undefined) throw new Error('the origin has a connection')
  const port = socket.remotePort ?? 0
  await settled(() => queuesOf(port, origin.port).unsent)
  const before = received
  const { unsent } = queuesOf(port, origin.port)
  const { unread } = queuesOf(origin.port, port)
  const held = socket.readableLength
  t.ok(unsent > 256 * 1024, `${unsent} bytes were on their way`)
  const { settlements } = halt(world)
  t.match(settlements, [{ cut: 'halted', status: 403 }])
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.removeAllListeners('data')
  socket.on('data', (chunk) => {
    received += chunk.length
  })
  socket.resume()
  await closed
  const late = received - before
  t.comment(
    `${late} bytes after the halt; ${unread + held} had arrived, ${unsent} were on their way`,
  )
  t.ok(late <= unread + held, 'none of those that were on their way')
})
