/** What was found, as it may be recorded: by detector and place, a keyed hash in the place of the value. */
import { createHmac } from 'node:crypto'
import type { DetectorName, PayloadFinding, PayloadPlace } from '../kernel/payload.ts'

/** So many findings keep a hash of their own; the rest of a detector in a place are counted together. */
export const findingsMax = 32

/** So many values of one payload are hashed; the rest are counted together too, as a hash costs more than to find one. */
const hashedMax = 1_024

/** Stands for values that are counted together. */
export const otherValues = '0'.repeat(16)

const hashDigits = 16

export class Findings {
  readonly #key: Uint8Array
  readonly #found = new Map<string, PayloadFinding>()
  #hashed = 0

  /** key  random, kept in the data directory and never in the ledger: without it a hash says nothing of a value. */
  constructor(key: Uint8Array) {
    this.#key = key
  }

  get list(): readonly PayloadFinding[] {
    return [...this.#found.values()]
  }

  add(detector: DetectorName, place: PayloadPlace, value: Uint8Array): void {
    const hash = this.#hashed < hashedMax ? this.#hash(value) : otherValues
    const isKnown = this.#found.has(`${detector} ${place} ${hash}`)
    const kept = isKnown || this.#found.size < findingsMax ? hash : otherValues
    const name = `${detector} ${place} ${kept}`
    const count = (this.#found.get(name)?.count ?? 0) + 1
    this.#found.set(name, { detector, place, hash: kept, count })
  }

  #hash(value: Uint8Array): string {
    this.#hashed += 1
    return createHmac('sha256', this.#key).update(value).digest('hex').slice(0, hashDigits)
  }
}
