/** How long one request may be held for a person, and what it was told when it asked. */
import type { Answer } from '../kernel/answer.ts'
import type { Core } from './core.ts'
import type { AdmitPorts } from './ports.ts'
import type { Refusal } from './refusal.ts'

export class Patience {
  /** How long it was held so far. */
  waitedMs = 0
  readonly #core: Core
  readonly #left: AdmitPorts['left']
  #digest = ''
  #waitMs = 0
  #deadlineMs: number | null = null
  #told: Refusal | null = null
  /** Lets go of the connection that is held now; null where none is. */
  #letGo: (() => void) | null = null
  #isGone = false

  constructor(core: Core, { left }: Pick<AdmitPorts, 'left'>) {
    this.#core = core
    this.#left = left
  }

  /** Whose answer it waits for, and how long at most: as the policy in force says. */
  seeks(digest: string, waitMs: number): void {
    this.#digest = digest
    this.#waitMs = waitMs
  }

  /** What it was told already, where the same approval still waits: nothing is decided that needs another entry. */
  told({ approval }: Answer): Refusal | null {
    const known = this.#core.state.approvals.get(this.#digest)
    const told = this.#told
    if (told === null || approval === null || known?.state !== 'pending') return null
    return known.id === told.approval?.id && approval.id === known.id ? told : null
  }

  /** Holds the connection of a request that waits for a person; true where it is worth asking again. */
  async holds(refusal: Refusal): Promise<boolean> {
    if (refusal.approval?.state !== 'pending' || this.#waitMs === 0) return false
    const { approvals, clock } = this.#core
    const fromMs = clock.monotonicMs()
    if (this.#deadlineMs === null) this.#begin(fromMs)
    const waitMs = (this.#deadlineMs ?? 0) - fromMs
    if (waitMs <= 0 || this.#isGone) return false
    this.#told = refusal
    const left = (gone: () => void): void => {
      this.#letGo = gone
    }
    const woken = await approvals.waiting.join({ digest: this.#digest, left, waitMs })
    this.#letGo = null
    this.waitedMs += clock.monotonicMs() - fromMs
    return woken === 'changed' && !this.#isGone
  }

  #begin(fromMs: number): void {
    this.#deadlineMs = fromMs + this.#waitMs
    this.#left?.(() => {
      this.#isGone = true
      this.#letGo?.()
    })
  }
}
