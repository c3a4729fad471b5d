/** `haltgate start`: runs a gate until a signal ends it, and tells a newcomer what to do next. */
import { unwatchFile, watchFile } from 'node:fs'
import type { Logger } from 'pino'
import type { Seal } from '../gate/core.ts'
import type { DurableCheckpoint } from '../ledger/checkpoint.ts'
import { banner } from './banner.ts'
import { heartbeatLine } from './custody.ts'
import { unexpected, watchEmergency, watchIntervalMs } from './emergency.ts'
import { exitCodes } from './exit.ts'
import { openLog } from './log.ts'
import type { Settings } from './settings.ts'
import { openWorld, type World } from './world.ts'

export interface StartOptions {
  readonly settings: Settings
  readonly print: (text: string) => void
  /** Standard output: one line a checkpoint. */
  readonly tell: (line: string) => void
}

/** Resolves with the exit code when the gate has ended. errors  Failure where it cannot start. */
export async function start(options: StartOptions): Promise<number> {
  const { settings, print } = options
  const log = openLog(settings.logLevel)
  const ending = endings(log)
  const heartbeat = (checkpoint: DurableCheckpoint): void => options.tell(heartbeatLine(checkpoint))
  const world = await openWorld({ settings, log, onSeal: ending.sealed, heartbeat })
  const stop = [watchPolicy(world, settings, log), watchEmergency(world, settings, log)]
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

/** SIGTERM and SIGINT drain, a second one ends; SIGHUP reloads. */
function listenForSignals(world: World, log: Logger, stop: () => void): () => void {
  let asked = 0
  const end = (): void => {
    asked += 1
    if (asked > 1) process.exit(exitCodes.done)
    log.info({}, 'draining; a second signal ends at once')
    stop()
  }
  const reload = (): void => reloadAndLog(world, log, 'SIGHUP')
  const handlers = { SIGTERM: end, SIGINT: end, SIGHUP: reload } as const
  for (const [signal, handler] of Object.entries(handlers)) process.on(signal, handler)
  return () => {
    for (const [signal, handler] of Object.entries(handlers)) process.off(signal, handler)
  }
}

function reloadAndLog(world: World, log: Logger, trigger: string): void {
  world.reload().then((reloaded) => {
    if (reloaded.ok) log.info({ digest: reloaded.digest, trigger }, 'the policy was reloaded')
    else log.error({ problems: reloaded.problems, trigger }, 'the old policy stays in force')
  }, unexpected)
}

function watchPolicy(world: World, settings: Settings, log: Logger): () => void {
  const changed = (): void => reloadAndLog(world, log, 'file change')
  watchFile(settings.policyFile, { interval: watchIntervalMs }, changed)
  return () => unwatchFile(settings.policyFile, changed)
}
