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
  readonly #waiting = new Map<object, () => void>()

  readonly after = (_delayMs: number, callback: () => void): (() => void) => {
    const key = {}
    this.#waiting.set(key, callback)
    return () => this.#waiting.delete(key)
  }

  expire(): void {
    for (const [key, callback] of [...this.#waiting]) {
      this.#waiting.delete(key)
      callback()
    }
  }
}
