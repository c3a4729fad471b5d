/** How many rows a read can answer at most, where it says so at its outermost level and nothing behind undoes it. */
import type { SqlToken } from './sql-text.ts'

/** No cap is stated, or none that is certain. */
export const noLimit = -1

const isCount = (token: SqlToken): boolean =>
  token.kind === 'number' && /^\d{1,15}$/.test(token.text)

/** Words and marks as they are, counts as `N`, all else as `?`, so that an ending can be told by its shape. */
const shapeOf = (tokens: readonly SqlToken[]): string =>
  tokens
    .map((token) => {
      if (isCount(token)) return 'N'
      return token.kind === 'word' || token.kind === 'mark' ? token.text : '?'
    })
    .join(' ')

/** Endings that cap the whole statement, by shape; the group tells where the count stands. */
const limitShape = /^limit (?:N , )?N(?: offset N(?: rows?)?)?(?: format \w+)?$/
const fetchShape = /^fetch (?:first|next) (?:(N) )?rows? only$/

/** T-SQL's: the first words of the statement. */
const topShape = /^select (?:(?:all|distinct) )?top (?:(N)|\( (N) \))(?! percent| with ties)(?: |$)/

/** Behind one of these a cap at the front is of the first part only; a second `select` is T-SQL's next statement. */
const partWords: ReadonlySet<string> = new Set(['union', 'except', 'intersect', 'minus', 'select'])

const isOuter = (token: SqlToken, word: string): boolean =>
  token.depth === 0 && token.kind === 'word' && token.text === word

function lastCount(tokens: readonly SqlToken[]): number {
  return Number(tokens.findLast(isCount)?.text)
}

/** From the last such word on; nothing where there is none. */
function tailFrom(statement: readonly SqlToken[], word: string): readonly SqlToken[] {
  const from = statement.findLastIndex((token) => isOuter(token, word))
  return from < 0 ? [] : statement.slice(from)
}

function endingLimit(statement: readonly SqlToken[]): number {
  const tail = tailFrom(statement, 'limit')
  if (limitShape.test(shapeOf(tail))) {
    const offset = tail.findIndex((token) => isOuter(token, 'offset'))
    return lastCount(offset < 0 ? tail : tail.slice(0, offset))
  }
  const fetched = tailFrom(statement, 'fetch')
  const [found, count] = fetchShape.exec(shapeOf(fetched)) ?? []
  if (found === undefined) return noLimit
  return count === undefined ? 1 : lastCount(fetched)
}

function topLimit(statement: readonly SqlToken[]): number {
  const isWhole = statement
    .slice(1)
    .every(({ kind, text, depth }) => depth > 0 || kind !== 'word' || !partWords.has(text))
  const start = statement.slice(0, 8)
  return isWhole && topShape.test(shapeOf(start)) ? Number(start.find(isCount)?.text) : noLimit
}

/** The cap of a single read. */
export function limitOf(statement: readonly SqlToken[]): number {
  const [first] = statement
  if (first?.kind !== 'word' || !['select', 'with', 'values', 'table'].includes(first.text)) {
    return noLimit
  }
  const ending = endingLimit(statement)
  return ending === noLimit ? topLimit(statement) : ending
}
