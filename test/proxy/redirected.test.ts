/** The transparent listener over real sockets: what its first bytes name takes the same line, and nothing else passes. */
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { test } from 'tap'
import { settingsOf } from '../../cli/settings.ts'
import { fleet } from '../../kernel/scope.ts'
import { startProxy } from '../../proxy/server.ts'
import { verifyData } from '../e2e/world.ts'
import { CrossingGate } from './crossing-gate.ts'
import { createClient, createTimers, createWorld } from './crossing-world.ts'
import { buildHello, buildMessage, captureHello, inRecords } from './hellos.ts'
import { nameless } from './redirected-nameless.ts'
import { openRedirected } from './redirected-world.ts'
import { eventually, exchangeRaw } from './world.ts'

/** Fatal, access_denied: all that is sent to a client of TLS that is refused. */
const alert = Buffer.from([21, 3, 3, 0, 2, 2, 49]).toString('latin1')
const text = (bytes: Buffer): string => bytes.toString('latin1')
const hello = buildHello({ names: ['origin.test'] })
const ended = { waitMs: 3_000 }

interface Inside {
  readonly port: number
  readonly ca: string
  readonly name?: string
}

/** One request inside of TLS; what came back, or what is wrong. */
function askTls({ port, ca, name = 'origin.test' }: Inside, path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTls({ port, host: '127.0.0.1', servername: name, ca })
    let said = ''
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(`${error.code} ${error.message}`))
    socket.on('data', (piece: Buffer) => {
      said += piece.toString('latin1')
      if (said.includes('\r\n\r\n')) {
        socket.destroy()
        resolve(said)
      }
    })
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${name}\r\n\r\n`)
  })
}

test('TLS that is redirected is tunnelled to the host of its SNI, as by CONNECT', async (t) => {
  const gate = await openRedirected(t)
  t.match(await askTls(gate, '/a'), /^HTTP\/1\.1 200 OK\r\n.*GET \/a$/s)
  t.same(gate.other.hosts(), ['127.0.0.1'], 'to the address that the gate looked up')
  t.same(gate.looked, ['origin.test'])
  const [settlement] = await gate.until('settlement', 1)
  t.match(settlement, { data: { outcome: 'settled', status: 200 } })
  const [decision] = gate.entries('decision')
  t.match(decision, { actor: { agent: 'tester' }, data: { verdict: 'allow' } })
  t.match(JSON.stringify(decision), /"origin\.test"/)
  await gate.world.close()
  await verifyData(t, gate.directory)
})

test('a ClientHello that comes byte by byte, and in many records, reaches its host unchanged', async (t) => {
  const gate = await openRedirected(t)
  const captured = await captureHello({ servername: 'origin.test' })
  const split = inRecords(buildMessage({ names: ['origin.test'] }), 9)
  for (const [index, bytes] of [captured, split].entries()) {
    const before = gate.raw().length
    const client = await createClient(t, gate.port)
    client.socket.setNoDelay(true)
    for (const byte of bytes) {
      client.socket.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await gate.until('decision', index + 1)
    await eventually(() => gate.raw().length >= before + bytes.length)
    t.same(gate.raw().subarray(before), bytes)
    client.socket.destroy()
  }
})

test('HTTP that is redirected goes to its Host and port 80, each request judged by its own', async (t) => {
  const gate = await openRedirected(t)
  const bytes =
    'GET /a?b=c HTTP/1.1\r\nHost: origin.test\r\n\r\nGET /b HTTP/1.1\r\nHost: OTHER.test.:80\r\n\r\n' +
    'GET /c HTTP/1.1\r\nHost: denied.test\r\nConnection: close\r\n\r\n'
  const { fate, text: said } = await exchangeRaw(gate.port, bytes, ended)
  t.equal(fate, 'ended')
  const statuses = [...said.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status)
  t.same(statuses, ['200', '200', '403'])
  t.equal([...said.matchAll(/^Haltgate-Receipt: \S+\r$/gm)].length, 3)
  t.match(said, /\r\nHaltgate-Reason: no-rule\r\n/)
  t.same(gate.looked, ['origin.test', 'other.test'], 'no DNS query for what is refused')
  const asked = gate.other.heads.filter((head) => !head.startsWith('CONNECT 127.0.0.1:80 '))
  t.match(asked, [
    /^GET \/a\?b=c HTTP\/1\.1\r\n.*Host: origin\.test\r\n/is,
    /^GET \/b HTTP\/1\.1\r\n.*Host: other\.test\r\n/is,
  ])
})

test('what no rule allows is refused before any DNS query: TLS by an alert, HTTP by 403', async (t) => {
  const gate = await openRedirected(t)
  const secure = await exchangeRaw(gate.port, text(buildHello({ names: ['denied.test'] })), ended)
  t.same(secure, { text: alert, fate: 'ended' })
  const refused = gate.entries('decision')
  t.match(refused, [{ actor: { agent: 'tester' }, data: { verdict: 'deny' } }])
  t.match(
    await askTls({ ...gate, name: 'denied.test' }, '/'),
    /alert access denied/,
    'a real client says why',
  )
  const plain = await exchangeRaw(gate.port, 'GET / HTTP/1.0\r\nHost: denied.test\r\n\r\n', ended)
  t.match(plain.text, /^HTTP\/1\.1 403 /)
  t.same([gate.looked, gate.other.connections()], [[], 0])
  t.equal(gate.entries('decision').length, 3, 'each in an entry of its own')
})

test('what names no host is refused, recorded once with its code, and reaches nobody', async (t) => {
  const gate = await openRedirected(t, { limits: { headersTimeoutMs: 200 } })
  for (const [name, sent, heard, code, message] of nameless) {
    const before = gate.entries('rejected').length
    const bytes = typeof sent === 'string' ? sent : text(sent)
    const { fate, text: said } = await exchangeRaw(gate.port, bytes, ended)
    t.match(said, heard, name)
    t.equal(fate, 'ended', `${name}: a clean end`)
    const after = gate.entries('rejected').slice(before)
    t.match(after, [{ data: { code, listener: 'transparent:tester', message } }], name)
    t.equal(after.length, 1, `${name}: one entry`)
  }
  t.same([gate.looked, gate.other.connections()], [[], 0], 'nothing was looked up or dialled')
  t.same(gate.entries('decision'), [])
})

test('who leaves before a word was said leaves no entry; who leaves within a ClientHello does', async (t) => {
  const gate = await openRedirected(t)
  for (const [bytes, count] of [
    [Buffer.alloc(0), 0],
    [hello.subarray(0, 40), 1],
  ] as const) {
    const client = await createClient(t, gate.port)
    client.socket.end(bytes)
    await client.gone()
    t.equal(gate.entries('rejected').length, count)
  }
  t.match(gate.entries('rejected'), [{ data: { message: /ended within a ClientHello/ } }])
})

test('credentials that come with a redirected request name nobody, and go no further', async (t) => {
  const gate = await openRedirected(t)
  const bytes =
    'GET / HTTP/1.1\r\nHost: origin.test\r\nProxy-Authorization: Basic c29tZWJvZHk6eA==\r\nConnection: close\r\n\r\n'
  t.match((await exchangeRaw(gate.port, bytes, ended)).text, /^HTTP\/1\.1 200 /)
  t.notMatch(gate.other.heads.join(), /c29tZWJvZHk6eA/, 'they go no further')
  t.match(gate.entries('decision'), [{ actor: { agent: 'tester', run: 'default' } }])
})

test('no route of the control listener can be reached by redirection', async (t) => {
  const rules = `  - id: itself
    hosts: [127.0.0.1, localhost, gate.test]
    addresses: [127.0.0.0/8]
    effect: allow
`
  const gate = await openRedirected(t, { rules })
  const { control, proxy } = gate.world
  if (!('port' in control)) throw new Error('the control listener has a port')
  for (const port of [control.port, proxy.port, gate.port]) {
    for (const path of ['/healthz', '/metrics', '/api/v1/status']) {
      const bytes = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`
      t.match((await exchangeRaw(gate.port, bytes, ended)).text, /^HTTP\/1\.1 403 /)
    }
  }
  t.equal(gate.other.connections(), 0)
})

test('inspected TLS is opened with a leaf for the SNI, and each request inside is judged', async (t) => {
  const gate = await openRedirected(t, { tls: 'inspect' })
  t.same(
    await exchangeRaw(gate.port, text(buildHello({ names: ['denied.test'] })), ended),
    { text: alert, fate: 'ended' },
    'the host is judged before any leaf is made',
  )
  const first = await askTls({ port: gate.port, ca: gate.ca }, '/a')
  t.match(first, /^(UNABLE|SELF_SIGNED|CERT)/, 'the leaf is of the gate, not of the origin')
  t.match(
    await askTls({ port: gate.port, ca: gate.gateCa() }, '/a'),
    /^HTTP\/1\.1 200 OK\r\n.*GET \/a$/s,
  )
  t.match(gate.entries('decision').at(-1), { data: { verdict: 'allow' } })
})

test('a halt refuses what is redirected, and cuts what stands', async (t) => {
  const gate = await openRedirected(t)
  const standing = await createClient(t, gate.port)
  standing.socket.write(hello)
  await gate.until('decision', 1)
  await eventually(() => gate.raw().length >= hello.length)
  await gate.world.gate.halt({ scope: fleet, cause: 'operator', by: 'operator', reason: 'no' })
  await standing.gone()
  t.same(await exchangeRaw(gate.port, text(hello), ended), { text: alert, fate: 'ended' })
  const plain = await exchangeRaw(gate.port, 'GET / HTTP/1.1\r\nHost: origin.test\r\n\r\n', ended)
  t.match(plain.text, /\r\nHaltgate-Reason: halted\r\n/)
})

test('connections of both listeners are counted together; one too many is recorded and ended', async (t) => {
  const gate = await openRedirected(t, { limits: { connectionsMax: 2 } })
  await createClient(t, gate.world.proxy.port)
  const second = await createClient(t, gate.port)
  const third = await createClient(t, gate.port)
  await third.gone()
  t.equal(third.received.length, 0, 'nobody knows yet what it would understand')
  t.match(gate.entries('rejected'), [
    { data: { code: 'rate-limited', listener: 'transparent:tester' } },
  ])
  second.socket.destroy()
})

test('a drain waits for no redirected connection that says nothing', async (t) => {
  const gate = await openRedirected(t, { limits: { drainMs: 30_000 } })
  const silent = await createClient(t, gate.port)
  const half = await createClient(t, gate.port)
  half.socket.write(hello.subarray(0, 30))
  await gate.world.close()
  await Promise.all([silent.gone(), half.gone()])
  await t.rejects(
    new Promise((resolve, reject) =>
      connect(gate.port, '127.0.0.1', () => resolve(0)).on('error', reject),
    ),
    { code: 'ECONNREFUSED' },
  )
})

test('a transparent listener without an agent is refused before anything is opened', async (t) => {
  const flags = { transparent: '127.0.0.1:3130' }
  t.throws(() => settingsOf(flags, {}), { name: 'UsageError', message: /--agent NAME/ })
  t.throws(() => settingsOf({}, { HALTGATE_TRANSPARENT: '127.0.0.1:3130' }), /--agent NAME/)
  t.throws(() => settingsOf({ transparent: 'here', agent: 'a' }, {}), /--transparent is HOST:PORT/)
  t.match(settingsOf(flags, { HALTGATE_AGENT: 'a' }).transparent, { host: '127.0.0.1', port: 3130 })
  t.equal(settingsOf({}, {}).transparent, null)
})

test('where the proxy cannot listen, the transparent listener does not stay behind', async (t) => {
  const taken = await createWorld(t)
  const starting = (transparent: number, port: number): Promise<unknown> =>
    startProxy({
      ...{ gate: new CrossingGate({}), resolve: () => ({ ok: true, addresses: [] }) },
      openers: { tunnel: async () => {}, websocket: async () => {} },
      ...{ host: '127.0.0.1', port, transparent: { host: '127.0.0.1', port: transparent } },
      ...{ listenerAgent: 'researcher', log: () => {}, newId: () => 'r', monotonic: () => 0 },
      after: createTimers(t),
    })
  await t.rejects(starting(taken.port, 0), { code: 'EADDRINUSE', port: taken.port })
  await t.rejects(starting(0, taken.port), { code: 'EADDRINUSE', port: taken.port })
})
