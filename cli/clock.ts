/** The system's clock as the gate's port: the only place where time comes in. */
import { performance } from 'node:perf_hooks'
import type { Clock } from '../gate/ports.ts'

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}
