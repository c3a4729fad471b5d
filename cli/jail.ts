/**
 * A command in namespaces of its own: no network but a loopback device, on which a relay leads to the gate. Nothing here
 * needs root. What is missing is named, and then nothing is run.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Failure } from '../kernel/reasons.ts'
import type { Address } from './settings.ts'

/** Where agents inside connect: there is nobody else in that namespace. */
export const insideProxy = 'http://127.0.0.1:3128'

/** Ways out that are no network: sockets of a desktop, a bus, an agent of keys, a daemon of containers. */
export const severedVariables = [
  'DBUS_SESSION_BUS_ADDRESS',
  'DISPLAY',
  'DOCKER_HOST',
  'SSH_AUTH_SOCK',
  'WAYLAND_DISPLAY',
  'XDG_RUNTIME_DIR',
] as const

export interface Jail {
  /** Program and arguments that run a command inside. */
  readonly wrap: (command: readonly string[]) => readonly string[]
  close(): Promise<void>
}

/** Programs that set the namespaces up, and the packages that bring them. */
const needed = { unshare: 'util-linux', setpriv: 'util-linux', mount: 'util-linux', ip: 'iproute2' }

export type Paths = Readonly<Record<keyof typeof needed, string>>

/** Connections through the relay at most; the gate has its own bound behind it. */
const relayedMax = 4_096

/**
 * What a jail is made with.
 *
 * errors  Failure: not Linux, a program that is not there, or namespaces that this machine does not give.
 */
export function requireJail(search = process.env['PATH'] ?? ''): Paths {
  const paths = requirePrograms(search)
  requireNamespaces(paths)
  return paths
}

/** Opens the way from a namespace to the gate. errors  those of the socket that it needs. */
export async function openJail(paths: Paths, gate: Address): Promise<Jail> {
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-jail-'))
  const socket = join(directory, 'gate.sock')
  const relay = await openRelay(socket, gate)
  const inside = fileURLToPath(new URL('./jail-inside.js', import.meta.url))
  const { getgid = () => 0, getuid = () => 0 } = process
  const sockets = socketsOutside().filter((path) => path !== socket)
  const plan = JSON.stringify({ paths, socket, sockets, uid: getuid(), gid: getgid() })
  return {
    wrap: (command) => [
      ...[paths.unshare, ...namespaces, process.execPath, inside, plan],
      ...['--', ...command],
    ],
    close: async () => {
      await new Promise<void>((resolve) => relay.close(() => resolve()))
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Each is passed to the jail, and mounted over; a machine has some hundreds at most. */
const socketsMax = 2_000

/**
 * Sockets with a name in the file system that somebody listens on now (unix(7), /proc/net/unix): a network namespace
 * does not part them, and behind one may be a shell outside (tmux, an agent of keys, an editor).
 */
function socketsOutside(): readonly string[] {
  const paths = readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .flatMap((line) => /^\S+ \S+ \S+ \S+ \S+ \S+ +\d+ (\/.*)$/.exec(line)?.[1] ?? [])
  return [...new Set(paths)].slice(0, socketsMax)
}

/** Root of the namespaces alone: that maps to whoever runs this, and is given up before the command runs. */
const namespaces = [
  ...['--user', '--map-root-user', '--net', '--ipc', '--pid', '--fork', '--kill-child'],
  ...['--mount', '--mount-proc'],
]

function requirePrograms(search: string): Paths {
  if (process.platform !== 'linux') {
    throw refused('it needs the namespaces of Linux, and this is not Linux', 'Use a container.')
  }
  const found: Partial<Record<keyof typeof needed, string>> = {}
  const missing: string[] = []
  for (const name of Object.keys(needed) as (keyof typeof needed)[]) {
    const path = pathOf(name, `${search}${delimiter}/usr/sbin${delimiter}/sbin`)
    if (path === null) missing.push(`${name} (package ${needed[name]})`)
    else found[name] = path
  }
  if (missing.length > 0) throw refused(`${missing.join(', ')} cannot be found`, 'Install it.')
  return found as Paths
}

function pathOf(name: string, search: string): string | null {
  for (const directory of search.split(delimiter)) {
    const path = join(directory, name)
    if (directory === '' || !existsSync(path)) continue
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not for us; perhaps the next one is.
    }
  }
  return null
}

/** Makes the namespaces once, with a loopback device up, to no other end than to see that they can be had. */
function requireNamespaces({ ip, unshare }: Paths): void {
  const { error, signal, status, stderr } = spawnSync(
    unshare,
    [...namespaces, ip, 'link', 'set', 'lo', 'up'],
    { encoding: 'utf8', timeout: 10_000 },
  )
  if (status === 0) return
  const why = error?.message ?? (stderr.trim() || `unshare ended with ${status ?? signal}`)
  throw refused(
    `this machine gives no namespaces (${why.split('\n')[0]})`,
    'On a machine of your own: sysctl -w kernel.unprivileged_userns_clone=1, or on Ubuntu ' +
      'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0. In a container: allow user namespaces, or put ' +
      'the gate beside it as a sidecar.',
  )
}

function refused(what: string, way: string): Failure {
  const message = `--jail: ${what}. ${way} Nothing was run.`
  return new Failure('policy-unavailable', message)
}

/** A socket in a directory that only this user may enter; each connection goes to the gate's own port. */
async function openRelay(path: string, gate: Address): Promise<Server> {
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (inner) => {
    const outer = connect({ host: gate.host, port: gate.port, allowHalfOpen: true })
    for (const socket of [inner, outer]) {
      open.add(socket)
      socket.on('close', () => open.delete(socket))
    }
    splice(inner, outer)
  })
  server.maxConnections = relayedMax
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  const close = server.close.bind(server)
  server.close = (callback) => {
    for (const socket of open) socket.destroy()
    return close(callback)
  }
  return server
}

/** Bytes of each to the other, half-closes too; where one breaks, so does the other. */
export function splice(one: Socket, other: Socket): void {
  one.on('error', () => other.destroy())
  other.on('error', () => one.destroy())
  one.on('close', () => other.destroySoon())
  other.on('close', () => one.destroySoon())
  one.pipe(other)
  other.pipe(one)
}
