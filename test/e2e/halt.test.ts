/** A halt severs what is open within 50 ms, refuses what comes after, and outlives the process. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { type Test, test } from 'tap'
import { WebSocketServer } from 'ws'
import { layoutOf } from '../../cli/settings.ts'
import { runCommand, startGate } from './child.ts'
import { startTlsOrigin } from './tls.ts'
import { type Answer, ask, asRun, send } from './wire.ts'
import {
  makeDirectory,
  type Origin,
  policyText,
  readEntries,
  startOrigin,
  TestWorld,
  verifyData,
  worldTest,
} from './world.ts'

const goalMs = 50
/** What a machine under load is given before it is a fault; the first round runs code that is not compiled yet. */
const hardMs = 250
const rounds = 7

const budget = `  - id: count
    scope: agent
    period: lifetime
    limits: { requests: 1000, bytes_down: 1GiB }
    on_limit: block`

/** Sends a chunk every few milliseconds, for ever. */
const drip: RequestListener = (_request, response) => {
  const chunk = Buffer.alloc(4_096, 'x')
  const timer = setInterval(() => response.write(chunk), 10)
  response.on('close', () => clearInterval(timer))
}

const dripOr: RequestListener = (request, response) => {
  if (request.url?.startsWith('/long') === true) drip(request, response)
  else response.end('ok')
}

/** Resolves with the instant at which a socket is dead for its owner. */
function death(socket: Socket): Promise<number> {
  return new Promise((resolve) => {
    socket.on('error', () => undefined)
    socket.once('close', () => resolve(performance.now()))
  })
}

function firstData(socket: Socket): Promise<Buffer> {
  return new Promise((resolve) => socket.once('data', resolve))
}

interface Open {
  readonly name: string
  readonly socket: Socket
}

const credentials = (run: string): string =>
  `Proxy-Authorization: ${asRun('tester', run)['Proxy-Authorization']}\r\n`

const connectText = (port: number, run: string): string =>
  `CONNECT localhost:${port} HTTP/1.1\r\nHost: localhost:${port}\r\n${credentials(run)}\r\n`

const upgradeText = (url: string, run: string): string =>
  `GET ${url}/socket HTTP/1.1\r\nHost: ${new URL(url).host}\r\n${credentials(run)}` +
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

const longText = (url: string, run: string): string =>
  `GET ${url}/long HTTP/1.1\r\nHost: ${new URL(url).host}\r\n${credentials(run)}\r\n`

/** A TLS tunnel, a download and a WebSocket, each of which has carried bytes from its origin. */
async function openThree(
  proxyPort: number,
  origins: { readonly plain: Origin; readonly tlsPort: number; readonly ca: string },
): Promise<readonly Open[]> {
  const { plain, tlsPort, ca } = origins
  const raw = connect(proxyPort, '127.0.0.1')
  raw.on('error', () => undefined)
  raw.write(connectText(tlsPort, 'work'))
  await firstData(raw)
  const tls = connectTls({ socket: raw, servername: 'localhost', ca })
  tls.on('error', () => undefined)
  tls.write('GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await firstData(tls)
  const opened: Open[] = [{ name: 'tunnel', socket: raw }]
  for (const [name, text] of [
    ['download', longText(plain.url, 'work')],
    ['websocket', upgradeText(plain.url, 'work')],
  ] as const) {
    const socket = connect(proxyPort, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(text)
    await firstData(socket)
    socket.resume()
    opened.push({ name, socket })
  }
  return opened
}

/** A WebSocket origin beside a plain one, which speaks first and then every few milliseconds. */
function addWebSocket(t: Test, origin: Origin): void {
  const sockets = new WebSocketServer({ server: origin.server })
  sockets.on('connection', (socket) => {
    const timer = setInterval(() => socket.send('tick'), 10)
    socket.on('error', () => undefined)
    socket.on('close', () => clearInterval(timer))
  })
  t.teardown(() => sockets.close())
}

/** What each of the three ways answers. */
async function tryThree(port: number, plain: Origin, tlsPort: number): Promise<readonly Answer[]> {
  return await Promise.all([
    send(port, connectText(tlsPort, 'work')),
    send(port, longText(plain.url, 'work')),
    send(port, upgradeText(plain.url, 'work')),
  ])
}

const reasonOf = (answer: Answer): string =>
  `${answer.status} ${answer.headers.get('haltgate-reason')} ${answer.headers.get('haltgate-decision')}`

async function timeOf(work: Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await work
  return performance.now() - begun
}

function median(values: readonly number[]): number {
  return (
    [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN
  )
}

void test('a halt severs a tunnel, a download and a WebSocket on both sides within 50 ms', async (t) => {
  const origin = await startOrigin(t, dripOr)
  addWebSocket(t, origin)
  const tls = await startTlsOrigin(t, drip)
  const ports = [origin.port, tls.port]
  const world = new TestWorld(makeDirectory(t), policyText({ ports, budgets: budget }))
  await world.open()
  t.teardown(() => world.close())
  // The library behind the control routes is loaded by the first request.
  await world.control('GET', '/api/v1/status')
  const worst: number[] = []
  const plain: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const origins = { plain: origin, tlsPort: tls.port, ca: tls.ca }
    const clients = await openThree(world.port, origins)
    const servers = [...origin.sockets, ...tls.sockets]
    t.equal(servers.length, 3, 'three connections are open at the origins')
    const deaths = [...clients.map(({ socket }) => socket), ...servers].map(death)
    plain.push(await timeOf(world.control('GET', '/api/v1/status')))
    const begun = performance.now()
    const body = { scope: 'agent:tester', reason: 'enough' }
    const halted = world.control('POST', '/api/v1/halts', body)
    const times = (await Promise.all(deaths)).map((at) => at - begun)
    t.equal((await halted).status, 200)
    worst.push(Math.max(...times))
    t.comment(`ms to the end of each socket: ${times.map((time) => time.toFixed(1)).join(' ')}`)
    const answers = await tryThree(world.port, origin, tls.port)
    t.strictSame(answers.map(reasonOf), Array(3).fill('403 halted halt'))
    const back = { scope: 'agent:tester', reason: 'next round' }
    t.equal((await world.control('POST', '/api/v1/reinstatements', back)).status, 200)
  }
  // What this machine needs for any order at all is not the halt's: a busy one is given as much.
  const [slow, call] = [median(worst), median(plain)]
  t.comment(`median of the slowest: ${slow.toFixed(1)} ms; of a plain call: ${call.toFixed(1)} ms`)
  t.ok(slow <= goalMs + call, `dead within ${goalMs} ms`)
  const [slowest, slowestCall] = [Math.max(...worst.slice(1)), Math.max(...plain)]
  t.ok(slowest <= hardMs + slowestCall, `slowest but for the first: ${slowest.toFixed(1)} ms`)
  await world.close()
  await verifyData(t, world.settings.dataDirectory)
  const cut = world.entries('settlement').filter(({ data }) => data['source'] === 'halt')
  t.equal(cut.length, 3 * rounds, 'each severed passage is settled, and says that a halt ended it')
})

worldTest(
  'a halt outlives a restart; reinstated, the agent goes on with what it had spent',
  { budgets: budget.replace('1000', '5') },
  async (t, world, origin) => {
    for (const path of ['/1', '/2', '/3']) await world.get(`${origin.url}${path}`)
    const halt = await world.control('POST', '/api/v1/halts', {
      scope: 'agent:tester',
      reason: 'x',
    })
    t.equal(halt.status, 200)
    for (let start = 0; start < 2; start += 1) {
      await world.reopen()
      t.equal(reasonOf(await world.get(origin.url)), '403 halted halt', `after start ${start + 2}`)
    }
    const again = { scope: 'agent:tester', reason: 'looked into it' }
    t.equal((await world.control('POST', '/api/v1/reinstatements', again)).status, 200)
    t.equal((await world.get(`${origin.url}/4`)).status, 200)
    await world.reopen()
    t.equal((await world.get(`${origin.url}/5`)).status, 200, 'a restart keeps it reinstated')
    t.equal(reasonOf(await world.get(`${origin.url}/6`)), '403 budget-exhausted deny')
    t.equal(origin.total, 5, 'what was spent before the halt stays spent')
  },
)

worldTest('a halted run is never resumed, and the fleet neither', {}, async (t, world, origin) => {
  const order = (route: string, scope: string): ReturnType<TestWorld['control']> =>
    world.control('POST', `/api/v1/${route}`, { scope, reason: 'a test' })
  t.equal((await order('halts', 'run:tester/one')).status, 200)
  const { status, body } = await order('reinstatements', 'run:tester/one')
  t.ok(status >= 400 && status < 500, `the order is refused: ${status}`)
  t.match(body, { detail: /cannot be reinstated/ })
  t.equal(reasonOf(await world.get(origin.url, asRun('tester', 'one'))), '403 halted halt')
  t.equal((await world.get(origin.url, asRun('tester', 'two'))).status, 200, 'others run on')
  t.equal((await order('halts', 'agent:tester')).status, 200)
  t.equal((await order('reinstatements', 'agent:tester')).status, 200)
  const still = await world.get(origin.url, asRun('tester', 'one'))
  t.equal(reasonOf(still), '403 halted halt', 'a reinstated agent does not bring its run back')
  t.equal((await order('halts', 'fleet')).status, 200)
  t.match(await order('reinstatements', 'fleet'), { body: { detail: /cannot be reinstated/ } })
  t.equal(reasonOf(await world.get(origin.url, asRun('tester', 'two'))), '403 halted halt')
})

worldTest('nothing at the proxy port can undo a halt', {}, async (t, world, origin) => {
  await world.control('POST', '/api/v1/halts', { scope: 'agent:tester', reason: 'a test' })
  const { control } = world.world
  t.ok('port' in control)
  const port = 'port' in control ? control.port : 0
  const body = JSON.stringify({ scope: 'agent:tester', reason: 'let me out' })
  const tries = [
    ask(world.port, `http://127.0.0.1:${port}/api/v1/reinstatements`, { method: 'POST', body }),
    send(world.port, 'POST /api/v1/reinstatements HTTP/1.1\r\nHost: x\r\n\r\n'),
    ask(world.port, origin.url, { headers: { 'Haltgate-Decision': 'allow' } }),
    ask(world.port, origin.url, { headers: asRun('tester', 'another') }),
  ]
  const answers = await Promise.all(tries)
  t.strictSame(
    answers.map(({ status }) => status),
    [403, 400, 403, 403],
  )
  t.equal(origin.total, 0)
})

void test('an operator halts, reinstates, grants and verifies by the command line', async (t) => {
  const origin = await startOrigin(t)
  const directory = makeDirectory(t)
  const budgets = budget.replace('1000', '1')
  writeFileSync(join(directory, 'policies.yaml'), policyText({ ports: [origin.port], budgets }))
  const gate = await startGate(t, directory)
  const { control, dataDirectory } = gate.settings
  const there = ['--control', 'port' in control ? `127.0.0.1:${control.port}` : '']
  const data = ['--data', dataDirectory]
  const order = (...args: readonly string[]): ReturnType<typeof runCommand> =>
    runCommand([...args, ...there, ...data])
  const answers: number[] = []
  const look = async (): Promise<unknown> => answers.push((await ask(gate.port, origin.url)).status)
  await look()
  await look()
  const granted = await order('grant', 'agent:tester', 'requests', '2', '--reason', 'more')
  t.match(granted, { code: 0, output: /was granted 2/ })
  await look()
  t.match(await order('halt', 'agent:tester', '--reason', 'stop'), { code: 0, output: /halted/ })
  await look()
  t.match(await order('status'), { code: 0, output: /agent:tester +operator/ })
  t.match(await order('reinstate', 'run:tester/default', '--reason', 'x'), { code: 1 })
  t.match(await order('reinstate', 'agent:tester', '--reason', 'go on'), { code: 0 })
  await look()
  t.strictSame(answers, [200, 403, 200, 403, 200])
  gate.child.kill('SIGTERM')
  t.equal(await gate.ended, 0)
  t.match(await runCommand(['audit', 'verify', '--replay', ...data]), { code: 0 })
  await verifyData(t, dataDirectory)
  const { ledger } = layoutOf(dataDirectory)
  const segment = join(ledger, 'ledger-000000000000000.jsonl')
  const bytes = readFileSync(segment)
  const [at, seq] = [bytes.indexOf('"verdict":"deny"'), readEntries(dataDirectory, [])]
  bytes[at + 11] = 'D'.charCodeAt(0)
  writeFileSync(segment, bytes)
  const changed = seq.find(({ data }) => data['verdict'] === 'deny')?.seq
  const caught = await runCommand(['audit', 'verify', ...data])
  t.match(caught, { code: 1, output: new RegExp(`\\b${changed}\\b`) }, 'one byte is found out')
})

for (const [name, trigger] of [
  ['SIGUSR2', 'signal'],
  ['a file named HALT', 'sentinel'],
] as const) {
  void test(`${name} halts the fleet of a running gate, for good`, async (t) => {
    const origin = await startOrigin(t)
    const directory = makeDirectory(t)
    writeFileSync(join(directory, 'policies.yaml'), policyText({ ports: [origin.port] }))
    const gate = await startGate(t, directory)
    t.equal((await ask(gate.port, origin.url)).status, 200)
    const { dataDirectory } = gate.settings
    if (trigger === 'signal') gate.child.kill('SIGUSR2')
    else writeFileSync(layoutOf(dataDirectory).sentinel, '')
    await gate.says(/the fleet is halted/)
    t.equal(reasonOf(await ask(gate.port, origin.url)), '403 halted halt')
    const status = await gate.control('GET', '/api/v1/status')
    t.match(status.body['halted'], [{ scope: 'fleet', cause: trigger }])
    gate.child.kill('SIGTERM')
    t.equal(await gate.ended, 0)
    const next = await startGate(t, directory)
    t.equal(reasonOf(await ask(next.port, origin.url)), '403 halted halt', 'and after a restart')
    next.child.kill('SIGTERM')
    t.equal(await next.ended, 0)
    t.equal(origin.total, 1)
    await verifyData(t, dataDirectory)
  })
}
