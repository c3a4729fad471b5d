/** The server's side of the handshake inside a tunnel: every way it can go, and no byte lost on the way. */
import { execFile } from 'node:child_process'
import { constants } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectPlain, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { type Test, test } from 'tap'
import { type Accepted, acceptTls, type Unaccepted } from '../../../proxy/tls/accept.ts'
import { Mint } from '../../../proxy/tls/mint.ts'
import { makeRoot, readRoot } from '../../../proxy/tls/root.ts'
import { captureHello } from '../hellos.ts'
import { after, clock } from './relay.ts'

interface Acceptor {
  readonly port: number
  readonly ca: string
  /** Outcomes in their order. */
  next(): Promise<Accepted | Unaccepted>
}

interface Options {
  readonly alpn?: readonly ('h2' | 'http/1.1')[]
  readonly timeoutMs?: number
  /** Bytes that are read off before the handshake begins, as the reader of the ClientHello does. */
  readonly early?: number
}

async function start(t: Test, options: Options = {}): Promise<Acceptor> {
  const text = await makeRoot(clock.now())
  const root = await readRoot(text, clock.now())
  if (!root.ok) throw new Error(root.message)
  const mint = new Mint(root, clock)
  const sockets = new Set<Socket>()
  const outcomes: Promise<Accepted | Unaccepted>[] = []
  const waiting: ((outcome: Promise<Accepted | Unaccepted>) => void)[] = []
  const serve = async (socket: Socket): Promise<Accepted | Unaccepted> => {
    const minted = await mint.contextOf('a.example.com', { agent: 'tester' })
    if (!minted.ok) throw new Error(minted.message)
    const early = await read(socket, options.early ?? 0)
    const accepting = { after, context: minted.context, early, socket }
    const { alpn = ['h2', 'http/1.1'], timeoutMs = 5_000 } = options
    return await acceptTls({ ...accepting, alpn, handshakeTimeoutMs: timeoutMs })
  }
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    const outcome = serve(socket)
    const first = waiting.shift()
    if (first === undefined) outcomes.push(outcome)
    else first(outcome)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const next = (): Promise<Accepted | Unaccepted> => {
    const known = outcomes.shift()
    return known ?? new Promise((resolve) => waiting.push(resolve))
  }
  return { ca: text.certificatePem, next, port }
}

/** Reads at least so many bytes, then no more. */
function read(socket: Socket, least: number): Promise<Buffer> {
  if (least === 0) return Promise.resolve(Buffer.alloc(0))
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    const take = (chunk: Buffer): void => {
      chunks.push(chunk)
      const all = Buffer.concat(chunks)
      if (all.length < least) return
      socket.off('data', take)
      socket.pause()
      resolve(all)
    }
    socket.on('data', take)
  })
}

function dial(acceptor: Acceptor, options: ConnectionOptions = {}): TLSSocket {
  const { ca, port } = acceptor
  const socket = connect({ ca, host: '127.0.0.1', port, servername: 'a.example.com', ...options })
  socket.on('error', () => undefined)
  return socket
}

test('what is spoken inside is agreed on, and HTTP/1.1 where the client says nothing', async (t) => {
  const both = await start(t)
  const plain = await start(t, { alpn: ['http/1.1'] })
  for (const [acceptor, offered, agreed] of [
    [both, ['h2', 'http/1.1'], 'h2'],
    [both, ['http/1.1'], 'http/1.1'],
    [both, undefined, 'http/1.1'],
    [plain, ['h2', 'http/1.1'], 'http/1.1'],
  ] as const) {
    const client = dial(acceptor, offered === undefined ? {} : { ALPNProtocols: [...offered] })
    const outcome = await acceptor.next()
    t.match(outcome, { ok: true, protocol: agreed }, `${offered}`)
    client.destroy()
  }
  const client = dial(plain, { ALPNProtocols: ['h2'] })
  t.match(await plain.next(), { ok: false, why: 'broken' }, 'nothing in common')
  client.destroy()
})

test('bytes that were read before the handshake are not lost, be it one or all of the hello', async (t) => {
  for (const early of [1, 60, 200]) {
    const acceptor = await start(t, { early })
    const client = dial(acceptor)
    const outcome = await acceptor.next()
    t.ok(outcome.ok, `${early} bytes`)
    if (!outcome.ok) continue
    client.write('hello')
    const heard = await new Promise((resolve) => outcome.socket.once('data', resolve))
    t.equal(String(heard), 'hello')
    client.destroy()
  }
})

test('a hello that comes byte by byte is a hello', async (t) => {
  const acceptor = await start(t)
  const raw = connectPlain(acceptor.port, '127.0.0.1').setNoDelay(true)
  raw.on('error', () => undefined)
  t.teardown(() => raw.destroy())
  const wire = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      let at = 0
      const step = (): void => {
        if (at === chunk.length) done()
        else {
          at += 1
          raw.write(chunk.subarray(at - 1, at), () => setImmediate(step))
        }
      }
      step()
    },
  })
  raw.on('data', (chunk) => wire.push(chunk))
  const client = connect({ ca: acceptor.ca, servername: 'a.example.com', socket: wire })
  client.on('error', () => undefined)
  t.match(await acceptor.next(), { ok: true })
  client.destroy()
})

test('a client that says nothing, or half a hello, is let go when its time is over', async (t) => {
  const hello = await captureHello({ servername: 'a.example.com' })
  for (const said of [Buffer.alloc(0), hello.subarray(0, 100)]) {
    const acceptor = await start(t, { timeoutMs: 50 })
    const client = connectPlain(acceptor.port, '127.0.0.1')
    const closed = new Promise((resolve) => client.once('close', resolve))
    client.on('error', () => undefined)
    client.write(said)
    t.match(await acceptor.next(), { ok: false, why: 'stalled' }, `${said.length} bytes`)
    await closed
  }
})

test('a client that leaves in the middle, or speaks no TLS, is told apart from one that is slow', async (t) => {
  const hello = await captureHello({ servername: 'a.example.com' })
  const acceptor = await start(t)
  const leaver = connectPlain(acceptor.port, '127.0.0.1')
  leaver.on('error', () => undefined)
  leaver.end(hello.subarray(0, 100))
  t.match(await acceptor.next(), { ok: false, why: 'left' })
  const stranger = connectPlain(acceptor.port, '127.0.0.1')
  stranger.on('error', () => undefined)
  stranger.write('GET / HTTP/1.1\r\n\r\n')
  t.match(await acceptor.next(), { ok: false, why: 'broken' })
  stranger.destroy()
})

test('a client that does not trust the CA is named, with what to do about it', async (t) => {
  const acceptor = await start(t)
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-accept-'))
  t.teardown(() => rmSync(directory, { force: true, recursive: true }))
  const empty = join(directory, 'other.pem')
  writeFileSync(empty, (await makeRoot(clock.now())).certificatePem)
  for (const version of ['-tls1_2', '-tls1_3']) {
    const name = ['-servername', 'a.example.com', '-connect', `127.0.0.1:${acceptor.port}`]
    const verify = ['-CAfile', empty, '-no-CApath', '-no-CAstore', '-verify_return_error']
    const child = execFile('openssl', ['s_client', ...name, ...verify, version], () => undefined)
    child.stdin?.on('error', () => undefined)
    const outcome = await acceptor.next()
    t.match(outcome, { ok: false, why: 'distrusted', message: /haltgate ca bundle/ }, version)
  }
})

test('behind the handshake a broken record ends the connection, and nothing throws', async (t) => {
  const acceptor = await start(t)
  const raw = connectPlain(acceptor.port, '127.0.0.1')
  raw.on('error', () => undefined)
  const client = connect({ ca: acceptor.ca, servername: 'a.example.com', socket: raw })
  client.on('error', () => undefined)
  const outcome = await acceptor.next()
  t.ok(outcome.ok)
  if (!outcome.ok) return
  outcome.socket.resume()
  const closed = new Promise((resolve) => outcome.socket.once('close', resolve))
  raw.write(Buffer.concat([Buffer.from([23, 3, 3, 0, 32]), Buffer.alloc(32, 7)]))
  await closed
  t.ok(outcome.socket.destroyed)
})

test('a client that renegotiates is cut off', async (t) => {
  const acceptor = await start(t)
  const client = dial(acceptor, {
    maxVersion: 'TLSv1.2',
    secureOptions: constants.SSL_OP_LEGACY_SERVER_CONNECT,
  })
  const agreed = new Promise((resolve) => client.once('secureConnect', resolve))
  const outcome = await acceptor.next()
  await agreed
  t.ok(outcome.ok)
  if (!outcome.ok) return
  outcome.socket.resume()
  const how = await new Promise<string>((resolve) => {
    outcome.socket.once('close', () => resolve('cut off'))
    client.renegotiate({}, (error) => resolve(error === null ? 'renegotiated' : 'refused'))
  })
  t.not(how, 'renegotiated')
  client.destroy()
})
