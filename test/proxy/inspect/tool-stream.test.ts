/** The stream that an MCP client opens by GET: lists on it are filtered event by event, and all else passes as it came. */
import { get, type IncomingMessage } from 'node:http'
import fc from 'fast-check'
import { type Test, test } from 'tap'
import type { RequestFacts } from '../../../kernel/request.ts'
import { ToolStream } from '../../../proxy/inspect/tool-stream.ts'
import type { ReadHead } from '../../../proxy/reply.ts'
import { makeDirectory, startOrigin, TestWorld } from '../../e2e/world.ts'
import { seed, seedSentence } from '../../kernel/seed.ts'
import { sceneOf } from './play.ts'

const listed = (...names: readonly string[]): string =>
  JSON.stringify({ jsonrpc: '2.0', id: 3, result: { tools: names.map((name) => ({ name })) } })
const note = '{"jsonrpc":"2.0","method":"notifications/message"}'
const called = '{"jsonrpc":"2.0","id":4,"result":{"content":[]}}'

interface Streaming {
  readonly stream: ToolStream
  readonly desk: { judging: number }
}

function open(judgedBytesMax = 65_536): Streaming {
  const { desk, intake } = sceneOf({ method: 'GET', limits: { judgedBytesMax } })
  const allows = ({ content }: RequestFacts): boolean => content?.facts['mcp_tool'] !== 'bad'
  Object.assign(desk.context.gate, { allows })
  return { stream: new ToolStream(desk, intake.facts), desk }
}

void test(seedSentence, async (t) => t.ok(Number.isSafeInteger(seed)))

void test('an event goes on when it is whole, without what could not be called', (t) => {
  const { desk, stream } = open()
  const said = (text: string): string => stream.take(Buffer.from(text)).bytes.toString()
  t.equal(said(`data: ${note}\n`), '')
  t.equal(said('\nid: 1\n'), `data: ${note}\n\n`)
  t.equal(said(`data: ${listed('good', 'bad')}\n`), '')
  t.equal(said('\n'), `id: 1\ndata: ${listed('good')}\n\n`)
  t.equal(said(`data: ${called}\r\n\r`), `data: ${called}\r\n\r`)
  t.equal(said('\ndata: x'), '\n')
  t.equal(desk.judging, 7)
  stream.free()
  t.equal(desk.judging, 0)
  t.end()
})

void test('what cannot be read is not passed on, and no list in any spelling', (t) => {
  for (const data of [
    '{',
    `[${listed('bad')}]`,
    listed('bad').replace('"tools"', '"Tools"'),
    '1',
  ]) {
    const { stream } = open()
    const taken = stream.take(Buffer.from(`data: ${data}\n\n`))
    t.match([taken.objection, taken.bytes.length], [{ code: 'upstream-protocol' }, 0], data)
  }
  const { stream } = open(100)
  t.match(stream.take(Buffer.alloc(101, 'x')), { objection: { code: 'upstream-protocol' } })
  t.match(open().stream.take(Buffer.from(`data: ${listed(...many)}\n\n`)), {
    objection: { code: 'upstream-protocol', message: /more than 1000 tools/ },
  })
  t.end()
})

const many = Array.from({ length: 1_500 }, (_, index) => `tool${index}`)

const ends = fc.constantFrom('\n', '\r\n', '\r')
const events = fc.array(
  fc.tuple(fc.constantFrom(note, called, listed('good'), listed('good', 'bad')), ends),
  { maxLength: 6 },
)

void test('in any pieces what comes out is the same', (t) => {
  const property = fc.property(events, fc.integer({ min: 1, max: 90 }), (all, size) => {
    const wire = Buffer.from(all.map(([data, end]) => `data: ${data}${end}${end}`).join(''))
    const { desk, stream } = open()
    const out: Buffer[] = []
    for (let at = 0; at < wire.length; at += size) {
      const { bytes, objection } = stream.take(wire.subarray(at, at + size))
      t.equal(objection, null)
      out.push(bytes)
    }
    out.push(stream.end().bytes)
    const text = Buffer.concat(out).toString()
    t.notMatch(text, '"bad"')
    const values = [...text.matchAll(/^data: (.*)$/gm)].map(([, value]) => value)
    const expected = all.map(([data]) => data.replace(',{"name":"bad"}', ''))
    t.strictSame(values, expected)
    t.equal(desk.judging, 0)
  })
  fc.assert(property, { seed, numRuns: 200 })
  t.end()
})

void test('only a stream of events is read', (t) => {
  const { stream } = open()
  const head = (status: number, type: string): ReadHead => ({
    status,
    phrase: '',
    head: { ok: true, headers: ['Content-Type', type], length: -1, trailer: null, bytes: 0 },
  })
  t.ok(stream.reads(head(200, 'Text/Event-Stream; charset=utf-8')))
  t.notOk(stream.reads(head(405, 'text/event-stream')))
  t.notOk(stream.reads(head(200, 'text/plain')))
  t.end()
})

const policyOf = (port: number): string => `version: 1
defaults: { verdict: deny }
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
    methods: [POST]
    addresses: [127.0.0.0/8, "::1/128"]
    decoder: mcp
    when: facts.mcp_tool == "good"
    effect: allow
`

async function streamed(t: Test, headers: Readonly<Record<string, string>>): Promise<string> {
  const origin = await startOrigin(t, (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', ...headers })
    response.write(`id: 1\ndata: ${listed('good', 'bad')}\n\n`)
    response.write(`id: 2\ndata: ${note}\n\n`)
    setTimeout(() => response.end(), 20)
  })
  const world = new TestWorld(makeDirectory(t), policyOf(origin.port), {})
  await world.open()
  t.teardown(() => world.close())
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = {
      ...{ host: '127.0.0.1', port: world.port, path: `${origin.url}/mcp` },
      headers: { Host: `localhost:${origin.port}`, 'Last-Event-ID': '0' },
    }
    get(options, resolve).on('error', reject)
  })
  let text = `${response.statusCode} `
  for await (const piece of response) text += String(piece)
  return text
}

void test('a list that a server sends again on its stream has no tool that could not be called', async (t) => {
  const text = await streamed(t, {})
  t.equal(text, `200 id: 1\ndata: ${listed('good')}\n\nid: 2\ndata: ${note}\n\n`)
})

void test('a stream that is coded although it was asked not to be is refused', async (t) => {
  t.match(await streamed(t, { 'Content-Encoding': 'gzip' }), /^502 .*upstream-protocol/)
})
