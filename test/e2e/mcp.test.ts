/** MCP behind the gate: an agent sees the tools that it may call, and calls no others. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { connect as connectTls } from 'node:tls'
import { type Test, test } from 'tap'
import { startTlsOrigin } from './tls.ts'
import { type Answer, ask, send } from './wire.ts'
import { makeDirectory, type Origin, startOrigin, TestWorld, verifyData } from './world.ts'

const tools = ['read_file', 'delete_file', 'send_mail', 'run"me\\', 'größe']

interface Called {
  readonly id: number
  readonly method: string
  readonly params?: { readonly name?: string }
}

/** How the server answers tools/list: as the test says, by path. */
type Answering = (call: Called, request: IncomingMessage, response: ServerResponse) => void

const toolsOf = (names: readonly string[]): readonly object[] =>
  names.map((name) => ({ name, description: `does ${name}`, inputSchema: { type: 'object' } }))

const listed = ({ id }: Called, names: readonly string[] = tools): string =>
  JSON.stringify({ jsonrpc: '2.0', id, result: { tools: toolsOf(names), nextCursor: 'n' } })

const json = (response: ServerResponse, body: string, status = 200): void => {
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    'Mcp-Session-Id': 's1',
  })
  response.end(body)
}

const events = (response: ServerResponse, body: string): void => {
  response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' })
  // Cut anywhere: an event is whole when all of its bytes are.
  const half = Math.floor(body.length / 2)
  response.write(body.slice(0, half))
  setImmediate(() => response.end(body.slice(half)))
}

const answers: Readonly<Record<string, Answering>> = {
  '/json': (call, _, response) => json(response, listed(call)),
  '/none': (call, _, response) => json(response, listed(call, [])),
  '/error': ({ id }, _, response) =>
    json(response, JSON.stringify({ jsonrpc: '2.0', id, error: { code: -1, message: 'no' } })),
  '/denied': (_, __, response) => json(response, '{"error":"who are you"}', 401),
  '/empty': (_, __, response) => response.writeHead(202, { 'Content-Length': 0 }).end(),
  '/nothing': (_, __, response) => response.writeHead(204).end(),
  '/sse': (call, _, response) => {
    const note = '{"jsonrpc":"2.0","method":"notifications/message","params":{}}'
    const data = listed(call)
    const at = data.indexOf(',"result"')
    const message = `event: message\r\nid: 7\r\ndata: ${data.slice(0, at)}\r\ndata:${data.slice(at)}\r\n\r\n`
    events(response, `: hello\n\nid: 1\ndata:\n\ndata: ${note}\n\n${message}`)
  },
  '/html': (_, __, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' }).end('<tools>')
  },
  '/broken': (call, _, response) => json(response, listed(call).slice(0, -1)),
  '/batch': (call, _, response) => json(response, `[${listed(call)}]`),
  '/lies': (call, _, response) => json(response, listed(call).replace('"result"', '"Result"')),
  '/badsse': (_, __, response) => events(response, 'data: {"jsonrpc"\n\n'),
  '/coded': (call, _, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' })
    response.end(listed(call))
  },
  '/huge': (call, _, response) => {
    const all = tools.concat(Array.from({ length: 3000 }, (_none, index) => `tool${index}`))
    json(response, listed(call, all))
  },
  '/long': (call, _, response) => json(response, listed(call) + ' '.repeat(70_000)),
}

/** Answers calls, and keeps what it was asked. */
function serving(asked: Called[], encodings: string[] = []): RequestListener {
  return (request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const call = JSON.parse(Buffer.concat(pieces).toString()) as Called
      asked.push(call)
      encodings.push(request.headers['accept-encoding'] ?? '')
      const answer = answers[(request.url ?? '').split('?', 1)[0] ?? '']
      if (call.method === 'tools/list' && answer !== undefined) answer(call, request, response)
      else json(response, JSON.stringify({ jsonrpc: '2.0', id: call.id, result: { content: [] } }))
    })
  }
}

const policyOf = (port: number, more = ''): string => `version: 1
defaults: { verdict: deny, tls: inspect }
agents: { tester: {} }
rules:
  - id: protocol
    hosts: [localhost]
    ports: [${port}]
    addresses: [127.0.0.0/8, "::1/128"]
    decoder: mcp
    when: facts.mcp_method != "tools/call"
    effect: allow
  - id: calls
    hosts: [localhost]
    ports: [${port}]
    addresses: [127.0.0.0/8, "::1/128"]
    decoder: mcp
    when: facts.mcp_method == "tools/call" && facts.mcp_tool in ["read_file", "delete_file", "größe"]
    effect: allow
  - id: inside
    hosts: [localhost]
    ports: [${port}]
    addresses: [127.0.0.0/8, "::1/128"]
    decoder: mcp
    when: facts.mcp_tool == "send_mail" && body.params.arguments.to == "me@example.com"
    effect: allow
  - id: no-deletes
    hosts: [localhost]
    ports: [${port}]
    decoder: mcp
    when: facts.mcp_tool == "delete_file"
    effect: deny
${more}`

const bodyOf = (method: string, params: object = {}): string =>
  JSON.stringify({ jsonrpc: '2.0', id: 5, method, params })

async function open(
  t: Test,
  more = '',
): Promise<{ world: TestWorld; origin: Origin; asked: Called[]; encodings: string[] }> {
  const asked: Called[] = []
  const encodings: string[] = []
  const origin = await startOrigin(t, serving(asked, encodings))
  const limits = { judgedBytesMax: 65_536 * 8, judgingBytesMax: 65_536 * 16 }
  const world = new TestWorld(makeDirectory(t), policyOf(origin.port, more), { limits })
  await world.open()
  t.teardown(() => world.close())
  return { world, origin, asked, encodings }
}

function rpc(
  world: TestWorld,
  url: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const bytes = Buffer.from(body).toString('latin1')
  const sent = { 'Content-Type': 'application/json', 'Content-Length': String(bytes.length) }
  const all = { ...sent, 'Accept-Encoding': 'gzip, br', ...headers }
  return ask(world.port, url, { method: 'POST', headers: all, body: bytes })
}

const utf8 = ({ body }: Answer): string => Buffer.from(body, 'latin1').toString()

const namesIn = (text: string): string[] =>
  (JSON.parse(text) as { result: { tools: { name: string }[] } }).result.tools.map(
    ({ name }) => name,
  )

const allowed = ['read_file', 'send_mail', 'größe']

void test('a tool that may not be called is not listed, and calling it anyway is refused', async (t) => {
  const { world, origin, asked, encodings } = await open(t)
  const list = await rpc(world, `${origin.url}/json`, bodyOf('tools/list'))
  t.equal(list.status, 200)
  t.strictSame(namesIn(utf8(list)), allowed)
  t.equal(list.headers.get('content-length'), String(Buffer.byteLength(utf8(list))))
  t.equal(list.headers.get('mcp-session-id'), 's1', 'what else the server said stays')
  t.match(utf8(list), '"nextCursor":"n"')
  t.strictSame(encodings, ['identity'], 'what has to be read is not asked for coded')
  for (const name of tools) {
    const args = name === 'send_mail' ? { to: 'me@example.com' } : {}
    const params = { name, arguments: args }
    const call = await rpc(world, `${origin.url}/json`, bodyOf('tools/call', params))
    t.equal(call.status, allowed.includes(name) ? 200 : 403, name)
  }
  const other = { name: 'send_mail', arguments: { to: 'you@example.com' } }
  const call = await rpc(world, `${origin.url}/json`, bodyOf('tools/call', other))
  t.equal(call.status, 403, 'listed because it may be called, and not with anything')
  t.equal(asked.length, 4, 'what was refused did not reach the server')
  await world.close()
  const [decision, settlement] = world.entries('decision', 'settlement')
  t.match(decision?.data, { verdict: 'allow', decoder: 'mcp' })
  const { actual } = (settlement?.data ?? {}) as { actual?: { bytes_down?: number } }
  const down = actual?.bytes_down ?? 0
  t.ok(down > Buffer.byteLength(utf8(list)), 'the head counts as the upstream sent it')
  t.ok(
    down < Buffer.byteLength(listed({ id: 5, method: '' })) + 400,
    'the body as the client got it',
  )
  await verifyData(t, world.settings.dataDirectory)
})

void test('the messages of an event stream are filtered, and all else in it is as it came', async (t) => {
  const { world, origin } = await open(t)
  const list = await rpc(world, `${origin.url}/sse`, bodyOf('tools/list'))
  const text = utf8(list)
  t.equal(list.status, 200)
  t.ok(text.startsWith(': hello\n\nid: 1\ndata:\n\ndata: {"jsonrpc":"2.0","method"'))
  t.match(text, 'event: message\r\nid: 7\r\n')
  const values = [...text.matchAll(/^data: ?(.*)$/gm)].map(([, value = '']) => value)
  t.strictSame(namesIn(values.slice(2).join('')), allowed)
  t.equal(list.headers.get('content-length'), String(Buffer.byteLength(text)))
})

void test('what is no list of tools passes as it came, or not at all', async (t) => {
  const { world, origin } = await open(t)
  for (const [path, status, body] of [
    ['/none', 200, '"tools":[]'],
    ['/error', 200, '"message":"no"'],
    ['/denied', 401, 'who are you'],
    ['/empty', 202, ''],
    ['/nothing', 204, ''],
    ...['/html', '/broken', '/batch', '/lies', '/badsse', '/coded', '/huge'].map(
      (each) => [each, 502, 'upstream-protocol'] as const,
    ),
  ] as const) {
    const answer = await rpc(world, `${origin.url}${path}`, bodyOf('tools/list'))
    t.equal(answer.status, status, path)
    t.match(utf8(answer), body, path)
    t.notMatch(utf8(answer), 'delete_file', path)
  }
  await world.close()
  const held = world.entries('settlement').length
  t.equal(held, 12, 'each was settled')
  await verifyData(t, world.settings.dataDirectory)
})

void test('a list that is longer than can be judged is refused, and its room given back', async (t) => {
  const { origin, world } = await open(t)
  await world.close()
  const small = new TestWorld(makeDirectory(t), policyOf(origin.port), {
    limits: { judgedBytesMax: 60_000, judgingBytesMax: 65_000 },
  })
  await small.open()
  t.teardown(() => small.close())
  for (let round = 0; round < 3; round += 1) {
    const long = await rpc(small, `${origin.url}/long`, bodyOf('tools/list'))
    t.equal(long.status, 502)
    const list = await rpc(small, `${origin.url}/json`, bodyOf('tools/list'))
    t.strictSame(namesIn(utf8(list)), allowed)
  }
})

void test('a list goes on when the hold is given more, and counts what the client gets', async (t) => {
  const budget = `budgets:
  - id: down
    scope: agent
    period: lifetime
    limits: { bytes_down: 1000000, inflight: 1 }
    on_limit: block
`
  const { origin, world } = await open(t)
  await world.close()
  const tight = new TestWorld(makeDirectory(t), policyOf(origin.port, budget), {
    limits: { holdBytesStep: 50 },
  })
  await tight.open()
  t.teardown(() => tight.close())
  const list = await rpc(tight, `${origin.url}/json`, bodyOf('tools/list'))
  t.strictSame(namesIn(utf8(list)), allowed, 'the request in flight hides no tool')
  await tight.close()
  await verifyData(t, tight.settings.dataDirectory)
})

void test('in observe mode nothing is hidden', async (t) => {
  const { world, origin } = await open(t, 'mode: observe\n')
  const list = await rpc(world, `${origin.url}/json`, bodyOf('tools/list'))
  t.strictSame(namesIn(utf8(list)), tools)
})

void test('a list inside of an inspected tunnel is filtered, too', {
  skip: spawnSync('openssl', ['version']).status === 0 ? false : 'there is no openssl',
}, async (t) => {
  const asked: Called[] = []
  const origin = await startTlsOrigin(t, serving(asked))
  const directory = makeDirectory(t)
  const world = new TestWorld(directory, policyOf(origin.port))
  Object.assign(world.settings, { upstreamCa: [origin.caFile] })
  await world.open()
  t.teardown(() => world.close())
  const authority = `localhost:${origin.port}`
  let raw: import('node:net').Socket | null = null
  const opened = await send(
    world.port,
    `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`,
    {
      keep: (socket) => {
        raw = socket
      },
    },
  )
  t.equal(opened.status, 200)
  if (raw === null) throw new Error('there is a socket')
  const ca = readFileSync(`${world.settings.dataDirectory}/ca/root.pem`, 'utf8')
  const socket = connectTls({
    socket: raw,
    servername: 'localhost',
    ca,
    ALPNProtocols: ['http/1.1'],
  })
  t.teardown(() => socket.destroy())
  const body = bodyOf('tools/list')
  const head = `POST /sse HTTP/1.1\r\nHost: ${authority}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`
  socket.write(head + body)
  let text = ''
  for await (const piece of socket) text += (piece as Buffer).toString()
  t.match(text, /^HTTP\/1.1 200/)
  t.match(text, 'read_file')
  t.notMatch(text, 'delete_file')
  t.notMatch(text, 'run')
})
