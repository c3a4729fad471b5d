/** Verdicts and their meet: the strictest of several always wins (I11). */

/** From mildest to strictest. `halt` is a deny that also halts, or that finds its scope halted. */
export const verdicts = ['allow', 'warn', 'queue', 'approve', 'deny', 'halt'] as const

export type Verdict = (typeof verdicts)[number]

const rank: Readonly<Record<Verdict, number>> = {
  allow: 0,
  warn: 1,
  queue: 2,
  approve: 3,
  deny: 4,
  halt: 5,
}

/** The stricter of two verdicts: halt > deny > approve > queue > warn > allow. */
export function meet(left: Verdict, right: Verdict): Verdict {
  return rank[left] >= rank[right] ? left : right
}

/** True where the request may go on at once. */
export function passes(verdict: Verdict): boolean {
  return rank[verdict] <= rank.warn
}
