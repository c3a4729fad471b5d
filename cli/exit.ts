/** Exit codes of every command but `audit verify`, which has its own (docs/ledger.md). */
import { Failure } from '../kernel/reasons.ts'
import { UsageError } from './settings.ts'

export const exitCodes = {
  done: 0,
  /** The answer is no: a bad policy, a denied explain, an order that was refused. */
  no: 1,
  usage: 2,
  bug: 70,
  io: 74,
} as const

/** Prints what went wrong as a person needs it, and says with which code to end. */
export function explainFailure(error: unknown, print: (text: string) => void): number {
  if (error instanceof UsageError) {
    print(`haltgate: ${error.message}`)
    return exitCodes.usage
  }
  if (error instanceof Failure) {
    print(`haltgate: ${error.message}`)
    return error.code === 'policy-unavailable' ? exitCodes.no : exitCodes.io
  }
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    print(`haltgate: ${error.message}`)
    return exitCodes.io
  }
  print(
    `haltgate: a bug: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  )
  return exitCodes.bug
}
