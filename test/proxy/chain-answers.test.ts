/** What becomes of a proxy's answers: each kind of bad one is named in the refusal of each kind of request. */
import { test } from 'tap'
import type { ChainedProxy } from '../../proxy/chain.ts'
import { handleConnect } from '../../proxy/connect.ts'
import { startProxy } from '../../proxy/server.ts'
import { blind } from '../../proxy/sight.ts'
import { handleUpgrade } from '../../proxy/websocket.ts'
import { type Answer, ask } from '../e2e/wire.ts'
import { askInside, askThrough, policyFor, startOrigins } from './chain-clients.ts'
import { openChainGate, type Saying, startOtherProxy, tunnelTo } from './chain-world.ts'
import { CrossingGate } from './crossing-gate.ts'
import { createTimers } from './crossing-world.ts'

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
    // Where it is the proxy itself that is at fault, no other address of the host is tried.
    if (!/refused/.test(sentence.source)) t.equal(other.connections(), 4)
    t.notMatch(other.heads.join(), /localhost/, 'no name was told')
  })
}

test('another address of the host is tried where the proxy refused one, and not where it is at fault', async (t) => {
  const { plain } = await startOrigins(t)
  for (const [saying, count, status] of [
    [says('HTTP/1.1 407 No\r\n\r\n'), 1, 502],
    [silent, 1, 504],
    [(): 'serve' => 'serve', 2, 200],
  ] as const) {
    const other = await startOtherProxy(t, saying)
    const proxy: ChainedProxy = {
      ...{ name: 'other', host: '127.0.0.1', port: other.port, authorization: null },
      ...{ by: 'address', isOurs: () => false },
    }
    const world = await startProxy({
      // Nobody listens at the first one.
      resolve: () => ({ ok: true, addresses: ['127.0.0.9', '127.0.0.1'] }),
      gate: new CrossingGate({}),
      openers: { tunnel: handleConnect, websocket: handleUpgrade },
      ...{
        host: '127.0.0.1',
        port: 0,
        listenerAgent: 'researcher',
        limits: { drainMs: 1, dialTimeoutMs: 200 },
      },
      sight: { ...blind, chained: () => proxy },
      ...{ log: () => {}, newId: () => 'r', monotonic: () => performance.now() },
      after: createTimers(t),
    })
    t.teardown(() => world.close())
    const { port } = world.address
    const said = await ask(port, `http://origin.test:${plain}/`)
    t.equal(said.status, status)
    t.equal(other.connections(), count)
    const tunnel = tunnelTo(t, port, `origin.test:${plain}`)
    if (count === 1) await t.rejects(tunnel, { message: new RegExp(` ${status} `) })
    else await t.resolves(tunnel)
    t.equal(other.connections(), 2 * count)
  }
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
