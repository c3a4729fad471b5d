/** Other proxies that the suite can start, with the nearest to the same policy that each of them can be told. */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Origins } from './origins.ts'
import { accepts, type Target } from './play.ts'

export const peers = ['squid', 'mitmproxy'] as const

export type Peer = (typeof peers)[number]

export interface Started {
  readonly target: Target
  /** Starts it again after it ended. */
  revive(): Promise<void>
  stop(): Promise<void>
}

const patienceMs = 30_000

/** Starts a proxy of this machine in a directory of its own. errors  Error where it does not come up. */
export async function startPeer(
  peer: Peer,
  directory: string,
  ports: Origins['ports'],
): Promise<Started> {
  const port = await freePort()
  const target = { host: '127.0.0.1', port }
  const command =
    peer === 'squid' ? squid(directory, port, ports) : mitmproxy(directory, port, ports)
  let child = await launch(command, target)
  const revive = async (): Promise<void> => {
    await stop(child)
    child = await launch(command, target)
  }
  return { target, revive, stop: () => stop(child) }
}

async function launch(command: readonly string[], target: Target): Promise<ChildProcess> {
  const [program = '', ...flags] = command
  const child = spawn(program, flags, { stdio: ['ignore', 'ignore', 'ignore'] })
  child.on('error', () => undefined)
  const begun = performance.now()
  while (!(await accepts(target))) {
    if (child.exitCode !== null || performance.now() - begun > patienceMs) {
      await stop(child)
      throw new Error(`${program} did not come up on port ${target.port}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return child
}

/** An allow list by name and port without reverse lookups, and timeouts as short as it takes them. */
function squid(
  directory: string,
  port: number,
  { plain, tcp, tls }: Origins['ports'],
): readonly string[] {
  const file = join(directory, 'squid.conf')
  // Started as root, squid writes as its own user.
  chmodSync(directory, 0o777)
  writeFileSync(
    file,
    `http_port 127.0.0.1:${port}
acl origin dstdomain -n localhost
acl origin_ports port ${plain} ${tcp} ${tls}
acl secret urlpath_regex ^/[^/]*/secret([/?]|$)
acl CONNECT method CONNECT
acl tunnel_ports port ${tcp} ${tls}
http_access deny secret
http_access deny CONNECT !tunnel_ports
http_access allow origin origin_ports
http_access deny all
cache deny all
access_log none
cache_log ${directory}/cache.log
pid_filename ${directory}/squid.pid
coredump_dir ${directory}
shutdown_lifetime 0 seconds
workers 1
pinger_enable off
request_start_timeout 1 second
request_timeout 1 second
read_timeout 1 second
client_idle_pconn_timeout 1 second
connect_timeout 1 second
relaxed_header_parser off
via off
forwarded_for delete
http_upgrade_request_protocols websocket allow all
`,
  )
  return ['squid', '-N', '-n', `conformance${process.pid}`, '-f', file]
}

/** It ends TLS itself; its allow list holds for requests, also those inside of TLS. */
function mitmproxy(
  directory: string,
  port: number,
  { plain, tcp, tls }: Origins['ports'],
): readonly string[] {
  const allowed = `^https?://localhost:(${plain}|${tcp}|${tls})/`
  const secret = `^https?://[^/]*/[^/]*/secret([/?]|$)`
  return [
    ...['mitmdump', '--listen-host', '127.0.0.1', '--listen-port', String(port), '-q'],
    ...['--set', `confdir=${directory}`, '--set', 'connection_strategy=lazy', '--ssl-insecure'],
    ...['--set', `block_list=#!~u "${allowed}"#403`, '--set', `block_list=#~u "${secret}"#403`],
  ]
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), 5_000)
  await gone
  clearTimeout(late)
}
