/** gRPC through TLS on both sides: unary and streaming in each direction, metadata, trailers and statuses. */
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import { type Test, test } from 'tap'
import { selfSigned, signedBy } from './certificates.ts'
import { startRelay } from './relay.ts'

const keep = (bytes: Buffer): Buffer => bytes

const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/echo.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: keep,
  requestDeserialize: keep,
  responseSerialize: keep,
  responseDeserialize: keep,
})

const echo = {
  unary: method('Unary', false, false),
  fails: method('Fails', false, false),
  collect: method('Collect', true, false),
  count: method('Count', false, true),
  chat: method('Chat', true, true),
} satisfies ServiceDefinition

const trailer = (): Metadata => {
  const metadata = new Metadata()
  metadata.add('x-last', 'word')
  metadata.add('x-last-bin', Buffer.from([0, 255, 7]))
  return metadata
}

const handlers = {
  unary: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
    const head = new Metadata()
    head.add('x-saw', String(call.metadata.get('x-said')[0]))
    call.sendMetadata(head)
    done(null, call.request, trailer())
  },
  fails: (_call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
    done({ code: status.FAILED_PRECONDITION, details: 'not like this', metadata: trailer() })
  },
  collect: (call: ServerReadableStream<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
    const all: Buffer[] = []
    call.on('data', (chunk: Buffer) => all.push(chunk))
    call.on('end', () => done(null, Buffer.concat(all), trailer()))
  },
  count: (call: ServerWritableStream<Buffer, Buffer>) => {
    for (let index = 0; index < call.request.readUInt32BE(0); index += 1) {
      call.write(Buffer.alloc(1_000, index))
    }
    call.end(trailer())
  },
  chat: (call: ServerDuplexStream<Buffer, Buffer>) => {
    call.on('data', (chunk: Buffer) => {
      call.write(chunk)
      // The server has the last word, while its client still could speak.
      if (chunk.toString() === 'bye') call.end(trailer())
    })
  },
}

async function startEcho(t: Test): Promise<Client> {
  const ca = await selfSigned('Origin CA')
  const names = [{ type: 'dns' as const, value: 'localhost' }]
  const own = await signedBy(ca, 'localhost', { names })
  const server = new Server()
  server.addService(echo, handlers)
  const pair = { private_key: Buffer.from(own.key), cert_chain: Buffer.from(own.cert) }
  const upstreamPort = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, [pair]), (error, port) => {
      if (error === null) resolve(port)
      else reject(error)
    })
  })
  t.teardown(() => server.forceShutdown())
  const relay = await startRelay(t, { host: 'localhost', upstreamCa: ca.cert, upstreamPort })
  const client = new Client(`localhost:${relay.port}`, credentials.createSsl(Buffer.from(relay.ca)))
  t.teardown(() => client.close())
  return client
}

const said = (): Metadata => {
  const metadata = new Metadata()
  metadata.add('x-said', 'hello')
  return metadata
}

interface Told {
  readonly code: number
  readonly details: string
  readonly metadata: Metadata
}

test('a unary call keeps its message, its metadata and its trailers', async (t) => {
  const client = await startEcho(t)
  const message = Buffer.alloc(300_000, 'm')
  let head: Metadata | null = null
  let told: Told | null = null
  const answer = await new Promise<Buffer | undefined>((resolve, reject) => {
    const call = client.makeUnaryRequest(
      '/echo.Echo/Unary',
      keep,
      keep,
      message,
      said(),
      (error, got) => (error === null ? resolve(got) : reject(error)),
    )
    call.on('metadata', (metadata) => {
      head = metadata
    })
    call.on('status', (end) => {
      told = end
    })
  })
  t.ok(answer?.equals(message))
  t.same((head as Metadata | null)?.get('x-saw'), ['hello'])
  t.same((told as Told | null)?.metadata.get('x-last'), ['word'])
  t.same((told as Told | null)?.metadata.get('x-last-bin'), [Buffer.from([0, 255, 7])])
})

test('a call that fails without a message keeps its status, as headers alone', async (t) => {
  const client = await startEcho(t)
  for (const [path, code, details] of [
    ['/echo.Echo/Fails', status.FAILED_PRECONDITION, 'not like this'],
    ['/echo.Echo/Missing', status.UNIMPLEMENTED, ''],
  ] as const) {
    const told = await new Promise<Told>((resolve) => {
      client.makeUnaryRequest(path, keep, keep, Buffer.from('x'), (error) => {
        resolve(error ?? { code: 0, details: '', metadata: new Metadata() })
      })
    })
    t.equal(told.code, code, path)
    if (details !== '') t.equal(told.details, details)
  }
})

test('a client streams 4 MB up, and a server 4 MB down, whole and in order', async (t) => {
  const client = await startEcho(t)
  const collected = await new Promise<Buffer | undefined>((resolve, reject) => {
    const call = client.makeClientStreamRequest('/echo.Echo/Collect', keep, keep, (error, got) =>
      error === null ? resolve(got) : reject(error),
    )
    for (let index = 0; index < 40; index += 1) call.write(Buffer.alloc(100_000, index))
    call.end()
  })
  t.equal(collected?.length, 4_000_000)
  t.ok(collected?.every((byte, index) => byte === Math.floor(index / 100_000)))
  const ask = Buffer.alloc(4)
  ask.writeUInt32BE(4_000)
  const call = client.makeServerStreamRequest('/echo.Echo/Count', keep, keep, ask)
  let [count, inOrder] = [0, true]
  call.on('data', (chunk: Buffer) => {
    inOrder &&= chunk[0] === count % 256 && chunk.length === 1_000
    count += 1
    // Slower than it comes: what is buffered must not be lost when the trailers arrive.
    if (count % 500 === 0) {
      call.pause()
      setImmediate(() => call.resume())
    }
  })
  const told = await new Promise<Told>((resolve) => call.on('status', resolve))
  t.same([count, inOrder, told.code], [4_000, true, 0])
  t.same(told.metadata.get('x-last'), ['word'])
})

test('both sides of a chat speak in turn on one stream, and the server may end it first', async (t) => {
  const client = await startEcho(t)
  const call = client.makeBidiStreamRequest('/echo.Echo/Chat', keep, keep)
  const heard: string[] = []
  const told = new Promise<Told>((resolve) => call.on('status', resolve))
  call.on('data', (chunk: Buffer) => {
    heard.push(chunk.toString())
    if (heard.length < 20) call.write(Buffer.from(`turn ${heard.length}`))
    else if (heard.length === 20) call.write(Buffer.from('bye'))
  })
  call.write(Buffer.from('turn 0'))
  const end = await told
  t.equal(heard.length, 21)
  t.equal(heard.at(-1), 'bye')
  t.equal(end.code, 0)
  t.same(end.metadata.get('x-last'), ['word'])
})

test('fifty calls at once share one connection each way', async (t) => {
  const client = await startEcho(t)
  const answers = await Promise.all(
    Array.from(
      { length: 50 },
      (_, index) =>
        new Promise<string>((resolve, reject) => {
          const message = Buffer.from(String(index))
          client.makeUnaryRequest('/echo.Echo/Unary', keep, keep, message, said(), (error, got) =>
            error === null ? resolve(String(got)) : reject(error),
          )
        }),
    ),
  )
  t.same(
    answers,
    Array.from({ length: 50 }, (_, index) => String(index)),
  )
})
