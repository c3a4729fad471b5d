/** `haltgate run -- CMD`: a gate for one command, its way out through the gate, and a summary at the end. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { Writable } from 'node:stream'
import pico from 'picocolors'
import type { Policy } from '../kernel/policy.ts'
import { watchEmergency } from './emergency.ts'
import { insideProxy, openJail, requireJail, severedVariables } from './jail.ts'
import { openLog } from './log.ts'
import { authorityOf, type Settings, UsageError } from './settings.ts'
import type { Counter } from './surroundings.ts'
import { openWorld } from './world.ts'

export interface RunOptions {
  readonly settings: Settings
  readonly command: readonly string[]
  /** In namespaces of its own, whose only way out is the gate. */
  readonly jail: boolean
  readonly print: (text: string) => void
}

interface Tally {
  allowed: number
  readonly refused: Map<string, number>
}

/** Resolves with the command's own exit code, or 128 and the signal's number. */
export async function run(options: RunOptions): Promise<number> {
  const [program, ...rest] = options.command
  if (program === undefined) {
    throw new UsageError('name a command: haltgate run -- CMD [ARGUMENT…]')
  }
  const means = options.jail ? requireJail() : null
  const log = openLog(options.settings.logLevel)
  const tally: Tally = { allowed: 0, refused: new Map() }
  let sealed = ''
  const world = await openWorld({
    settings: options.settings,
    log,
    onSeal: (seal) => {
      sealed = seal.message
      log.fatal(seal, 'the gate sealed itself: everything is refused')
    },
    watch: counting(tally),
  })
  const stop = watchEmergency(world, options.settings, log)
  const jail = means === null ? null : await openJail(means, world.proxy)
  const proxy = jail === null ? `http://${authorityOf(world.proxy)}` : insideProxy
  const trust = world.gate.policy.inspects ? await trustFor(options.settings) : {}
  const environment = withoutSecrets(process.env, world.gate.policy)
  const around = jail === null ? environment : severed(environment)
  const [first = program, ...others] = jail?.wrap(options.command) ?? [program, ...rest]
  const env = environmentFor(around, proxy, trust)
  const code = await child(first, others, { env, isJailed: jail !== null })
  const { head } = world.gate.ledger
  stop()
  await jail?.close()
  await world.close()
  options.print(summary(tally, { head: head.seq, sealed }))
  return code
}

/** What names sockets that a jail hides. */
function severed(
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  const none = severedVariables.map((name) => [name, undefined])
  return { ...environment, ...Object.fromEntries(none) }
}

/** The variables without those that credentials are read from: the gate sets these, the agent never holds them (I6). */
export function withoutSecrets(
  environment: Readonly<Record<string, string | undefined>>,
  { credentials }: Pick<Policy, 'credentials'>,
): Readonly<Record<string, string | undefined>> {
  const kept = { ...environment }
  for (const { source } of credentials.values()) {
    if (source.kind === 'env') delete kept[source.variable]
  }
  return kept
}

/** A bundle of all that a client has to trust, and the variables that name it. */
async function trustFor(settings: Settings): Promise<Readonly<Record<string, string>>> {
  const [{ trustEnvironment, writeBundle }, { caLayoutOf }] = await Promise.all([
    import('./ca.ts'),
    import('./ca-files.ts'),
  ])
  const { ca: operator, dataDirectory, upstreamCa } = settings
  const context = { layout: caLayoutOf(dataDirectory), operator, upstreamCa, now: Date.now() }
  const { file } = await writeBundle(context, undefined)
  return trustEnvironment(file)
}

/**
 * The variables that the clients of each language read; an empty NO_PROXY leaves no host out.
 *
 * trust  where they find the roots to trust, if tunnels are inspected (ca.ts, trustEnvironment).
 */
export function environmentFor(
  environment: Readonly<Record<string, string | undefined>>,
  proxy: string,
  trust: Readonly<Record<string, string>> = {},
): Record<string, string | undefined> {
  return {
    ...environment,
    // It may hold a password, and is the gate's way out and not the command's.
    HALTGATE_UPSTREAM_PROXY: undefined,
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    ALL_PROXY: proxy,
    http_proxy: proxy,
    https_proxy: proxy,
    all_proxy: proxy,
    NO_PROXY: '',
    no_proxy: '',
    NODE_USE_ENV_PROXY: '1',
    ...trust,
  }
}

function child(
  program: string,
  rest: readonly string[],
  { env, isJailed }: { env: Record<string, string | undefined>; isJailed: boolean },
): Promise<number> {
  return new Promise((resolve) => {
    let started: ChildProcess | null = null
    const pass = (signal: NodeJS.Signals): void => {
      // unshare keeps signals to itself: the first process inside reads their names from a pipe.
      const inside = started?.stdio[3]
      if (inside instanceof Writable) inside.write(`${signal}\n`)
      else started?.kill(signal)
    }
    // Before the start: a signal that came in between would end the gate and leave the command alone.
    const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']
    for (const signal of signals) process.on(signal, pass)
    const stdio: StdioOptions = [
      'inherit',
      'inherit',
      'inherit',
      ...(isJailed ? ['pipe' as const] : []),
    ]
    started = spawn(program, rest, { env, stdio })
    started.stdio[3]?.on('error', () => undefined)
    const end = (code: number): void => {
      for (const signal of signals) process.off(signal, pass)
      resolve(code)
    }
    started.on('error', (error: NodeJS.ErrnoException) => {
      process.stderr.write(`haltgate: ${program} cannot be started: ${error.message}\n`)
      end(error.code === 'ENOENT' ? 127 : 126)
    })
    started.on('exit', (code, signal) => {
      end(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
    })
  })
}

function counting(tally: Tally): Counter {
  return {
    decided: (verdict, code) => {
      if (verdict === 'allow' || verdict === 'warn') tally.allowed += 1
      else tally.refused.set(code, (tally.refused.get(code) ?? 0) + 1)
    },
  }
}

function summary(tally: Tally, end: { head: number; sealed: string }): string {
  const refused = [...tally.refused.values()].reduce((sum, count) => sum + count, 0)
  const lines = [
    `haltgate: ${pico.green(`${tally.allowed} allowed`)}, ${refused > 0 ? pico.red(`${refused} refused`) : '0 refused'}; ledger head ${end.head}`,
  ]
  for (const [code, count] of [...tally.refused].sort((left, right) => right[1] - left[1])) {
    lines.push(`  ${String(count).padStart(6)}  ${code}`)
  }
  if (end.sealed !== '') lines.push(pico.red(`  the gate sealed itself: ${end.sealed}`))
  return lines.join('\n')
}
