/** What model calls cost, in integers: a worst case before, the truth after. */

/** Prices of one model in pico-USD for each token: 15 USD for a million tokens are 15,000,000. Integers. */
export interface Price {
  readonly input: number
  /** Of input tokens that the provider read from its cache. */
  readonly cachedInput: number
  /** Of input tokens that the provider wrote to its cache. */
  readonly cacheWrite: number
  readonly output: number
}

/** What a provider says that a call used. `input` counts every input token, cached ones included. */
export interface Usage {
  readonly input: number
  readonly cachedInput: number
  readonly cacheWrite: number
  /** Reasoning included. */
  readonly output: number
}

/** nano-USD that the usage costs, rounded up; at most Number.MAX_SAFE_INTEGER. */
export function costOf(price: Price, usage: Usage): number {
  const cached = Math.min(usage.input, usage.cachedInput)
  const written = Math.min(usage.input - cached, usage.cacheWrite)
  const fresh = usage.input - cached - written
  // Exact: a product of tokens and pico-USD may lie beyond 2^53.
  const pico =
    BigInt(fresh) * BigInt(price.input) +
    BigInt(cached) * BigInt(price.cachedInput) +
    BigInt(written) * BigInt(price.cacheWrite) +
    BigInt(usage.output) * BigInt(price.output)
  const nano = (pico + 999n) / 1000n
  return nano > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : Number(nano)
}

/** The most that one input token can cost, in pico-USD. */
export function dearestInput(price: Price): number {
  return Math.max(price.input, price.cachedInput, price.cacheWrite)
}
