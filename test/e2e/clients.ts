/** The clients that agents have, each behind the same face: do one piece of HTTP work through a proxy, and say what was shown. */
import { spawn, spawnSync } from 'node:child_process'
import { createReadStream, readFileSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fetch, ProxyAgent } from 'undici'

export interface Work {
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly url: string
  /** A file that is sent, of known length or in chunks. */
  readonly upload?: { readonly file: string; readonly chunked: boolean }
}

export interface Outcome {
  /** 0 where the client tells of none. */
  readonly status: number
  readonly body: Buffer
  /** All that it shows a person of the answer's head, or of its failure. */
  readonly shown: string
}

export interface Through {
  readonly proxy: string
  /** For files of this client's own. */
  readonly directory: string
}

export interface Client {
  readonly name: string
  /** How it shows a refusal for the reason `rule-denied`. */
  readonly refusal: RegExp
  /** Null where it is not installed. */
  version(): string | null
  /** Null where it has no way to do this. */
  run(work: Work, through: Through): Promise<Outcome> | null
}

export interface Ended {
  readonly code: number
  readonly output: Buffer
  readonly errors: string
}

const patienceMs = 20_000

/** Runs a program to its end, with nothing of this environment but the search path. */
export function runProgram(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const env = {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      LC_ALL: 'C',
      ...environment,
    }
    const child = spawn(program, args, {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: patienceMs,
    })
    const parts: Buffer[] = []
    let errors = ''
    child.stdout.on('data', (part: Buffer) => parts.push(part))
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      errors += part
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code: code ?? -1, output: Buffer.concat(parts), errors }))
  })
}

/** The first line that `PROGRAM --version` prints; null where it is not installed. */
export function versionOf(program: string): string | null {
  const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' })
  return status === 0 ? (stdout.split('\n')[0] ?? '') : null
}

/** In the reason phrase, which is all that many clients show. */
const phrase = /403:? Forbidden \(haltgate: rule-denied\)/

const curl: Client = {
  name: 'curl',
  refusal: phrase,
  version: () => versionOf('curl'),
  run: async ({ method, url, upload }, { proxy, directory }) => {
    const [body, head] = [join(directory, 'curl.body'), join(directory, 'curl.head')]
    writeFileSync(body, '')
    const args = ['-sSL', '-x', proxy, '-o', body, '-D', head, '-w', '%{http_code}', url]
    if (method === 'HEAD') args.push('-I')
    if (upload !== undefined) args.push('--data-binary', `@${upload.file}`)
    if (upload?.chunked === true) args.push('-H', 'Transfer-Encoding: chunked')
    const { output, errors } = await runProgram('curl', args)
    const shown = readFileSync(head, 'utf8') + errors
    const read = method === 'HEAD' ? Buffer.alloc(0) : readFileSync(body)
    return { status: Number(output.toString()), body: read, shown }
  },
}

const wget: Client = {
  name: 'wget',
  refusal: phrase,
  version: () => versionOf('wget'),
  run: (work, through) => (work.upload?.chunked === true ? null : runWget(work, through)),
}

async function runWget(work: Work, { proxy, directory }: Through): Promise<Outcome> {
  const { method, url, upload } = work
  const body = join(directory, 'wget.body')
  writeFileSync(body, '')
  const args = ['-S', '--content-on-error', '--tries=1', '-O', body, url]
  if (method === 'HEAD') args.push('--spider')
  if (upload !== undefined) args.push(`--post-file=${upload.file}`)
  const { errors } = await runProgram('wget', args, { http_proxy: proxy })
  const status = [...errors.matchAll(/^ {2}HTTP\/1\.1 (\d{3})/gm)].at(-1)?.[1] ?? '0'
  return { status: Number(status), body: readFileSync(body), shown: errors }
}

const script = `
import json, sys, urllib.error, urllib.request
work = json.load(open(sys.argv[1]))
def chunks(path):
    with open(path, 'rb') as file:
        while part := file.read(65536):
            yield part
data, headers = None, {'User-Agent': 'python'}
if work['upload']:
    data = chunks(work['upload']) if work['chunked'] else open(work['upload'], 'rb').read()
    headers['Content-Type'] = 'application/octet-stream'
request = urllib.request.Request(work['url'], data=data, headers=headers, method=work['method'])
if work['handler']:
    handler = urllib.request.ProxyHandler({'http': work['proxy'], 'https': work['proxy']})
    opener = urllib.request.build_opener(handler)
else:
    opener = urllib.request.build_opener()
try:
    response = opener.open(request, timeout=15)
    shown = ''
except urllib.error.HTTPError as error:
    response, shown = error, str(error)
except urllib.error.URLError as error:
    print(json.dumps({'status': 0, 'shown': str(error)}))
    sys.exit(0)
open(work['body'], 'wb').write(response.read())
print(json.dumps({'status': response.getcode(), 'shown': shown + str(response.headers)}))
`

function urllib(name: string, handler: boolean): Client {
  const version = (): string | null => versionOf('python3')
  const run = async (work: Work, { proxy, directory }: Through): Promise<Outcome> => {
    const [body, file] = [join(directory, 'urllib.body'), join(directory, 'urllib.json')]
    const { method, url, upload } = work
    const told = { method, url, body, proxy, handler }
    const sent = { upload: upload?.file ?? '', chunked: upload?.chunked === true }
    writeFileSync(file, JSON.stringify({ ...told, ...sent }))
    writeFileSync(body, '')
    const environment = handler ? {} : { http_proxy: proxy, https_proxy: proxy }
    const { output, errors } = await runProgram('python3', ['-c', script, file], environment)
    if (errors !== '') throw new Error(errors)
    const { status, shown } = JSON.parse(output.toString()) as { status: number; shown: string }
    return { status, shown, body: readFileSync(body) }
  }
  return { name, refusal: /^HTTP Error 403: Forbidden \(haltgate: rule-denied\)/, version, run }
}

const undici: Client = {
  name: "undici's ProxyAgent",
  // Its fetch gives no reason phrase for what comes from a proxy.
  refusal: /^403 rule-denied$/,
  version: () => process.versions.node,
  run: async ({ method, url, upload }, { proxy }) => {
    const dispatcher = new ProxyAgent({ uri: proxy, proxyTunnel: false })
    try {
      const body =
        upload === undefined
          ? {}
          : upload.chunked
            ? { body: Readable.toWeb(createReadStream(upload.file)), duplex: 'half' as const }
            : { body: readFileSync(upload.file) }
      const response = await fetch(url, { method, dispatcher, ...body })
      const { status, headers } = response
      const shown = `${status} ${headers.get('haltgate-reason')}`
      return { status, shown, body: Buffer.from(await response.arrayBuffer()) }
    } finally {
      await dispatcher.close()
    }
  },
}

const node: Client = {
  name: "Node's http",
  refusal: phrase,
  version: () => process.versions.node,
  run: async ({ method, url, upload }, { proxy }) => {
    const { hostname, port } = new URL(proxy)
    const once = (target: string): Promise<IncomingMessage> =>
      new Promise((resolve, reject) => {
        const headers: Record<string, string> = { host: new URL(target).host }
        const sent = upload === undefined ? null : readFileSync(upload.file)
        if (sent !== null && upload?.chunked !== true) headers['content-length'] = `${sent.length}`
        const options = { host: hostname, port, method, path: target, headers, agent: false }
        const asked = requestHttp(options, resolve).on('error', reject)
        // Written before it is ended, a body of unknown length goes in chunks.
        if (sent !== null) asked.write(sent)
        asked.end()
      })
    let response = await once(url)
    const { location } = response.headers
    if (location !== undefined) response = await once(new URL(location, url).href)
    const parts: Buffer[] = []
    for await (const part of response) parts.push(part)
    const { statusCode = 0, statusMessage = '' } = response
    const shown = `${statusCode} ${statusMessage}`
    return { status: statusCode, body: Buffer.concat(parts), shown }
  },
}

export const clients: readonly Client[] = [
  ...[curl, wget, undici, node],
  urllib("Python's urllib with a ProxyHandler", true),
  urllib("Python's urllib by the environment", false),
]
