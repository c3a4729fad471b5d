/** The memory of domains, as far as tests of sums need it: whether an admission fits, and what it leaves behind. */
import type { MarkCheck } from '../../../kernel/mark.ts'

export class Memory {
  readonly #sums = new Map<string, number>()

  /** Whether an admission fits; counts it if so. */
  admit(marks: readonly MarkCheck[]): boolean {
    const fits = marks.every(({ key, amount, limit }) => this.#sum(key) + amount <= limit)
    if (fits) for (const { key, amount } of marks) this.#sums.set(key, this.#sum(key) + amount)
    return fits
  }

  #sum(key: string): number {
    return this.#sums.get(key) ?? 0
  }
}
