/** The built gate under strace, which lets one of its system calls fail; and what its files say afterwards. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isInMemory } from './world.ts'

const main = fileURLToPath(new URL('../../cli/main.js', import.meta.url))

/** Why system calls cannot be made to fail here; null where they can. */
export function obstacle(): string | null {
  const place = mkdtempSync(join(tmpdir(), 'haltgate-strace-'))
  try {
    const words = [...injecting('getppid', join(place, 'log')), 'true']
    const { error, status, stderr } = spawnSync('strace', words, { encoding: 'utf8' })
    if (error !== undefined) return 'strace is not installed'
    return status === 0 ? null : `strace may not trace: ${stderr.trim().slice(0, 200)}`
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

/** Arguments of strace: the call alone is traced, and -D leaves the child's own id to the gate. */
function injecting(call: string, log: string, rule = ''): readonly string[] {
  const inject = rule === '' ? [] : ['-e', `inject=${call}:${rule}`]
  return ['-D', '-f', '-qq', '-o', log, '-e', `trace=${call}`, ...inject]
}

export interface Injection {
  /** Name of the system call. */
  readonly call: string
  /** What it answers, and to which of its calls: `error=EIO:when=3`. */
  readonly rule: string
}

/** One gate that was started to fail. */
export class StruckGate {
  readonly #child: ChildProcess
  readonly #ended: Promise<number | string>
  #said = ''

  /** directory  with a policies.yaml; the data lie beside it. */
  constructor(directory: string, injection: Injection | null) {
    const files = ['--policy', join(directory, 'policies.yaml'), '--data', join(directory, 'data')]
    const listeners = ['--listen', '127.0.0.1:0', '--control', '127.0.0.1:0', '--agent', 'tester']
    const lenient = isInMemory(directory) ? ['--any-filesystem'] : []
    const words = [process.execPath, main, 'start', ...files, ...listeners, ...lenient]
    const log = join(directory, 'strace.log')
    const before =
      injection === null ? [] : ['strace', ...injecting(injection.call, log, injection.rule)]
    const [program = '', ...rest] = [...before, ...words]
    this.#child = spawn(program, rest, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env['PATH'], NO_COLOR: '1' },
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#said += text
    })
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => resolve(code ?? signal ?? ''))
    })
  }

  get said(): string {
    return this.#said
  }

  /** The proxy's port once it is open; null where it ends before, or says nothing for 20 s. */
  async port(): Promise<number | null> {
    const until = performance.now() + 20_000
    for (;;) {
      const port = /haltgate is open at http:\/\/[^\s:]+:(\d+)/.exec(this.#said)?.[1]
      if (port !== undefined) return Number(port)
      if (this.#child.exitCode !== null || performance.now() > until) return null
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** Asks it to end, and makes it end after five seconds. */
  async end(): Promise<number | string> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGTERM')
    }
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5_000)
    try {
      return await this.#ended
    } finally {
      clearTimeout(timer)
    }
  }
}
