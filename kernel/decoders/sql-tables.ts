/**
 * Which tables a statement names, as well as words can tell: rather one too many (a common table expression, a column
 * behind another FROM) than one too few. What a function or a dialect of its own reads is not seen.
 */
import { nth } from '../contract.ts'
import type { SqlToken } from './sql-text.ts'

const before: ReadonlySet<string> = new Set(['from', 'join', 'into', 'update', 'table', 'using'])

/** Words that may stand between those and the name. */
const between: ReadonlySet<string> = new Set([
  'if',
  'not',
  'exists',
  'only',
  'lateral',
  'overwrite',
  'ignore',
])

/** Words that end a list of tables. */
const after: ReadonlySet<string> = new Set(
  `where group order having limit union except intersect minus select window fetch offset for set values
   returning qualify prewhere settings format`.split(/\s+/),
)

/** A name, perhaps of several parts, and the index of the token behind it; empty where none begins here. */
function nameAt(tokens: readonly SqlToken[], from: number): readonly [name: string, next: number] {
  let name = ''
  let at = from
  while (between.has(tokens[at]?.text ?? '')) at += 1
  for (; ; at += 1) {
    const token = tokens[at]
    if (token === undefined) break
    if (token.kind === 'mark') {
      if (token.text === '.') name += '.'
      else if (token.text !== '[' && token.text !== ']') break
      continue
    }
    const isPart = token.kind === 'word' || token.kind === 'name' || token.kind === 'number'
    const joins = name === '' || name.endsWith('.')
    if (!isPart || !joins) break
    name += token.text
  }
  return [name, at]
}

/** The names of a statement's tables, as they are written, words in lower case. */
export function tablesOf(statement: readonly SqlToken[]): readonly string[] {
  const found: string[] = []
  /** Depths at which a list of tables is open. */
  const lists: number[] = []
  let at = 0
  while (at < statement.length) {
    const { kind, text, depth } = nth(statement, at)
    at += 1
    while ((lists.at(-1) ?? -1) > depth) lists.pop()
    const isOpen = lists.at(-1) === depth
    const starts = kind === 'word' && before.has(text)
    if (kind === 'word' && after.has(text) && isOpen) lists.pop()
    if (starts && !isOpen) lists.push(depth)
    if (starts || (isOpen && text === ',' && kind === 'mark')) {
      const [name, next] = nameAt(statement, at)
      if (name !== '') found.push(name)
      at = next
    }
  }
  return found
}
