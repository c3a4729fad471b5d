/** A histogram as plain numbers: an observation costs a short loop, and nothing is built before a scrape. */

export class Histogram {
  readonly bounds: readonly number[]
  readonly #counts: Float64Array
  #sum = 0

  /** bounds  upper bounds in seconds, ascending; the last bucket has none. */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  /** A duration that is not a number, or negative, counts as zero: a watch must not throw. */
  observe(seconds: number): void {
    const value = Number.isNaN(seconds) ? 0 : Math.max(seconds, 0)
    const { bounds } = this
    let bucket = 0
    while (bucket < bounds.length && value > (bounds[bucket] ?? Number.POSITIVE_INFINITY))
      bucket += 1
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#sum += value
  }

  /** Cumulative, as Prometheus reads it: one more number than there are bounds, the last one the count. */
  read(): { readonly cumulative: readonly number[]; readonly sum: number; readonly count: number } {
    let count = 0
    const cumulative = Array.from(this.#counts, (own) => {
      count += own
      return count
    })
    return { cumulative, sum: this.#sum, count }
  }
}
