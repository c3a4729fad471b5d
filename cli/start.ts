/** `haltgate start`: runs a gate until a signal ends it, and tells a newcomer what to do next. */
import { existsSync, unwatchFile, watchFile } from 'node:fs'
import type { Logger } from 'pino'
import type { Seal } from '../gate/core.ts'
import { fleet } from '../kernel/scope.ts'
import { exitCodes } from './exit.ts'
import { openLog } from './log.ts'
import { shownPath } from './policy-files.ts'
import { authorityOf, layoutOf, type Settings } from './settings.ts'
import { openWorld, type World } from './world.ts'

/** How often the policy file and the sentinel are looked at. */
const watchIntervalMs = 500

export interface StartOptions {
  readonly settings: Settings
  readonly print: (text: string) => void
}

/** Resolves with the exit code when the gate has ended. errors  Failure where it cannot start. */
export async function start(options: StartOptions): Promise<number> {
  const { settings, print } = options
  const log = openLog(settings.logLevel)
  const ending = endings(log)
  const world = await openWorld({ settings, log, onSeal: ending.sealed })
  const stop = [watchPolicy(world, settings, log), watchSentinel(world, settings, log)]
  stop.push(listenForSignals(world, log, ending.stop))
  for (const warning of world.warnings) log.warn({ warning }, 'the policy loads, with a warning')
  print(banner(world, settings))
  if (settings.durability === 'os') log.warn({}, 'durability is os: a power cut can lose decisions')
  const code = await ending.code
  for (const one of stop) one()
  const timer = setTimeout(() => process.exit(code), closeTimeoutMs)
  await world.close()
  clearTimeout(timer)
  log.info({ code }, 'the gate has ended')
  return code
}

/** A close that hangs (a disk that never answers) is not waited for longer than this. */
const closeTimeoutMs = 20_000

function endings(log: Logger): {
  readonly code: Promise<number>
  readonly stop: () => void
  readonly sealed: (seal: Seal) => void
} {
  let resolve: (code: number) => void = () => undefined
  const code = new Promise<number>((done) => {
    resolve = done
  })
  return {
    code,
    stop: () => resolve(exitCodes.done),
    sealed: (seal) => {
      log.fatal(seal, 'the gate sealed itself: everything is refused; it ends after draining')
      const end = seal.code === 'contract-violated' ? exitCodes.bug : exitCodes.io
      // Long enough for a scrape and a look at /readyz, short enough for a supervisor to start a new one.
      setTimeout(() => resolve(end), sealedLingerMs)
    },
  }
}

const sealedLingerMs = 2_000

/** SIGTERM and SIGINT drain, a second one ends; SIGHUP reloads; SIGUSR2 halts the fleet, for ever. */
function listenForSignals(world: World, log: Logger, stop: () => void): () => void {
  let asked = 0
  const end = (): void => {
    asked += 1
    if (asked > 1) process.exit(exitCodes.done)
    log.info({}, 'draining; a second signal ends at once')
    stop()
  }
  const reload = (): void => reloadAndLog(world, log, 'SIGHUP')
  const halt = (): void => haltFleet(world, log, 'signal')
  const handlers = { SIGTERM: end, SIGINT: end, SIGHUP: reload, SIGUSR2: halt } as const
  for (const [signal, handler] of Object.entries(handlers)) process.on(signal, handler)
  return () => {
    for (const [signal, handler] of Object.entries(handlers)) process.off(signal, handler)
  }
}

function reloadAndLog(world: World, log: Logger, trigger: string): void {
  world.reload().then((reloaded) => {
    if (reloaded.ok) log.info({ digest: reloaded.digest, trigger }, 'the policy was reloaded')
    else log.error({ problems: reloaded.problems, trigger }, 'the old policy stays in force')
  }, ignored)
}

function haltFleet(world: World, log: Logger, cause: 'signal' | 'sentinel'): void {
  const order = { scope: fleet, cause, reason: `ordered by a ${cause}`, by: cause }
  world.gate.halt(order).then((answer) => {
    if (answer.ok) log.warn({ cause, seq: answer.receipt.seq }, 'the fleet is halted')
    else log.error({ cause, reasons: answer.reasons }, 'the halt was not recorded')
  }, ignored)
}

/** The gate's own promises answer with values; what is left is a bug, which the process's handler reports. */
const ignored = (error: unknown): void => {
  throw error
}

function watchPolicy(world: World, settings: Settings, log: Logger): () => void {
  const changed = (): void => reloadAndLog(world, log, 'file change')
  watchFile(settings.policyFile, { interval: watchIntervalMs }, changed)
  return () => unwatchFile(settings.policyFile, changed)
}

/** A file named HALT in the data directory halts the fleet: for operators who have a shell and nothing else. */
function watchSentinel(world: World, settings: Settings, log: Logger): () => void {
  const { sentinel } = layoutOf(settings.dataDirectory)
  let seen = false
  const look = (): void => {
    if (seen || !existsSync(sentinel)) return
    seen = true
    haltFleet(world, log, 'sentinel')
  }
  look()
  const timer = setInterval(look, watchIntervalMs)
  return () => clearInterval(timer)
}

function banner(world: World, settings: Settings): string {
  const proxy = `http://${authorityOf(world.proxy)}`
  const control =
    'path' in world.control ? `unix:${world.control.path}` : `http://${authorityOf(world.control)}`
  const { digest, mode } = world.gate.policy
  const speaks =
    settings.agent === null
      ? 'agents show their name and token (haltgate agents token NAME)'
      : `everyone on this listener is the agent ${settings.agent}`
  return [
    `haltgate is open at ${proxy}: ${speaks}`,
    `  policy   ${shownPath(settings.policyFile)}  ${digest.slice(0, 19)}…  mode ${mode}`,
    `  ledger   ${shownPath(layoutOf(settings.dataDirectory).ledger)}  head ${world.gate.ledger.head.seq}`,
    `  control  ${control}  (token in ${shownPath(layoutOf(settings.dataDirectory).token)})`,
    '',
    'Next, in another shell:',
    `  python3 -m http.server 8000 --bind 127.0.0.1 &     # something to reach`,
    `  curl -x ${proxy} http://localhost:8000/            # allowed by the rule local-origin`,
    `  curl -x ${proxy} -i http://other.example/          # denied: no rule, no DNS query`,
    `  npx haltgate halt agent:local --reason "enough"    # refused from now on, for good`,
    '  npx haltgate audit verify --replay                 # proves every verdict so far',
    '',
  ].join('\n')
}
