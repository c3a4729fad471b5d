/** Amounts over time in a bounded number of intervals, which widen as the time gets longer. */
import { present } from '../../kernel/contract.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/** Widths of an interval; each divides the next. Intervals begin at multiples since the epoch, in UTC. */
const widths = [
  minuteMs,
  5 * minuteMs,
  15 * minuteMs,
  hourMs,
  3 * hourMs,
  6 * hourMs,
  dayMs,
  7 * dayMs,
  28 * dayMs,
  364 * dayMs,
  3_640 * dayMs,
]

/** Intervals that hold something, at most. */
const intervalsMax = 2_048

export interface Interval {
  /** Milliseconds since the epoch. */
  readonly start: number
  /** As many numbers as the series has columns. */
  readonly values: readonly number[]
}

export interface Intervals {
  readonly widthMs: number
  /** Without a gap, ascending. */
  readonly list: readonly Interval[]
}

export class Series {
  readonly #columns: number
  #width = 0
  #rows = new Map<number, number[]>()

  constructor(columns: number) {
    this.#columns = columns
  }

  /** instant  milliseconds since the epoch. */
  add(instant: number, column: number, amount: number): void {
    const width = present(widths[this.#width], 'a series has a width')
    const start = Math.floor(instant / width) * width
    const row = rowAt(this.#rows, start, this.#columns)
    row[column] = (row[column] ?? 0) + amount
    if (this.#rows.size > intervalsMax && this.#width < widths.length - 1) {
      this.#width += 1
      this.#rows = this.#widened(present(widths[this.#width], 'a series has a width'))
    }
  }

  /**
   * What lies between two instants, in at most so many intervals; all of it in one where it does not fit otherwise.
   *
   * until  exclusive.
   */
  between(from: number, until: number, countMax: number): Intervals {
    const fitting = widths.findIndex(
      (width, index) => index >= this.#width && span(from, until, width) <= countMax,
    )
    const width = widths[fitting] ?? present(widths.at(-1), 'there are widths')
    const rows = this.#widened(width)
    const start = Math.floor(from / width) * width
    const count = Math.min(countMax, span(from, until, width))
    const none = new Array<number>(this.#columns).fill(0)
    const list = Array.from({ length: count }, (_, index) => {
      const at = start + index * width
      return { start: at, values: rows.get(at) ?? none }
    })
    return { widthMs: width, list }
  }

  #widened(width: number): Map<number, number[]> {
    const wider = new Map<number, number[]>()
    for (const [start, values] of this.#rows) {
      const row = rowAt(wider, Math.floor(start / width) * width, this.#columns)
      for (const [column, value] of values.entries()) row[column] = (row[column] ?? 0) + value
    }
    return wider
  }
}

/** How many intervals of a width touch a stretch of time. */
function span(from: number, until: number, width: number): number {
  return Math.max(1, Math.ceil(until / width) - Math.floor(from / width))
}

function rowAt(rows: Map<number, number[]>, start: number, columns: number): number[] {
  const known = rows.get(start)
  if (known !== undefined) return known
  const row = new Array<number>(columns).fill(0)
  rows.set(start, row)
  return row
}

/** A width in words: `5 minutes`, `a day`. */
export function widthText(widthMs: number): string {
  const named = [
    [dayMs, 'day'],
    [hourMs, 'hour'],
    [minuteMs, 'minute'],
  ] as const
  for (const [unit, name] of named) {
    if (widthMs % unit !== 0) continue
    const count = widthMs / unit
    return count === 1 ? `${name === 'hour' ? 'an' : 'a'} ${name}` : `${count} ${name}s`
  }
  return `${widthMs} ms`
}

const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')

/** The start of an interval as short as its width lets it be. */
export function startText(start: number, widthMs: number): string {
  const text = new Date(start).toISOString()
  if (widthMs > dayMs) return text.slice(0, 10)
  const day = `${Number(text.slice(8, 10))} ${months[Number(text.slice(5, 7)) - 1] ?? ''}`
  return widthMs === dayMs ? day : `${day} ${text.slice(11, 16)}`
}
