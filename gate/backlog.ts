/** Keeps settlements back while many requests are cut at once, so that whoever ordered it need not wait for them. */
import type { Clock } from './ports.ts'

/** Settlements in one turn: about 3 ms. A smaller cut is settled in its own turn. */
export const settlementsPerTurn = 64

/** Runs what it is given at once, unless a cut is under way: then in order, after it, some in each turn. */
export class Backlog {
  readonly #clock: Clock
  #waiting: (() => void)[] = []
  #cuts = 0
  #cancel: (() => void) | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** True where something waits. */
  get busy(): boolean {
    return this.#waiting.length > 0
  }

  run(task: () => void): void {
    if (this.#cuts === 0) task()
    else this.#waiting.push(task)
  }

  /** Keeps everything back while `cut` runs. What a small cut leaves is run behind it, of a large one later. */
  during(cut: () => void): void {
    this.#cuts += 1
    try {
      cut()
    } finally {
      this.#cuts -= 1
      const isFree = this.#cuts === 0 && this.#cancel === null
      if (isFree && this.#waiting.length > settlementsPerTurn) this.#drainLater()
      else if (isFree) this.#drain()
    }
  }

  /** Forgets what waits. */
  close(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#waiting = []
  }

  #drain(): void {
    const batch = this.#waiting.splice(0, settlementsPerTurn)
    // Before the batch runs: a settlement may halt, and what that cut leaves waits behind the others.
    if (this.#waiting.length > 0) this.#drainLater()
    for (const task of batch) task()
  }

  #drainLater(): void {
    this.#cancel = this.#clock.after(0, () => {
      this.#cancel = null
      this.#drain()
    })
  }
}
