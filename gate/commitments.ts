/** Holds of actions that somebody else carries out: settled by whoever asked, or given back when their time is over. */
import type { Vector } from '../kernel/dimension.ts'
import type { Core } from './core.ts'
import type { Passage } from './passage.ts'
import type { Refusal } from './refusal.ts'

/** A hold that nobody settles is given back after 5 minutes. */
export const commitmentMs = 300_000

/** So many are open at once. */
export const commitmentsMax = 1_000

interface Commitment {
  readonly passage: Passage
  readonly cancel: () => void
}

/** The holds that are open, by the id of what was decided. */
export class Commitments {
  readonly #core: Core
  readonly #open = new Map<string, Commitment>()

  constructor(core: Core) {
    this.#core = core
  }

  /** Why no more can be taken; null where one can. */
  crowded(): Refusal | null {
    if (this.#open.size < commitmentsMax) return null
    return this.#core.plain('rate-limited', `${commitmentsMax} commitments are open: settle some.`)
  }

  /** Keeps an admitted action; answers its id. */
  take(id: string, passage: Passage): string {
    const cancel = this.#core.clock.after(commitmentMs, () => this.#giveBack(id))
    this.#open.set(id, { passage, cancel })
    return id
  }

  /** What it turned out to cost; null where it was settled, and else why not: unknown, over, or halted meanwhile. */
  settle(id: string, actual: Vector): Refusal | null {
    const commitment = this.#open.get(id)
    if (commitment === undefined) return this.#unknown(id)
    const refusal = commitment.passage.open(() => undefined)
    if (refusal !== null) {
      this.#giveBack(id)
      return refusal
    }
    this.#open.delete(id)
    commitment.cancel()
    commitment.passage.settle({ outcome: 'settled', actual, status: 0, cut: '' })
    return null
  }

  /** Gives back what was never carried out; null where that was done. */
  release(id: string): Refusal | null {
    const isOpen = this.#open.has(id)
    this.#giveBack(id)
    return isOpen ? null : this.#unknown(id)
  }

  #unknown(id: string): Refusal {
    return this.#core.plain('approval-unknown', `No commitment is open by the id ${id}.`)
  }

  /** Gives back what is open: the gate ends. */
  close(): void {
    for (const id of [...this.#open.keys()]) this.#giveBack(id)
  }

  #giveBack(id: string): void {
    const commitment = this.#open.get(id)
    if (commitment === undefined) return
    this.#open.delete(id)
    commitment.cancel()
    commitment.passage.settle({ outcome: 'voided', actual: {}, status: 0, cut: '' })
  }
}
