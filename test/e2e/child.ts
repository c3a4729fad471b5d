/** The built command line as a process of its own, found beside the compiled tests and ended by its id. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { askControl, type ControlAnswer } from '../../cli/control-client.ts'
import { addressOf, type Settings, settingsOf } from '../../cli/settings.ts'
import { isInMemory, type Teardown } from './world.ts'

const main = fileURLToPath(new URL('../../cli/main.js', import.meta.url))

export interface GateProcess {
  readonly child: ChildProcess
  /** The proxy's port. */
  readonly port: number
  readonly settings: Settings
  /** All that it wrote to its standard error so far. */
  readonly said: () => string
  /** Resolves with its exit code, or the signal's name. */
  readonly ended: Promise<number | string>
  control(method: 'GET' | 'POST', path: string, body?: object): Promise<ControlAnswer>
  /** Resolves once it said something that matches. */
  says(pattern: RegExp): Promise<RegExpExecArray>
}

/**
 * Starts `haltgate start` in a directory with a policies.yaml; resolves when it is open.
 *
 * openFiles  as many file descriptors as it may have, on Linux.
 */
export async function startGate(
  t: Teardown,
  directory: string,
  { openFiles }: { readonly openFiles?: number } = {},
): Promise<GateProcess> {
  const files = ['--policy', join(directory, 'policies.yaml'), '--data', join(directory, 'data')]
  const listeners = ['--listen', '127.0.0.1:0', '--control', '127.0.0.1:0', '--agent', 'tester']
  const lenient = isInMemory(directory) ? ['--any-filesystem'] : []
  const words = [process.execPath, main, 'start', ...files, ...listeners, ...lenient]
  const within = openFiles === undefined ? [] : ['prlimit', `--nofile=${openFiles}`, '--']
  const [program = '', ...args] = [...within, ...words]
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], NO_COLOR: '1' },
  })
  const heard = hear(child)
  t.teardown(() => heard.stop())
  const [, proxy = ''] = await heard.says(/haltgate is open at http:\/\/(\S+?):? /)
  const [, control = ''] = await heard.says(/control {2}http:\/\/(\S+) /)
  const settings = settingsOf(
    { control, policy: join(directory, 'policies.yaml'), data: join(directory, 'data') },
    {},
  )
  const { port } = addressOf(proxy.replace(/:$/, ''), '--listen')
  return {
    ...{ child, port, settings, said: heard.said, ended: heard.ended, says: heard.says },
    control: (method, path, body) =>
      askControl(settings, method, body === undefined ? { path } : { path, body }),
  }
}

/** Runs a command to its end; resolves with all that it printed. */
export function runCommand(
  args: readonly string[],
): Promise<{ readonly code: number | string; readonly output: string }> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code: code ?? signal ?? '', output }))
  })
}

interface Heard {
  readonly ended: Promise<number | string>
  readonly said: () => string
  says(pattern: RegExp): Promise<RegExpExecArray>
  stop(): Promise<unknown>
}

const patienceMs = 15_000

function hear(child: ChildProcess): Heard {
  let text = ''
  const waiting = new Set<() => void>()
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => {
      resolve(code ?? signal ?? '')
      for (const look of waiting) look()
    })
  })
  child.stderr?.setEncoding('utf8').on('data', (more: string) => {
    text += more
    for (const look of waiting) look()
  })
  const says = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const conclude = (): void => {
        waiting.delete(look)
        clearTimeout(timer)
      }
      const fail = (why: string): void => {
        conclude()
        reject(new Error(`${why} before it said ${pattern}: ${text}`))
      }
      const look = (): void => {
        const match = pattern.exec(text)
        if (match === null && child.exitCode === null) return
        if (match === null) {
          fail(`the gate ended with ${child.exitCode}`)
          return
        }
        conclude()
        resolve(match)
      }
      const timer = setTimeout(() => fail(`${patienceMs} ms passed`), patienceMs)
      waiting.add(look)
      look()
    })
  const stop = async (): Promise<unknown> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    return await ended
  }
  return { ended, said: () => text, says, stop }
}
