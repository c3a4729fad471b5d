/** gRPC inside TLS, with the client and the server that its makers publish: both kinds of calls, and their trailers. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { test } from 'tap'
import { selfSigned, signedBy } from '../proxy/tls/certificates.ts'
import type { GrpcTask, Heard } from './agent-grpc.ts'
import { Echo } from './grpc-echo.ts'
import { GateRun, inspectingPolicy, ruleAt } from './inspect-world.ts'
import { makeDirectory, type Teardown } from './world.ts'

const agent = fileURLToPath(new URL('./agent-grpc.js', import.meta.url))

interface Said {
  readonly text: string
}

function trailing(value: string): Metadata {
  const metadata = new Metadata()
  metadata.set('x-trailer', value)
  return metadata
}

/** An origin for gRPC; the file of the root that signed its certificate. */
async function startEcho(t: Teardown): Promise<{ readonly port: number; readonly caFile: string }> {
  const root = await selfSigned('test root')
  const { cert, key } = await signedBy(root, 'localhost', {
    names: [{ type: 'dns', value: 'localhost' }],
  })
  const caFile = join(makeDirectory(t), 'root.pem')
  writeFileSync(caFile, root.cert)
  const server = new Server()
  server.addService(Echo.service, {
    say: ({ request }: ServerUnaryCall<Said, Said>, reply: sendUnaryData<Said>) => {
      if (request.text === 'fail') {
        reply({ code: 5, details: 'nobody heard', metadata: trailing('of a failure') })
      } else reply(null, { text: `${request.text}!` }, trailing('of one'))
    },
    chat: (call: ServerDuplexStream<Said, Said>) => {
      call.on('data', ({ text }: Said) => call.write({ text: `${text}?` }))
      call.on('end', () => call.end(trailing('of many')))
    },
  })
  const pair = { cert_chain: Buffer.from(cert), private_key: Buffer.from(key) }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, [pair]), (error, bound) => {
      if (error === null) resolve(bound)
      else reject(error)
    })
  })
  t.teardown(() => server.forceShutdown())
  return { port, caFile }
}

async function calling(run: GateRun, task: GrpcTask): Promise<readonly Heard[]> {
  const { code, errors, output } = await run.client(process.execPath, [agent, JSON.stringify(task)])
  if (code !== 0) throw new Error(`the agent ended with ${code}: ${output.toString()} ${errors}`)
  return JSON.parse(output.toString()) as readonly Heard[]
}

const method = (name: string): string => `methods: [POST], paths: [/Echo/${name}], effect: allow`

void test('a call and a conversation pass with their messages, their status and their trailers', async (t) => {
  const { caFile, port } = await startEcho(t)
  const rules = (): string =>
    ruleAt('say', port, method('Say')) + ruleAt('chat', port, method('Chat'))
  const run = await GateRun.start(t, {
    policy: inspectingPolicy({ rules }, port),
    upstreamCa: caFile,
  })
  const bidi = Array.from({ length: 50 }, (_, index) => `${index}`)
  const [one, many] = await calling(run, { target: `localhost:${port}`, unary: 'hello', bidi })
  t.same(one, { messages: ['hello!'], code: 0, details: 'OK', trailer: 'of one' })
  t.same(
    many?.messages,
    bidi.map((text) => `${text}?`),
  )
  t.match(many, { code: 0, trailer: 'of many' })
  const [failed] = await calling(run, { target: `localhost:${port}`, unary: 'fail', bidi: [] })
  t.same(failed, { messages: [], code: 5, details: 'nobody heard', trailer: 'of a failure' })
  await run.eventually(() => run.entries('settlement').length === 4)
  t.equal(run.entries('decision').length, 4, 'a decision for each call')
  await run.end(t)
})

void test('a method that no rule allows is refused, and its client is told PERMISSION_DENIED', async (t) => {
  const { caFile, port } = await startEcho(t)
  const rules = (): string => ruleAt('chat', port, method('Chat'))
  const run = await GateRun.start(t, {
    policy: inspectingPolicy({ rules }, port),
    upstreamCa: caFile,
  })
  const [one, many] = await calling(run, {
    target: `localhost:${port}`,
    unary: 'hello',
    bidi: ['1'],
  })
  t.equal(one?.code, 7, 'what gRPC makes of a 403')
  t.equal(many?.code, 0, 'the other calls of the connection go on')
  t.equal(run.saying('no-rule').length, 1)
  await run.end(t)
})
