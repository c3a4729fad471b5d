/** Runs of digits in groups, as people write long numbers; the one reading that all detectors of numbers share. */
import { alphabets, isIn, latin1, runEnd } from './alphabet.ts'

/** More groups than any number has that is looked for. */
const groupsMax = 7

/** A group longer than this is no part of a number that is looked for. */
const groupDigitsMax = 40

/** Digits in groups, with the same single separator between them. */
export interface Grouped {
  readonly start: number
  /** Where each group ends. */
  readonly ends: readonly number[]
  /** Lengths of the groups. */
  readonly lengths: readonly number[]
}

const separators: ReadonlySet<number> = new Set([0x20, 0x2d, 0x2b, 0x2e, 0x2f])

/**
 * The groups that begin at `start`, which is a digit. Another separator ends them, and so does the last that fits:
 * its cost is bounded.
 */
export function groupsAt(bytes: Uint8Array, start: number): Grouped {
  const ends: number[] = []
  const lengths: number[] = []
  let from = start
  let separator = -1
  while (ends.length < groupsMax) {
    const end = runEnd(bytes, alphabets.digit, { from, limit: from + groupDigitsMax })
    if (end === from) break
    ends.push(end)
    lengths.push(end - from)
    const next = bytes[end] ?? 0
    if (!separators.has(next) || (separator !== -1 && next !== separator)) break
    separator = next
    from = end + 1
  }
  return { start, ends, lengths }
}

/** The digits of the first `count` groups. */
export function digitsText(bytes: Uint8Array, { start, ends }: Grouped, count: number): string {
  return latin1(bytes, start, ends[count - 1] ?? start).replace(/[^0-9]/g, '')
}

/** Whether a number may begin here: not inside a word, a fraction or a longer row of groups. */
export function isFreeBefore(bytes: Uint8Array, start: number): boolean {
  const before = bytes[start - 1]
  if (isIn(alphabets.alnum, before)) return false
  if (before === 0x2d) return !isIn(alphabets.alnum, bytes[start - 2])
  return before !== 0x2e || !isIn(alphabets.digit, bytes[start - 2])
}

/** Whether a number may end here; a blank may follow with digits of something else. */
export function isFreeAfter(bytes: Uint8Array, end: number): boolean {
  const after = bytes[end]
  if (isIn(alphabets.word, after)) return false
  if (after === 0x2d) return !isIn(alphabets.alnum, bytes[end + 1])
  return after !== 0x2e || !isIn(alphabets.digit, bytes[end + 1])
}
