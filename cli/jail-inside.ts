/**
 * The first process of a jail's namespaces: brings the loopback device up, relays to the gate's socket, hides the sockets
 * of others, and runs the command without any privilege. It ends with the command, and everything inside ends with it.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { connect, createServer, Socket } from 'node:net'
import { constants } from 'node:os'
import { splice } from './jail.ts'

interface Plan {
  readonly paths: { readonly [name in 'unshare' | 'setpriv' | 'mount' | 'ip']: string }
  readonly socket: string
  /** Sockets outside that must lead nowhere. */
  readonly sockets: readonly string[]
  readonly uid: number
  readonly gid: number
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

/** Where daemons leave sockets that lead out of a network namespace: containers, buses, desktops. */
const hidden = ['/run', '/tmp/.X11-unix']

function must(program: string, ...rest: readonly string[]): void {
  const { error, status, stderr } = spawnSync(program, rest, { encoding: 'utf8' })
  if (status === 0) return
  process.stderr.write(
    `haltgate: --jail: ${program} ${rest.join(' ')}: ${error?.message ?? stderr.trim()}. Nothing was run.\n`,
  )
  process.exit(74)
}

function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket()
  } catch {
    return false
  }
}

function listen(socket: string): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, (inner) => {
    splice(inner, connect({ path: socket, allowHalfOpen: true }))
  })
  return new Promise((resolve) => server.listen({ host: '127.0.0.1', port: 3128 }, resolve))
}

/** A user of its own mapping again, so that the command is who it was outside, with no capability to gain. */
function unprivileged({ gid, paths, uid }: Plan, command: readonly string[]): readonly string[] {
  return [
    ...[paths.unshare, '--user', `--map-user=${uid}`, `--map-group=${gid}`],
    ...[paths.setpriv, '--no-new-privs', '--inh-caps=-all'],
    // Whoever is not root has lost them by now.
    ...(uid === 0 ? ['--bounding-set=-all', '--'] : ['--']),
    ...command,
  ]
}

async function main(plan: Plan, command: readonly string[]): Promise<void> {
  const { ip, mount } = plan.paths
  must(ip, 'link', 'set', 'lo', 'up')
  await listen(plan.socket)
  for (const path of hidden) if (existsSync(path)) must(mount, '-t', 'tmpfs', 'tmpfs', path)
  for (const path of plan.sockets) {
    // What is hidden already, or in a directory that this user cannot enter, leads nowhere.
    if (!isSocket(path)) continue
    const { status } = spawnSync(mount, ['--bind', '/dev/null', path])
    // One that its owner has just removed is no way out any more; any other must be covered.
    if (status !== 0 && isSocket(path)) must(mount, '--bind', '/dev/null', path)
  }
  const [program = '', ...rest] = unprivileged(plan, command)
  const child = spawn(program, rest, { stdio: 'inherit' })
  // A terminal signals all of its group, this process too; what is sent to the gate comes through the pipe.
  for (const name of signals) process.on(name, () => undefined)
  const told = new Socket({ fd: 3, writable: false }).setEncoding('utf8').unref()
  told.on('error', () => undefined)
  told.on('data', (text: string) => {
    for (const name of signals) if (text.split('\n').includes(name)) child.kill(name)
  })
  child.on('error', (error) => {
    process.stderr.write(`haltgate: --jail: ${error.message}\n`)
    process.exit(126)
  })
  child.on('exit', (code, signal) => {
    process.exit(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
  })
}

const [, , plan = '', , ...command] = process.argv
await main(JSON.parse(plan) as Plan, command)
