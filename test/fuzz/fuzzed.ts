/** One target of the fuzzer: what is put in, and what must hold of whatever comes out. */
import type fc from 'fast-check'

/** Counts that a property came to a place worth coming to. */
export type Reached = (label: string) => void

export interface Fuzzed {
  readonly name: string
  /** Of the time, beside the shares of the others. */
  readonly share: number
  /** Runs of one round, after which the clock is looked at. */
  readonly roundRuns: number
  /** What each run as a whole must reach, so that its generator is known to make what it is meant to make. */
  readonly reaches: readonly string[]
  /** Makes the property; it throws what is wrong. */
  open(reached: Reached): Promise<fc.IRawProperty<unknown>>
}

/** Throws the sentence where what must hold does not. */
export function ensure(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new Error(sentence)
}
