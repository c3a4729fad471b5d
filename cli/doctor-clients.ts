/** Clients that agents use, and how each says whether it trusts whoever answers for an https URL. */
import { runClient } from './doctor-ways.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface Client {
  readonly name: string
  /** That name the roots it trusts. */
  readonly variables: readonly string[]
  readonly fetch: (url: string, environment: Environment) => Promise<Fetched>
}

export interface Fetched {
  readonly state: 'ok' | 'failed' | 'skipped'
  readonly seen: string
}

/** What they say of an answer that they do not like: a handshake that was trusted came before it. */
const answered =
  /HTTP Error [45]\d\d|returned error: [45]\d\d|repository .* not found|not valid: is this a git/i

function client(
  name: string,
  variables: readonly string[],
  command: (url: string) => readonly [program: string, ...rest: string[]],
): Client {
  return {
    name,
    variables,
    fetch: async (url, environment) => {
      const [program, ...rest] = command(url)
      const { code, output } = await runClient({ program, rest, environment })
      if (code === null) return { state: 'skipped', seen: `${program} is not installed` }
      if (code === 0) return { state: 'ok', seen: `${url} was fetched` }
      const [line = ''] = output.trim().split('\n').slice(-1)
      if (answered.test(output)) return { state: 'ok', seen: line.slice(0, 120) }
      return { state: 'failed', seen: line.slice(0, 120) }
    },
  }
}

/** Node before 24 knows no proxy of its own accord: through CONNECT by hand, with the roots that it trusts. */
const nodeScript = (url: string): string => `
const { request } = require('node:http'), { connect } = require('node:tls')
const to = new URL(${JSON.stringify(url)}), proxy = new URL(process.env.HTTPS_PROXY || process.env.https_proxy)
const end = (code, text) => { if (text) console.error(text); process.exit(code) }
const headers = proxy.username ? { 'proxy-authorization': 'Basic ' +
  Buffer.from(decodeURIComponent(proxy.username + ':' + proxy.password)).toString('base64') } : {}
request({ host: proxy.hostname, port: proxy.port || 80, method: 'CONNECT', headers,
  path: to.hostname + ':' + (to.port || 443), timeout: 3000 })
  .on('connect', (answer, socket) => {
    if (answer.statusCode !== 200) end(1, 'CONNECT was answered ' + answer.statusCode)
    connect({ socket, servername: to.hostname }, () => end(0)).on('error', (e) => end(1, e.code || e.message))
  })
  .on('timeout', () => end(1, 'no answer in 3 s')).on('error', (e) => end(1, e.code || e.message)).end()`

const pythonScript = (url: string): string =>
  `import urllib.request; urllib.request.urlopen(${JSON.stringify(url)}, timeout=3)`

export const clients: readonly Client[] = [
  client('curl', ['CURL_CA_BUNDLE', 'SSL_CERT_FILE'], (url) => [
    ...(['curl', '-sS', '-m', '3', '-o', '/dev/null', url] as const),
  ]),
  client('Node', ['NODE_EXTRA_CA_CERTS'], (url) => [process.execPath, '-e', nodeScript(url)]),
  client('Python', ['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE'], (url) => [
    ...(['python3', '-c', pythonScript(url)] as const),
  ]),
  client('git', ['GIT_SSL_CAINFO', 'SSL_CERT_FILE'], (url) => ['git', 'ls-remote', url]),
]
