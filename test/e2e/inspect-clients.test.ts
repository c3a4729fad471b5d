/** The clients that agents have, inside TLS, by nothing but the variables that `haltgate run` sets. */
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { test } from 'tap'
import { versionOf } from './clients.ts'
import {
  GateRun,
  inspectingPolicy,
  inspectTest,
  ruleAt,
  startSecureOrigin,
} from './inspect-world.ts'
import { makeDirectory } from './world.ts'

const text = 'a line of text, and another one\n'.repeat(2000)
const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Says which version it was asked in, what it was sent, or a text that is coded. */
function serve(request: Http2ServerRequest, response: Http2ServerResponse): void {
  const digest = createHash('sha256')
  request.on('data', (chunk: Buffer) => digest.update(chunk))
  request.on('end', () => {
    if (request.url === '/coded') {
      response.setHeader('content-encoding', 'gzip')
      response.end(gzipSync(text))
    } else if (request.url === '/digest') response.end(digest.digest('hex'))
    else response.end(`${request.httpVersion} ${request.method} ${request.url}`)
  })
}

let streams = 0

const only = (port: number): string =>
  ruleAt('some', port, 'paths: ["/a/*", /coded, /digest], effect: allow')

inspectTest(
  'curl speaks both versions, uploads, is sent coded bodies as they are, and reads its refusals',
  { serve, rules: only },
  async (t, run, { url }) => {
    const upload = join(run.directory, 'upload')
    const bytes = randomBytes(3_000_000)
    writeFileSync(upload, bytes)
    const said = async (...args: string[]): Promise<string> =>
      (await run.curl(...args)).output.toString()
    t.equal(await said('--http1.1', `${url}/a/b?c=d`), '1.1 GET /a/b?c=d')
    t.equal(await said('--http2', `${url}/a/b?c=d`), '2.0 GET /a/b?c=d')
    for (const version of ['--http1.1', '--http2']) {
      const sent = ['--data-binary', `@${upload}`]
      t.equal(await said(version, ...sent, `${url}/digest`), hashOf(bytes), `${version}: an upload`)
      const chunked = ['-T', '-', '-X', 'POST']
      const piped = await run.client('sh', [
        '-c',
        `curl -sS ${version} ${chunked.join(' ')} ${url}/digest < ${upload}`,
      ])
      t.equal(piped.output.toString(), hashOf(bytes), `${version}: an upload of unknown length`)
      t.equal(await said(version, '--compressed', `${url}/coded`), text, `${version}: gzip`)
      const refused = await said(version, '-i', `${url}/other`)
      t.match(refused, /^HTTP\/\S+ 403/m, `${version}: a refusal`)
      t.match(refused, /"code":"no-rule"/)
    }
    const phrase = await said('--http1.1', '-i', `${url}/other`)
    t.match(phrase, /403 Forbidden \(haltgate: no-rule\)/, 'in the phrase, where there is one')
  },
)

inspectTest(
  'a client that leaves in the middle of a stream is settled at once, and its upstream is let go of',
  {
    serve: (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const timer = setInterval(() => response.write('data: 1\n\n'), 20)
      response.once('close', () => {
        clearInterval(timer)
        streams -= 1
      })
      streams += 1
    },
  },
  async (t, run, { url }) => {
    for (const [index, version] of ['--http1.1', '--http2'].entries()) {
      await run.client('sh', ['-c', `curl -sSN ${version} ${url}/events | head -n 1`])
      await run.eventually(() => run.entries('settlement').length === index + 1)
      await run.eventually(() => streams === 0)
      t.match(run.entries('settlement')[index]?.data, { outcome: 'settled', status: 200 })
    }
  },
)

const urllib = `
import sys, urllib.request, urllib.error
print(urllib.request.urlopen(sys.argv[1] + '/a/py').read().decode())
print(urllib.request.urlopen(sys.argv[1] + '/digest', data=b'x' * 100000).read().decode())
try:
    urllib.request.urlopen(sys.argv[1] + '/other')
except urllib.error.HTTPError as error:
    print(error.code, error.reason)
`

inspectTest(
  "Python's urllib works, posts, and raises a refusal with its reason",
  { serve, rules: only },
  async (t, run, { url }) => {
    if (versionOf('python3') === null) {
      t.pass('no python3 here')
      return
    }
    const { errors, output } = await run.client('python3', ['-c', urllib, url])
    const lines = output.toString().trim().split('\n')
    t.equal(errors, '')
    const posted = hashOf(Buffer.alloc(100_000, 'x'))
    t.same(lines, ['1.1 GET /a/py', posted, '403 Forbidden (haltgate: no-rule)'])
  },
)

/** A repository as a plain web server shows it, which is enough to clone. */
function makeRepository(directory: string): string {
  const work = join(directory, 'work')
  const bare = join(directory, 'work.git')
  mkdirSync(work)
  writeFileSync(join(work, 'README'), text)
  const env = { PATH: process.env['PATH'], HOME: directory, GIT_CONFIG_NOSYSTEM: '1' }
  const git = (...args: string[]): void => {
    execFileSync('git', args, { cwd: work, env, stdio: 'ignore' })
  }
  git('init', '-q')
  git('add', '.')
  git('-c', 'user.name=test', '-c', 'user.email=test@example.com', 'commit', '-q', '-m', 'first')
  git('clone', '-q', '--bare', work, bare)
  git('-C', bare, 'update-server-info')
  return directory
}

void test('git clones over https, and the gate judged each file that it read', async (t) => {
  if (versionOf('git') === null) {
    t.pass('no git here')
    return
  }
  const root = makeRepository(makeDirectory(t))
  const origin = await startSecureOrigin(t, (request, response) => {
    const file = join(root, new URL(request.url, 'https://origin').pathname)
    if (existsSync(file) && statSync(file).isFile()) createReadStream(file).pipe(response)
    else {
      response.statusCode = 404
      response.end()
    }
  })
  const rules = (port: number): string =>
    ruleAt('read', port, 'methods: [GET], paths: ["/work.git/**"], effect: allow')
  const policy = inspectingPolicy({ rules }, origin.port)
  const run = await GateRun.start(t, { policy, upstreamCa: origin.caFile })
  const to = join(run.directory, 'clone')
  const { code, errors } = await run.client('git', ['clone', '-q', `${origin.url}/work.git`, to])
  t.equal(code, 0, errors)
  t.equal(readFileSync(join(to, 'README'), 'utf8'), text)
  const decided = run.entries('decision')
  t.equal(decided.length, origin.asked.length, 'a decision for each request')
  t.ok(decided.length > 4)
  await run.end(t)
})

/** A registry with one package in it. */
function makePackage(directory: string): Buffer {
  mkdirSync(join(directory, 'package'))
  const described = { name: 'tiny', version: '1.0.0', main: 'index.js' }
  writeFileSync(join(directory, 'package', 'package.json'), JSON.stringify(described))
  writeFileSync(join(directory, 'package', 'index.js'), 'module.exports = 42\n')
  return execFileSync('tar', ['-cz', '-C', directory, 'package'])
}

void test('npm installs a package from a registry over https', async (t) => {
  const directory = makeDirectory(t)
  const tarball = makePackage(directory)
  let url = ''
  const origin = await startSecureOrigin(t, (request, response) => {
    if (request.url === '/tiny/-/tiny-1.0.0.tgz') {
      response.end(tarball)
      return
    }
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
    const dist = { tarball: `${url}/tiny/-/tiny-1.0.0.tgz`, integrity }
    const versions = { '1.0.0': { name: 'tiny', version: '1.0.0', main: 'index.js', dist } }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ name: 'tiny', 'dist-tags': { latest: '1.0.0' }, versions }))
  })
  url = origin.url
  const rules = (port: number): string =>
    ruleAt('read', port, 'methods: [GET], paths: [/tiny, "/tiny/-/*"], effect: allow')
  const policy = inspectingPolicy({ rules }, origin.port)
  const run = await GateRun.start(t, { policy, upstreamCa: origin.caFile })
  const project = join(run.directory, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{"name":"project","version":"1.0.0"}')
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier']
  const where = ['--prefix', project, '--cache', join(run.directory, 'npm-cache')]
  const { code, errors } = await run.client('npm', [
    ...['install', 'tiny', '--registry', `${url}/`, ...quiet, ...where],
  ])
  t.equal(code, 0, errors)
  const main = join(project, 'node_modules', 'tiny', 'index.js')
  t.equal(readFileSync(main, 'utf8'), 'module.exports = 42\n')
  t.same(origin.asked, ['GET /tiny', 'GET /tiny/-/tiny-1.0.0.tgz'])
  await run.end(t)
})
