/** What many streams of one connection found, as one settlement may record it: bounded, however many there were. */
import type { PayloadFinding } from '../../kernel/payload.ts'

/** So many findings keep a hash of their own, as those of one payload do. */
const findingsMax = 32

/** Stands for values that are counted together. */
const otherValues = '0'.repeat(16)

export class Gathered {
  readonly #found = new Map<string, PayloadFinding>()

  get list(): readonly PayloadFinding[] {
    return [...this.#found.values()]
  }

  add(findings: readonly PayloadFinding[]): void {
    for (const finding of findings) this.#put(finding)
  }

  #put(finding: PayloadFinding): void {
    const { detector, place } = finding
    const isKnown = this.#found.has(`${detector} ${place} ${finding.hash}`)
    const hash = isKnown || this.#found.size < findingsMax ? finding.hash : otherValues
    const name = `${detector} ${place} ${hash}`
    const count = (this.#found.get(name)?.count ?? 0) + finding.count
    this.#found.set(name, { detector, place, hash, count })
  }
}
