/** Connections that are held until a person has answered: bounded in number and in time. */
import type { Clock } from './ports.ts'

/** So many connections are held for people at once; whoever comes on top is answered at once. */
export const heldMax = 256

/** How a wait ended: something changed, its time is over, its client is gone, or there was no room for it. */
export type Woken = 'changed' | 'late' | 'left' | 'full'

export interface Wait {
  /** Of the action that it waits for. */
  readonly digest: string
  readonly waitMs: number
  /** Is given what to call when the client is gone. */
  readonly left: (gone: () => void) => void
}

/** Who waits, by the digest of the action. */
export class Waiting {
  readonly #clock: Clock
  readonly #waiters = new Map<string, Set<(how: Woken) => void>>()
  #size = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#size
  }

  /** Resolves once, first come, first served; whoever was woken has to look for itself at what changed. */
  join({ digest, left, waitMs }: Wait): Promise<Woken> {
    if (this.#size >= heldMax) return Promise.resolve('full')
    return new Promise((resolve) => {
      let isOver = false
      const end = (how: Woken): void => {
        if (isOver) return
        isOver = true
        cancel()
        this.#leave(digest, end)
        resolve(how)
      }
      const waiters = this.#waiters.get(digest) ?? new Set()
      this.#waiters.set(digest, waiters.add(end))
      this.#size += 1
      const cancel = this.#clock.after(Math.max(1, Math.ceil(waitMs)), () => end('late'))
      left(() => end('left'))
    })
  }

  /** An approval of this action was answered, or is over. */
  wake(digest: string): void {
    for (const end of [...(this.#waiters.get(digest) ?? [])]) end('changed')
  }

  /** Something else changed that all of them have to look at: a halt, a policy, the gate's end. */
  wakeAll(): void {
    for (const digest of [...this.#waiters.keys()]) this.wake(digest)
  }

  #leave(digest: string, end: (how: Woken) => void): void {
    const waiters = this.#waiters.get(digest)
    if (waiters?.delete(end) !== true) return
    this.#size -= 1
    if (waiters.size === 0) this.#waiters.delete(digest)
  }
}
