/** Starts work that nobody waits for, so that what nobody expected of it is caught in this one place. */
import { Failure } from '../kernel/reasons.ts'
import type { Log } from './context.ts'

/**
 * What goes wrong ends only the connection that it belongs to: a failure of the world (no descriptor left, a disk
 * that is gone) is logged. A bug is thrown on, for the process to end with.
 *
 * cut  ends the connection, whatever state it is in.
 */
export function launch(log: Log, work: Promise<unknown>, cut: () => void): void {
  work.catch((error: unknown) => {
    cut()
    if (!isOfTheWorld(error)) throw error
    log('error', { error: error.message }, 'a connection was cut')
  })
}

/** System errors name the call that failed; a ContractError and a TypeError do not. */
function isOfTheWorld(error: unknown): error is Error {
  if (error instanceof Failure) return true
  return error instanceof Error && 'syscall' in error && typeof error.syscall === 'string'
}
