/**
 * `haltgate doctor`: run where the agent runs, it proves what holds. Every way around the gate is tried; those that answer
 * are named, with the way to close them. It changes nothing, and sends no more than one packet or request each.
 */
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import pico from 'picocolors'
import { type Client, clients } from './doctor-clients.ts'
import { type Target, type Tried, tryCurl, tryName, tryTcp, tryUdp, waitMs } from './doctor-ways.ts'
import { exitCodes } from './exit.ts'
import { addressOf, UsageError } from './settings.ts'
import { columns } from './table.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface DoctorOptions {
  readonly environment: Environment
  /** Somebody outside who answers TCP; IPv4 address and port. */
  readonly target?: string | undefined
  /** Somebody outside who answers DNS over UDP. */
  readonly resolver?: string | undefined
  readonly target6?: string | undefined
  /** A name that a resolver knows. */
  readonly name?: string | undefined
  /** An https URL that the policy allows, by which clients show whom they trust. */
  readonly https?: string | undefined
  readonly json: boolean
  readonly print: (text: string) => void
}

/** One line of the table. */
interface Row {
  readonly check: string
  readonly state: 'ok' | 'open' | 'failed' | 'skipped'
  readonly seen: string
  /** What to do; empty where nothing is. */
  readonly way: string
}

/** Public resolvers that answer all of TCP, TLS, DNS and DoH; nothing is sent to them but this. */
const defaults = {
  target: '1.1.1.1:443',
  resolver: '8.8.8.8:53',
  target6: '[2606:4700:4700::1111]:443',
  name: 'example.com',
}

/** Ports beside those of the web that agents have been seen to leave by: ssh, SMTP, DNS over TLS, and a high one. */
const otherPorts = [22, 25, 853, 8443]

const boundary =
  'put a boundary around the agent: haltgate run --jail, the sidecar of haltgate inject, or a network whose only way ' +
  'out is the gate (docs/boundaries.md)'

/** errors  UsageError for a target that is none. Answers 1 where any way out is open. */
export async function doctor(options: DoctorOptions): Promise<number> {
  const { environment, json, print } = options
  const rows: Row[] = [...variableRows(environment), await gateRow(environment)]
  for (const client of clients) rows.push(await clientRow(client, options))
  for (const way of waysOut(options)) {
    const tried = await way.attempt()
    rows.push({ ...rowOf(way.check, tried), way: tried.state === 'open' ? way.close : '' })
  }
  const bad = rows.filter(({ state }) => state === 'open' || state === 'failed')
  if (json) print(JSON.stringify({ ok: bad.length === 0, checks: rows }, null, 2))
  else print(textOf(rows))
  return bad.length === 0 ? exitCodes.done : exitCodes.no
}

interface Way {
  readonly check: string
  readonly close: string
  readonly attempt: () => Promise<Tried>
}

function waysOut(options: DoctorOptions): readonly Way[] {
  const { environment } = options
  const target = targetOf(options.target ?? defaults.target, '--target')
  const target6 = targetOf(options.target6 ?? defaults.target6, '--target6')
  const resolver = targetOf(options.resolver ?? defaults.resolver, '--resolver')
  const name = options.name ?? defaults.name
  const scheme = target.port === 443 ? 'https' : 'http'
  const url = `${scheme}://${target.host}:${target.port}/`
  const bare = { PATH: environment['PATH'] }
  const tcp = (check: string, to: Target): Way => ({
    check,
    close: boundary,
    attempt: () => tryTcp(to),
  })
  const doh = `https://${target.host}/dns-query?dns=EjQBAAABAAAAAAAAAAACAAE`
  return [
    tcp('direct TCP to an address', target),
    { check: 'direct UDP', close: boundary, attempt: () => tryUdp(resolver) },
    tcp('DNS over TCP', { ...resolver, port: 53 }),
    {
      check: 'names are resolved here',
      close: `a name carries data out: give the agent no resolver, only the gate needs one; ${boundary}`,
      attempt: () => tryName(name),
    },
    tcp('IPv6', target6),
    tcp('metadata of the cloud', { host: '169.254.169.254', port: 80 }),
    {
      check: 'curl --noproxy "*"',
      close: boundary,
      attempt: () => tryCurl(url, ['--noproxy', '*'], environment),
    },
    { check: 'variables unset', close: boundary, attempt: () => tryCurl(url, [], bare) },
    {
      check: 'DNS over HTTPS, around the proxy',
      close: boundary,
      attempt: () => tryCurl(doh, ['--noproxy', '*'], environment),
    },
    ...otherPorts.map((port) => tcp(`direct TCP to port ${port}`, { ...target, port })),
  ]
}

function targetOf(text: string, flag: string): Target {
  const target = addressOf(text, flag)
  if (target.port === 0) throw new UsageError(`${flag} is ADDRESS:PORT, not '${text}'`)
  return target
}

const proxyVariables = ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'] as const

/** Variables persuade clients; they hold nobody. */
function variableRows(environment: Environment): readonly Row[] {
  const missing = proxyVariables.filter((name) => (environment[name] ?? '') === '')
  const proxies = new Set(proxyVariables.flatMap((name) => environment[name] ?? []))
  const seen = missing.length > 0 ? `${missing.join(', ')} not set` : [...proxies].join(', ')
  const way = 'set them to the gate, or start the agent with haltgate run'
  const isWhole = missing.length === 0 && proxies.size === 1
  const except = [environment['NO_PROXY'], environment['no_proxy']].filter(Boolean).join(', ')
  return [
    {
      check: 'proxy variables',
      state: isWhole ? 'ok' : 'failed',
      seen: withoutPassword(seen),
      way: isWhole ? '' : way,
    },
    {
      check: 'NO_PROXY leaves nothing out',
      state: except === '' ? 'ok' : 'failed',
      seen: except === '' ? 'empty' : except,
      way: except === '' ? '' : 'set NO_PROXY and no_proxy to nothing',
    },
  ]
}

const withoutPassword = (text: string): string => text.replace(/\/\/[^@/,\s]*@/g, '//…@')

/** Asks through the proxy for a name that no policy allows: a gate refuses it, and says who it is. */
function gateRow(environment: Environment): Promise<Row> {
  const check = 'the proxy is a haltgate'
  const way = 'start the gate, and set HTTP_PROXY to where it listens'
  const proxy = urlOf(environment['HTTP_PROXY'] ?? environment['http_proxy'] ?? '')
  if (proxy === null)
    return Promise.resolve({ check, state: 'failed', seen: 'no proxy is set', way })
  return new Promise((resolve) => {
    const path = 'http://doctor.haltgate.invalid/'
    const { hostname, password, port, username } = proxy
    const host = hostname.replace(/^\[|\]$/g, '')
    const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
    const authorization = { 'Proxy-Authorization': `Basic ${Buffer.from(pair).toString('base64')}` }
    const headers = { Host: 'doctor.haltgate.invalid', ...(username === '' ? {} : authorization) }
    const asked = request({ host, port: port || 80, path, headers, timeout: waitMs, agent: false })
    asked.on('response', (response) => {
      response.resume()
      const decision = response.headers['haltgate-decision']
      const seen = `status ${response.statusCode}, decision ${decision ?? 'none'}`
      if (decision === undefined) resolve({ check, state: 'failed', seen, way })
      else resolve({ check, state: 'ok', seen, way: '' })
    })
    asked.on('timeout', () => asked.destroy(new Error(`no answer in ${waitMs / 1_000} s`)))
    asked.on('error', ({ message }) => resolve({ check, state: 'failed', seen: message, way }))
    asked.end()
  })
}

/** Null, too, where a name or a password is none that a client could send. */
function urlOf(text: string): URL | null {
  try {
    const url = new URL(text)
    decodeURIComponent(`${url.username}:${url.password}`)
    return url
  } catch {
    return null
  }
}

/** What a client trusts, shown by a request; without a URL only whether its variable names a file of certificates. */
async function clientRow(client: Client, { environment, https }: DoctorOptions): Promise<Row> {
  const check = `${client.name} trusts the gate`
  const variables = client.variables.join(' or ')
  const way = `set ${variables} to the file of: haltgate ca bundle`
  if (https !== undefined) {
    const { seen, state } = await client.fetch(https, environment)
    return { check, state, seen, way: state === 'failed' ? way : '' }
  }
  const file = client.variables.map((name) => environment[name] ?? '').find((path) => path !== '')
  if (file === undefined) {
    const seen = `${variables} not set; --https URL shows it by a request`
    return { check, state: 'skipped', seen, way: '' }
  }
  try {
    const count = readFileSync(file, 'utf8').split('-----BEGIN CERTIFICATE-----').length - 1
    if (count > 0) return { check, state: 'ok', seen: `${file}: ${count} certificates`, way: '' }
    return { check, state: 'failed', seen: `${file} holds no certificate`, way }
  } catch (error) {
    const seen = error instanceof Error ? error.message : String(error)
    return { check, state: 'failed', seen, way }
  }
}

function rowOf(check: string, { seen, state }: Tried): Row {
  return { check, state: state === 'closed' ? 'ok' : state, seen, way: '' }
}

const marks = {
  ok: pico.green('ok'),
  open: pico.red('OPEN'),
  failed: pico.red('failed'),
  skipped: pico.yellow('skipped'),
} as const

function textOf(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(({ check }) => check.length))
  const lines = rows.map(({ check, seen, state }) => {
    const mark = `${marks[state]}${' '.repeat(7 - state.length)}`
    return `${mark}  ${check.padEnd(width)}  ${seen}`
  })
  const open = rows.filter(({ state }) => state === 'open')
  const failed = rows.filter(({ state }) => state === 'failed')
  const ways = columns(
    [...new Set([...open, ...failed].map(({ way }) => way))].map((way) => ['-', way]),
  )
  if (open.length + failed.length === 0) {
    return [...lines, '', 'Every way out that was tried leads through the gate, or nowhere.'].join(
      '\n',
    )
  }
  const sentence =
    open.length === 0
      ? `${failed.length} checks failed; no way around the gate answered.`
      : `${open.length} ways around the gate are open.`
  return [...lines, '', pico.red(sentence), ways].join('\n')
}
