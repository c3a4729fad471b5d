/** Connections to upstreams over loopback: which are used again, which never, and what waits for one. */
import { test } from 'tap'
import { defaultLimits } from '../../../proxy/limits.ts'
import { Pools } from '../../../proxy/pool.ts'
import type { UpstreamHandler } from '../../../proxy/upstream-call.ts'
import { eventually, exchangeRaw, lastPath, type Serve, startPair } from '../world.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const get = (url: string, method = 'GET'): string =>
  `${method} ${url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`

/** Says what stands under the path of each request. */
const saying =
  (answers: Readonly<Record<string, string>>): Serve =>
  (socket, text) => {
    if (text.endsWith('\r\n\r\n')) socket.write(answers[lastPath(text)] ?? ok, 'latin1')
  }

const spent: Readonly<Record<string, readonly [answer: string, method?: string]>> = {
  'a second answer': [`${ok}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother`],
  'a byte too many': [`${ok}x`],
  'an empty line': [`${ok}\r\n`],
  'a close': [ok.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')],
  'HTTP/1.0': [ok.replace('1.1', '1.0')],
  'a short life': [ok.replace('\r\n\r\n', '\r\nKeep-Alive: timeout=1\r\n\r\n')],
  HEAD: ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', 'HEAD'],
  'a 204 with a body': ['HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\nhello'],
  'a 304 with a length': ['HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n'],
}

for (const [name, [answer, method]] of Object.entries(spent)) {
  test(`a connection is not used again after ${name}`, async (t) => {
    const { world, origin, base } = await startPair(t, saying({ '/spent': answer }))
    const first = await exchangeRaw(world.port, get(`${base}/spent`, method), { waitMs: 3000 })
    t.match(first.text, /^HTTP\/1.1 [23]0[04] /)
    t.notMatch(first.text, /other|okx|hello/)
    const second = await exchangeRaw(world.port, get(`${base}/`), { waitMs: 3000 })
    t.match(second.text, /^HTTP\/1.1 200 [\s\S]*\r\n\r\nok$/)
    t.equal(origin.connections(), 2)
    await eventually(() => origin.sockets.size === 1)
  })
}

test('a connection is used again after every way in which a body can end by itself', async (t) => {
  const { world, origin, base } = await startPair(
    t,
    saying({
      '/none': 'HTTP/1.1 204 None\r\n\r\n',
      '/same': 'HTTP/1.1 304 Same\r\n\r\n',
      '/empty': 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
      '/chunks':
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n',
      '/long': ok.replace('\r\n\r\n', '\r\nKeep-Alive: timeout=60\r\n\r\n'),
      '/old': ok.replace('1.1', '1.0').replace('\r\n\r\n', '\r\nConnection: keep-alive\r\n\r\n'),
    }),
  )
  for (const path of ['/', '/none', '/same', '/empty', '/chunks', '/long', '/old', '/']) {
    const { text } = await exchangeRaw(world.port, get(base + path), { waitMs: 3000 })
    t.match(text, /^HTTP\/1.1 [23]0[04] /, path)
  }
  t.equal(origin.connections(), 1)
})

test('what an upstream says unasked ends its connection', async (t) => {
  const { world, origin, base } = await startPair(t, (socket, text) => {
    socket.write(ok)
    if (lastPath(text) === '/later') setTimeout(() => socket.write(ok), 20)
  })
  await exchangeRaw(world.port, get(`${base}/later`), { waitMs: 3000 })
  t.equal(origin.sockets.size, 1)
  await eventually(() => origin.sockets.size === 0)
  const { text } = await exchangeRaw(world.port, get(`${base}/`), { waitMs: 3000 })
  t.match(text, /\r\n\r\nok$/)
  t.equal(origin.connections(), 2)
})

test('an answer that comes before the body is whole ends upload and connection', async (t) => {
  const refused = 'HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno'
  const { world, origin, base } = await startPair(t, (socket, text) => {
    if (text.includes('part')) socket.write(refused)
  })
  const post = `POST ${base}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\npart`
  const { text } = await exchangeRaw(world.port, post, { until: /no$/, waitMs: 3000 })
  t.match(text, /^HTTP\/1.1 413 Too Large\r\n/)
  await eventually(() => origin.sockets.size === 0)
  t.match(origin.seen[0], /\r\n\r\npart$/)
  t.equal(world.gate.admissions[0]?.settlements.length, 1)
})

test('what is over the limit of connections waits for one, also for one that closes', async (t) => {
  const closing = ok.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')
  let open = 0
  let most = 0
  const { world, origin, base } = await startPair(
    t,
    (socket, text) => {
      open += 1
      most = Math.max(most, open)
      setTimeout(() => {
        open -= 1
        if (lastPath(text) === '/close') socket.end(closing)
        else socket.write(ok)
      }, 5)
    },
    { upstreamConnectionsMax: 1 },
  )
  const paths = ['/a', '/close', '/b', '/close', '/c', '/d']
  const heard = await Promise.all(
    paths.map((path) => exchangeRaw(world.port, get(base + path), { waitMs: 5000 })),
  )
  for (const { text } of heard) t.match(text, /^HTTP\/1.1 200 [\s\S]*\r\n\r\nok$/)
  t.equal(most, 1)
  t.ok(origin.connections() <= 3, `${origin.connections()} connections`)
})

test('an idle connection is closed after its time', async (t) => {
  const limits = { upstreamKeepAliveTimeoutMs: 200 }
  const { world, origin, base } = await startPair(t, saying({}), limits)
  await exchangeRaw(world.port, get(`${base}/`), { waitMs: 3000 })
  t.equal(origin.sockets.size, 1)
  await eventually(() => origin.sockets.size === 0)
})

interface Direct {
  readonly pools: Pools
  readonly told: string[]
  send(name: string, header?: string): void
}

/** One connection to an origin, without a proxy before it. */
function direct(port: number): Direct {
  const pools = new Pools({ ...defaultLimits, upstreamConnectionsMax: 1 }, (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  })
  const told: string[] = []
  const send = (name: string, header = ''): void => {
    const handler: UpstreamHandler = {
      onConnect: () => told.push(`${name} connects`),
      onHeaders: () => true,
      onData: () => true,
      onComplete: () => told.push(`${name} completes`),
      onError: () => told.push(`${name} fails`),
    }
    const headers = ['Host', 'x', 'X', header]
    const upstream = { host: '127.0.0.1', port, address: '127.0.0.1', proxy: null }
    pools.dispatch(upstream, { path: '/', method: 'GET', headers, body: null }, handler)
  }
  return { pools, told, send }
}

test('the end of all connections is told to whoever uses one, or waits for one', async (t) => {
  const { origin } = await startPair(t, () => {})
  const { pools, send, told } = direct(origin.port)
  send('one')
  send('two')
  await eventually(() => origin.seen[0] !== undefined && origin.seen[0] !== '')
  pools.destroy()
  t.strictSame(told.toSorted(), ['one connects', 'one fails', 'two fails'])
  await eventually(() => origin.sockets.size === 0)
})

test('a request that cannot be written leaves none behind it waiting or broken', async (t) => {
  const { origin } = await startPair(t, saying({}))
  const { pools, send, told } = direct(origin.port)
  t.teardown(() => pools.destroy())
  for (const name of ['one', 'two']) send(name, 'a\r\nb: c')
  for (const name of ['three', 'four']) send(name)
  await eventually(() => told.includes('four completes'))
  t.strictSame(
    told.filter((each) => !each.endsWith('connects')),
    ['one fails', 'two fails', 'three completes', 'four completes'],
  )
  t.notMatch(origin.seen.join(''), /b: c/)
})
