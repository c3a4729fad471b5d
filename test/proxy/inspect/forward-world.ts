/** A world on loopback whose rules read bodies, an origin that answers as it is asked to, and what was settled. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { type Test, test } from 'tap'
import { ask } from '../../e2e/wire.ts'
import { makeDirectory, type Origin, startOrigin, TestWorld, verifyData } from '../../e2e/world.ts'
import { eventually } from '../world.ts'

const usage = { prompt_tokens: 11, completion_tokens: 5, total_tokens: 16 }
const chat = JSON.stringify({ choices: [], usage })
const words = (count: number): string =>
  `data: {"choices":[{"delta":{"content":"a"}}]}\n\n`.repeat(count)
const closing = `data: ${JSON.stringify({ choices: [], usage })}\n\ndata: [DONE]\n\n`

export interface Seen {
  readonly path: string
  readonly method: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

type Serve = (response: ServerResponse, seen: Seen) => void

const json = { 'Content-Type': 'application/json' }
const sse = { 'Content-Type': 'text/event-stream' }

const serves: Readonly<Record<string, Serve>> = {
  '/v1/chat/completions': (response, { headers }) => {
    switch (headers['x-answer']) {
      case 'gzip':
        response.writeHead(200, { ...json, 'Content-Encoding': 'gzip' }).end(gzipSync(chat))
        break
      case 'half':
        response.writeHead(200, { ...json, 'Content-Length': 1000 }).write(chat)
        setImmediate(() => response.destroy())
        break
      case 'open':
        response.writeHead(200, { ...sse, 'Content-Encoding': 'gzip' })
        response.write(gzipSync(words(1000) + closing).subarray(0, -4))
        break
      case 'long':
        response.writeHead(200, sse).write(words(50))
        break
      case 'measured':
        response.writeHead(200, { ...sse, 'Content-Length': 100_000 }).write(words(50))
        break
      case '204':
      case '304':
        response.writeHead(Number(headers['x-answer']), { ETag: '"x"' }).end()
        break
      case '429':
        response.writeHead(429, json).end('{"error":{}}')
        break
      default:
        response.writeHead(200, json).end(chat)
    }
  },
  '/looked': (response, { headers }) => {
    const status = Number(headers['x-answer'] ?? 200)
    response.writeHead(status, { 'Content-Type': 'text/plain', 'Content-Length': 20 })
    response.end(status === 304 ? undefined : 'x'.repeat(20))
  },
}

export function serving(seen: Seen[]): RequestListener {
  return (request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const { headers, method = '', url = '' } = request
      const body = Buffer.concat(pieces).toString()
      const one = { path: url, method, headers, body }
      seen.push(one)
      const serve = serves[url]
      if (serve === undefined) response.end(`${method} ${url} ${body.length}`)
      else serve(response, one)
    })
  }
}

export const policyOf = (
  port: number,
  more: { mode?: string; budgets?: string } = {},
): string => `version: 1
mode: ${more.mode ?? 'enforce'}
defaults: { verdict: deny, tls: tunnel }
agents: { tester: {} }
rules:
${[
  'id: plain, paths: ["/plain/**"]',
  'id: order, paths: ["/order"], decoder: json',
  'id: mcp, paths: ["/mcp"], decoder: mcp',
  'id: model, paths: ["/v1/**"], decoder: openai',
  'id: looked, paths: ["/looked"], payload: { detectors: [jwt], action: redact, responses: true }',
]
  .map(
    (rule) =>
      `  - { ${rule}, hosts: [localhost], ports: [${port}], addresses: [127.0.0.0/8, "::1/128"], effect: allow }`,
  )
  .join('\n')}
  - { id: dear, hosts: [localhost], ports: [${port}], paths: ["/order"], decoder: json, when: "body.qty >= 10", effect: deny }
${more.budgets ?? ''}`

export const money = `budgets:
  - { id: tokens, scope: agent, period: lifetime, limits: { tokens: 100000 }, on_limit: block }
`

export interface Place {
  readonly world: TestWorld
  readonly origin: Origin
  readonly seen: Seen[]
}

/** A world whose room for bodies is that of two at once: what is not given back is missed at once. */
export function placeTest(
  name: string,
  more: { mode?: string; budgets?: string },
  play: (t: Test, place: Place) => Promise<void>,
): void {
  void test(name, async (t) => {
    const seen: Seen[] = []
    const origin = await startOrigin(t, serving(seen))
    const world = new TestWorld(makeDirectory(t), policyOf(origin.port, more), {
      limits: { judgedBytesMax: 2000, judgingBytesMax: 4000, lingerMs: 1000 },
    })
    await world.open()
    t.teardown(() => world.close())
    await play(t, { world, origin, seen })
    await world.close()
    await verifyData(t, world.settings.dataDirectory)
    const opened = world.entries('decision').filter(({ data }) => data['verdict'] === 'allow')
    const closed = world.entries('settlement').map(({ data }) => data['request'])
    t.equal(new Set(closed).size, closed.length, 'nothing is settled twice')
    t.equal(closed.length, opened.length, 'all is settled')
  })
}

export const post = (
  place: Place,
  path: string,
  body: string,
  headers = {},
): ReturnType<typeof ask> =>
  ask(place.world.port, `${place.origin.url}${path}`, {
    method: 'POST',
    headers: { ...json, ...headers },
    body,
  })

export const call = (more: object = {}): string =>
  JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hey' }], ...more })

export const settlements = ({ world }: Place): readonly Record<string, unknown>[] =>
  world.entries('settlement').map(({ data }) => data as Record<string, unknown>)

/** A connection whose text the test reads as it comes. */
export function dial(
  t: Test,
  { world }: Place,
): { socket: Socket; text: () => string; ended: Promise<void> } {
  const socket = connect(world.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  const ended = new Promise<void>((resolve) => {
    socket.on('error', () => {
      text += '<reset>'
    })
    socket.on('close', () => resolve())
  })
  return { socket, text: () => text, ended }
}

export const order = (qty: number): string => JSON.stringify({ qty })

export const postHead = ({ origin }: Place, path: string, headers: readonly string[]): string =>
  [
    `POST ${origin.url}${path} HTTP/1.1`,
    `Host: localhost:${origin.port}`,
    'Content-Type: application/json',
    ...headers,
    '\r\n',
  ].join('\r\n')

/** What the ledger says of the settlement of that place, once it is there. */
export async function actualOf(
  place: Place,
  index: number,
): Promise<Readonly<Record<string, number>>> {
  await eventually(() => settlements(place).length > index)
  const { actual } = settlements(place)[index] ?? {}
  return actual as Record<string, number>
}
