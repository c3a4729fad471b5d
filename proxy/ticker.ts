/** One timer for all that must look at the clock now and then; it runs only while someone is listening. */
import type { Clock } from '../gate/ports.ts'

const tickMs = 100

export interface Ticking {
  /** Called about every `tickMs`. */
  tick(): void
}

export class Ticker {
  readonly tickMs = tickMs
  readonly #after: Clock['after']
  readonly #members = new Set<Ticking>()
  #cancel: (() => void) | null = null

  constructor(after: Clock['after']) {
    this.#after = after
  }

  add(member: Ticking): void {
    this.#members.add(member)
    this.#cancel ??= this.#after(tickMs, this.#tick)
  }

  remove(member: Ticking): void {
    this.#members.delete(member)
  }

  stop(): void {
    this.#members.clear()
    this.#cancel?.()
    this.#cancel = null
  }

  readonly #tick = (): void => {
    for (const member of this.#members) member.tick()
    this.#cancel = this.#members.size === 0 ? null : this.#after(tickMs, this.#tick)
  }
}
