/** Clients that agents have do real work through the gate, and each shows its refusal in its own way. */
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { join, normalize } from 'node:path'
import { type Test, test } from 'tap'
import { fetch, ProxyAgent } from 'undici'
import { type Client, clients, runProgram, versionOf, type Work } from './clients.ts'
import { startTlsOrigin } from './tls.ts'
import {
  makeDirectory,
  type Origin,
  policyText,
  startOrigin,
  TestWorld,
  verifyData,
} from './world.ts'

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

const big = randomBytes(20 * 1024 * 1024)
const bigDigest = sha256(big)
const upload = randomBytes(300_000)
const uploadDigest = sha256(upload)

const denied = '  - { id: no, hosts: [denied.test], effect: deny, reason: Use the other one. }'

const serve: RequestListener = (request, response) => {
  switch (new URL(request.url ?? '', 'http://origin').pathname) {
    case '/big':
      response.setHeader('Content-Length', big.length).end(big)
      return
    case '/moved':
      response.writeHead(302, { Location: '/landed' }).end()
      return
    case '/missing':
      response.writeHead(404, 'Nothing Here').end('nothing')
      return
    case '/echo': {
      const hash = createHash('sha256')
      request.on('data', (part: Buffer) => hash.update(part))
      request.on('end', () => {
        const framing = request.headers['transfer-encoding'] ?? 'length'
        response.end(`${hash.digest('hex')} ${framing}`)
      })
      return
    }
    default:
      response.setHeader('X-Path', request.url ?? '').end(`hello from ${request.url}`)
  }
}

async function openFor(t: Test, ports: readonly number[], more = ''): Promise<TestWorld> {
  const policy = policyText({ ports, rules: `${denied}\n${more}` })
  const world = new TestWorld(makeDirectory(t), policy)
  await world.open()
  t.teardown(() => world.close())
  return world
}

async function closeWorld(t: Test, world: TestWorld): Promise<void> {
  await world.close()
  await verifyData(t, world.settings.dataDirectory)
}

const proxyOf = (world: TestWorld): string => `http://127.0.0.1:${world.port}`

interface Task extends Omit<Work, 'url'> {
  readonly name: string
  readonly path: string
  readonly status: number
  readonly body: string | RegExp
}

function tasksOf(file: string): readonly Task[] {
  const known = { file, chunked: false }
  const chunked = { file, chunked: true }
  return [
    { name: 'a GET', method: 'GET', path: '/a?b=c', status: 200, body: 'hello from /a?b=c' },
    { name: 'a HEAD', method: 'HEAD', path: '/', status: 200, body: '' },
    { name: 'a redirect', method: 'GET', path: '/moved', status: 200, body: 'hello from /landed' },
    { name: 'a 404', method: 'GET', path: '/missing', status: 404, body: 'nothing' },
    {
      ...{ name: 'an upload', method: 'POST', path: '/echo', status: 200, upload: known },
      body: `${uploadDigest} length`,
    },
    {
      ...{ name: 'a chunked upload', method: 'POST', path: '/echo', status: 200, upload: chunked },
      body: `${uploadDigest} chunked`,
    },
  ]
}

async function work(t: Test, client: Client, world: TestWorld, origin: Origin): Promise<void> {
  const { directory } = world
  const through = { proxy: proxyOf(world), directory }
  const file = join(directory, 'upload')
  writeFileSync(file, upload)
  for (const { name, path, status, body, ...task } of tasksOf(file)) {
    const outcome = await client.run({ ...task, url: `${origin.url}${path}` }, through)
    if (outcome === null) t.comment(`${client.name} has no way to do ${name}`)
    else {
      t.equal(outcome.status, status, `${name}: the status`)
      t.equal(outcome.body.toString(), body, `${name}: the body`)
    }
  }
  const download = await client.run({ method: 'GET', url: `${origin.url}/big` }, through)
  t.equal(sha256(download?.body ?? Buffer.alloc(0)), bigDigest, '20 MiB, byte for byte')
  const url = 'http://denied.test/x'
  const refusal = await client.run({ method: 'GET', url }, through)
  t.equal(refusal?.status, 403)
  t.match(refusal?.shown, client.refusal, 'the reason is shown to a person')
  const problem: unknown = JSON.parse(refusal?.body.toString() ?? '')
  t.match(problem, { type: 'urn:haltgate:reason:rule-denied', detail: /Use the other one/ })
  const allowed = world.entries('decision').filter(({ data }) => data['verdict'] === 'allow')
  t.equal(allowed.length, origin.total, 'the ledger has each request that the origin counted')
  t.equal(world.entries('decision').length, origin.total + 1, 'and the refused one')
}

/** Says why where a program is missing, so that nobody takes the silence for a success. */
function missing(t: Test, program: string): boolean {
  t.comment(`NOT TESTED: ${program} is not installed`)
  t.pass(`${program} is not installed`, { skip: `install ${program}` })
  return true
}

for (const client of clients) {
  void test(`${client.name} does real work, and shows its refusal`, async (t) => {
    const version = client.version()
    if (version === null) return missing(t, client.name)
    t.comment(version)
    const origin = await startOrigin(t, serve)
    const world = await openFor(t, [origin.port])
    await work(t, client, world, origin)
    return await closeWorld(t, world)
  })
}

void test('curl goes through a tunnel, and says which proxy refused one', async (t) => {
  if (versionOf('curl') === null) return missing(t, 'curl')
  const tls = await startTlsOrigin(t, serve)
  const world = await openFor(t, [tls.port])
  const args = ['-sS', '-x', proxyOf(world), '--cacert', tls.caFile]
  const { code, output, errors } = await runProgram('curl', [...args, `${tls.url}/big`])
  t.equal(code, 0, errors)
  t.equal(sha256(output), bigDigest, '20 MiB, byte for byte')
  const refused = await runProgram('curl', [...args, '-v', 'https://denied.test/'])
  t.equal(refused.code, 56, 'a failure to receive, which curl calls what a proxy refuses')
  t.match(refused.errors, /403 Forbidden \(haltgate: rule-denied\)/)
  t.match(refused.errors, /Haltgate-Receipt: \d+-[0-9a-f]{16}/)
  return await closeWorld(t, world)
})

void test("Python's urllib goes through a tunnel, and raises what the proxy says", async (t) => {
  if (versionOf('python3') === null) return missing(t, 'python3')
  const tls = await startTlsOrigin(t, serve)
  const world = await openFor(t, [tls.port])
  const environment = { https_proxy: proxyOf(world), SSL_CERT_FILE: tls.caFile }
  const script = (url: string): string =>
    `import hashlib, urllib.request; print(hashlib.sha256(urllib.request.urlopen("${url}").read()).hexdigest())`
  const fetched = await runProgram('python3', ['-c', script(`${tls.url}/big`)], environment)
  t.equal(fetched.output.toString().trim(), bigDigest, fetched.errors)
  const refused = await runProgram('python3', ['-c', script('https://denied.test/')], environment)
  t.equal(refused.code, 1)
  t.match(refused.errors, /Tunnel connection failed: 403 Forbidden \(haltgate: rule-denied\)/)
  return await closeWorld(t, world)
})

void test("undici's ProxyAgent goes through a tunnel, and rejects with the status", async (t) => {
  const tls = await startTlsOrigin(t, serve)
  const world = await openFor(t, [tls.port])
  const dispatcher = new ProxyAgent({ uri: proxyOf(world), requestTls: { ca: tls.ca } })
  t.teardown(() => dispatcher.destroy())
  const response = await fetch(`${tls.url}/big`, { dispatcher })
  t.equal(sha256(Buffer.from(await response.arrayBuffer())), bigDigest, '20 MiB, byte for byte')
  const posted = { method: 'POST', body: upload, dispatcher }
  const echoed = await fetch(`${tls.url}/echo`, posted)
  t.equal(await echoed.text(), `${uploadDigest} length`)
  await t.rejects(fetch('https://denied.test/', { dispatcher }), {
    cause: { cause: { message: /Proxy response \(403\)/ } },
  })
  await dispatcher.close()
  await closeWorld(t, world)
})

/** Any address of 127.0.0.0/8 is this machine's on Linux; this one is nobody else's. */
const privileged = { host: '127.0.44.80', port: 80 }

void test("undici's ProxyAgent tunnels plain HTTP to port 80, request by request", async (t) => {
  const server = createServer(serve)
  const failure = await new Promise<Error | null>((resolve) => {
    server.once('error', resolve)
    server.listen(privileged, () => resolve(null))
  })
  if (failure !== null) {
    t.comment(`NOT TESTED: ${failure.message}`)
    t.pass('port 80 cannot be had', { skip: failure.message })
    return
  }
  t.teardown(() => server.close())
  t.teardown(() => server.closeAllConnections())
  const { host } = privileged
  const rule = `  - { id: plain, hosts: [${host}], paths: ["/big", "/echo"], addresses: [127.0.44.0/24], effect: allow }`
  const world = await openFor(t, [1], rule)
  const dispatcher = new ProxyAgent({ uri: proxyOf(world), proxyTunnel: true })
  t.teardown(() => dispatcher.destroy())
  const response = await fetch(`http://${host}/big`, { dispatcher })
  t.equal(sha256(Buffer.from(await response.arrayBuffer())), bigDigest, '20 MiB, byte for byte')
  const posted = { method: 'POST', body: upload, dispatcher }
  t.equal(await (await fetch(`http://${host}/echo`, posted)).text(), `${uploadDigest} length`)
  const refused = await fetch(`http://${host}/other`, { dispatcher })
  t.equal(refused.status, 403, 'the path inside the tunnel is judged')
  t.equal(refused.headers.get('haltgate-reason'), 'no-rule')
  await dispatcher.close()
  await closeWorld(t, world)
})

/** Serves a directory as a plain web server does: enough for git's dumb protocol. */
function files(root: string): RequestListener {
  return (request, response) => {
    const path = normalize(new URL(request.url ?? '', 'http://origin').pathname)
    const file = join(root, path)
    if (existsSync(file)) response.end(readFileSync(file))
    else response.writeHead(404).end()
  }
}

void test('git clones over HTTP, and prints the 403 of a refusal', async (t) => {
  if (versionOf('git') === null) return missing(t, 'git')
  const directory = makeDirectory(t)
  const [work, bare] = [join(directory, 'work'), join(directory, 'bare.git')]
  const origin = await startOrigin(t, files(directory))
  const world = await openFor(t, [origin.port])
  const git = async (...args: readonly string[]): Promise<string> => {
    const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@localhost']
    const environment = { http_proxy: proxyOf(world), GIT_CONFIG_NOSYSTEM: '1', HOME: directory }
    const { code, errors, output } = await runProgram('git', [...identity, ...args], environment)
    return code === 0 ? output.toString() : `exit ${code}: ${errors}`
  }
  mkdirSync(work)
  await git('init', '-q', '-b', 'main', work)
  writeFileSync(join(work, 'big'), big.subarray(0, 3_000_000))
  await git('-C', work, 'add', '.')
  await git('-C', work, 'commit', '-q', '-m', 'one')
  await git('clone', '-q', '--bare', work, bare)
  await git('-C', bare, 'update-server-info')
  const copy = join(directory, 'copy')
  t.equal(await git('clone', '-q', `${origin.url}/bare.git`, copy), '')
  t.ok(readFileSync(join(copy, 'big')).equals(big.subarray(0, 3_000_000)), 'byte for byte')
  t.ok(origin.total > 3, `${origin.total} requests went through`)
  const refused = await git('clone', '-q', 'http://denied.test/bare.git', join(directory, 'none'))
  t.match(refused, /^exit 128: .*The requested URL returned error: 403/s)
  return await closeWorld(t, world)
})
