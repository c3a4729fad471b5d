/** A bucket of tokens that refills with time: how often something may happen. */

export class Bucket {
  readonly #burst: number
  readonly #perMs: number
  #tokens: number
  #at = Number.NEGATIVE_INFINITY

  /** burst  how many at once; perSecond  how many refill in a second. */
  constructor({ burst, perSecond }: { readonly burst: number; readonly perSecond: number }) {
    this.#burst = burst
    this.#perMs = perSecond / 1_000
    this.#tokens = burst
  }

  /** Takes one; false where none is left. monotonicMs  a clock that never runs backward. */
  take(monotonicMs: number): boolean {
    const refilled = Math.max(0, monotonicMs - this.#at) * this.#perMs
    this.#tokens = Math.min(this.#burst, this.#tokens + refilled)
    this.#at = monotonicMs
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
