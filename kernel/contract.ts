/** Assertions that stay on. A failed one is a bug of ours: the gate seals and the process ends with 70. */

export class ContractError extends Error {
  constructor(sentence: string) {
    super(sentence)
    this.name = 'ContractError'
  }
}

/** Asserts what must be true; the sentence says what was expected. */
export function assert(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new ContractError(sentence)
}

/** Ends a switch over a union: the compiler proves that it is never reached, and so does the run. */
export function never(value: never): never {
  throw new ContractError(`an unknown case reached a closed switch: ${String(value)}`)
}

/** Unwraps what must be there (a list's element, a table's value); the sentence says what was expected. */
export function present<T>(value: T | null | undefined, sentence: string): T {
  assert(value !== undefined && value !== null, sentence)
  return value
}

/** An item of a list that is long enough. */
export function nth<T>(list: readonly T[], index: number): T {
  return present(list[index], 'an index lies within its list')
}
