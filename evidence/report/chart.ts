/** Column charts as plain shapes, so that a page of HTML and one of PDF show the very same picture. */
import { countText, moneyText } from './figures.ts'

export interface ChartSeries {
  readonly name: string
  /** `#rrggbb`. */
  readonly colour: string
  readonly values: readonly number[]
}

export interface Chart {
  readonly title: string
  /** What it shows, in a sentence, for whoever does not see it. */
  readonly description: string
  readonly unit: 'count' | 'nano-USD'
  /** Stacked on each other, or next to each other. */
  readonly layout: 'stacked' | 'beside'
  /** Of the columns, in order. */
  readonly labels: readonly string[]
  readonly series: readonly ChartSeries[]
}

export type Shape =
  | {
      readonly kind: 'rectangle'
      readonly x: number
      readonly y: number
      readonly width: number
      readonly height: number
      readonly colour: string
    }
  | {
      readonly kind: 'line'
      readonly from: readonly [number, number]
      readonly to: readonly [number, number]
      readonly colour: string
    }
  | {
      readonly kind: 'text'
      /** Of the anchor, on the base line. */
      readonly x: number
      readonly y: number
      readonly text: string
      readonly anchor: 'start' | 'middle' | 'end'
      readonly isBold: boolean
      readonly colour: string
    }

export interface Size {
  readonly width: number
  readonly height: number
}

/** Height of letters, in the unit of the picture. */
export const letterSize = 8

/** Width of a letter: DejaVu Sans has few wider ones. */
const letterWidth = 0.62 * letterSize

const ink = '#1d2330'
const pale = '#5a6272'
const grid = '#d9dde5'

/** Steps on the axis, at most. */
const stepsMax = 4

interface Plot {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
  /** The value at the top. */
  readonly topValue: number
}

/** A chart in a picture of a size. */
export function shapesOf(chart: Chart, { height, width }: Size): readonly Shape[] {
  const shapes: Shape[] = [text(chart.title, { x: 0, y: 10, isBold: true, colour: ink })]
  const rows = legend(chart, width, shapes)
  const ticks = ticksOf(largest(chart), chart.unit)
  const names = ticks.map((tick) => valueText(chart, tick))
  const left = Math.max(...names.map((name) => name.length)) * letterWidth + 6
  const top = 20 + rows * 12
  const plot: Plot = {
    ...{ left, top, width: width - left - 2, height: height - top - 16 },
    topValue: ticks.at(-1) ?? 1,
  }
  for (const [index, tick] of ticks.entries()) {
    const y = heightOf(plot, tick)
    const [from, to] = [[left, y] as const, [left + plot.width, y] as const]
    shapes.push({ kind: 'line', from, to, colour: index === 0 ? pale : grid })
    const name = names[index] ?? ''
    shapes.push(text(name, { x: left - 4, y: y + 3, anchor: 'end', colour: pale }))
  }
  columns(chart, plot, shapes)
  labels(chart, plot, shapes)
  if (largest(chart) === 0) {
    const [x, y] = [left + plot.width / 2, top + plot.height / 2]
    shapes.push(text('none in this period', { x, y, anchor: 'middle', colour: pale }))
  }
  return shapes
}

/** The highest column. */
function largest(chart: Chart): number {
  const heights = chart.labels.map((_, index) => {
    const values = chart.series.map(({ values }) => values[index] ?? 0)
    if (chart.layout === 'stacked') return values.reduce((sum, value) => sum + value, 0)
    return Math.max(0, ...values)
  })
  return Math.max(0, ...heights)
}

/** 0, and up to four round values up to one that is not below the largest. */
function ticksOf(value: number, unit: Chart['unit']): readonly number[] {
  if (value === 0) return [0, unit === 'count' ? 1 : 1_000_000_000]
  const rough = value / stepsMax
  const power = 10 ** Math.floor(Math.log10(rough))
  const factor = [1, 2, 5, 10].find((each) => each * power >= rough) ?? 10
  const step = unit === 'count' ? Math.max(1, factor * power) : factor * power
  const count = Math.max(1, Math.ceil(value / step - 1e-9))
  return Array.from({ length: count + 1 }, (_, index) => Math.round(index * step))
}

function valueText(chart: Chart, value: number): string {
  return chart.unit === 'count' ? countText(value) : moneyText(value)
}

function heightOf(plot: Plot, value: number): number {
  return plot.top + plot.height * (1 - value / plot.topValue)
}

function columns(chart: Chart, plot: Plot, shapes: Shape[]): void {
  const { layout, series } = chart
  const pitch = plot.width / Math.max(1, chart.labels.length)
  const breadth = Math.min(28, pitch * 0.78)
  const each = layout === 'stacked' ? breadth : breadth / series.length
  for (const index of chart.labels.keys()) {
    const x = plot.left + index * pitch + (pitch - breadth) / 2
    let below = 0
    for (const [place, { colour, values }] of series.entries()) {
      const value = values[index] ?? 0
      if (value <= 0) continue
      const base = layout === 'stacked' ? below : 0
      const top = heightOf(plot, base + value)
      // What is there is seen, however little it is beside the rest.
      const height = Math.max(0.8, heightOf(plot, base) - top)
      const at = layout === 'stacked' ? x : x + place * each
      const y = heightOf(plot, base) - height
      shapes.push({ kind: 'rectangle', x: at, y, width: each, height, colour })
      below += value
    }
  }
}

function labels(chart: Chart, plot: Plot, shapes: Shape[]): void {
  const pitch = plot.width / Math.max(1, chart.labels.length)
  const longest = Math.max(0, ...chart.labels.map((label) => label.length)) * letterWidth + 8
  const every = Math.max(1, Math.ceil(longest / pitch))
  const end = plot.left + plot.width
  let free = 0
  for (const [index, label] of chart.labels.entries()) {
    if (index % every !== 0) continue
    const breadth = label.length * letterWidth
    const x = Math.max(plot.left + (index + 0.5) * pitch, breadth / 2)
    if (x + breadth / 2 > end || x - breadth / 2 < free) continue
    free = x + breadth / 2 + 4
    const y = plot.top + plot.height + 11
    shapes.push(text(label, { x, y, anchor: 'middle', colour: pale }))
  }
}

/** Draws which colour is what; answers how many rows that took. */
function legend({ series }: Chart, width: number, shapes: Shape[]): number {
  if (series.length < 2) return 0
  let x = 0
  let row = 0
  for (const { colour, name } of series) {
    const needed = 12 + name.length * letterWidth + 10
    if (x > 0 && x + needed > width) {
      x = 0
      row += 1
    }
    const y = 22 + row * 12
    shapes.push({ kind: 'rectangle', x, y: y - 7, width: 8, height: 8, colour })
    shapes.push(text(name, { x: x + 11, y, colour: ink }))
    x += needed
  }
  return row + 1
}

function text(
  shown: string,
  place: {
    readonly x: number
    readonly y: number
    readonly colour: string
    readonly anchor?: 'start' | 'middle' | 'end'
    readonly isBold?: boolean
  },
): Shape {
  const { anchor = 'start', colour, isBold = false, x, y } = place
  return { kind: 'text', x, y, text: shown, anchor, isBold, colour }
}
