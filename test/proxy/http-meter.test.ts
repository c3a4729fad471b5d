/** What a hold lets pass and no more: bytes in both directions, wall time, and halts in the middle. */
import { connect } from 'node:net'
import { test } from 'tap'
import {
  eventually,
  exchangeRaw,
  refusalWith,
  type Script,
  type Serve,
  startRawOrigin,
  startWorld,
  type World,
} from './world.ts'

async function startPair(
  t: { teardown(callback: () => Promise<void>): void },
  serve: Serve,
  script: Script,
): Promise<{ world: World; base: string; seen: string[] }> {
  const world = await startWorld({ limits: { holdBytesStep: 1000 } })
  world.gate.script = script
  const origin = await startRawOrigin(serve)
  t.teardown(async () => {
    await world.close()
    await origin.close()
  })
  return { world, base: `http://127.0.0.1:${origin.port}`, seen: origin.seen }
}

const get = (url: string): string => `GET ${url} HTTP/1.1\r\nHost: x\r\n\r\n`
const exhausted = refusalWith('budget-exhausted')
const head = 'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n'

const whole = (text: string): boolean => text.endsWith('x'.repeat(100_000))

test('a download is cut at the hold to the byte, and so is its settlement', async (t) => {
  const { world, base } = await startPair(
    t,
    (socket) => void socket.write(head + 'x'.repeat(100_000)),
    {
      limits: { bytes_down: 5000 },
      extend: () => exhausted,
    },
  )
  const { text, fate } = await exchangeRaw(world.port, get(`${base}/`))
  t.not(fate, 'open')
  t.equal((text.split('\r\n\r\n')[1] ?? '').length, 5000 - head.length)
  const [admission] = world.gate.admissions
  t.match(admission?.settlements, [{ outcome: 'settled', status: 200, cut: 'budget-exhausted' }])
  t.equal(admission?.settlements[0]?.actual['bytes_down'], 5000)
})

test('a download that is given more goes on to its end, and is never ahead of its hold', async (t) => {
  const { world, base } = await startPair(
    t,
    (socket) => void socket.write(head + 'x'.repeat(100_000)),
    {
      limits: { bytes_down: 1001 },
    },
  )
  const { text } = await exchangeRaw(world.port, get(`${base}/`), { waitMs: 3000, until: whole })
  t.ok(whole(text))
  const [admission] = world.gate.admissions
  t.equal(admission?.settlements[0]?.actual['bytes_down'], 100_000 + head.length)
  const asked = admission?.extensions ?? []
  t.ok(asked.length >= 3 && asked.length < 12, `the step grows: ${asked.length} extensions`)
})

test('a head that does not fit waits for more, or is refused with an answer that can be read', async (t) => {
  const serve: Serve = (socket) =>
    void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  const given = await startPair(t, serve, { limits: { bytes_down: 3 } })
  const { text } = await exchangeRaw(given.world.port, get(`${given.base}/`), { until: /ok$/ })
  t.match(text, /^HTTP\/1.1 200 OK[\s\S]*ok$/)
  const refused = await startPair(t, serve, { limits: { bytes_down: 3 }, extend: () => exhausted })
  const answer = await exchangeRaw(refused.world.port, get(`${refused.base}/`), { until: /\}$/ })
  t.match(answer.text, /^HTTP\/1.1 403 .*budget-exhausted/)
  t.match(refused.world.gate.admissions[0]?.settlements, [{ status: 403, cut: 'budget-exhausted' }])
})

test('where less was given than asked, nothing is asked ahead of the need', async (t) => {
  const { world, base } = await startPair(
    t,
    (socket) =>
      void socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 800\r\n\r\n${'x'.repeat(800)}`),
    { limits: { bytes_down: 900 }, extend: () => refusalWith('halted', { decision: 'halt' }) },
  )
  const { text } = await exchangeRaw(world.port, get(`${base}/`), { until: /x{800}$/ })
  t.match(text, /x{800}$/)
  t.strictSame(world.gate.admissions[0]?.extensions, [])
})

test('a chunked upload passes as far as the hold goes, and not a byte further', async (t) => {
  const { world, base, seen } = await startPair(t, () => {}, {
    limits: { bytes_up: 600 },
    extend: () => exhausted,
  })
  const bytes = `POST ${base}/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n${'y'.repeat(1024)}\r\n0\r\n\r\n`
  const { text } = await exchangeRaw(world.port, bytes, { until: /\}$/ })
  t.match(text, /^HTTP\/1.1 403 .*budget-exhausted/)
  const [admission] = world.gate.admissions
  t.equal(admission?.settlements[0]?.actual['bytes_up'], 600)
  t.match(admission?.ask, { bytes_up: 1001 })
  t.strictSame(admission?.charge, {})
  const passed = (seen[0]?.match(/y/g) ?? []).length
  t.ok(passed <= 600, `${passed} bytes of the body went up`)
  t.notMatch(seen[0], /0\r\n\r\n$/)
})

test('a chunked upload that is given more reaches the origin whole', async (t) => {
  const { world, base, seen } = await startPair(
    t,
    (socket, text) => {
      if (text.endsWith('0\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    },
    { limits: { bytes_up: 100 } },
  )
  const chunk = `2710\r\n${'y'.repeat(10_000)}\r\n`
  const bytes = `PUT ${base}/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(20)}0\r\n\r\n`
  const { text } = await exchangeRaw(world.port, bytes, { waitMs: 3000, until: /\r\n\r\n$/ })
  t.match(text, /^HTTP\/1.1 200/)
  t.equal((seen[0]?.match(/y/g) ?? []).length, 200_000)
})

test('wall time is cut at the hold, and counts no further', async (t) => {
  const { world, base } = await startPair(t, (socket) => void socket.write(`${head}x`), {
    limits: { wall: 150 },
    extend: () => exhausted,
  })
  const began = performance.now()
  const { fate } = await exchangeRaw(world.port, get(`${base}/`), { waitMs: 2000 })
  const took = performance.now() - began
  t.not(fate, 'open')
  t.ok(took >= 145 && took < 500, `cut after ${took} ms`)
  t.equal(world.gate.admissions[0]?.settlements[0]?.actual['wall'], 150)
})

test('wall time that is extended is asked for ahead, and nobody notices', async (t) => {
  const { world, base } = await startPair(
    t,
    (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no')
      setTimeout(() => socket.write('k'), 500)
    },
    { limits: { wall: 200 } },
  )
  const { text } = await exchangeRaw(world.port, get(`${base}/`), { waitMs: 2000, until: /ok$/ })
  t.match(text, /ok$/)
  t.ok((world.gate.admissions[0]?.extensions ?? []).every((ask) => (ask['wall'] ?? 0) > 0))
})

test('a halt cuts the client and the upstream in the same turn, or answers where nothing was sent', async (t) => {
  const ended: number[] = []
  const { world, base } = await startPair(
    t,
    (socket, text, index) => {
      if (text.includes('/begun')) socket.write(`${head}x`)
      socket.on('close', () => ended.push(index))
    },
    {},
  )
  const halted = refusalWith('halted', { decision: 'halt' })
  const begun = exchangeRaw(world.port, get(`${base}/begun`), { waitMs: 2000 })
  const waiting = exchangeRaw(world.port, get(`${base}/waiting`), { waitMs: 2000, until: /\}$/ })
  await eventually(() => world.gate.admissions.filter(({ cut }) => cut !== null).length === 2)
  await new Promise((resolve) => setTimeout(resolve, 50))
  const at = performance.now()
  for (const { cut } of world.gate.admissions) cut?.(halted)
  t.equal(
    world.gate.admissions.every(({ settlements }) => settlements.length === 1),
    true,
  )
  const [one, other] = await Promise.all([begun, waiting])
  await eventually(() => ended.length === 2)
  t.ok(performance.now() - at < 50 + 400, 'both are dead')
  t.match(one.text, /x$/)
  t.not(one.fate, 'open')
  t.match(other.text, /^HTTP\/1.1 403 .*haltgate: halted/)
})

test('a halt between the admission and the first byte refuses, and no byte leaves', async (t) => {
  const { world, base, seen } = await startPair(t, () => {}, {
    open: () => refusalWith('halted', { decision: 'halt' }),
  })
  const { text } = await exchangeRaw(world.port, get(`${base}/`), { until: /\}$/ })
  t.match(text, /^HTTP\/1.1 403 .*haltgate: halted/)
  t.match(world.gate.admissions[0]?.settlements, [
    { outcome: 'voided', status: 403, cut: 'halted' },
  ])
  t.ok(seen.every((bytes) => bytes === ''))
})

test('a client that leaves in the middle of its upload takes the upstream with it', async (t) => {
  let closed = false
  const { world, base, seen } = await startPair(
    t,
    (socket) =>
      void socket.on('close', () => {
        closed = true
      }),
    {},
  )
  const socket = connect(world.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(`POST ${base}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc`)
  await eventually(() => seen[0]?.endsWith('abc') === true)
  socket.destroy()
  await eventually(() => closed)
  t.match(world.gate.admissions[0]?.settlements, [{ outcome: 'settled', status: 0, cut: '' }])
  t.equal(world.gate.rejections.length, 0)
})
