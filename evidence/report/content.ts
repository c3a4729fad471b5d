/** What a report says, before it has pages: made once, and written as HTML and as PDF alike. */
import type { Chart } from './chart.ts'

export interface Fact {
  readonly name: string
  readonly value: string
  /** A hash, an id, a key: set in a face in which 0 and O differ. */
  readonly isCode?: boolean
}

export interface Column {
  readonly title: string
  /** Of the width of the table, in hundredths. */
  readonly share: number
  readonly isNumber?: boolean
  readonly isCode?: boolean
}

/** A number that is read first. */
export interface Figure {
  readonly name: string
  readonly value: string
  readonly detail: string
}

export type Tone = 'sound' | 'incomplete' | 'broken'

export type Block =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'heading'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly string[] }
  | { readonly kind: 'facts'; readonly caption: string; readonly facts: readonly Fact[] }
  | { readonly kind: 'figures'; readonly caption: string; readonly figures: readonly Figure[] }
  | {
      readonly kind: 'table'
      readonly caption: string
      readonly columns: readonly Column[]
      readonly rows: readonly (readonly string[])[]
      /** What is said in the place of rows where there is none. */
      readonly none: string
    }
  | { readonly kind: 'charts'; readonly charts: readonly Chart[] }
  | { readonly kind: 'notice'; readonly tone: Tone; readonly title: string; readonly text: string }
  /** Two columns, side by side. */
  | { readonly kind: 'beside'; readonly left: readonly Block[]; readonly right: readonly Block[] }

export interface Section {
  readonly title: string
  readonly blocks: readonly Block[]
  /** Begins on a page of its own. */
  readonly isApart: boolean
}

export interface Content {
  readonly title: string
  readonly subtitle: string
  readonly sections: readonly Section[]
  /** Stands at the foot of every page. */
  readonly foot: string
  /** Smaller, so that it fits on one page. */
  readonly isDense: boolean
  /** When it was made: milliseconds since the epoch. */
  readonly at: number
  /** Program and version that made it. */
  readonly by: string
}
