/** Counts of tokens as a provider states them. What is no count leaves the usage unknown, and an unknown usage forfeits. */
import type { Json } from '../content.ts'
import { isNone, type JsonObject, objectOf } from '../decoders/member.ts'
import type { Usage } from '../price.ts'

/** Tokens of one call that are believed: far beyond any context window, and exact in any product that follows. */
export const tokensMax = 1_000_000_000

/** A count; 0 where it is left out, null where it is none. */
export function countOf(value: Json | undefined): number | null {
  if (isNone(value)) return 0
  const isCount =
    typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= tokensMax
  return isCount ? value : null
}

/** The counts of an object by these names, in order; null where one is no count. */
export function countsIn(object: JsonObject, names: readonly string[]): readonly number[] | null {
  const counts: number[] = []
  for (const name of names) {
    const count = countOf(object[name])
    if (count === null) return null
    counts.push(count)
  }
  return counts
}

/** The counts of a part of an object, all 0 where it is left out. */
export function countsInside(
  object: JsonObject,
  part: string,
  names: readonly string[],
): readonly number[] | null {
  const inner = isNone(object[part]) ? {} : objectOf(object[part])
  return inner === null ? null : countsIn(inner, names)
}

/** The larger of each count: what streams state grows, and a smaller number later takes nothing back. */
export function largerOf(left: Usage | null, right: Usage): Usage {
  if (left === null) return right
  return {
    input: Math.max(left.input, right.input),
    cachedInput: Math.max(left.cachedInput, right.cachedInput),
    cacheWrite: Math.max(left.cacheWrite, right.cacheWrite),
    output: Math.max(left.output, right.output),
  }
}
