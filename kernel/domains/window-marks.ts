/**
 * Marks that keep what is added in any stretch of time within a limit. A counter for each minute would let twice the
 * limit pass around its end; these overlap, so that every stretch lies whole in one of them.
 */
import type { MarkCheck } from '../mark.ts'
import type { Reason } from '../reasons.ts'

/** Nothing is counted in shorter ones. */
const lengthMsMin = 1_000

/** Counters that are open at once, beside the one that holds a stretch from its beginning. */
const strides = 3

export interface Stretch {
  /** Begins with the domain's name; what is counted, and of whom. */
  readonly key: string
  readonly lengthMs: number
  readonly amount: number
  readonly limit: number
  /** Code and id of the check. */
  readonly reason: Reason
}

/**
 * One counter begins at each third of the length and lasts four thirds. A stretch that begins in a third lies in the
 * counter of that third; so the limit holds in every stretch, and at worst in one that is a third longer.
 */
export function windowMarks(stretch: Stretch, at: number): readonly MarkCheck[] {
  const { key, amount, limit, reason } = stretch
  const lengthMs = Math.max(lengthMsMin, stretch.lengthMs)
  const strideMs = Math.ceil(lengthMs / strides)
  const latest = Math.floor(at / strideMs)
  const marks: MarkCheck[] = []
  for (let begun = Math.max(0, latest - strides); begun <= latest; begun += 1) {
    const until = begun * strideMs + lengthMs + strideMs
    if (until <= at) continue
    marks.push({ op: 'add', key: `${key}/${lengthMs}/${begun}`, amount, limit, until, reason })
  }
  return marks
}
