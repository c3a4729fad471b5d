/** A disk that answers when it is told to, and time that passes when it is told to. */
import { type Files, realFiles } from '../../ledger/files.ts'

/** A disk whose syncs answer only when they are told to. */
export class HeldDisk {
  readonly files: Files
  #held: (() => void)[] = []
  holding = false
  syncs = 0
  writes: number[] = []

  constructor() {
    this.files = {
      ...realFiles,
      write: (descriptor, bytes) => {
        this.writes.push(bytes.length)
        return realFiles.write(descriptor, bytes)
      },
      sync: async (descriptor) => {
        this.syncs += 1
        if (this.holding) await new Promise<void>((resolve) => this.#held.push(resolve))
        await realFiles.sync(descriptor)
      },
    }
  }

  release(): void {
    this.holding = false
    for (const resolve of this.#held.splice(0)) resolve()
  }
}

/** Time that passes when the test says so. */
export class Timers {
  readonly #waiting = new Map<() => void, number>()

  readonly after = (delayMs: number, callback: () => void): (() => void) => {
    const due = (): void => callback()
    this.#waiting.set(due, delayMs)
    return () => this.#waiting.delete(due)
  }

  /** What every timer that runs was set to. */
  get delays(): readonly number[] {
    return [...this.#waiting.values()]
  }

  /** Lets every timer come due that runs now. */
  expire(): void {
    for (const due of [...this.#waiting.keys()]) {
      this.#waiting.delete(due)
      due()
    }
  }
}
