/** The operator's log: pino, JSON lines on standard error; it never holds a body, a query or a token. */
import { destination, type Logger, pino } from 'pino'
import { UsageError } from './settings.ts'

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

/** errors  UsageError for a level that is none. */
export function openLog(level: string): Logger {
  if (!levels.includes(level)) {
    throw new UsageError(`--log-level is one of ${levels.join(', ')}, not '${level}'`)
  }
  return pino({ name: 'haltgate', level }, destination({ dest: 2, sync: false }))
}
