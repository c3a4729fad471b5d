/** A path that many globs are asked about: which runs of characters it lacks is found out once for all of them. */

/** Paths up to here are searched faster than they are prepared. */
const shortCharactersMax = 256

const wordBits = 32
const filterBits = 1 << 16

/** Places of a literal's runs of three characters (of two, where it has no more) in a filter. */
export function runsOf(literal: string): readonly number[] {
  if (literal.length < 2) return []
  if (literal.length === 2) return [pairAt(literal, 0)]
  return Array.from({ length: literal.length - 2 }, (_, index) => tripleAt(literal, index))
}

export class PathText {
  readonly text: string
  #filter: Int32Array | null = null

  constructor(text: string) {
    this.text = text
  }

  /** False where the path lacks one of the runs for certain. An agent chooses the path, so that one scan is for all. */
  mayHold(runs: readonly number[]): boolean {
    if (this.text.length <= shortCharactersMax) return true
    this.#filter ??= filterOf(this.text)
    for (const run of runs) {
      if (((this.#filter[run >>> 5] ?? 0) & (1 << (run % wordBits))) === 0) return false
    }
    return true
  }
}

function filterOf(text: string): Int32Array {
  const filter = new Int32Array(filterBits / wordBits)
  const put = (run: number): void => {
    filter[run >>> 5] = (filter[run >>> 5] ?? 0) | (1 << (run % wordBits))
  }
  for (let index = 0; index + 1 < text.length; index += 1) {
    put(pairAt(text, index))
    put(tripleAt(text, index))
  }
  return filter
}

/** The factors spread letters over the filter; two runs that share a place only cost a search. */
function pairAt(text: string, index: number): number {
  return (text.charCodeAt(index) * 1_021 + text.charCodeAt(index + 1) * 7) % filterBits
}

/** At the end of a text this is no run of it (NaN counts as 0 in a place), which does no harm. */
function tripleAt(text: string, index: number): number {
  const third = text.charCodeAt(index + 2) || 0
  const sum = text.charCodeAt(index) * 4_093 + text.charCodeAt(index + 1) * 251 + third * 13
  return sum % filterBits
}
