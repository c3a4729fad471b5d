/** What a header says of the bytes of a body goes where the gate changed that body, and stays where it did not. */
import type { IncomingHttpHeaders } from 'node:http'
import { gzipSync } from 'node:zlib'
import { type Test, test } from 'tap'
import { type Answer, ask } from '../../e2e/wire.ts'
import { makeDirectory, startOrigin, TestWorld } from '../../e2e/world.ts'

const iban = 'DE89370400440532013000'

const policyOf = (port: number): string => `version: 1
defaults: { verdict: deny }
agents: { tester: {} }
rules:
${[
  'id: plain, paths: ["/plain"]',
  'id: json, paths: ["/json"], decoder: json',
  'id: up, paths: ["/up"], payload: { detectors: [iban], action: redact }',
  'id: down, paths: ["/down"], payload: { detectors: [iban], action: redact, responses: true }',
  'id: blocked, paths: ["/blocked"], payload: { detectors: [iban], action: block, responses: true }',
]
  .map(
    (rule) =>
      `  - { ${rule}, hosts: [localhost], ports: [${port}], addresses: [127.0.0.0/8, "::1/128"], effect: allow }`,
  )
  .join('\n')}
`

const digests = { 'Content-Digest': 'sha-256=:x:', ETag: '"v"', 'X-Kept': 'yes' }

interface Place {
  readonly asked: IncomingHttpHeaders[]
  send(path: string, body: string, headers?: Readonly<Record<string, string>>): Promise<Answer>
}

async function open(t: Test): Promise<Place> {
  const asked: IncomingHttpHeaders[] = []
  const origin = await startOrigin(t, (request, response) => {
    asked.push(request.headers)
    request.resume()
    request.on('end', () => response.writeHead(200, digests).end('hello'))
  })
  const world = new TestWorld(makeDirectory(t), policyOf(origin.port), {})
  await world.open()
  t.teardown(() => world.close())
  return {
    asked,
    send: (path, body, headers = {}) =>
      ask(world.port, `${origin.url}${path}`, {
        method: 'POST',
        headers: {
          ...{ 'Content-Type': 'application/json', 'Content-Digest': 'sha-256=:y:' },
          ...{ 'Content-Length': String(body.length), 'X-Kept': 'yes', ...headers },
        },
        body,
      }),
  }
}

void test('of a request', async (t) => {
  const { asked, send } = await open(t)
  const folded = gzipSync('{"a":1}').toString('latin1')
  const table: readonly (readonly [string, string, boolean, Readonly<Record<string, string>>?])[] =
    [
      ['/plain', '{}', true],
      ['/json', '{}', true],
      ['/up', '{"to":"nobody"}', true],
      ['/up', `{"to":"${iban}"}`, false],
      ['/json', folded, false, { 'Content-Encoding': 'gzip' }],
      ['/plain', folded, true, { 'Content-Encoding': 'gzip' }],
    ]
  for (const [path, body, isKept, headers] of table) {
    const { status } = await send(path, body, headers)
    t.equal(status, 200)
    const got = asked.at(-1) ?? {}
    t.equal(got['content-digest'], isKept ? 'sha-256=:y:' : undefined, `${path} ${body.length}`)
    t.equal(got['x-kept'], 'yes')
  }
})

void test('of an answer', async (t) => {
  const { send } = await open(t)
  for (const [path, isKept] of [
    ['/plain', true],
    ['/blocked', true],
    ['/down', false],
  ] as const) {
    const { headers } = await send(path, '{}')
    t.equal(headers.get('content-digest') ?? '', isKept ? 'sha-256=:x:' : '', path)
    t.equal(headers.get('etag') ?? '', isKept ? '"v"' : '', path)
    t.equal(headers.get('x-kept'), 'yes')
  }
})
