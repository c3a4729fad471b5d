/** Requests that are judged, and answers that are looked at, over real sockets: what clients see of it. */
import { test } from 'tap'
import { runProgram, versionOf } from '../../e2e/clients.ts'
import { ask, readAnswer } from '../../e2e/wire.ts'
import { makeDirectory, startOrigin, TestWorld } from '../../e2e/world.ts'
import { eventually } from '../world.ts'
import {
  call,
  dial,
  order,
  placeTest,
  policyOf,
  post,
  postHead,
  type Seen,
  serving,
  settlements,
} from './forward-world.ts'

placeTest(
  'a client that asks whether to send is judged, forwarded and refused all the same',
  {},
  async (t, place) => {
    const { seen } = place
    for (const [body, status] of [
      [order(1), 200],
      [order(11), 403],
      ['{"qty"', 400],
    ] as const) {
      for (const framing of [`Content-Length: ${body.length}`, 'Transfer-Encoding: chunked']) {
        const { socket, text } = dial(t, place)
        socket.write(postHead(place, '/order', ['Expect: 100-continue', framing]))
        await eventually(() => text().includes('100 Continue'))
        const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
        socket.write(framing.startsWith('C') ? body : chunk)
        await eventually(() => readAnswer(text(), false) !== null)
        t.equal(readAnswer(text(), false)?.status, status, `${body} ${framing}`)
        t.equal(text().split('100 Continue').length, 2, 'it is told once')
        socket.destroy()
      }
    }
    t.equal(seen.length, 2)
  },
)

placeTest(
  'a body that turns out too long while it is still sent is refused so that it can be read',
  {},
  async (t, place) => {
    for (const expects of [true, false]) {
      const { socket, text, ended } = dial(t, place)
      const asks = expects ? ['Expect: 100-continue'] : []
      socket.write(postHead(place, '/order', [...asks, 'Transfer-Encoding: chunked']))
      if (expects) await eventually(() => text().includes('100 Continue'))
      const piece = `10000\r\n${'x'.repeat(65_536)}\r\n`
      socket.write(piece)
      await eventually(() => text().includes('request-too-large'))
      // What was under way meanwhile is read: a reset would take the answer with it.
      for (let count = 0; count < 9; count += 1) {
        await new Promise<void>((sent) => socket.write(piece, () => sent()))
      }
      t.notOk(socket.destroyed, 'it is read on')
      socket.write('0\r\n\r\n')
      await ended
      t.match(text(), /HTTP\/1.1 413 [^\n]*request-too-large/)
      t.notMatch(text(), '<reset>')
    }
    const { socket, text } = dial(t, place)
    socket.write(postHead(place, '/order', ['Expect: 100-continue', 'Content-Length: 2001']))
    await eventually(() => text().includes('request-too-large'))
    t.notMatch(text(), '100 Continue', 'it is not asked for what is too much')
  },
)

placeTest(
  'a request behind a judged one, on the same connection, is served as ever',
  {},
  async (t, place) => {
    const { seen } = place
    const { socket, text } = dial(t, place)
    const body = order(1)
    const judged = postHead(place, '/order', [`Content-Length: ${body.length}`]) + body
    const chunked = `${postHead(place, '/order', ['Transfer-Encoding: chunked'])}9\r\n{"qty":1}\r\n0\r\n\r\n`
    const refused = postHead(place, '/order', ['Content-Length: 10']) + order(11)
    const plain = `GET ${place.origin.url}/plain/x HTTP/1.1\r\nHost: localhost:${place.origin.port}\r\n\r\n`
    socket.write(judged + plain + chunked + refused + plain)
    await eventually(() => text().split('GET /plain/x 0').length === 3)
    const statuses = [...text().matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status)
    t.strictSame(statuses, ['200', '200', '200', '403', '200'])
    t.strictSame(
      seen.map(({ path, body: sent }) => `${path} ${sent}`),
      ['/order', '/plain/x', '/order', '/plain/x'].map((path) =>
        path === '/order' ? `${path} ${body}` : `${path} `,
      ),
    )
    t.strictSame(seen[2]?.headers['content-length'], '9', 'what was chunked is of known length now')
  },
)

placeTest(
  'a request without a body is decoded as none, and goes on without one',
  {},
  async (t, place) => {
    const { world, origin, seen } = place
    t.equal((await world.get(`${origin.url}/mcp`)).status, 200)
    t.match(seen, [{ method: 'GET', body: '' }])
    t.notOk(seen[0]?.headers['content-length'] ?? seen[0]?.headers['transfer-encoding'])
    for (const [method, path] of [
      ['GET', '/order'],
      ['HEAD', '/mcp'],
      ['POST', '/mcp'],
    ] as const) {
      const answer = await ask(world.port, `${origin.url}${path}`, { method })
      t.ok([400, 403].includes(answer.status), `${method} ${answer.status}`)
    }
    t.equal(seen.length, 1)
  },
)

placeTest('room for bodies is given back, however a request ends', {}, async (t, place) => {
  const { world, origin } = place
  const large = JSON.stringify({ qty: 1, note: 'x'.repeat(1900) })
  const ways: readonly (() => Promise<unknown>)[] = [
    () => post(place, '/order', large),
    () => post(place, '/order', JSON.stringify({ qty: 11, note: 'x'.repeat(1900) })),
    () => post(place, '/order', `{${'x'.repeat(1900)}`),
    () => post(place, '/order', large, { 'Content-Encoding': 'br' }),
    () => post(place, '/order', large, { 'Content-Encoding': 'gzip, br' }),
    async () => {
      const { socket } = dial(t, place)
      socket.write(postHead(place, '/order', ['Content-Length: 1990']) + 'x'.repeat(1980))
      await eventually(() => origin.total >= 0)
      socket.destroy()
    },
    async () => {
      const { socket } = dial(t, place)
      socket.write(postHead(place, '/order', [`Content-Length: ${large.length}`]) + large)
      setImmediate(() => socket.destroy())
    },
    async () => {
      world.writePolicy(`${policyOf(origin.port)}# ${Math.round(performance.now())}\n`)
      const asked = post(place, '/order', large)
      await world.control('POST', '/api/v1/policy/reload')
      await asked
    },
  ]
  for (let round = 0; round < 4; round += 1) for (const way of ways) await way()
  const both = await Promise.all([post(place, '/order', large), post(place, '/order', large)])
  t.strictSame(
    both.map(({ status }) => status),
    [200, 200],
  )
})

placeTest(
  'an answer that detectors look at is over when it is over, with a body or without',
  {},
  async (t, place) => {
    const { world, origin } = place
    for (const [method, answer, body] of [
      ['GET', '200', 'x'.repeat(20)],
      ['HEAD', '200', ''],
      ['GET', '304', ''],
      ['GET', '200', 'x'.repeat(20)],
    ] as const) {
      const read = await ask(world.port, `${origin.url}/looked`, {
        method,
        headers: { 'X-Answer': answer },
        waitMs: 3000,
      })
      t.equal(read.status, Number(answer), `${method} ${answer}`)
      t.match(read.body, body)
    }
    await eventually(() => settlements(place).length === 4)
    for (const { cut, status } of settlements(place))
      t.ok(cut === undefined && Number(status) >= 200)
  },
)

placeTest(
  'in observe mode a body is judged, recorded and let pass',
  {
    mode: 'observe',
    budgets: `budgets:
  - { id: out, scope: agent, period: lifetime, limits: { tokens: 10 }, on_limit: block }
`,
  },
  async (t, place) => {
    const refused = await post(place, '/order', order(11))
    t.equal(refused.status, 200)
    t.equal(refused.headers.get('haltgate-observed'), 'deny')
    t.equal(place.seen[0]?.body, order(11))
    const called = await post(place, '/v1/chat/completions', call())
    t.equal(called.status, 200)
    t.equal(called.headers.get('haltgate-observed'), 'deny')
    t.equal(place.seen[1]?.body, call(), 'what is not enforced is not edited')
    t.equal(
      (await post(place, '/order', '{')).status,
      400,
      'what cannot be read whole is not sent whole',
    )
  },
)

void test('curl, which asks before it sends much, is served', {
  skip: versionOf('curl') === null,
}, async (t) => {
  const seen: Seen[] = []
  const origin = await startOrigin(t, serving(seen))
  const world = new TestWorld(makeDirectory(t), policyOf(origin.port))
  await world.open()
  t.teardown(() => world.close())
  const body = JSON.stringify({ qty: 1, note: 'x'.repeat(1_500_000) })
  const { output } = await runProgram('sh', [
    '-c',
    `printf '{"qty":1,"note":"%01500000d"}' 0 | curl -sS -x http://127.0.0.1:${world.port} -H 'Content-Type: application/json' -H 'Expect: 100-continue' --data-binary @- -w ' %{http_code}' ${origin.url}/order`,
  ])
  t.match(output.toString(), `POST /order ${body.length} 200`)
})
