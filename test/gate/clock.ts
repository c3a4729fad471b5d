/** Time that only the test moves: a wall clock that may jump, and one for durations that never runs backward. */
import type { Clock } from '../../gate/ports.ts'

interface Timer {
  readonly dueMs: number
  readonly order: number
  readonly callback: () => void
}

/** 2026-11-21T12:00:00.000Z. */
const noon = Date.UTC(2026, 10, 21, 12)

/** Lets every promise go as far as it can without time, disk or network. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export class VirtualClock implements Clock {
  #wall = noon
  #passedMs = 0
  #order = 0
  readonly #timers = new Set<Timer>()

  now(): number {
    return this.#wall
  }

  monotonicMs(): number {
    return this.#passedMs
  }

  after(delayMs: number, callback: () => void): () => void {
    this.#order += 1
    const timer = { dueMs: this.#passedMs + delayMs, order: this.#order, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Timers that have neither fired nor been cancelled. */
  get timers(): number {
    return this.#timers.size
  }

  /** Somebody sets the wall clock; no time passes. */
  jump(byMs: number): void {
    this.#wall = Math.max(0, this.#wall + byMs)
  }

  /** Time passes, and each timer fires when it is due. */
  async pass(byMs: number): Promise<void> {
    const endMs = this.#passedMs + byMs
    for (let next = this.#due(endMs); next !== null; next = this.#due(endMs)) {
      this.#timers.delete(next)
      this.#move(next.dueMs)
      next.callback()
      await settled()
    }
    this.#move(endMs)
    await settled()
  }

  #move(toMs: number): void {
    const byMs = Math.max(0, toMs - this.#passedMs)
    this.#passedMs += byMs
    this.#wall += byMs
  }

  #due(endMs: number): Timer | null {
    let first: Timer | null = null
    for (const timer of this.#timers) {
      if (timer.dueMs > endMs) continue
      const earlier =
        first === null ||
        timer.dueMs < first.dueMs ||
        (timer.dueMs === first.dueMs && timer.order < first.order)
      if (earlier) first = timer
    }
    return first
  }
}
