/** What is wrong with a policy file, and where: each problem names file, line and column, and the way out. */

/** Line and column count from 1, as editors do. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly message: string
}

/** `policies.yaml:12:5: message`, which terminals and editors open at the place. */
export function formatProblem(problem: Problem): string {
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.message}`
}

/** The problems from the top of the file to its end. */
export function inFileOrder(problems: readonly Problem[]): readonly Problem[] {
  return [...problems].sort((a, b) => a.line - b.line || a.column - b.column)
}

/** Beyond this length a word is no typing mistake, and comparing it would only cost time. */
const wordCharactersMax = 64

/** The candidate that a mistyped word most likely meant; null where none is near. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  if (word.length > wordCharactersMax) return null
  const allowed = word.length <= 3 ? 1 : 2
  let best: string | null = null
  let bestDistance = allowed + 1
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** `; did you mean "hosts"?`, or nothing where no candidate is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const guess = nearest(word, candidates)
  return guess === null ? '' : `; did you mean "${guess}"?`
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(left: string, right: string): number {
  if (Math.abs(left.length - right.length) > 2) return 3
  let before: number[] = []
  let above = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let i = 1; i <= left.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= right.length; j += 1) {
      const same = left[i - 1] === right[j - 1]
      let cost = Math.min((row[j - 1] ?? 0) + 1, (above[j] ?? 0) + 1)
      cost = Math.min(cost, (above[j - 1] ?? 0) + (same ? 0 : 1))
      if (left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1]) {
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1)
      }
      row.push(cost)
    }
    before = above
    above = row
  }
  return above[right.length] ?? 0
}
