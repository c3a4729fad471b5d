/** Two texts as a unified diff, as `diff -u` and `patch` have it. */

/** Lines around a change that are shown with it. */
const contextLines = 3

type Line = readonly [sign: ' ' | '-' | '+', text: string]

/** Empty where the texts are the same. */
export function unifiedDiff(name: string, before: string, after: string): string {
  if (before === after) return ''
  const lines = linesBetween(splitLines(before), splitLines(after))
  return [`--- ${name}`, `+++ ${name}`, ...hunks(lines)].join('\n')
}

/** A last line without its end is another line than one that has it. */
function splitLines(text: string): readonly string[] {
  if (text === '') return []
  if (text.endsWith('\n')) return text.slice(0, -1).split('\n')
  return `${text}\n\\ No newline at end of file`.split(/\n(?!\\ No newline)/)
}

/** What both begin and end with is set aside; between, the longest common lines stay. */
function linesBetween(before: readonly string[], after: readonly string[]): readonly Line[] {
  let head = 0
  while (head < before.length && head < after.length && before[head] === after[head]) head += 1
  let tail = 0
  const short = Math.min(before.length, after.length) - head
  while (tail < short && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1
  const middle = compared(
    before.slice(head, before.length - tail),
    after.slice(head, after.length - tail),
  )
  const kept = (text: string): Line => [' ', text]
  const end = before.length - tail
  return [...before.slice(0, head).map(kept), ...middle, ...before.slice(end).map(kept)]
}

/** Cells of the table at most: two texts of 3,000 lines. Longer ones are shown as one change. */
const cellsMax = 9_000_000

function compared(before: readonly string[], after: readonly string[]): readonly Line[] {
  const width = after.length + 1
  if ((before.length + 1) * width > cellsMax) return replaced(before, after)
  const common = new Uint32Array((before.length + 1) * width)
  const at = (row: number, column: number): number => common[row * width + column] ?? 0
  for (let row = before.length - 1; row >= 0; row -= 1) {
    for (let column = after.length - 1; column >= 0; column -= 1) {
      common[row * width + column] =
        before[row] === after[column]
          ? at(row + 1, column + 1) + 1
          : Math.max(at(row + 1, column), at(row, column + 1))
    }
  }
  const lines: Line[] = []
  let [row, column] = [0, 0]
  while (row < before.length && column < after.length) {
    const [old = '', fresh = ''] = [before[row], after[column]]
    if (old === fresh) {
      lines.push([' ', old])
      row += 1
      column += 1
    } else if (at(row + 1, column) >= at(row, column + 1)) {
      lines.push(['-', old])
      row += 1
    } else {
      lines.push(['+', fresh])
      column += 1
    }
  }
  return [...lines, ...replaced(before.slice(row), after.slice(column))]
}

const replaced = (before: readonly string[], after: readonly string[]): readonly Line[] => [
  ...before.map((text): Line => ['-', text]),
  ...after.map((text): Line => ['+', text]),
]

function hunks(lines: readonly Line[]): readonly string[] {
  const shown: string[] = []
  let [oldLine, newLine] = [1, 1]
  let index = 0
  while (index < lines.length) {
    const change = lines.findIndex(([sign], place) => place >= index && sign !== ' ')
    if (change === -1) break
    const start = Math.max(index, change - contextLines)
    oldLine += start - index
    newLine += start - index
    const end = endOf(lines, change)
    const part = lines.slice(start, end)
    const oldCount = part.filter(([sign]) => sign !== '+').length
    const newCount = part.filter(([sign]) => sign !== '-').length
    const range = (line: number, count: number): string =>
      `${count === 0 ? line - 1 : line},${count}`
    shown.push(`@@ -${range(oldLine, oldCount)} +${range(newLine, newCount)} @@`)
    shown.push(...part.map(([sign, text]) => `${sign}${text}`))
    oldLine += oldCount
    newLine += newCount
    index = end
  }
  return shown
}

/** Changes that are nearer than two contexts share a hunk. */
function endOf(lines: readonly Line[], change: number): number {
  let last = change
  for (let place = change; place < lines.length; place += 1) {
    if (place - last > 2 * contextLines) break
    if (lines[place]?.[0] !== ' ') last = place
  }
  return Math.min(lines.length, last + 1 + contextLines)
}
