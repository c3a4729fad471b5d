/** What the ledger takes from its process by itself: how long a commit takes, and what it runs on. */

/** Calls back once, after at least so many milliseconds; the answer cancels it. */
export type After = (delayMs: number, callback: () => void) => () => void

/** The real one; it keeps no process alive. */
export const realAfter: After = (delayMs, callback) => {
  const timer = setTimeout(callback, delayMs)
  timer.unref()
  return () => clearTimeout(timer)
}

/** Calls back when all that came in this turn of the loop was heard. */
export type Soon = (callback: () => void) => void

/** Seconds since the call, from a clock that nobody sets. */
export function stopwatch(): () => number {
  const started = performance.now()
  return () => (performance.now() - started) / 1000
}

/** Version of Node, as `boot.open` records it. */
export const runtime = process.version
