/** What a tunnel carries: everything, in order, at the pace of the slower side, and never more than is held. */
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'tap'
import {
  createClient,
  createOrigin,
  createWorld,
  type Teardown,
  type World,
} from './crossing-world.ts'
import { buildHello } from './hellos.ts'

const lookup = { 'origin.test': ['127.0.0.1'] }
const hello = buildHello({ names: ['origin.test'] })
const block = randomBytes(65_536)

async function openTunnel(
  t: Teardown,
  world: World,
  port: number,
): Promise<Awaited<ReturnType<typeof createClient>>> {
  const client = await createClient(t, world.port)
  client.connect(`origin.test:${port}`)
  await client.head()
  return client
}

test('64 MiB arrive whole in each direction, with a hold that grows', async (t) => {
  const blocks = 1_024
  for (const left of [{}, { bytes_up: 2 ** 31, bytes_down: 2 ** 31, wall: 3_600_000 }]) {
    const world = await createWorld(t, { lookup, left })
    const up = createHash('sha256')
    let upEnded: () => void = () => {}
    const upWhole = new Promise<void>((resolve) => {
      upEnded = resolve
    })
    const origin = await createOrigin(t, (socket) => {
      let sent = 0
      const send = (): void => {
        while (sent < blocks) {
          sent += 1
          if (!socket.write(block)) return
        }
        socket.end()
      }
      socket.on('drain', send)
      socket.on('data', (chunk) => up.update(chunk))
      socket.on('end', upEnded)
      send()
    })
    const client = await openTunnel(t, world, origin.port)
    client.socket.removeAllListeners('data')
    const down = createHash('sha256')
    client.socket.on('data', (chunk) => down.update(chunk))
    const expected = createHash('sha256').update(hello)
    client.socket.write(hello)
    for (let index = 0; index < blocks; index += 1) {
      expected.update(block)
      if (!client.socket.write(block)) {
        await new Promise<void>((resolve) => client.socket.once('drain', () => resolve()))
      }
    }
    client.socket.end()
    await Promise.all([world.settle(1), upWhole, client.gone()])
    const all = createHash('sha256')
    for (let index = 0; index < blocks; index += 1) all.update(block)
    t.equal(down.digest('hex'), all.digest('hex'))
    t.equal(up.digest('hex'), expected.digest('hex'))
    t.match(world.settled, [
      {
        outcome: 'settled',
        cut: '',
        actual: { bytes_up: blocks * 65_536 + hello.length, bytes_down: blocks * 65_536 },
      },
    ])
  }
})

test('what passes is exactly what the budget has, then the tunnel is cut', async (t) => {
  for (const direction of ['bytes_up', 'bytes_down']) {
    const budget = 100_000
    const world = await createWorld(t, {
      lookup,
      left: { [direction]: budget },
      limits: { holdBytesStep: 30_000 },
    })
    let received = 0
    const origin = await createOrigin(t, (socket) => {
      socket.on('data', (chunk) => {
        received += chunk.length
      })
      if (direction === 'bytes_down') socket.write(Buffer.alloc(500_000))
    })
    const client = await openTunnel(t, world, origin.port)
    client.socket.write(hello)
    if (direction === 'bytes_up') client.socket.write(Buffer.alloc(500_000))
    await client.gone()
    await world.settle(1)
    t.match(world.settled, [
      { outcome: 'settled', cut: 'budget-exhausted', actual: { [direction]: budget } },
    ])
    t.ok((direction === 'bytes_up' ? received : client.received.length) <= budget)
  }
})

test('a tunnel ends when its wall time is spent', async (t) => {
  const world = await createWorld(t, {
    lookup,
    left: { wall: 300 },
    limits: { holdWallStepMs: 200 },
  })
  const origin = await createOrigin(t, (socket) => socket.pipe(socket))
  const client = await openTunnel(t, world, origin.port)
  const begun = performance.now()
  client.socket.write(hello)
  await client.gone()
  await world.settle(1)
  t.ok(performance.now() - begun >= 250, 'not before its time')
  t.match(world.settled, [{ cut: 'budget-exhausted', actual: { wall: 300 } }])
})

test('a budget that ends before the answer is answered', async (t) => {
  const world = await createWorld(t, {
    lookup,
    left: { wall: 1 },
    limits: { holdWallStepMs: 1 },
  })
  const origin = await createOrigin(t, () => {})
  const client = await createClient(t, world.port)
  client.connect(`origin.test:${origin.port}`)
  await client.gone()
  await world.settle(1)
  t.match(world.settled, [{ cut: 'budget-exhausted', actual: { wall: 1 } }])
})

test('a peer that does not read stops the other, and costs no memory', async (t) => {
  const world = await createWorld(t, { lookup })
  let written = 0
  const origin = await createOrigin(t, (socket) => {
    const send = (): void => {
      while (written < 4_096 && socket.write(block)) written += 1
    }
    socket.on('drain', send)
    socket.on('data', () => {})
    send()
  })
  const client = await openTunnel(t, world, origin.port)
  client.socket.pause()
  client.socket.write(hello)
  let before = -1
  while (before !== written) {
    before = written
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  t.ok(written < 1_024, `${written} blocks of 64 KiB were taken of 4,096`)
  t.ok(process.memoryUsage().arrayBuffers < 64 * 2 ** 20)
  client.socket.resetAndDestroy()
  await world.settle(1)
})
