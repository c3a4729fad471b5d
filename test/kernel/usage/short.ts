/** A usage in short, as tables have it. */
import type { Usage } from '../../../kernel/price.ts'

/** [input, cachedInput, cacheWrite, output], or null. */
export type Short = readonly number[] | null

export const short = (usage: Usage | null): Short =>
  usage === null ? null : [usage.input, usage.cachedInput, usage.cacheWrite, usage.output]
