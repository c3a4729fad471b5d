/** The client's side towards an upstream: what is verified, and how each kind of trouble is called. */
import { createServer as createPlain, type Server, type Socket } from 'node:net'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { type Test, test } from 'tap'
import { sever } from '../../../proxy/sever.ts'
import { dialTls, type Secured, type Trust, trustOf } from '../../../proxy/tls/dial-tls.ts'
import type { UpstreamError } from '../../../proxy/tls/upstream-error.ts'
import { type Authority, selfSigned, signedBy, type Terms } from './certificates.ts'
import { after } from './relay.ts'

async function listening(t: Test, server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function startUpstream(t: Test, options: TlsOptions): Promise<number> {
  const server = createServer(options, (socket: TLSSocket) => {
    socket.on('error', () => undefined)
    socket.pipe(socket)
  })
  server.on('tlsClientError', () => undefined)
  return await listening(t, server)
}

interface Asked {
  readonly trust: Trust
  readonly host?: string
  readonly port: number
  readonly timeoutMs?: number
}

type Outcome = { readonly error: UpstreamError | null; readonly secured: Secured | null }

function dial({
  host = 'up.example.com',
  port,
  timeoutMs = 5_000,
  trust,
}: Asked): Promise<Outcome> {
  const alpn = ['http/1.1'] as const
  return new Promise((resolve) => {
    dialTls({ address: '127.0.0.1', after, alpn, host, port, timeoutMs, trust }, (error, secured) =>
      resolve({ error, secured }),
    )
  })
}

const up = [{ type: 'dns', value: 'up.example.com' }] as const

test('an upstream is accepted by its name, by a wildcard, by its address, and by a chain', async (t) => {
  const ca = await selfSigned('Roots')
  const below = await signedBy(ca, 'Below', { ca: true })
  const trust = trustOf([ca.cert])
  const cases: readonly (readonly [string, Authority, Terms])[] = [
    ['up.example.com', ca, { names: up }],
    ['up.example.com', ca, { names: [{ type: 'dns', value: '*.example.com' }] }],
    ['127.0.0.1', ca, { names: [{ type: 'ip', value: '127.0.0.1' }] }],
    ['up.example.com', below, { names: up }],
  ]
  for (const [host, issuer, terms] of cases) {
    const own = await signedBy(issuer, 'server', terms)
    const port = await startUpstream(t, { cert: own.cert + below.cert, key: own.key })
    const { error, secured } = await dial({ host, port, trust })
    t.equal(error, null, `${host} by ${issuer.name}`)
    secured?.secure.write('hello')
    const heard = await new Promise((resolve) => secured?.secure.once('data', resolve))
    t.equal(String(heard), 'hello')
    secured?.secure.destroy()
  }
})

test('an upstream that is not verified is refused, and the reason says why', async (t) => {
  const [ca, stranger] = [await selfSigned('Roots'), await selfSigned('Stranger')]
  const unfit = await signedBy(ca, 'no CA at all')
  const trust = trustOf([ca.cert])
  const rows: readonly (readonly [string, Authority, string, RegExp])[] = [
    ['expired', await signedBy(ca, 's', { names: up, from: -48, to: -1 }), '', /has expired/],
    ['too early', await signedBy(ca, 's', { names: up, from: 1, to: 9 }), '', /not valid yet/],
    ['another host', await signedBy(ca, 's', { names: up }), 'x.example.com', /another host/],
    ['no name at all', await signedBy(ca, 's'), '', /another host/],
    ['by its common name', await signedBy(ca, 's', { names: up }), 's', /another host/],
    ['an address', await signedBy(ca, 's', { names: up }), '127.0.0.1', /another host/],
    ['itself', await selfSigned('s', { ca: false, names: up }), '', /signed by itself/],
    ['a stranger', await signedBy(stranger, 's', { names: up }), '', /not known/],
    ['no CA', await signedBy(unfit, 's', { names: up }), '', /does not hold/],
    [
      'for clients',
      await signedBy(ca, 's', { names: up, usage: '1.3.6.1.5.5.7.3.2' }),
      '',
      /not for a server/,
    ],
  ]
  for (const [name, own, host, why] of rows) {
    const port = await startUpstream(t, { cert: own.cert + unfit.cert, key: own.key })
    const { error, secured } = await dial({ port, trust, ...(host === '' ? {} : { host }) })
    t.equal(secured, null, name)
    t.equal(error?.trouble.code, 'upstream-tls', name)
    t.match(error?.trouble.message, why, name)
    t.notMatch(
      error?.trouble.message,
      /example\.com|127\.0\.0\.1/,
      'nothing of the request is in it',
    )
  }
})

test('a root that signs for a stranger is sent along and still not trusted', async (t) => {
  const stranger = await selfSigned('Stranger')
  const own = await signedBy(stranger, 's', { names: up })
  const port = await startUpstream(t, { cert: own.cert + stranger.cert, key: own.key })
  const { error } = await dial({ port, trust: trustOf([]) })
  t.match(error?.trouble.message, /root that is not trusted/)
})

test('nobody there, nobody who answers, and nobody who speaks TLS are three troubles', async (t) => {
  const trust = trustOf([])
  const closing = createPlain()
  const gone = await listening(t, closing)
  await new Promise((resolve) => closing.close(resolve))
  const silent = await listening(t, createPlain())
  const plain = await listening(
    t,
    createPlain((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
  )
  const leaving = await listening(
    t,
    createPlain((socket) => socket.destroy()),
  )
  for (const [port, code, message] of [
    [gone, 'upstream-unreachable', /ECONNREFUSED/],
    [silent, 'upstream-timeout', /TLS handshake in time/],
    [plain, 'upstream-tls', /handshake .* failed/],
    [leaving, 'upstream-tls', /handshake .* failed/],
  ] as const) {
    const { error } = await dial({
      port,
      timeoutMs: code === 'upstream-timeout' ? 50 : 5_000,
      trust,
    })
    t.equal(error?.trouble.code, code)
    t.match(error?.trouble.message, message)
  }
})

test('TLS below 1.2 is refused', async (t) => {
  const ca = await selfSigned('Roots')
  const own = await signedBy(ca, 's', { names: up })
  const old = { ciphers: 'ALL:@SECLEVEL=0', maxVersion: 'TLSv1.1', minVersion: 'TLSv1' } as const
  const port = await startUpstream(t, { cert: own.cert, key: own.key, ...old })
  const { error } = await dial({ port, trust: trustOf([ca.cert]) })
  t.equal(error?.trouble.code, 'upstream-tls')
})

test('a second connection resumes the session, and never that of another host', async (t) => {
  const ca = await selfSigned('Roots')
  const names = [...up, { type: 'dns', value: 'two.example.com' } as const]
  const own = await signedBy(ca, 's', { names })
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const trust = trustOf([ca.cert])
    const port = await startUpstream(t, { cert: own.cert, key: own.key, maxVersion: version })
    const reused: boolean[] = []
    for (const host of ['up.example.com', 'up.example.com', 'two.example.com']) {
      const { secured } = await dial({ host, port, trust })
      if (secured === null) throw new Error('not connected')
      reused.push(secured.secure.isSessionReused())
      secured.secure.write('x')
      await new Promise((resolve) => secured.secure.once('data', resolve))
      secured.secure.destroy()
    }
    t.same(reused, [false, true, false], version)
  }
})

test('the connection under TLS can be reset', async (t) => {
  const ca = await selfSigned('Roots')
  const own = await signedBy(ca, 's', { names: up })
  const server = createServer({ cert: own.cert, key: own.key })
  const told = new Promise<string>((resolve) => {
    server.on('secureConnection', (socket: TLSSocket) => {
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
      socket.on('end', () => resolve('end'))
      socket.pipe(socket)
    })
  })
  const port = await listening(t, server)
  const { secured } = await dial({ port, trust: trustOf([ca.cert]) })
  const closed = new Promise((resolve) => secured?.secure.once('close', resolve))
  // A reset in the middle of the handshake would not be told of.
  secured?.secure.write('x')
  await new Promise((resolve) => secured?.secure.once('data', resolve))
  if (secured !== null) sever([secured.raw])
  await closed
  t.equal(await told, 'ECONNRESET')
})
