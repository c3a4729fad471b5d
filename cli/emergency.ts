/** Two ways to halt the fleet without a listener: SIGUSR2, and a file named HALT in the data directory. */
import { existsSync } from 'node:fs'
import type { Logger } from 'pino'
import { fleet } from '../kernel/scope.ts'
import { layoutOf, type Settings } from './settings.ts'
import type { World } from './world.ts'

/** How often the policy file and the sentinel are looked at. */
export const watchIntervalMs = 500

/** Listens for both until the function that it returns is called. */
export function watchEmergency(world: World, settings: Settings, log: Logger): () => void {
  const signal = (): void => haltFleet(world, log, 'signal')
  process.on('SIGUSR2', signal)
  const stop = watchSentinel(world, settings, log)
  return () => {
    process.off('SIGUSR2', signal)
    stop()
  }
}

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

function haltFleet(world: World, log: Logger, cause: 'signal' | 'sentinel'): void {
  const order = { scope: fleet, cause, reason: `ordered by a ${cause}`, by: cause }
  world.gate.halt(order).then((answer) => {
    if (answer.ok) log.warn({ cause, seq: answer.receipt.seq }, 'the fleet is halted')
    else log.error({ cause, reasons: answer.reasons }, 'the halt was not recorded')
  }, unexpected)
}

/** The gate's own promises answer with values; what is left is a bug, which the process's handler reports. */
export const unexpected = (error: unknown): void => {
  throw error
}
