/** Requests that go through another proxy: what it is asked, what becomes of its answers, and what is no way around the gate. */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { createServer as createPlain } from 'node:http'
import { createServer as createSecure } from 'node:https'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TLSSocket, connect as tlsConnect } from 'node:tls'
import { test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { fleet } from '../../kernel/scope.ts'
import { askByEvents, type ChainedProxy } from '../../proxy/chain.ts'
import { type Answer, ask } from '../e2e/wire.ts'
import { listen, makeDirectory, type Teardown } from '../e2e/world.ts'
import { type Gate, openChainGate, type Saying, startOtherProxy, tunnelTo } from './chain-world.ts'
import { selfSigned, signedBy } from './tls/certificates.ts'

interface Origins {
  readonly plain: number
  readonly secure: number
  readonly ca: string
  /** Header names and values of each request, as it came. */
  readonly heads: string[]
}

/** One origin in the clear and one by TLS, both for localhost, both with WebSockets that echo. */
async function startOrigins(t: Teardown): Promise<Origins> {
  const root = await selfSigned('test root')
  const { cert, key } = await signedBy(root, 'localhost', {
    names: [{ type: 'dns', value: 'localhost' }],
  })
  const heads: string[] = []
  const servers = [createPlain(), createSecure({ cert, key })]
  const ports: number[] = []
  for (const server of servers) {
    server.on('request', (request, response) => {
      heads.push(`${request.url}\n${request.rawHeaders.join('\n')}`)
      response.end(`seen ${request.url}`)
    })
    server.on('connection', (socket: Socket) => socket.on('error', () => {}))
    const sockets = new WebSocketServer({ server })
    sockets.on('connection', (socket, request) => {
      heads.push(`${request.url}\n${request.rawHeaders.join('\n')}`)
      socket.on('message', (message, binary) => socket.send(message, { binary }))
    })
    ports.push(await listen(t, server))
    t.teardown(() => {
      for (const client of sockets.clients) client.terminate()
      server.closeAllConnections()
    })
  }
  const [plain = 0, secure = 0] = ports
  return { plain, secure, ca: root.cert, heads }
}

const loopback = 'addresses: [127.0.0.0/8, "::1/128"]'

interface Policed {
  readonly url: string
  readonly ports: readonly number[]
  readonly more?: string
  readonly way?: string
  readonly rules?: string
}

/** All of localhost through the proxy `office`, which wants credentials. */
function policyFor(
  t: Teardown,
  { more = '', ports, rules = '', url, way = 'office' }: Policed,
): string {
  const file = join(makeDirectory(t), 'password')
  writeFileSync(file, 'the-password-of-the-proxy')
  return `credentials:
  corporate: { source: { file: ${file} }, as: { basic: gate } }
upstream_proxies:
  office: { url: "${url}", auth: corporate${more} }
rules:
  - { id: origin, hosts: [localhost], ports: [${ports.join(', ')}], ${loopback}, effect: allow, upstream_proxy: ${way} }
${rules}`
}

const shown = `Basic ${Buffer.from('gate:the-password-of-the-proxy').toString('base64')}`

/** One request inside of a tunnel that the gate looks into. */
async function askInside(gate: Gate, port: number, path = '/inside'): Promise<Answer> {
  const socket = await gate.inside(port)
  const lines = [`GET ${path} HTTP/1.1`, `Host: localhost:${port}`, 'Connection: close']
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  return readAnswerOf(socket)
}

async function readAnswerOf(socket: Socket): Promise<Answer> {
  const { readAnswer } = await import('../e2e/wire.ts')
  const said = await text(socket).catch(() => '')
  return readAnswer(said, true) ?? { status: 0, phrase: '', headers: new Map(), body: said }
}

/** One request through a tunnel that the gate does not look into: an error where it does not stand. */
async function askThrough(
  t: Teardown,
  gate: Gate,
  origins: Pick<Origins, 'ca' | 'secure'>,
): Promise<Answer> {
  const { ca, secure } = origins
  const socket = await tunnelTo(t, gate.port, `localhost:${secure}`)
  const inside = tlsConnect({ socket, ca, servername: 'localhost' })
  inside.on('error', () => {})
  inside.write(`GET /through HTTP/1.1\r\nHost: localhost:${secure}\r\nConnection: close\r\n\r\n`)
  return readAnswerOf(inside)
}

/** What comes back by a WebSocket, plain through the proxy's port or inside of TLS. */
async function echoOf(
  t: Teardown,
  gate: Gate,
  port: number,
  inside: TLSSocket | null,
): Promise<string> {
  const url = `localhost:${port}/socket`
  const socket = new WebSocket(`${inside === null ? 'ws' : 'wss'}://${url}`, {
    createConnection: (() =>
      inside ?? connect(gate.port, '127.0.0.1')) as unknown as typeof connect,
    ...(inside === null
      ? {
          finishRequest: (request: { path: string; end(): void }) => {
            request.path = `http://${url}`
            request.end()
          },
        }
      : {}),
  })
  t.teardown(() => socket.terminate())
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('open', () => socket.send('hello'))
    socket.once('message', (message) => resolve(String(message)))
  })
}

test('each kind of request goes through the proxy, which sees judged addresses and nothing else', async (t) => {
  const origins = await startOrigins(t)
  const { plain, secure, ca } = origins
  const other = await startOtherProxy(t)
  const policy = policyFor(t, { url: other.url, ports: [plain, secure] })
  const gate = await openChainGate(t, { policy, upstreamCa: ca })
  const url = `http://localhost:${plain}/plain?x=1`
  t.match(await ask(gate.port, url), { status: 200, body: 'seen /plain?x=1' })
  t.match(await ask(gate.port, url), { status: 200 }, 'on the connection that stands')
  t.match(await askInside(gate, secure), { status: 200, body: 'seen /inside' })
  t.equal(await echoOf(t, gate, plain, null), 'hello')
  t.equal(await echoOf(t, gate, secure, await gate.inside(secure)), 'hello')
  const opaque = await openChainGate(t, { policy, tls: 'tunnel' })
  t.match(await askThrough(t, opaque, origins), { status: 200, body: 'seen /through' })

  t.equal(other.heads.length, 5, 'one CONNECT for each connection')
  for (const head of other.heads) {
    t.match(
      head,
      /^CONNECT (127\.0\.0\.1|\[::1\]):\d+ HTTP\/1\.1\r\nHost: (127\.0\.0\.1|\[::1\]):\d+\r\n/,
    )
    t.match(head, `\r\nProxy-Authorization: ${shown}\r\n\r\n`)
  }
  t.equal(origins.heads.length, 6)
  t.notMatch(origins.heads.join(), /proxy-authorization/i)
  t.notMatch(JSON.stringify(gate.entries()), /the-password|Z2F0ZTp0/)
})

test('the password of a proxy leaves to it alone', async (t) => {
  const { plain } = await startOrigins(t)
  const other = await startOtherProxy(t)
  const named = policyFor(t, { url: other.url, ports: [plain] })
  const free = `rules:\n  - { id: o, hosts: [localhost], ports: [${plain}], ${loopback}, effect: allow }\n`
  const upstreamProxy = `http://gate:the%2Dpassword-of-the-proxy@127.0.0.1:${other.port}`
  for (const gate of [
    await openChainGate(t, { policy: named }),
    await openChainGate(t, { policy: free, upstreamProxy }),
  ]) {
    const said = await ask(gate.port, `http://localhost:${plain}/?p=the-password-of-the-proxy`)
    t.match([said.status, said.headers.get('haltgate-reason')], [403, 'payload-secret'])
    const header = { Authorization: shown }
    const basic = await ask(gate.port, `http://localhost:${plain}/`, { headers: header })
    t.match([basic.status, basic.headers.get('haltgate-reason')], [403, 'payload-secret'])
    t.notMatch(JSON.stringify(gate.entries()), /the-password|Z2F0ZTp0/)
  }
  t.equal(other.connections(), 0)
})

test('the proxy of the flag takes what no rule says more of, and direct is direct', async (t) => {
  const { plain } = await startOrigins(t)
  const flag = await startOtherProxy(t)
  const office = await startOtherProxy(t)
  const rule = (path: string, way: string): string =>
    `  - { id: ${path}, hosts: [localhost], ports: [${plain}], paths: [/${path}], ${loopback}, effect: allow${way} }\n`
  const rules = `upstream_proxies: { office: { url: "${office.url}" } }\nrules:
${rule('silent', '')}${rule('direct', ', upstream_proxy: direct')}${rule('office', ', upstream_proxy: office')}`
  const upstreamProxy = `http://us%40er:p%3Aw@127.0.0.1:${flag.port}`
  const gate = await openChainGate(t, { policy: rules, upstreamProxy })
  const counts = async (path: string): Promise<readonly number[]> => {
    const said = await ask(gate.port, `http://localhost:${plain}/${path}`)
    t.equal(said.body, `seen /${path}`)
    return [flag.connections(), office.connections()]
  }
  t.same(await counts('direct'), [0, 0])
  t.same(await counts('silent'), [1, 0])
  t.same(await counts('office'), [1, 1], 'another way is another connection')
  t.match(flag.heads[0], `Proxy-Authorization: Basic ${btoa('us@er:p:w')}\r\n`)
  t.notMatch(office.heads[0] ?? '', /authorization/i)
})

const silent: Saying = () => 'said'
const says =
  (words: string, ends = false): Saying =>
  (socket) => {
    if (ends) socket.end(words)
    else socket.write(words)
    return 'said'
  }

const misbehaviours: readonly (readonly [string, Saying, string, RegExp])[] = [
  [
    'wants other credentials',
    says('HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\n\r\n'),
    'upstream-unreachable',
    /office wants other credentials \(407\)\.$/,
  ],
  [
    'refuses',
    says('HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno'),
    'upstream-unreachable',
    /office refused the connection \(403\)\.$/,
  ],
  [
    'redirects',
    says('HTTP/1.1 302 No\r\nLocation: http://x/\r\n\r\n'),
    'upstream-unreachable',
    /office refused the connection \(302\)\.$/,
  ],
  [
    'switches protocols',
    says('HTTP/1.1 101 No\r\n\r\n'),
    'upstream-unreachable',
    /office refused the connection \(101\)\.$/,
  ],
  [
    'speaks another protocol',
    says('SSH-2.0-OpenSSH\r\n'),
    'upstream-unreachable',
    /office did not answer as an HTTP proxy does\.$/,
  ],
  [
    'has no status',
    says('HTTP/1.1 two hundred\r\n\r\n'),
    'upstream-unreachable',
    /office did not answer as an HTTP proxy does\.$/,
  ],
  [
    'says too much',
    says(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(17_000)}`),
    'upstream-unreachable',
    /office answered with too much\.$/,
  ],
  ['closes', says('', true), 'upstream-unreachable', /office closed the connection\.$/],
  [
    'closes in the middle',
    says('HTTP/1.1 200 O', true),
    'upstream-unreachable',
    /office closed the connection\.$/,
  ],
  [
    'speaks for the upstream',
    says('HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged'),
    'upstream-unreachable',
    /office sent bytes that nobody had asked for\.$/,
  ],
  ['stalls', silent, 'upstream-timeout', /office did not answer in time\.$/],
  [
    'stalls in the middle',
    says('HTTP/1.1 200 OK\r\nX: y\r\n'),
    'upstream-timeout',
    /office did not answer in time\.$/,
  ],
]

for (const [what, saying, code, sentence] of misbehaviours) {
  test(`a proxy that ${what} is named in the refusal of every kind of request`, async (t) => {
    const { plain, secure, ca } = await startOrigins(t)
    const other = await startOtherProxy(t, saying)
    const policy = policyFor(t, { url: other.url, ports: [plain, secure] })
    const limits = { dialTimeoutMs: 150 }
    const gate = await openChainGate(t, { policy, limits, upstreamCa: ca })
    const opaque = await openChainGate(t, { policy, limits, tls: 'tunnel' })
    const status = code === 'upstream-timeout' ? 504 : 502
    const wanted = [status, code, sentence]
    const told = ({ status: is, headers, body }: Answer): readonly unknown[] => {
      return [is, headers.get('haltgate-reason'), JSON.parse(body).detail]
    }
    t.match(told(await ask(gate.port, `http://localhost:${plain}/`)), wanted)
    t.match(told(await askInside(gate, secure)), wanted)
    await t.rejects(askThrough(t, opaque, { ca, secure }), { message: new RegExp(` ${status} `) })
    const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' }
    const headers = { ...upgrade, 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' }
    t.match(told(await ask(gate.port, `http://localhost:${plain}/`, { headers })), wanted)
    t.equal((await gate.settled(3)).length, 3)
    t.notMatch(other.heads.join(), /localhost/, 'no name was told')
  })
}

test('a proxy that cannot be reached is named, and nothing goes around it', async (t) => {
  const { plain, heads } = await startOrigins(t)
  const closed = createServer()
  const port = await listen(t, closed)
  await new Promise((resolve) => closed.close(resolve))
  const gate = await openChainGate(t, {
    policy: policyFor(t, { url: `http://127.0.0.1:${port}`, ports: [plain] }),
  })
  const said = await ask(gate.port, `http://localhost:${plain}/`)
  t.match(said, { status: 502, body: /upstream proxy office cannot be reached: ECONNREFUSED/ })
  t.same(heads, [])
})

test('what leads to a forbidden range is refused before the proxy is asked, by address and by name', async (t) => {
  const { plain } = await startOrigins(t)
  for (const more of ['', ', by: name']) {
    const other = await startOtherProxy(t)
    const rules = `  - { id: closed, hosts: [127.0.0.2, metadata.test], effect: allow, upstream_proxy: office }\n`
    const gate = await openChainGate(t, {
      policy: policyFor(t, { url: other.url, ports: [plain], more, rules }),
    })
    const said = await ask(gate.port, 'http://127.0.0.2/')
    t.match([said.status, said.headers.get('haltgate-reason')], [403, 'destination-forbidden'])
    const listener = await ask(gate.port, `http://localhost:${gate.port}/`)
    t.equal(listener.status, 403)
    t.equal(other.connections(), 0)
  }
})

test('by name, TLS goes by CONNECT to the host and plain requests in absolute-form', async (t) => {
  const { plain, secure, ca } = await startOrigins(t)
  const body = 'from the proxy'
  const other = await startOtherProxy(t, (socket, head) => {
    if (head.startsWith('CONNECT ')) return 'serve'
    const isWanted = head.includes('/unwelcome')
    if (isWanted)
      socket.write('HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n')
    else socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    return 'said'
  })
  const policy = policyFor(t, { url: other.url, ports: [plain, secure], more: ', by: name' })
  const gate = await openChainGate(t, { policy, upstreamCa: ca })
  const url = `http://localhost:${plain}/a?b`
  t.match(await ask(gate.port, url), { status: 200, body })
  t.match(await ask(gate.port, url), { status: 200, body })
  const head = other.heads[0] ?? ''
  t.match(head, `GET ${url} HTTP/1.1\r\n`)
  t.match(head.toLowerCase(), `\r\nhost: localhost:${plain}\r\n`)
  t.match(head.toLowerCase(), `\r\nproxy-authorization: ${shown.toLowerCase()}\r\n`)
  t.equal(other.connections(), 1)
  const unwelcome = await ask(gate.port, `http://localhost:${plain}/unwelcome`)
  t.match(unwelcome, { status: 502, body: /upstream proxy office wants other credentials/ })
  t.notOk(unwelcome.headers.has('proxy-authenticate'))
  t.match(await askInside(gate, secure), { status: 200, body: 'seen /inside' })
  t.match(other.heads.at(-1), `CONNECT localhost:${secure} HTTP/1.1\r\n`)
})

test('an answer in single bytes, behind interim answers, opens the tunnel', async (t) => {
  const origin = await startOrigins(t)
  const other = await startOtherProxy(t, (socket, head) => {
    if (!head.startsWith('CONNECT')) {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      return 'said'
    }
    const words =
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.0 204 Fine\r\n\r\n'
    let at = 0
    const next = (): void => {
      socket.write(words.charAt(at))
      at += 1
      if (at < words.length) setImmediate(next)
    }
    next()
    return 'said'
  })
  const gate = await openChainGate(t, {
    policy: policyFor(t, { url: other.url, ports: [origin.plain] }),
  })
  t.match(await ask(gate.port, `http://localhost:${origin.plain}/`), { status: 200, body: 'ok' })
})

test('a halt ends what waits for a proxy', async (t) => {
  const { plain } = await startOrigins(t)
  let seen: () => void = () => {}
  const asked = new Promise<void>((resolve) => {
    seen = resolve
  })
  const closes: Promise<unknown>[] = []
  const other = await startOtherProxy(t, (socket) => {
    closes.push(new Promise((resolve) => socket.once('close', resolve)))
    seen()
    return 'said'
  })
  const policy = policyFor(t, { url: other.url, ports: [plain] })
  const gate = await openChainGate(t, { policy, tls: 'tunnel' })
  const waiting = tunnelTo(t, gate.port, `localhost:${plain}`).catch(
    (error: Error) => error.message,
  )
  await asked
  await gate.world.gate.halt({ scope: fleet, cause: 'operator', by: 'operator', reason: 'no' })
  t.match(await waiting, /^HTTP\/1\.1 403 .*halted/)
  await Promise.all(closes)
  t.match(await gate.settled(1), [{ data: { cut: 'halted' } }])
})

test('a proxy that leads back to the gate is refused when it starts, and when its policy is loaded', async (t) => {
  const { plain } = await startOrigins(t)
  const rules = `rules:\n  - { id: o, hosts: [localhost], ports: [${plain}], ${loopback}, effect: allow }\n`
  const gate = await openChainGate(t, { policy: rules })
  const { control, port } = { ...gate, control: gate.world.control }
  t.ok('port' in control)
  for (const host of ['127.0.0.1', 'localhost', '0.0.0.0']) {
    gate.writePolicy(`upstream_proxies: { self: { url: "http://${host}:${port}" } }\n${rules}`)
    t.match(
      await gate.world.reload(),
      { ok: false, problems: [/upstream proxy self leads to this gate/] },
      host,
    )
  }
  gate.writePolicy(`upstream_proxies: { fine: { url: "http://127.0.0.1:${plain}" } }\n${rules}`)
  t.match(await gate.world.reload(), { ok: true })
})

test('a proxy that turns out to be the gate is not asked for anything', async (t) => {
  const other = await startOtherProxy(t)
  const socket = connect(other.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  await new Promise((resolve) => socket.once('connect', resolve))
  const places: unknown[] = []
  const proxy: ChainedProxy = {
    ...{ name: 'self', host: 'gate.test', port: other.port, authorization: null, by: 'address' },
    isOurs: (...place) => places.push(place) > 0,
  }
  const target = { host: 'x.test', port: 443, address: '192.0.2.1' }
  const error = await new Promise((resolve) => askByEvents(socket, { proxy, target }, resolve))
  t.match(error, { trouble: { code: 'upstream-unreachable', message: /self is this gate itself/ } })
  t.same(places, [['127.0.0.1', other.port]])
  t.same(other.heads, [])
})

test('a credential that no header can hold refuses what would go through its proxy', async (t) => {
  const { plain, heads } = await startOrigins(t)
  const other = await startOtherProxy(t)
  const file = join(makeDirectory(t), 'token')
  writeFileSync(file, 'schlüssel-zum-tor')
  const policy = `credentials:
  corporate: { source: { file: ${file} }, as: { header: X, format: "Bearer {secret}" } }
upstream_proxies:
  office: { url: "${other.url}", auth: corporate }
rules:
  - { id: origin, hosts: [localhost], ports: [${plain}], ${loopback}, effect: allow, upstream_proxy: office }
`
  const gate = await openChainGate(t, { policy })
  const said = await ask(gate.port, `http://localhost:${plain}/`)
  t.match([said.status, said.headers.get('haltgate-reason')], [503, 'policy-unavailable'])
  await t.rejects(
    tunnelTo(t, gate.port, `localhost:${plain}`).then(() => 'open'),
    /403|503/,
  )
  t.same([other.connections(), heads.length], [0, 0])
  t.match(await gate.settled(1), [{ data: { outcome: 'voided' } }])
})

const hasSquid = existsSync('/usr/sbin/squid')

test('squid leads there, with its credentials and without', {
  skip: hasSquid ? false : 'SQUID IS NOT INSTALLED: not proven against it',
}, async (t) => {
  const origins = await startOrigins(t)
  const { ca, plain, secure } = origins
  const port = await startSquid(t)
  const policy = policyFor(t, { url: `http://127.0.0.1:${port}`, ports: [plain, secure] })
  for (const more of ['', ', by: name']) {
    const chained = policy.replace('auth: corporate', `auth: corporate${more}`)
    const gate = await openChainGate(t, { policy: chained, upstreamCa: ca })
    t.match(await ask(gate.port, `http://localhost:${plain}/x?y=1`), {
      status: 200,
      body: 'seen /x?y=1',
    })
    t.match(await askInside(gate, secure), { status: 200, body: 'seen /inside' })
    t.equal(await echoOf(t, gate, plain, null), 'hello')
    t.equal(await echoOf(t, gate, secure, await gate.inside(secure)), 'hello')
    const opaque = await openChainGate(t, { policy: chained, tls: 'tunnel' })
    t.match(await askThrough(t, opaque, origins), { status: 200, body: 'seen /through' })
    const bare = await openChainGate(t, { policy: chained.replace(', auth: corporate', '') })
    t.match(await ask(bare.port, `http://localhost:${plain}/x`), {
      status: 502,
      body: /upstream proxy office wants other credentials \(407\)/,
    })
  }
})

/** A squid of its own that wants credentials; resolves with its port. */
async function startSquid(t: Teardown): Promise<number> {
  const directory = makeDirectory(t)
  // Started as root, squid writes as its own user.
  chmodSync(directory, 0o777)
  const probe = createServer()
  const port = await listen(t, probe)
  await new Promise((resolve) => probe.close(resolve))
  const helper = join(directory, 'helper.sh')
  const known = 'gate the-password-of-the-proxy'
  writeFileSync(
    helper,
    `#!/bin/sh\nwhile read line; do [ "$line" = '${known}' ] && echo OK || echo ERR; done\n`,
  )
  chmodSync(helper, 0o755)
  const file = join(directory, 'squid.conf')
  writeFileSync(
    file,
    `http_port 127.0.0.1:${port}
auth_param basic program ${helper}
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
cache deny all
access_log none
cache_log ${directory}/cache.log
pid_filename ${directory}/squid.pid
coredump_dir ${directory}
shutdown_lifetime 0 seconds
pinger_enable off
`,
  )
  const squid: ChildProcess = spawn(
    '/usr/sbin/squid',
    ['-N', '-n', `chain${process.pid}`, '-f', file],
    {
      stdio: 'ignore',
    },
  )
  t.teardown(async () => {
    const ended = new Promise((resolve) => squid.once('exit', resolve))
    squid.kill('SIGKILL')
    await ended
  })
  for (;;) {
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true))
      socket.once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (isUp) return port
    if (squid.exitCode !== null) throw new Error(`squid ended with ${squid.exitCode}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
