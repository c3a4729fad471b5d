/** Counts which rules any case reached: one that none did is one that nobody tried. */
import type { CompiledPolicy } from './compile.ts'

export interface Coverage {
  readonly rules: number
  readonly reached: number
  /** Whole percent, rounded down; 100 where there is no rule. */
  readonly percent: number
  /** Ids that no case reached, in the order of the file. */
  readonly missed: readonly string[]
}

/** reached  ids of rules, active and draft, that spoke about any case. */
export function coverageOf(policy: CompiledPolicy, reached: ReadonlySet<string>): Coverage {
  const ids = policy.rulebook.parts.rules.map(({ terms }) => terms.id)
  const missed = ids.filter((id) => !reached.has(id))
  const count = ids.length - missed.length
  const percent = ids.length === 0 ? 100 : Math.floor((count * 100) / ids.length)
  return { rules: ids.length, reached: count, percent, missed }
}
