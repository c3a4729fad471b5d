/** Bounds the values of a label, so that no agent can grow the metrics without end. */

/** Distinct values that a label may take; whatever comes later is `other`. */
export const labelValuesMax = 100

export class Bounded {
  readonly #known = new Set<string>()
  readonly #max: number

  constructor(max: number = labelValuesMax) {
    this.#max = max
  }

  of(value: string): string {
    if (this.#known.has(value)) return value
    if (this.#known.size >= this.#max) return 'other'
    this.#known.add(value)
    return value
  }
}

/** Sums by label values, in the order in which they were first seen. */
export class Tally {
  readonly #sums = new Map<string, { readonly labels: readonly string[]; value: number }>()

  add(labels: readonly string[], amount: number): void {
    // No label value can hold a NUL: each is a name, a code, a scope or an id of the policy.
    const key = labels.join('\0')
    const known = this.#sums.get(key)
    if (known === undefined) this.#sums.set(key, { labels, value: amount })
    else known.value += amount
  }

  least(labels: readonly string[], value: number): void {
    const known = this.#sums.get(labels.join('\0'))
    if (known === undefined) this.add(labels, value)
    else known.value = Math.min(known.value, value)
  }

  read(): readonly Sample[] {
    return [...this.#sums.values()]
  }
}

/** One line of the exposition: label values parallel to the metric's label names. */
export interface Sample {
  readonly labels: readonly string[]
  readonly value: number
}
