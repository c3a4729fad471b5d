/** One timer for all that must look at the clock now and then; it runs only while someone is listening. */
import { Crowd, type Member } from '../gate/crowd.ts'
import type { Clock } from '../gate/ports.ts'

const tickMs = 100

export interface Ticking extends Member {
  /** Called about every `tickMs`. */
  tick(): void
}

export class Ticker {
  readonly tickMs = tickMs
  readonly #after: Clock['after']
  readonly #members = new Crowd<Ticking>()
  #cancel: (() => void) | null = null

  constructor(after: Clock['after']) {
    this.#after = after
  }

  add(member: Ticking): void {
    this.#members.add(member)
    this.#cancel ??= this.#after(tickMs, this.#tick)
  }

  remove(member: Ticking): void {
    this.#members.remove(member)
  }

  stop(): void {
    for (const member of this.#members.all()) this.#members.remove(member)
    this.#cancel?.()
    this.#cancel = null
  }

  readonly #tick = (): void => {
    for (const member of this.#members.all()) if (member.place >= 0) member.tick()
    this.#cancel = this.#members.size === 0 ? null : this.#after(tickMs, this.#tick)
  }
}
