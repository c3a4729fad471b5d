/** HTTP/2 inside of TLS on both sides, with Node's own client and server as the peers. */
import { once } from 'node:events'
import { type ClientHttp2Stream, connect, constants, type OutgoingHttpHeaders } from 'node:http2'
import { request as requestHttps } from 'node:https'
import { test } from 'tap'
import { selfSigned, signedBy } from './certificates.ts'
import { type Serve, startWorld, type World } from './h2-world.ts'
import { startRelay } from './relay.ts'

interface Answer {
  readonly status: number
  readonly raw: readonly string[]
  readonly body: Buffer
  readonly trailers: Readonly<Record<string, unknown>>
  readonly code: number
}

async function answered(stream: ClientHttp2Stream): Promise<Answer> {
  const chunks: Buffer[] = []
  let [status, raw, trailers] = [0, [] as readonly string[], {}]
  stream.on('error', () => undefined)
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  stream.on('response', (...[headers, , flat]: [Record<string, unknown>, number, string[]]) => {
    status = Number(headers[':status'])
    raw = flat
  })
  stream.on('trailers', (sent) => {
    trailers = { ...sent }
  })
  await new Promise((resolve) => stream.once('close', resolve))
  return { body: Buffer.concat(chunks), code: stream.rstCode ?? 0, raw, status, trailers }
}

async function ask(world: World, headers: OutgoingHttpHeaders, body?: Buffer): Promise<Answer> {
  const stream = world.client.request(headers, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  return await answered(stream)
}

const echoHead: Serve = (stream, raw) => {
  const fields = { ':status': 200, 'set-cookie': ['a=1', 'b=2'], 'x-latin': 'caf\xe9' }
  stream.respond(fields, { sendDate: false } as object)
  stream.end(JSON.stringify(raw))
}

test('headers pass as they came in both directions, repeated ones apart', async (t) => {
  const world = await startWorld(t, echoHead)
  const sent = {
    ':path': '/p?q=%20',
    'x-a': ['1', '2'],
    cookie: ['c=1', 'd=2'],
    'x-latin': 'caf\xe9',
  }
  const { body, raw, status } = await ask(world, sent)
  t.equal(status, 200)
  const got: string[] = JSON.parse(body.toString())
  const flat = got.filter((_, index) => !String(got[index & ~1]).startsWith(':'))
  t.same(flat, [
    'x-a',
    '1',
    'x-a',
    '2',
    'cookie',
    'c=1; d=2',
    'x-latin',
    'caf\xe9',
    'te',
    'trailers',
  ])
  t.same(got.slice(got.indexOf(':path'), got.indexOf(':path') + 2), [':path', '/p?q=%20'])
  t.match(got[got.indexOf(':authority') + 1], /^localhost:\d+$/)
  t.same(raw.slice(2), ['set-cookie', 'a=1', 'set-cookie', 'b=2', 'x-latin', 'caf\xe9'])
})

test('a body passes with every method, and an answer without one ends with its head', async (t) => {
  const world = await startWorld(t, (stream, raw) => {
    const method = raw[raw.indexOf(':method') + 1]
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      if (method === 'HEAD')
        stream.respond({ ':status': 200, 'content-length': 9 }, { endStream: true })
      else if (method === 'PUT') stream.respond({ ':status': 204 }, { endStream: true })
      else {
        stream.respond({ ':status': 200 })
        stream.end(Buffer.concat(chunks))
      }
    })
  })
  for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS']) {
    const { body, status } = await ask(world, { ':method': method }, Buffer.from('body'))
    t.same([status, body.toString()], [200, 'body'], method)
  }
  t.same((await ask(world, { ':method': 'HEAD' })).raw.slice(2, 4), ['content-length', '9'])
  t.equal((await ask(world, { ':method': 'PUT' }, Buffer.from('x'))).status, 204)
})

test('10 MB pass each way whatever the other side’s pace, whole', async (t) => {
  const world = await startWorld(t, (stream) => {
    stream.respond({ ':status': 200 })
    stream.pipe(stream)
  })
  const body = Buffer.alloc(10_000_000, 'abcdefg')
  const answer = await ask(world, { ':method': 'POST' }, body)
  t.ok(answer.body.equals(body))
})

test('an answer that comes before the request has ended reaches its client whole', async (t) => {
  const world = await startWorld(t, (stream) => {
    stream.respond({ ':status': 403 }, { waitForTrailers: true })
    stream.on('wantTrailers', () => {
      if (stream.sentTrailers === undefined) stream.sendTrailers({ 'x-why': 'no' })
    })
    stream.end(Buffer.alloc(100_000, 'n'))
  })
  const stream = world.client.request({ ':method': 'POST' }, { endStream: false })
  stream.write(Buffer.alloc(200_000))
  const { body, code, status, trailers } = await answered(stream)
  t.same([status, body.length, code], [403, 100_000, constants.NGHTTP2_NO_ERROR])
  t.match(trailers, { 'x-why': 'no' })
})

test('an answer that breaks off is never taken for a whole one', async (t) => {
  const codes = [
    constants.NGHTTP2_INTERNAL_ERROR,
    constants.NGHTTP2_CANCEL,
    constants.NGHTTP2_NO_ERROR,
  ]
  for (const code of codes) {
    const world = await startWorld(t, (stream) => {
      // Only so does Node's server reset a stream without ending it first.
      stream.respond({ ':status': 200, 'content-length': 8 }, { waitForTrailers: true })
      stream.write('half', () => setImmediate(() => stream.close(code)))
    })
    const answer = await ask(world, {})
    t.not(answer.code, 0, `reset with ${code}`)
  }
  const world = await startWorld(t, (stream) => {
    stream.respond({ ':status': 200 })
    stream.write('half', () => setImmediate(() => stream.session?.destroy()))
  })
  t.not((await ask(world, {})).code, 0, 'the connection is gone')
})

test('a request that breaks off is never taken for a whole one', async (t) => {
  let told: (end: { code: number; whole: boolean }) => void = () => undefined
  const world = await startWorld(t, (stream) => {
    stream.resume()
    let aborted = false
    stream.once('aborted', () => {
      aborted = true
    })
    stream.once('data', () => world.upstream.emit('heard'))
    stream.once('close', () => told({ code: stream.rstCode ?? 0, whole: !aborted }))
    stream.respond({ ':status': 200 })
    stream.write('begun')
  })
  for (const how of ['reset', 'gone'] as const) {
    const end = new Promise<{ code: number; whole: boolean }>((resolve) => {
      told = resolve
    })
    const heard = once(world.upstream, 'heard')
    const session = connect(`https://localhost:${world.relay.port}`, { ca: world.relay.ca })
    session.on('error', () => undefined)
    const stream = session.request(
      { ':method': 'POST' },
      { endStream: false, waitForTrailers: true },
    )
    stream.on('error', () => undefined)
    stream.resume()
    stream.write('half')
    await heard
    if (how === 'reset') stream.close(constants.NGHTTP2_CANCEL)
    else session.destroy()
    t.match(await end, { whole: false }, how)
    t.equal((await end).code, constants.NGHTTP2_CANCEL, how)
    session.destroy()
  }
})

test('an upstream that says goodbye finishes what it has, and the next request goes elsewhere', async (t) => {
  const waiting: (() => void)[] = []
  const world = await startWorld(t, (stream) => {
    stream.respond({ ':status': 200 })
    waiting.push(() => stream.end('done'))
    world.upstream.emit('asked')
  })
  const asked = once(world.upstream, 'asked')
  const first = ask(world, {})
  await asked
  world.sessions[0]?.close()
  const again = once(world.upstream, 'asked')
  await new Promise((resolve) => setImmediate(resolve))
  const second = ask(world, {})
  await again
  for (const end of waiting) end()
  t.same([(await first).body.toString(), (await second).body.toString()], ['done', 'done'])
  t.equal(world.sessions.length, 2)
})

test('what the client speaks is offered upstream', async (t) => {
  const world = await startWorld(t, echoHead)
  t.equal((await ask(world, {})).status, 200)
  t.equal(world.sessions.length, 1)
  world.upstream.on('request', (request, response) => {
    if (request.httpVersion !== 'h2') response.end(`by ${request.httpVersion}`)
  })
  const { ca, port } = world.relay
  const text = await new Promise<string>((resolve, reject) => {
    const asking = requestHttps({ agent: false, ca, host: 'localhost', port }, (response) => {
      response.setEncoding('utf8').on('data', resolve)
    })
    asking.on('error', reject)
    asking.end()
  })
  t.equal(text, 'by 1.1')
  t.same(world.relay.came, ['h2', '1.1'])
})

test('a client of HTTP/2 reaches an upstream that has HTTP/1.1 only', async (t) => {
  const { createServer } = await import('node:https')
  const ca = await selfSigned('Origin CA')
  const own = await signedBy(ca, 'localhost', { names: [{ type: 'dns', value: 'localhost' }] })
  let connections = 0
  const upstream = createServer({ cert: own.cert, key: own.key }, (request, response) => {
    response.writeHead(200, 'Fine', ['X-A', '1', 'x-a', '2', 'Connection', 'keep-alive'])
    request.pipe(response)
  })
  upstream.on('secureConnection', () => {
    connections += 1
  })
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    upstream.closeAllConnections()
    upstream.close()
  })
  const address = upstream.address()
  const upstreamPort = typeof address === 'object' && address !== null ? address.port : 0
  const relay = await startRelay(t, { host: 'localhost', upstreamCa: ca.cert, upstreamPort })
  const client = connect(`https://localhost:${relay.port}`, { ca: relay.ca })
  t.teardown(() => client.destroy())
  for (const text of ['one', 'two']) {
    const stream = client.request({ ':method': 'POST' })
    stream.end(text)
    const answer = await answered(stream)
    t.same([answer.status, answer.body.toString()], [200, text])
    t.same(
      answer.raw.filter((_, index) => answer.raw[index & ~1] === 'x-a'),
      ['x-a', '1', 'x-a', '2'],
    )
  }
  t.equal(connections, 1, 'the connection on which it was found is used')
})
