/** What the kernel says of a process and its children: CPU time, memory, and how to start and end them. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'

/** Clock ticks a second in /proc/PID/stat (proc(5)). */
const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

export interface Started {
  readonly child: ChildProcess
  readonly pid: number
  /** From spawn to the first accepted connection. */
  readonly readyMs: number
}

/** Spawns a server and waits until its port accepts. errors  Error with its last output. */
export async function startServer(
  command: readonly string[],
  port: number,
  options: { readonly environment?: Record<string, string>; readonly cwd?: string } = {},
): Promise<Started> {
  const [program, ...rest] = command
  if (program === undefined) throw new Error('a server has a command')
  const begun = performance.now()
  const child = spawn(program, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.environment },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  let output = ''
  const keep = (part: Buffer): void => {
    output = (output + part.toString('utf8')).slice(-2000)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  for (let waited = 0; waited < 30_000; waited += 5) {
    if (await accepts(port)) {
      return { child, pid: child.pid ?? 0, readyMs: performance.now() - begun }
    }
    if (child.exitCode !== null) break
    await new Promise((done) => setTimeout(done, 5))
  }
  child.kill('SIGKILL')
  throw new Error(`${program} did not come up on port ${port}: ${output}`)
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

/** Ends what startServer started, and waits for it. */
export function stopServer({ child }: Started): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.on('exit', () => resolve())
    child.kill('SIGTERM')
    setTimeout(() => child.kill('SIGKILL'), 5_000).unref()
  })
}

function tree(pid: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = statOf(Number(name))
    if (stat !== null) parents.set(Number(name), Number(stat[1]))
  }
  const found = [pid]
  for (const one of found) {
    for (const [child, parent] of parents) if (parent === one) found.push(child)
  }
  return found
}

/** The fields of /proc/PID/stat behind the name: state, ppid, … utime is the 12th, stime the 13th. */
function statOf(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return null
  }
}

/** User and system CPU seconds of a process and its living children. */
export function cpuSeconds(pid: number): number {
  let ticks = 0
  for (const one of tree(pid)) {
    const stat = statOf(one)
    if (stat !== null) ticks += Number(stat[11]) + Number(stat[12])
  }
  return ticks / ticksPerSecond
}

/** Resident memory of a process and its children, in MiB. */
export function residentMib(pid: number): number {
  let kib = 0
  for (const one of tree(pid)) {
    try {
      const status = readFileSync(`/proc/${one}/status`, 'utf8')
      kib += Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0)
    } catch {
      // It has ended since it was listed.
    }
  }
  return kib / 1024
}
