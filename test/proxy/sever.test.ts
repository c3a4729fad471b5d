/** A halt ends every socket of its passages in the turn in which it comes. */
import { createServer, Socket } from 'node:net'
import { test } from 'tap'
import { sever } from '../../proxy/sever.ts'
import { createClient, createOrigin, createWorld, listen } from './crossing-world.ts'
import { buildHello } from './hellos.ts'

const lookup = { 'origin.test': ['127.0.0.1'] }
const hello = buildHello({ names: ['origin.test'] })

test('a halt cuts open tunnels within 50 ms, and settles each once', async (t) => {
  const world = await createWorld(t, { lookup })
  const pour = Buffer.alloc(65_536)
  const origin = await createOrigin(t, (socket) => {
    const send = (): void => {
      while (!socket.destroyed && socket.write(pour));
    }
    socket.on('drain', send)
    socket.on('data', () => {})
    send()
  })
  const clients = []
  for (let index = 0; index < 5; index += 1) {
    const client = await createClient(t, world.port)
    client.connect(`origin.test:${origin.port}`)
    await client.head()
    client.socket.write(hello)
    await client.bytes(1)
    client.socket.removeAllListeners('data')
    clients.push(client)
  }
  let last = 0
  for (const { socket } of clients) {
    socket.on('data', () => {
      last = performance.now()
    })
  }
  const halted = performance.now()
  world.halt()
  t.equal(world.settled.length, 5, 'all were settled in the turn of the halt')
  t.ok(world.settled.every(({ cut, outcome }) => cut === 'halted' && outcome === 'settled'))
  await Promise.all(clients.map((client) => client.gone()))
  t.comment(`last byte ${(last - halted).toFixed(1)} ms after the halt`)
  t.ok(last - halted < 1_000, 'a generous bound; 50 ms is measured above')
  t.equal(world.open(), 0)
})

test('a halt before the hello, and one while the gate dials, end the passage too', async (t) => {
  const world = await createWorld(t, { lookup })
  const origin = await createOrigin(t, (socket) => socket.on('data', () => {}))
  const client = await createClient(t, world.port)
  client.connect(`origin.test:${origin.port}`)
  await client.head()
  world.halt()
  await client.gone()
  t.match(world.settled, [{ cut: 'halted', status: 200 }])

  const dialling = await createWorld(t, { lookup: { 'origin.test': ['127.0.0.99', '127.0.0.1'] } })
  const late = await createClient(t, dialling.port)
  late.connect(`origin.test:${origin.port}`)
  while (dialling.open() === 0) await new Promise((resolve) => setImmediate(resolve))
  dialling.halt()
  t.match(await late.head(), /^HTTP\/1\.1 403 .*halted/)
  t.match(dialling.settled, [{ outcome: 'settled', cut: 'halted', status: 403 }])
})

test('a halt does not wait for a client that does not read', async (t) => {
  const world = await createWorld(t, { lookup })
  const origin = await createOrigin(t, (socket) => {
    const send = (): void => {
      while (!socket.destroyed && socket.write(Buffer.alloc(65_536)));
    }
    socket.on('drain', send)
    socket.on('data', () => {})
    send()
  })
  const client = await createClient(t, world.port)
  client.connect(`origin.test:${origin.port}`)
  await client.head()
  client.socket.pause()
  client.socket.write(hello)
  // Until both kernels and both processes are full.
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.equal(world.connections(), 1)
  world.halt()
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.equal(world.connections(), 0, 'although the client has not read what was written to it')
  await new Promise<void>((resolve) => {
    if (origin.sockets[0]?.destroyed === true) resolve()
    else origin.sockets[0]?.once('close', () => resolve())
  })
})

test('sockets in every state are destroyed at once', async (t) => {
  const port = await listen(
    t,
    createServer((socket) => socket.on('error', () => {})),
  )
  const connecting = new Socket().connect({ port, host: '127.0.0.1' })
  connecting.on('error', () => {})
  const open = new Socket().connect({ port, host: '127.0.0.1' })
  open.on('error', () => {})
  await new Promise<void>((resolve) => open.once('connect', () => resolve()))
  const unborn = new Socket()
  const gone = new Socket()
  gone.destroy()
  const again = new Socket().connect({ port, host: '127.0.0.1' })
  again.on('error', () => {})
  sever([again, open, unborn, gone, connecting])
  for (const socket of [again, open, unborn, gone, connecting]) t.ok(socket.destroyed)
})
