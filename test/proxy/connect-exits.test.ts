/** Each way out of a CONNECT settles its passage once, whoever leaves and whenever. */
import { type AddressInfo, connect as connectTcp, createServer } from 'node:net'
import { test } from 'tap'
import { createClient, createOrigin, createWorld } from './crossing-world.ts'
import { buildHello } from './hellos.ts'

const lookup = { 'origin.test': ['127.0.0.1'] }
const hello = buildHello({ names: ['origin.test'] })

test('settled once: the upstream refuses the connection', async (t) => {
  const world = await createWorld(t, { lookup })
  const closed = await createOrigin(t, () => {})
  const gone = closed.port
  const client = await createClient(t, world.port)
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const port = (server.address() as AddressInfo).port
  await new Promise((resolve) => server.close(resolve))
  t.not(port, gone)
  client.connect(`origin.test:${port}`)
  t.match(await client.head(), /^HTTP\/1\.1 502 .*upstream-unreachable/)
  await world.settle(1)
  t.match(world.settled, [
    { outcome: 'settled', status: 502, cut: 'upstream-unreachable', actual: { bytes_up: 0 } },
  ])
})

test('settled once: a second address answers where the first is dead', async (t) => {
  const world = await createWorld(t, { lookup: { 'origin.test': ['127.0.0.99', '127.0.0.1'] } })
  const origin = await createOrigin(t, (socket) => socket.pipe(socket))
  const client = await createClient(t, world.port)
  client.connect(`origin.test:${origin.port}`)
  t.match(await client.head(), /^HTTP\/1\.1 200 /)
})

test('settled once: the client resets while the admission is written', async (t) => {
  let reset: () => void = () => {}
  const world = await createWorld(t, {
    lookup,
    whileAdmitting: () =>
      new Promise((resolve) => {
        reset()
        setTimeout(resolve, 50)
      }),
  })
  const origin = await createOrigin(t, () => {})
  const client = await createClient(t, world.port)
  reset = () => client.socket.resetAndDestroy()
  client.connect(`origin.test:${origin.port}`)
  await world.settle(1)
  t.match(world.settled, [{ outcome: 'voided', status: 0, cut: '' }])
  t.equal(origin.sockets.length, 0, 'nothing was dialled')
})

test('settled once: a halt came between the admission and the dispatch', async (t) => {
  const world = await createWorld(t, { lookup, refuseOpen: 'halted' })
  const origin = await createOrigin(t, () => {})
  const client = await createClient(t, world.port)
  client.connect(`origin.test:${origin.port}`)
  t.match(await client.head(), /^HTTP\/1\.1 403 .*halted/)
  await world.settle(1)
  t.match(world.settled, [{ outcome: 'voided', status: 403, cut: 'halted' }])
  t.equal(origin.sockets.length, 0)
})

test('settled once: the client leaves before its hello', async (t) => {
  for (const leave of ['end', 'resetAndDestroy'] as const) {
    const world = await createWorld(t, { lookup })
    const origin = await createOrigin(t, (socket) => socket.on('data', () => {}))
    const client = await createClient(t, world.port)
    client.connect(`origin.test:${origin.port}`)
    await client.head()
    client.socket[leave]()
    await world.settle(1)
    t.match(world.settled, [{ outcome: 'settled', status: 200, cut: '' }])
    t.equal(world.rejected.length, 0)
  }
})

test('settled once: either side resets in the middle', async (t) => {
  for (const side of ['client', 'upstream'] as const) {
    const world = await createWorld(t, { lookup })
    const origin = await createOrigin(t, (socket) => socket.pipe(socket))
    const client = await createClient(t, world.port)
    client.connect(`origin.test:${origin.port}`)
    await client.head()
    client.socket.write(hello)
    await client.bytes(hello.length)
    const socket = side === 'client' ? client.socket : origin.sockets[0]
    socket?.resetAndDestroy()
    await world.settle(1)
    t.match(world.settled, [{ outcome: 'settled', status: 200, cut: '' }])
    if (side === 'upstream') await client.gone()
  }
})

test('settled once: the upstream leaves before the hello', async (t) => {
  const world = await createWorld(t, { lookup })
  const origin = await createOrigin(t, (socket) => setTimeout(() => socket.resetAndDestroy(), 30))
  const client = await createClient(t, world.port)
  client.connect(`origin.test:${origin.port}`)
  await client.head()
  await client.gone()
  await world.settle(1)
  t.match(world.settled, [{ outcome: 'settled', cut: 'upstream-unreachable' }])
})

test('settled once: nothing moves for too long, or the tunnel lives too long', async (t) => {
  for (const limits of [{ idleTimeoutMs: 60 }, { tunnelLifetimeMs: 60 }]) {
    const world = await createWorld(t, { lookup, limits })
    const origin = await createOrigin(t, (socket) => socket.pipe(socket))
    const client = await createClient(t, world.port)
    client.connect(`origin.test:${origin.port}`)
    await client.head()
    client.socket.write(hello)
    await client.gone()
    await world.settle(1)
    t.match(world.settled, [{ outcome: 'settled', cut: 'upstream-timeout' }])
  }
})

test('resets at every point of a CONNECT leave nothing open and end nothing', async (t) => {
  const world = await createWorld(t, { lookup })
  const origin = await createOrigin(t, (socket) => socket.pipe(socket))
  const wire = Buffer.concat([
    Buffer.from(`CONNECT origin.test:${origin.port} HTTP/1.1\r\n\r\n`),
    hello,
  ])
  for (let length = 1; length <= wire.length; length += 7) {
    const socket = connectTcp({ port: world.port, host: '127.0.0.1' })
    socket.on('error', () => {})
    await new Promise<void>((resolve) => socket.write(wire.subarray(0, length), () => resolve()))
    await new Promise((resolve) => setTimeout(resolve, length % 3))
    socket.resetAndDestroy()
  }
  const client = await createClient(t, world.port)
  client.connect(`origin.test:${origin.port}`)
  t.match(await client.head(), /^HTTP\/1\.1 200 /)
  client.socket.destroy()
  await world.settle(world.admitted.length)
  t.equal(world.open(), 0)
  t.equal(world.settled.length, world.admitted.length)
})
