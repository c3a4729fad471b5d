/** The waiting lines of rate limits: first come, first served, bounded in length and time. */
import type { Clock } from './ports.ts'

/** What a waiter answers when its turn is tried: null when it is done, or in how many ms to try again. */
export type Attempt = (queue: 'open' | 'expired') => number | null

interface Waiter {
  readonly attempt: Attempt
  /** By the clock that nobody sets: a wait ends in time whatever the wall clock does. */
  readonly deadlineMs: number
}

interface Line {
  readonly waiters: Waiter[]
  cancel: (() => void) | null
  pumping: boolean
}

export class Lines {
  readonly #clock: Clock
  readonly #lines = new Map<string, Line>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** True where nobody waits anywhere. */
  get empty(): boolean {
    return this.#lines.size === 0
  }

  /** How many wait in a line. */
  length(key: string): number {
    return this.#lines.get(key)?.waiters.length ?? 0
  }

  /** Joins at the end of a line; `attempt` is called in turn, the last time with `expired`. */
  join(key: string, retryMs: number, options: { waitMs: number; attempt: Attempt }): void {
    let line = this.#lines.get(key)
    if (line === undefined) {
      line = { waiters: [], cancel: null, pumping: false }
      this.#lines.set(key, line)
    }
    const deadlineMs = this.#clock.monotonicMs() + options.waitMs
    line.waiters.push({ attempt: options.attempt, deadlineMs })
    if (line.waiters.length === 1) this.#arm(key, line, Math.min(retryMs, options.waitMs))
  }

  /** Tries every line now: after a halt, a grant, or when the gate ends. */
  wake(): void {
    for (const [key, line] of [...this.#lines]) this.#pump(key, line)
  }

  #arm(key: string, line: Line, delayMs: number): void {
    line.cancel?.()
    const whole = Math.max(1, Math.ceil(delayMs))
    line.cancel = this.#clock.after(whole, () => this.#pump(key, line))
  }

  #pump(key: string, line: Line): void {
    if (line.pumping) return
    line.pumping = true
    line.cancel?.()
    line.cancel = null
    for (let head = line.waiters[0]; head !== undefined; head = line.waiters[0]) {
      const leftMs = head.deadlineMs - this.#clock.monotonicMs()
      const retryMs = head.attempt(leftMs <= 0 ? 'expired' : 'open')
      if (retryMs !== null) {
        this.#arm(key, line, Math.min(retryMs, leftMs))
        break
      }
      line.waiters.shift()
    }
    line.pumping = false
    if (line.waiters.length === 0) this.#lines.delete(key)
  }
}
