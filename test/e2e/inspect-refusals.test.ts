/** What is refused inside TLS, and before it: answered where the client can read it, recorded once, and nobody is asked. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { test } from 'tap'
import type { ReasonCode } from '../../kernel/reasons.ts'
import {
  type Authority,
  type Terms as CertificateTerms,
  selfSigned,
  signedBy,
} from '../proxy/tls/certificates.ts'
import { runCommand } from './child.ts'
import { askInside, connectThrough, openInside } from './inspect-inside.ts'
import {
  bodyOf,
  GateRun,
  inspectingPolicy,
  inspectTest,
  ruleAt,
  startSecureOrigin,
} from './inspect-world.ts'
import { problemFaults } from './problem.ts'
import { makeDirectory } from './world.ts'

interface Row {
  readonly name: string
  readonly code: ReasonCode
  readonly status: number
  readonly text: (port: number) => string
}

const head = (line: string, port: number, headers: string): string =>
  `${line} HTTP/1.1\r\nHost: localhost:${port}\r\n${headers}\r\n`

const posted = (path: string, body: string, more = ''): Row['text'] => {
  const typed = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n${more}`
  return (port) => head(`POST ${path}`, port, typed) + body
}

const folded = (body: string): string => gzipSync(body, { level: 9 }).toString('latin1')
const gzip = 'Content-Encoding: gzip\r\n'
const judgedMax = 100_000

const rows: readonly Row[] = [
  {
    ...{ name: 'no rule for the path', code: 'no-rule', status: 403 },
    text: (port) => head('GET /other', port, ''),
  },
  {
    ...{ name: 'a rule that denies', code: 'rule-denied', status: 403 },
    text: (port) => head('DELETE /a/1', port, ''),
  },
  {
    ...{ name: 'a path that folds to a denied one', code: 'rule-denied', status: 403 },
    text: (port) => head('GET /a/%53ecret;x', port, ''),
  },
  {
    ...{ name: 'JSON that is malformed', code: 'malformed-request', status: 400 },
    text: posted('/json', '{"amount": 1,}'),
  },
  {
    ...{ name: 'a name twice in one object', code: 'malformed-request', status: 400 },
    text: posted('/json', '{"amount": 1, "amount": 1000}'),
  },
  {
    ...{ name: 'a name twice, once escaped', code: 'malformed-request', status: 400 },
    text: posted('/json', '{"amount": 1, "\\u0061mount": 1000}'),
  },
  {
    ...{ name: 'a value that a rule denies by the body', code: 'rule-denied', status: 403 },
    text: posted('/json', '{"amount": 1000}'),
  },
  {
    ...{
      name: 'a condition on a member that is not there',
      code: 'validator-refused',
      status: 403,
    },
    text: posted('/json', '{}'),
  },
  {
    ...{ name: 'a body of a length that is too large', code: 'request-too-large', status: 413 },
    text: posted('/json', `"${'x'.repeat(judgedMax)}"`),
  },
  {
    ...{ name: 'a body in chunks that grows too large', code: 'request-too-large', status: 413 },
    text: (port) =>
      head('POST /json', port, 'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n') +
      `1\r\n"\r\n${`1000\r\n${'x'.repeat(4096)}\r\n`.repeat(30)}0\r\n\r\n`,
  },
  {
    ...{ name: 'a body that unfolds to a thousandfold', code: 'request-too-large', status: 413 },
    text: posted('/json', folded(`"${'0'.repeat(20_000_000)}"`), gzip),
  },
  {
    ...{ name: 'a body that is no gzip', code: 'malformed-request', status: 400 },
    text: posted('/json', '{"amount": 1}', gzip),
  },
  {
    ...{ name: 'a body with bytes behind its gzip', code: 'malformed-request', status: 400 },
    text: posted('/json', `${folded('{"amount": 1}')}garbage`, gzip),
  },
  {
    ...{ name: 'a coding that nobody here reads', code: 'malformed-request', status: 400 },
    text: posted('/json', '{"amount": 1}', 'Content-Encoding: zstd\r\n'),
  },
  {
    ...{ name: 'a body of another type', code: 'validator-refused', status: 403 },
    text: (port) => {
      const typed = 'Content-Type: text/plain\r\nContent-Length: 13\r\n'
      return `${head('POST /json', port, typed)}{"amount": 1}`
    },
  },
  {
    ...{ name: 'a Host that the CONNECT did not name', code: 'authority-mismatch', status: 403 },
    text: () => 'GET /a/1 HTTP/1.1\r\nHost: other.example\r\n\r\n',
  },
  {
    ...{ name: 'a Host of another port', code: 'authority-mismatch', status: 403 },
    text: (port) => head('GET /a/1', port + 1, ''),
  },
  {
    ...{ name: 'two Hosts', code: 'malformed-request', status: 400 },
    text: (port) => head('GET /a/1', port, `Host: localhost:${port}\r\n`),
  },
  {
    ...{ name: 'a CONNECT inside', code: 'malformed-request', status: 400 },
    text: (port) => head(`CONNECT localhost:${port}`, port, ''),
  },
  {
    ...{ name: 'an absolute target of another host', code: 'malformed-request', status: 400 },
    text: (port) => head('GET https://other.example/a/1', port, ''),
  },
  {
    ...{ name: 'Content-Length with Transfer-Encoding', code: 'malformed-request', status: 400 },
    text: (port) =>
      `${head('POST /a/1', port, 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')}0\r\n\r\n`,
  },
  {
    ...{ name: 'a model that nobody priced', code: 'unpriced-model', status: 403 },
    text: posted('/v1/chat/completions', '{"model":"never-heard-of-it","messages":[]}'),
  },
]

const rules = (port: number): string =>
  [
    ruleAt('a', port, 'methods: [GET, POST, DELETE], paths: ["/a/**"], effect: allow'),
    ruleAt('no-delete', port, 'methods: [DELETE], effect: deny'),
    ruleAt('secret', port, 'paths: ["/a/secret"], effect: deny'),
    ruleAt('json', port, 'paths: [/json], decoder: json, effect: allow'),
    ruleAt('large', port, `paths: [/json], when: 'body.amount > 100', effect: deny`),
    ruleAt('chat', port, 'paths: ["/v1/chat/completions"], decoder: openai, effect: allow'),
  ].join('')

inspectTest(
  'each is answered inside TLS with its code, recorded once, and not sent on',
  {
    serve: (_, response) => response.end('no'),
    rules,
    flags: ['--judged-bytes-max', String(judgedMax)],
  },
  async (t, run, origin) => {
    const { port } = origin
    for (const { code, name, status, text } of rows) {
      const before = run.saying(code).length
      const answer = await askInside(run, { port }, text(port))
      t.equal(answer.status, status, `${name}: the status`)
      t.equal(answer.headers.get('haltgate-reason'), code, `${name}: the reason`)
      t.same(problemFaults(answer, code), [], `${name}: the body says the same`)
      t.equal(run.saying(code).length, before + 1, `${name}: one entry`)
    }
    t.same(origin.asked, [], 'the origin was asked nothing')
    t.equal(origin.sockets.size, 0, 'and nobody connected to it')
    t.equal(run.entries('decision', 'rejected').length, rows.length, 'nothing else was decided')
  },
)

inspectTest(
  'what a rule lets pass by its body arrives as it was judged, its coding taken off',
  { serve: (request, response) => void bodyOf(request).then((body) => response.end(body)), rules },
  async (t, run, { port }) => {
    for (const text of [
      posted('/json', '{"amount": 1}'),
      posted('/json', folded('{"amount": 1}'), gzip),
    ]) {
      const answer = await askInside(run, { port }, text(port))
      t.equal(answer.status, 200)
      t.equal(answer.body, '{"amount": 1}')
    }
  },
)

inspectTest(
  'over HTTP/2 an authority that the CONNECT did not name is refused, and the connection serves on',
  { serve: (_, response) => response.end('ok') },
  async (t, run, origin) => {
    const other = ['-H', 'Host: other.example', `${origin.url}/a`]
    const { output } = await run.curl('--http2', '-i', ...other, '--next', '-sS', `${origin.url}/b`)
    const text = output.toString()
    t.match(text, /^HTTP\/2 403/m)
    t.match(text, /haltgate-reason: authority-mismatch/)
    t.match(text, /ok$/)
    t.equal(run.saying('authority-mismatch').length, 1)
    t.same(origin.asked, ['GET /b'])
  },
)

void test('the example policy has no problem', async (t) => {
  const { code, output } = await runCommand(['policy', 'check', 'examples/inspect/policies.yaml'])
  t.equal(code, 0, output)
  t.notMatch(output, /warning/)
})

inspectTest(
  'an SNI that is not the host of the CONNECT ends the handshake, and is recorded once',
  { serve: (_, response) => response.end('no') },
  async (t, run, origin) => {
    const inside = { port: origin.port, servername: 'other.example' }
    await t.rejects(openInside(run, inside), /access denied/i)
    t.equal(run.saying('authority-mismatch').length, 1)
    t.same(origin.asked, [])
  },
)

inspectTest(
  'a client that leaves in the middle of the handshake is let go of at once, and recorded as gone',
  { serve: (_, response) => response.end('no') },
  async (t, run, { port, sockets }) => {
    const { socket } = await connectThrough(run, { port })
    // Destroyed before its last message of the handshake has left.
    const secure = connectTls({ socket, rejectUnauthorized: false })
    secure.once('secureConnect', () => secure.destroy())
    await run.eventually(() => run.saying('inspection-required').length === 1)
    t.match(run.saying('inspection-required')[0]?.data, { message: /^The client left/ })
    t.equal(sockets.size, 0)
  },
)

inspectTest(
  'a CONNECT to a host that no rule allows is refused before any handshake',
  { serve: (_, response) => response.end('no') },
  async (t, run, { port }) => {
    const { answer, socket } = await connectThrough(run, { host: 'other.example', port })
    socket.destroy()
    t.equal(answer.status, 403)
    t.equal(run.saying('no-rule').length, 1)
  },
)

const dns = (value: string): CertificateTerms => ({ names: [{ type: 'dns', value }] })

/** Certificates that no verified connection is made with, by what the refusal says of them. */
async function badCertificates(root: Authority): Promise<readonly [RegExp, Authority][]> {
  const good = dns('localhost')
  return [
    [/expired/i, await signedBy(root, 'localhost', { ...good, from: -48, to: -24 })],
    [/not valid yet/i, await signedBy(root, 'localhost', { ...good, from: 24, to: 48 })],
    [/another host|not for|different/i, await signedBy(root, 'other', dns('other.example'))],
    [
      /self-signed|signed by itself|signs itself/i,
      await selfSigned('localhost', { ...good, ca: false }),
    ],
    [
      /not known|unknown|unable/i,
      await signedBy(await selfSigned('another root'), 'localhost', good),
    ],
  ]
}

void test('an upstream whose certificate is not in order is sent nothing: 502 upstream-tls', async (t) => {
  const root = await selfSigned('root')
  const caFile = join(makeDirectory(t), 'ca.pem')
  writeFileSync(caFile, root.cert)
  const bad = await badCertificates(root)
  const ends = bad.map(([, certified]) =>
    startSecureOrigin(t, (_, response) => response.end('no'), certified),
  )
  const origins = await Promise.all(ends)
  const allowed = (): string => origins.map(({ port }) => ruleAt(`at-${port}`, port)).join('')
  const run = await GateRun.start(t, {
    policy: inspectingPolicy({ rules: allowed }, 0),
    upstreamCa: caFile,
  })
  for (const [index, [says]] of bad.entries()) {
    const { asked, port } = origins[index] ?? { asked: ['nobody'], port: 0 }
    const secret = 'GET /a/secret HTTP/1.1'
    const answer = await askInside(run, { port }, `${secret}\r\nHost: localhost:${port}\r\n\r\n`)
    t.equal(answer.status, 502, `${says}: the status`)
    t.same(problemFaults(answer, 'upstream-tls'), [], `${says}: the refusal`)
    t.match(answer.body, says, 'it says what is wrong')
    t.same(asked, [], `${says}: nothing was asked`)
    await run.eventually(() => run.saying('upstream-tls').length > index)
    t.equal(run.saying('upstream-tls').length, index + 1, `${says}: one entry`)
  }
  await run.end(t)
})
