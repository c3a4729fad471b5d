/** The ClientHello reader against real hellos, hand-made ones, every split, and noise. */
import { Socket } from 'node:net'
import fc from 'fast-check'
import { test } from 'tap'
import { helloBytesMax, readClientHello } from '../../proxy/client-hello.ts'
import { Greeting } from '../../proxy/greeting.ts'
import { buildHello, buildMessage, captureHello, inRecords, sniBody } from './hellos.ts'
import '../kernel/seed.ts'

test('real hellos of Node are read in every version of TLS', async (t) => {
  const versions = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const
  for (const version of versions) {
    const hello = await captureHello({
      servername: 'Api.Example.COM',
      ALPNProtocols: ['h2', 'http/1.1'],
      minVersion: version,
      maxVersion: version,
      ciphers: 'DEFAULT:@SECLEVEL=0',
    })
    const expected = { kind: 'hello', sni: 'api.example.com', alpn: ['h2', 'http/1.1'], ech: false }
    t.same(readClientHello(hello), expected, version)
    for (let length = 0; length < hello.length; length += 1) {
      t.equal(readClientHello(hello.subarray(0, length)).kind, 'need-more')
    }
    t.same(readClientHello(Buffer.concat([hello, Buffer.from([20, 3, 3, 0, 1, 1])])), expected)
  }
  const bare = await captureHello({})
  t.match(readClientHello(bare), { kind: 'hello', sni: null, alpn: [] })
})

test('records of any size are joined', (t) => {
  const message = buildMessage({ names: ['a.test'] })
  for (const size of [2, 3, 4, 5, 50, message.length - 1, message.length]) {
    const wire = inRecords(message, size)
    t.match(readClientHello(wire), { kind: 'hello', sni: 'a.test' }, `${size}`)
    for (let length = 0; length < wire.length; length += 1) {
      t.equal(readClientHello(wire.subarray(0, length)).kind, 'need-more')
    }
  }
  t.match(readClientHello(inRecords(message, 1)), {
    kind: 'malformed',
    message: /too many records/,
  })
  t.end()
})

const plain = buildHello({ names: ['a.test'] })
const plainMessage = buildMessage({ names: ['a.test'] })
const sni = { type: 0, body: sniBody(['a.test']) }
const with0 = (body: Buffer): Buffer => buildHello({ extensions: [{ type: 0, body }] })
const changed = (at: number, value: number): Buffer => {
  const copy = Buffer.from(plain)
  copy[at] = value
  return copy
}
const wrong: [name: string, bytes: Buffer, kind: string][] = [
  ['nothing yet', Buffer.alloc(0), 'need-more'],
  ['HTTP', Buffer.from('GET / HTTP/1.1'), 'not-tls'],
  ['SSLv2', Buffer.from([0x80, 0x2e, 1, 3, 1, 0, 0x15]), 'not-tls'],
  ['an alert', Buffer.from([21, 3, 1, 0, 2, 2, 40]), 'not-tls'],
  ['application data', Buffer.from([23, 3, 3, 0, 1, 0]), 'not-tls'],
  ['version 2 record', changed(1, 2), 'not-tls'],
  ['a ServerHello', changed(5, 2), 'malformed'],
  ['an empty record', Buffer.from([22, 3, 1, 0, 0]), 'malformed'],
  ['a record too long', Buffer.from([22, 3, 1, 0x40, 1]), 'malformed'],
  ['a message too long', Buffer.from([22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff]), 'malformed'],
  [
    'an alert between the records',
    Buffer.concat([
      inRecords(plainMessage, 50).subarray(0, 55),
      Buffer.from([21, 3, 1, 0, 2, 2, 40]),
    ]),
    'malformed',
  ],
  [
    'bytes behind the message',
    inRecords(Buffer.concat([plainMessage, Buffer.from([0])]), 16_384),
    'malformed',
  ],
  [
    'bytes behind the message that are still to come',
    inRecords(Buffer.concat([plainMessage, Buffer.from([0])]), 16_384).subarray(0, -1),
    'malformed',
  ],
  ['SNI twice', buildHello({ extensions: [sni, sni] }), 'malformed'],
  [
    'another extension twice',
    buildHello({
      names: ['a.test'],
      extensions: [
        { type: 23, body: Buffer.alloc(0) },
        { type: 23, body: Buffer.alloc(0) },
      ],
    }),
    'malformed',
  ],
  ['two names', buildHello({ names: ['a.test', 'b.test'] }), 'malformed'],
  ['an empty list', with0(sniBody([])), 'malformed'],
  ['an empty SNI', with0(Buffer.alloc(0)), 'malformed'],
  [
    'bytes behind the list',
    with0(Buffer.concat([sniBody(['a.test']), Buffer.from([0])])),
    'malformed',
  ],
  ['another kind of name', with0(Buffer.from([0, 4, 1, 0, 1, 97])), 'malformed'],
  ['no name', buildHello({ names: [''] }), 'malformed'],
  ['an address', buildHello({ names: ['127.0.0.1'] }), 'malformed'],
  ['an IPv6 address', buildHello({ names: ['::1'] }), 'malformed'],
  ['a number', buildHello({ names: ['2130706433'] }), 'malformed'],
  ['a hexadecimal number', buildHello({ names: ['0x7f000001'] }), 'malformed'],
  ['a NUL inside', buildHello({ names: ['a.test\0.evil'] }), 'malformed'],
  ['no ASCII', buildHello({ names: [Buffer.from('bücher.test')] }), 'malformed'],
  ['an empty label', buildHello({ names: ['a..test'] }), 'malformed'],
  ['a port', buildHello({ names: ['a.test:443'] }), 'malformed'],
  ['a name too long', buildHello({ names: [`${'a.'.repeat(130)}test`] }), 'malformed'],
  ['a label too long', buildHello({ names: [`${'a'.repeat(64)}.test`] }), 'malformed'],
  ['SSL 2 inside', buildHello({ names: ['a.test'], version: 0x0200 }), 'malformed'],
  [
    'ALPN without names',
    buildHello({ extensions: [{ type: 16, body: Buffer.from([0, 0]) }] }),
    'malformed',
  ],
  [
    'ALPN with an empty name',
    buildHello({ extensions: [{ type: 16, body: Buffer.from([0, 1, 0]) }] }),
    'malformed',
  ],
  [
    'a vector that ends too soon',
    buildHello({ extensions: [{ type: 0, body: Buffer.from([0, 9, 0]) }] }),
    'malformed',
  ],
  [
    'more than fits',
    Buffer.concat([
      inRecords(Buffer.concat([Buffer.from([1, 0, 0x3f, 0xff]), Buffer.alloc(16_000)]), 16_384),
      Buffer.alloc(400, 22),
    ]),
    'malformed',
  ],
]

test('what is not a ClientHello is told apart from a bad one', (t) => {
  for (const [name, bytes, kind] of wrong) t.equal(readClientHello(bytes).kind, kind, name)
  t.end()
})

test('ECH is seen, and a trailing dot and an underscore are no offence', (t) => {
  for (const type of [0xfe0d, 0xffce]) {
    const hello = buildHello({
      names: ['public.test'],
      extensions: [{ type, body: Buffer.alloc(20) }],
    })
    t.match(readClientHello(hello), { kind: 'hello', ech: true, sni: 'public.test' })
  }
  t.match(readClientHello(buildHello({ names: ['A_b.test.'] })), { sni: 'a_b.test' })
  t.match(readClientHello(buildHello({})), { kind: 'hello', sni: null, ech: false })
  t.end()
})

test('noise and damaged hellos never throw, and what is bounded stays bounded', (t) => {
  const good = buildHello({
    names: ['a.test'],
    extensions: [{ type: 16, body: Buffer.from([0, 3, 2, 104, 50]) }],
  })
  const kinds = new Set(['need-more', 'hello', 'not-tls', 'malformed'])
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const noise = Buffer.from(bytes)
      const start = Buffer.from([22, 3, 1, 0, 200, 1, 0, 0, 196])
      return [noise, Buffer.concat([start, noise])].every((wire) =>
        kinds.has(readClientHello(wire).kind),
      )
    }),
    { numRuns: 3_000 },
  )
  const change = fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 }))
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const copy = Buffer.from(good)
      for (const [at, value] of changes) copy[at] = value
      return kinds.has(readClientHello(copy).kind)
    }),
    { numRuns: 5_000 },
  )
  t.not(
    readClientHello(Buffer.concat([Buffer.from([22, 3, 1]), Buffer.alloc(helloBytesMax, 1)])).kind,
    'need-more',
  )
  t.end()
})

test('as long as fewer bytes came than were asked for, nothing changes', (t) => {
  const message = buildMessage({ names: ['a.test'] })
  const wires = [1, 2, 3, 5, 50, message.length].map((size) => inRecords(message, size))
  for (const wire of [
    ...wires,
    Buffer.from([22, 3, 1, 0, 1, 2]),
    inRecords(Buffer.alloc(4, 1), 4),
  ]) {
    let needed = 0
    for (let length = 0; length <= wire.length; length += 1) {
      const read = readClientHello(wire.subarray(0, length))
      if (read.kind !== 'need-more') {
        t.ok(length >= needed, `${read.kind} at ${length} of ${needed}`)
        break
      }
      t.ok(read.bytes > length, `${read.bytes} after ${length}`)
      needed = read.bytes
    }
  }
  t.end()
})

/** Listens to a hello that comes byte by byte, and counts the bytes that are looked at each time it is read. */
function listenByteByByte(wire: Buffer): {
  readonly kind: Promise<string>
  readonly looks: number
} {
  const socket = new Socket()
  const greeting = new Greeting(socket, Buffer.alloc(0))
  let looks = 0
  const { subarray } = Buffer.prototype
  const kept = Object.getOwnPropertyDescriptor(Greeting.prototype, 'bytes')
  Object.defineProperty(greeting, 'bytes', {
    get() {
      const bytes: Buffer = kept?.get?.call(greeting) ?? Buffer.alloc(0)
      looks += bytes.length
      return bytes
    },
  })
  for (let at = 0; at < wire.length; at += 1) socket.emit('data', subarray.call(wire, at, at + 1))
  socket.emit('close')
  return { kind: greeting.heard.then(({ kind }) => kind), looks }
}

test('a hello that comes byte by byte is not read anew with each byte', async (t) => {
  const padding = { type: 21, body: Buffer.alloc(15_000) }
  const long = buildHello({ extensions: [sni, padding] })
  const whole = listenByteByByte(long)
  t.equal(await whole.kind, 'hello')
  t.ok(whole.looks < 3 * long.length, `${whole.looks} bytes of ${long.length} were looked at`)
  const message = buildMessage({ extensions: [sni, padding] })
  const split = inRecords(message, Math.ceil(message.length / 60))
  const pieces = listenByteByByte(split)
  t.equal(await pieces.kind, 'hello')
  // Each of the 60 records begins with a header and is read once more at its end.
  t.ok(pieces.looks < 130 * split.length, `${pieces.looks} bytes of ${split.length} were looked at`)
})
