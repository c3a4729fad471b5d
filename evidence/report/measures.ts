/** What is counted over time, and in which column of the series. */
import { verdicts } from '../../kernel/verdict.ts'
import type { Interval } from './series.ts'

export const measures = [
  ...verdicts,
  'rejected',
  'cost_usd',
  'tokens',
  'model_calls',
  'halts',
  'asked',
  'approved',
  'denied',
  'expired',
] as const

export type Measure = (typeof measures)[number]

/** The column of a measure. */
export function columnOf(measure: Measure): number {
  return measures.indexOf(measure)
}

/** The sum of some measures in an interval. */
export function amountIn({ values }: Interval, ...wanted: readonly Measure[]): number {
  return wanted.reduce((sum, measure) => sum + (values[columnOf(measure)] ?? 0), 0)
}
