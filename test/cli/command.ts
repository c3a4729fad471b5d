/** A directory with a policy, the built command line run in it as a user would, and a gate that stays open there. */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isInMemory, makeDirectory, type Teardown } from '../e2e/world.ts'

const main = fileURLToPath(new URL('../../cli/main.js', import.meta.url))

type Environment = Readonly<Record<string, string>>

export interface Place {
  readonly directory: string
  readonly environment: Environment
}

/** A fresh directory with a policies.yaml, and an `npx` that runs what was built and fetches nothing. */
export function makePlace(t: Teardown, policy: string): Place {
  const directory = makeDirectory(t)
  writeFileSync(join(directory, 'policies.yaml'), policy)
  const programs = join(directory, 'bin')
  mkdirSync(programs)
  const npx = join(programs, 'npx')
  writeFileSync(npx, `#!/bin/sh\nshift\nexec '${process.execPath}' '${main}' "$@"\n`)
  chmodSync(npx, 0o755)
  const coverage = process.env['NODE_V8_COVERAGE']
  return {
    directory,
    environment: {
      PATH: `${programs}:${process.env['PATH'] ?? ''}`,
      HOME: directory,
      NO_COLOR: '1',
      ...(coverage === undefined ? {} : { NODE_V8_COVERAGE: coverage }),
      ...(isInMemory(directory) ? { HALTGATE_ANY_FILESYSTEM: '1' } : {}),
    },
  }
}

export interface Ran {
  /** The exit code, or the signal's name. */
  readonly code: number | string
  readonly output: string
  readonly errors: string
}

/** Runs `haltgate` in a place, to its end. */
export function haltgate(
  place: Place,
  args: readonly string[],
  environment: Environment = {},
): Promise<Ran> {
  return patiently(begin(place, [process.execPath, main, ...args], environment))
}

/** Runs a line as it was printed, in a shell. */
export function shell(place: Place, line: string, environment: Environment = {}): Promise<Ran> {
  return patiently(begin(place, ['/bin/sh', '-c', line], environment))
}

/** Starts `haltgate` in a place, and does not wait for its end. */
export function starting(place: Place, args: readonly string[]): Running {
  const child = begin(place, [process.execPath, main, ...args], {})
  const heard = { text: '' }
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (text: string) => {
      heard.text += text
    })
  }
  const ended = outcome(child)
  const says = async (pattern: RegExp): Promise<RegExpExecArray> => {
    const start = performance.now()
    for (;;) {
      const match = pattern.exec(heard.text)
      if (match !== null) return match
      const over = child.exitCode !== null || child.signalCode !== null
      const late = performance.now() - start > patienceMs
      if (over || late)
        throw new Error(`it ended, or time did, before it said ${pattern}: ${heard.text}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  return { child, ended, says, said: () => heard.text }
}

export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ran>
  /** All that it printed so far. */
  readonly said: () => string
  says(pattern: RegExp): Promise<RegExpExecArray>
}

export interface Gate extends Running {
  /** The proxy's port. */
  readonly port: number
  /** As HALTGATE_CONTROL has it. */
  readonly control: string
}

/** Starts a gate on free ports; resolves when it is open. */
export async function openGate(
  t: Teardown,
  place: Place,
  args: readonly string[] = ['--agent', 'tester'],
): Promise<Gate> {
  const ports = ['--listen', '127.0.0.1:0', '--control', '127.0.0.1:0']
  const gate = starting(place, ['start', ...ports, ...args])
  t.teardown(async () => {
    gate.child.kill('SIGKILL')
    await gate.ended
  })
  const [, port] = await gate.says(/haltgate is open at http:\/\/127\.0\.0\.1:(\d+)/)
  const [, control = ''] = await gate.says(/control {2}http:\/\/(\S+)/)
  await gate.says(/audit verify.*\n/)
  return { ...gate, port: Number(port), control }
}

/** Ends a gate in order. */
export async function closeGate(gate: Running): Promise<Ran> {
  gate.child.kill('SIGTERM')
  return await gate.ended
}

/** A command that has not ended by then is killed, which fails its test; a gate is not waited for either. */
const patienceMs = 20_000

function begin(place: Place, words: readonly string[], environment: Environment): ChildProcess {
  const [program = '', ...args] = words
  const child = spawn(program, args, {
    cwd: place.directory,
    env: { ...place.environment, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.setEncoding('utf8')
  child.stderr.setEncoding('utf8')
  return child
}

async function patiently(child: ChildProcess): Promise<Ran> {
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
  const ran = await outcome(child)
  clearTimeout(timer)
  return ran
}

function outcome(child: ChildProcess): Promise<Ran> {
  const heard = { output: '', errors: '' }
  child.stdout?.on('data', (text: string) => {
    heard.output += text
  })
  child.stderr?.on('data', (text: string) => {
    heard.errors += text
  })
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code: code ?? signal ?? '', ...heard }))
  })
}
