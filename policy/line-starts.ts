/** Finds places of a text by line and column. The YAML parser's own counter misses line ends in what is no YAML. */

/** Line and column, both from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

export class LineStarts {
  readonly #starts: readonly number[]

  constructor(text: string) {
    const starts = [0]
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
    this.#starts = starts
  }

  /** The place of a character, or of the end of the text. */
  place(offset: number): Place {
    let [first, behind] = [0, this.#starts.length]
    while (behind - first > 1) {
      const middle = (first + behind) >> 1
      if ((this.#starts[middle] ?? 0) <= offset) first = middle
      else behind = middle
    }
    return { line: first + 1, column: offset - (this.#starts[first] ?? 0) + 1 }
  }
}
