/** The proxies that are measured side by side: haltgate, and whichever of the peers this machine has. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { version } from '../cli/version.ts'

export interface Peer {
  readonly name: string
  readonly version: string
  readonly port: number
  readonly command: readonly string[]
  readonly environment: Record<string, string>
  /** Where its durable record is, if it keeps one. */
  readonly record: string
}

export interface Ports {
  readonly http: number
  readonly raw: number
  readonly tls: number
}

/** First port of the proxies; each takes the next ten. */
const firstPort = 24100

function versionOf(program: string, flags: readonly string[]): string | null {
  try {
    const text = execFileSync(program, flags, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return /\d+\.\d+(?:\.\d+)*/.exec(text)?.[0] ?? 'unknown'
  } catch {
    return null
  }
}

/** Writes each proxy's configuration under a scratch directory and says how to start it. */
export function peersOf(directory: string, ports: Ports): Peer[] {
  const peers: Peer[] = [haltgate(join(directory, 'haltgate'), ports)]
  const squid = versionOf('squid', ['-v'])
  if (squid !== null) peers.push(squidPeer(join(directory, 'squid'), squid))
  const tinyproxy = versionOf('tinyproxy', ['-v'])
  if (tinyproxy !== null) peers.push(tinyproxyPeer(join(directory, 'tinyproxy'), tinyproxy))
  const mitmproxy = versionOf('mitmdump', ['--version'])
  if (mitmproxy !== null) peers.push(mitmproxyPeer(join(directory, 'mitmproxy'), mitmproxy))
  peers.push(httpProxyPeer())
  return peers
}

/** The proxies that look inside TLS, with the origin's certificate as one that they trust. */
export function inspectingPeersOf(directory: string, ports: Ports, trusted: string): Peer[] {
  const peers: Peer[] = [inspectingHaltgate(join(directory, 'inspecting'), ports, trusted)]
  const version = versionOf('mitmdump', ['--version'])
  if (version !== null) {
    const peer = mitmproxyPeer(join(directory, 'inspecting-mitmproxy'), version)
    const more = ['connection_strategy=lazy', 'stream_large_bodies=1m']
    more.push(`ssl_verify_upstream_trusted_ca=${trusted}`)
    peers.push({ ...peer, command: [...peer.command, ...more.flatMap((one) => ['--set', one])] })
  }
  return peers
}

function inspectingHaltgate(directory: string, ports: Ports, trusted: string): Peer {
  const plain = haltgate(directory, ports)
  const policy = join(directory, 'inspecting.yaml')
  writeFileSync(
    policy,
    `version: 1
mode: enforce
defaults: { verdict: deny, tls: inspect }
agents: { bench: {} }
rules:
  - id: origin
    hosts: [localhost]
    ports: [${ports.tls}]
    methods: [GET]
    paths: ["/**"]
    addresses: [127.0.0.0/8, "::1/128"]
    effect: allow
  - id: names
    hosts: ["*.bench.test"]
    ports: [${ports.tls}]
    effect: allow
budgets:
  - id: per-run
    scope: run
    limits: { requests: 1000000000, bytes_up: 1TiB, bytes_down: 100TiB, wall: 10000h }
    on_limit: block
`,
  )
  const command = plain.command.map((word) => (word.endsWith('policies.yaml') ? policy : word))
  return { ...plain, command: [...command, '--upstream-ca', trusted] }
}

function haltgate(directory: string, ports: Ports): Peer {
  mkdirSync(directory, { recursive: true })
  const policy = join(directory, 'policies.yaml')
  writeFileSync(
    policy,
    `version: 1
mode: enforce
defaults: { verdict: deny, tls: tunnel }
agents: { bench: { tenant: bench, project: bench } }
rules:
  - id: origin
    hosts: [localhost, "127.0.0.1"]
    ports: [${ports.http}, ${ports.raw}]
    addresses: [127.0.0.0/8, "::1/128"]
    effect: allow
budgets:
  - id: per-run
    scope: run
    limits: { requests: 1000000000, bytes_up: 1TiB, bytes_down: 100TiB, wall: 10000h }
    on_limit: block
`,
  )
  const port = firstPort
  const flags = ['--listen', `127.0.0.1:${port}`, '--control', `127.0.0.1:${port + 1}`]
  flags.push('--policy', policy, '--data', join(directory, 'data'), '--agent', 'bench')
  flags.push('--log-level', 'warn')
  const command = [process.execPath, 'dist/cli/main.js', 'start', ...flags]
  // As the Dockerfile sets it: one arena nearly doubles what a tunnel carries.
  const environment = { MALLOC_ARENA_MAX: '1' }
  return {
    name: 'haltgate',
    version,
    port,
    command,
    environment,
    record: 'fdatasync',
  }
}

function squidPeer(directory: string, version: string): Peer {
  mkdirSync(directory, { recursive: true })
  // Started as root, squid writes as its own user.
  chmodSync(dirname(directory), 0o755)
  chmodSync(directory, 0o777)
  const port = firstPort + 10
  const file = join(directory, 'squid.conf')
  writeFileSync(
    file,
    `http_port 127.0.0.1:${port}
http_access allow all
cache deny all
access_log stdio:${directory}/access.log
cache_log ${directory}/cache.log
pid_filename ${directory}/squid.pid
coredump_dir ${directory}
shutdown_lifetime 0 seconds
workers 1
pinger_enable off
`,
  )
  const command = ['squid', '-N', '-n', `haltgate${process.pid}`, '-f', file]
  return { name: 'squid', version, port, command, environment: {}, record: 'log, not synced' }
}

function tinyproxyPeer(directory: string, version: string): Peer {
  mkdirSync(directory, { recursive: true })
  const port = firstPort + 20
  const file = join(directory, 'tinyproxy.conf')
  const log = join(directory, 'tinyproxy.log')
  const lines = [`Port ${port}`, 'Listen 127.0.0.1', 'MaxClients 512', 'Timeout 600']
  lines.push(`LogFile "${log}"`, 'LogLevel Connect', 'Allow 127.0.0.1')
  writeFileSync(file, `${lines.join('\n')}\n`)
  const command = ['tinyproxy', '-d', '-c', file]
  return { name: 'tinyproxy', version, port, command, environment: {}, record: 'log, not synced' }
}

function mitmproxyPeer(directory: string, version: string): Peer {
  mkdirSync(directory, { recursive: true })
  const port = firstPort + 30
  const command = ['mitmdump', '--listen-host', '127.0.0.1', '--listen-port', String(port)]
  command.push('--set', `confdir=${directory}`, '-q')
  return { name: 'mitmproxy', version, port, command, environment: {}, record: 'none' }
}

function httpProxyPeer(): Peer {
  const port = firstPort + 40
  const command = [process.execPath, 'dist/bench/http-proxy.js', String(port)]
  return { name: 'http-proxy', version: '1.18.1', port, command, environment: {}, record: 'none' }
}
