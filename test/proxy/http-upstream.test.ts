/** Upstreams that break, stall, lie or are not there, and clients that leave or read slowly. */
import { connect } from 'node:net'
import { test } from 'tap'
import { eventually, exchangeRaw, lastPath, type Serve, startPair } from './world.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const answer =
  (bytes: string): Serve =>
  (socket, text) => {
    if (text.endsWith('\r\n\r\n')) socket.write(bytes, 'latin1')
  }
const get = (url: string, headers = ''): string =>
  `GET ${url} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`

test('informational answers are dropped, and a switch of protocols that nobody asked for is 502', async (t) => {
  const { world, base } = await startPair(t, (socket, text) => {
    if (lastPath(text) === '/hints')
      socket.write(`HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${ok}`)
    else if (lastPath(text) === '/bare') socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
    else if (lastPath(text) === '/407') socket.write('HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n')
    else if (lastPath(text) === '/gzip')
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n')
    else if (lastPath(text) === '/noise') socket.write('NOT HTTP AT ALL\r\n\r\n')
    else if (lastPath(text) === '/both')
      socket.write(
        'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      )
    else
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      )
  })
  const hints = await exchangeRaw(world.port, get(`${base}/hints`), { until: /ok$/ })
  t.match(hints.text, /^HTTP\/1.1 200 OK/)
  for (const path of ['/bare', '/full', '/407', '/gzip', '/noise', '/both']) {
    const { text } = await exchangeRaw(world.port, get(base + path), { until: /\}$/ })
    t.match(text, /^HTTP\/1.1 502 .*haltgate: upstream-protocol/, path)
    t.match(text, /Haltgate-Decision: error\r\n/, path)
  }
  for (const { settlements } of world.gate.admissions.slice(1)) {
    t.match(settlements, [{ outcome: 'settled', status: 502, cut: 'upstream-protocol' }])
    t.equal(settlements.length, 1)
  }
})

test('a phrase in an old encoding, and a 100 that nobody asked for, spoil no answer', async (t) => {
  const interim = 'HTTP/1.1 100 Continue\r\n\r\n'
  const { world, origin, base } = await startPair(t, (socket, text) => {
    const path = lastPath(text)
    if (path === '/phrase')
      socket.write('HTTP/1.1 200 Tr\xe8s bien\r\nX: \xe9\r\nContent-Length: 2\r\n\r\nok', 'latin1')
    else if (path === '/100') socket.write(`${interim}HTTP/1.0 100\r\nX: y\r\n\r\n${interim}${ok}`)
    else if (path === '/later') {
      socket.write(interim)
      setTimeout(() => socket.write(ok), 30)
    } else if (path === '/pieces') {
      for (const [index, byte] of [...`${interim}${ok}`].entries()) {
        setTimeout(() => socket.write(byte), index * 2)
      }
    } else if (path === '/only') socket.end(interim)
    else if (path === '/half') socket.end('HTTP/1.1 10')
    else if (path === '/body')
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n${interim}`)
  })
  const asked = (path: string, until: RegExp): Promise<{ text: string }> =>
    exchangeRaw(world.port, get(base + path), { waitMs: 3000, until })
  t.match((await asked('/phrase', /ok$/)).text, /^HTTP\/1.1 200 Tr\?+s bien\r\nX: \xc3?\xa9?.*\r\n/)
  for (const path of ['/100', '/later', '/pieces']) {
    t.match((await asked(path, /ok$/)).text, /^HTTP\/1.1 200 [\s\S]*\r\n\r\nok$/, path)
  }
  t.match((await asked('/body', /Continue\r\n\r\n$/)).text, /^HTTP\/1.1 200 OK/)
  t.equal(origin.connections(), 1, 'and none of it costs the connection')
  for (const path of ['/only', '/half']) {
    t.match((await asked(path, /\}$/)).text, /^HTTP\/1.1 502 .*upstream-protocol/, path)
  }
})

test('a length that no number can hold is 502', async (t) => {
  const { world, base } = await startPair(t, (socket, text) => {
    if (text.endsWith('\r\n\r\n')) {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9007199254740993\r\n\r\nok')
    }
  })
  const { text } = await exchangeRaw(world.port, get(base), { until: /\}$/ })
  t.match(text, /^HTTP\/1.1 502 .*upstream-protocol/)
  t.match(text, /absurd length/)
})

test('half an answer is never a clean end, however the upstream broke it off', async (t) => {
  const broken: Record<string, [string, 'end' | 'reset']> = {
    '/short': ['HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart', 'end'],
    '/chunk': ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n', 'end'],
    '/resetlength': ['HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart', 'reset'],
    '/resetclose': ['HTTP/1.1 200 OK\r\n\r\npart', 'reset'],
  }
  const { world, base } = await startPair(t, (socket, text) => {
    const [bytes, how] = broken[lastPath(text)] ?? ['', 'end']
    socket.write(bytes)
    setTimeout(() => (how === 'end' ? socket.end() : socket.resetAndDestroy()), 40)
  })
  for (const path of Object.keys(broken)) {
    const { text, fate } = await exchangeRaw(world.port, get(base + path))
    t.match(text, /part/, path)
    t.not(fate, 'open', path)
    t.notMatch(text, /0\r\n\r\n$/, path)
    t.match(world.gate.admissions.at(-1)?.settlements, [
      { outcome: 'settled', status: 200, cut: 'upstream-protocol' },
    ])
  }
})

test('an upstream that is too slow is 504, in the head, or a cut in the body', async (t) => {
  const { world, base } = await startPair(
    t,
    (socket, text) => {
      if (lastPath(text) === '/body')
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart')
    },
    { upstreamHeadersTimeoutMs: 600, idleTimeoutMs: 600 },
  )
  const [head, body] = await Promise.all([
    exchangeRaw(world.port, get(`${base}/head`), { waitMs: 6000, until: /\}$/ }),
    exchangeRaw(world.port, get(`${base}/body`), { waitMs: 6000 }),
  ])
  t.match(head.text, /^HTTP\/1.1 504 .*haltgate: upstream-timeout/)
  t.match(body.text, /part$/)
  t.not(body.fate, 'open')
  for (const { settlements } of world.gate.admissions)
    t.match(settlements, [{ cut: 'upstream-timeout' }])
})

test('the next judged address is tried when one does not answer, and none is dialled that was not judged', async (t) => {
  const { world, origin, base } = await startPair(t, answer(ok))
  world.gate.script.admit = () => ['127.0.0.2', '127.0.0.3', '127.0.0.1']
  const reached = await exchangeRaw(world.port, get(`${base}/`), { until: /ok$/ })
  t.match(reached.text, /^HTTP\/1.1 200/)
  world.gate.script.admit = () => ['127.0.0.2', '127.0.0.3']
  const post = `POST ${base}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello`
  const failed = await exchangeRaw(world.port, post, { until: /\}$/ })
  t.match(failed.text, /^HTTP\/1.1 502 .*haltgate: upstream-unreachable/)
  t.match(failed.text, /ECONNREFUSED/)
  t.match(world.gate.admissions.at(-1), { opened: 0 })
  t.strictSame(world.gate.admissions.at(-1)?.settlements, [
    { outcome: 'voided', actual: {}, status: 502, cut: 'upstream-unreachable', findings: [] },
  ])
  t.equal(origin.seen.length, 1)
})

test('the body survives a dial that failed', async (t) => {
  const { world, origin, base } = await startPair(t, (socket, text) => {
    if (text.endsWith('hello')) socket.write(ok)
  })
  world.gate.script.admit = () => ['127.0.0.2', '127.0.0.1']
  const post = `POST ${base}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello`
  const { text } = await exchangeRaw(world.port, post, { until: /ok$/ })
  t.match(text, /^HTTP\/1.1 200/)
  t.match(origin.seen[0], /\r\n\r\nhello$/)
})

test('fifty clients of an event stream hang up, and no upstream connection stays open', async (t) => {
  const { world, origin, base } = await startPair(
    t,
    answer('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n'),
  )
  await Promise.all(
    Array.from({ length: 50 }, () =>
      exchangeRaw(world.port, get(`${base}/`), { until: /data: 1/ }),
    ),
  )
  await eventually(() => origin.sockets.size === 0)
  t.equal(origin.connections(), 50)
  t.ok(world.gate.admissions.every(({ settlements }) => settlements.length === 1))
  t.match(world.gate.admissions[0]?.settlements, [{ outcome: 'settled', status: 200, cut: '' }])
})

test('a client that leaves while it is judged or dialled voids its hold', async (t) => {
  const { world, origin, base } = await startPair(t, answer(ok))
  let admit: (addresses: string[]) => void = () => {}
  world.gate.script.admit = () =>
    new Promise((resolve) => {
      admit = resolve
    })
  const socket = connect(world.port, '127.0.0.1')
  socket.write(get(`${base}/`))
  await eventually(() => world.gate.admissions.length === 1)
  socket.destroy()
  await eventually(() => world.proxy.connections === 0)
  admit(['127.0.0.1'])
  await eventually(() => world.gate.admissions[0]?.settlements.length === 1)
  t.match(world.gate.admissions[0], {
    opened: 0,
    settlements: [{ outcome: 'voided', status: 0, cut: '' }],
  })
  t.equal(origin.seen.length, 0)
})

test('events come one by one, as the upstream sends them', async (t) => {
  const { world, base } = await startPair(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n')
    setTimeout(() => socket.write('data: 1\n\n'), 60)
    setTimeout(() => socket.end('data: 2\n\n'), 160)
  })
  const head = await exchangeRaw(world.port, get(`${base}/`), { until: /\r\n\r\n$/, waitMs: 50 })
  t.match(head.text, /event-stream/, 'the head does not wait for an event')
  const first = await exchangeRaw(world.port, get(`${base}/`), { until: /data: 1/ })
  t.notMatch(first.text, /data: 2/)
})

test('a client that reads slowly slows its upstream down, and nothing is buffered', async (t) => {
  let sent = 0
  const total = 64 * 1024 * 1024
  const block = Buffer.alloc(256 * 1024, 'x')
  const { world, base } = await startPair(t, (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`)
    const more = (): void => {
      while (sent < total) {
        sent += block.length
        if (!socket.write(block)) return
      }
    }
    socket.on('drain', more)
    more()
  })
  const socket = connect(world.port, '127.0.0.1')
  t.teardown(() => void socket.destroy())
  socket.pause()
  socket.write(get(`${base}/`))
  await new Promise((resolve) => setTimeout(resolve, 400))
  t.ok(sent < total / 2, `the origin could send ${sent} of ${total}`)
  let read = 0
  socket.on('data', (chunk) => {
    read += chunk.length
  })
  socket.resume()
  await eventually(() => read > total)
  t.equal(world.gate.admissions[0]?.settlements.length, 1)
})
