/** CONNECT over real sockets: what opens a tunnel, what passes through it, and that each way out settles once. */
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { test } from 'tap'
import {
  createClient,
  createOrigin,
  createWorld,
  listen,
  makeCertificate,
} from './crossing-world.ts'
import { buildHello, buildMessage, inRecords } from './hellos.ts'

const lookup = { 'origin.test': ['127.0.0.1'], 'other.test': ['127.0.0.1'] }
const hello = buildHello({ names: ['origin.test'] })

test('a real TLS client reaches a real TLS server through the tunnel', async (t) => {
  const world = await createWorld(t, { lookup })
  const server = createTlsServer(makeCertificate(), (socket) =>
    socket.end(`to ${socket.servername}`),
  )
  const port = await listen(t, server)
  const client = await createClient(t, world.port)
  client.connect(`origin.test:${port}`)
  const head = await client.head()
  t.match(head, /^HTTP\/1\.1 200 Connection Established\r\n/)
  t.match(head, /\r\nHaltgate-Receipt: 42-cdcdcdcdcdcdcdcd\r\n/)
  t.match(head, /\r\nHaltgate-Decision: allow\r\n/)
  t.match(head, /\r\nHaltgate-Policy: sha256:00\r\n/)
  client.socket.removeAllListeners('data')
  const secure = connectTls({
    socket: client.socket,
    servername: 'origin.test',
    rejectUnauthorized: false,
  })
  let text = ''
  for await (const chunk of secure) text += chunk
  t.equal(text, 'to origin.test')
  secure.end()
  client.socket.end()
  await world.settle(1)
  t.match(world.settled, [{ outcome: 'settled', status: 200, cut: '' }])
  t.ok((world.settled[0]?.actual['bytes_down'] ?? 0) > 500, 'the handshake was counted')
  t.equal(world.rejected.length, 0)
})

const ech = { type: 0xfe0d, body: Buffer.alloc(8) }
const refusedHellos = [
  {
    name: 'another SNI',
    target: 'origin.test',
    sent: buildHello({ names: ['other.test'] }),
    code: 'authority-mismatch',
  },
  {
    name: 'a suffix of the SNI',
    target: 'origin.test',
    sent: buildHello({ names: ['a.origin.test'] }),
    code: 'authority-mismatch',
  },
  { name: 'no SNI', target: 'origin.test', sent: buildHello({}), code: 'authority-mismatch' },
  { name: 'an SNI for an address', target: '127.0.0.1', sent: hello, code: 'authority-mismatch' },
  {
    name: 'ECH',
    target: 'origin.test',
    sent: buildHello({ names: ['origin.test'], extensions: [ech] }),
    code: 'inspection-required',
  },
  {
    name: 'plain HTTP',
    target: 'origin.test',
    sent: Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    code: 'inspection-required',
  },
  {
    name: 'SSH',
    target: 'origin.test',
    sent: Buffer.from('SSH-2.0-x\r\n'),
    code: 'inspection-required',
  },
  {
    name: 'two names',
    target: 'origin.test',
    sent: buildHello({ names: ['origin.test', 'b.test'] }),
    code: 'malformed-request',
  },
  {
    name: 'an endless hello',
    target: 'origin.test',
    sent: Buffer.concat([Buffer.from([22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff]), Buffer.alloc(20_000)]),
    code: 'malformed-request',
  },
  {
    name: 'a stall',
    target: 'origin.test',
    sent: hello.subarray(0, 30),
    code: 'malformed-request',
  },
]

test('before the ClientHello is judged no byte goes upstream', async (t) => {
  for (const { name, target, sent, code } of refusedHellos) {
    await t.test(name, async (t) => {
      const world = await createWorld(t, { lookup, limits: { headersTimeoutMs: 150 } })
      let upstreamBytes = 0
      const origin = await createOrigin(t, (socket) => {
        socket.on('data', (chunk) => (upstreamBytes += chunk.length))
        socket.on('end', () => socket.end())
      })
      const client = await createClient(t, world.port)
      client.connect(`${target}:${origin.port}`)
      t.match(await client.head(), /^HTTP\/1\.1 200 /)
      client.socket.write(sent)
      await client.gone()
      await world.settle(1)
      t.match(world.settled, [{ outcome: 'settled', status: 200, cut: code }])
      t.match(world.settled[0]?.actual, { bytes_up: 0, bytes_down: 0 })
      t.match(world.rejected, [{ code }])
      t.equal(upstreamBytes, 0)
    })
  }
})

test('a tunnel that names its target opens, in whatever pieces the hello comes', async (t) => {
  const message = buildMessage({ names: ['ORIGIN.test'] })
  const cases = [
    { name: 'in one piece', target: 'origin.test', pieces: [hello] },
    { name: 'in capitals', target: 'Origin.TEST', pieces: [inRecords(message, 16_384)] },
    { name: 'in records of five bytes', target: 'origin.test', pieces: [inRecords(message, 5)] },
    {
      name: 'byte by byte',
      target: 'origin.test',
      pieces: [...hello].map((byte) => Buffer.from([byte])),
    },
    { name: 'an address without SNI', target: '127.0.0.1', pieces: [buildHello({})] },
  ]
  for (const { name, target, pieces } of cases) {
    await t.test(name, async (t) => {
      const world = await createWorld(t, { lookup })
      const origin = await createOrigin(t, (socket) => socket.pipe(socket))
      const client = await createClient(t, world.port)
      client.socket.setNoDelay(true)
      client.connect(`${target}:${origin.port}`)
      await client.head()
      for (const piece of pieces) {
        client.socket.write(piece)
        await new Promise((resolve) => setImmediate(resolve))
      }
      const sent = Buffer.concat(pieces)
      t.same(await client.bytes(sent.length), sent)
      client.socket.end()
      await world.settle(1)
      t.match(world.settled, [
        { outcome: 'settled', cut: '', actual: { bytes_up: sent.length, bytes_down: sent.length } },
      ])
    })
  }
})

test('bytes that come with the CONNECT are kept', async (t) => {
  const world = await createWorld(t, { lookup })
  const origin = await createOrigin(t, (socket) => socket.pipe(socket))
  const client = await createClient(t, world.port)
  client.socket.write(
    Buffer.concat([Buffer.from(`CONNECT origin.test:${origin.port} HTTP/1.1\r\n\r\n`), hello]),
  )
  await client.head()
  t.same(await client.bytes(hello.length), hello)
})

test('each side may end its half and still be heard', async (t) => {
  const world = await createWorld(t, { lookup })
  let heard = 0
  const origin = await createOrigin(t, (socket) => {
    socket.on('data', (chunk) => (heard += chunk.length))
    socket.on('end', () => socket.end(Buffer.alloc(300_000, 1)))
  })
  const client = await createClient(t, world.port)
  client.connect(`origin.test:${origin.port}`)
  await client.head()
  client.socket.end(hello)
  await client.until(() => client.ended)
  t.equal(client.received.length, 300_000)
  t.equal(heard, hello.length)
  await world.settle(1)
  t.match(world.settled, [{ outcome: 'settled', cut: '' }])
})

test('a refused CONNECT is answered in full, and nothing is looked up or dialled', async (t) => {
  const world = await createWorld(t, { refuse: 'no-rule' })
  const client = await createClient(t, world.port)
  client.connect('denied.test:443', hello)
  t.match(await client.head(), /^HTTP\/1\.1 403 Forbidden \(haltgate: no-rule\)\r\n/)
  await client.until(() => client.ended)
  t.match(client.received.toString(), /"type":"urn:haltgate:reason:no-rule"/)
  t.equal(world.settled.length, 0)
})

test('a tunnel to port 80 is plain HTTP, and judged request by request', async (t) => {
  const world = await createWorld(t, { lookup: {} })
  const client = await createClient(t, world.port)
  client.socket.write('CONNECT origin.test:80 HTTP/1.1\r\n\r\nGET /a HT')
  t.match(await client.head(), /^HTTP\/1\.1 200 Connection Established\r\n/)
  t.match(world.reached, [{ kind: 'reach', scheme: 'http', host: 'origin.test', port: 80 }])
  t.equal(world.admitted.length, 0)
  client.socket.write('TP/1.1\r\nHost: origin.test\r\n\r\n')
  t.match(await client.head(), /^HTTP\/1\.1 502 .*destination-unresolved/)
  t.match(world.admitted, [{ kind: 'request', method: 'GET', path: '/a', host: 'origin.test' }])

  const other = await createClient(t, world.port)
  other.connect('origin.test:80', 'GET / HTTP/1.1\r\nHost: other.test\r\n\r\n')
  await other.head()
  t.match(await other.head(), /^HTTP\/1\.1 403 .*authority-mismatch/)

  const closed = await createWorld(t, { refuse: 'no-rule' })
  const refused = await createClient(t, closed.port)
  refused.connect('origin.test:80')
  t.match(await refused.head(), /^HTTP\/1\.1 403 .*no-rule/)
})

test('a malformed CONNECT is refused before the gate is asked', async (t) => {
  const world = await createWorld(t, { lookup })
  const cases = [
    'CONNECT origin.test HTTP/1.1\r\n\r\n',
    'CONNECT origin.test: HTTP/1.1\r\n\r\n',
    'CONNECT origin.test:0 HTTP/1.1\r\n\r\n',
    'CONNECT origin.test:65536 HTTP/1.1\r\n\r\n',
    'CONNECT user@origin.test:443 HTTP/1.1\r\n\r\n',
    'CONNECT http://origin.test:443 HTTP/1.1\r\n\r\n',
    'CONNECT origin.test:443/ HTTP/1.1\r\n\r\n',
    'CONNECT [::1%25eth0]:443 HTTP/1.1\r\n\r\n',
    'CONNECT ::1:443 HTTP/1.1\r\n\r\n',
    'CONNECT origin.test:443 HTTP/1.1\r\nContent-Length: 1\r\n\r\nx',
    'CONNECT origin.test:443 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\nHost: origin.test:443\r\n\r\n',
    'CONNECT origin.test:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n',
  ]
  for (const text of cases) {
    const client = await createClient(t, world.port)
    client.socket.write(text)
    t.match(
      await client.head(),
      /^HTTP\/1\.1 (400|403) .*(malformed-request|authority-mismatch)/,
      text,
    )
  }
  t.equal(world.admitted.length, 0)
  t.equal(world.rejected.length, cases.length)
})
