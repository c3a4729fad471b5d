/**
 * Checks an expression before it is ever evaluated: unknown variables, members and functions, operands that can
 * never fit, the type of its result, and nesting. What it cannot know (`body`) it lets pass.
 */
import type { ParsedCel } from './cel-tree.ts'
import type { ExpressionFault } from './expression.ts'
import { type CheckOptions, TypeReader } from './expression-type.ts'
import type { Wanted } from './reading.ts'

export interface Checked {
  readonly faults: readonly ExpressionFault[]
  readonly readsContent: boolean
  /** How often its text names `body`. */
  readonly bodyReadings: number
  readonly readsHidden: boolean
}

/** Open brackets at one place; each costs the parser a dozen frames. */
const bracketsMax = 32

/** Faults that are told of one expression at once. */
const faultsMax = 8

const wantedTypes: Readonly<Record<Wanted, readonly string[]>> = {
  bool: ['bool'],
  text: ['string'],
  amount: ['int', 'uint', 'double'],
  fact: ['string', 'bool', 'int', 'uint', 'double'],
}

/** Checks a parsed expression; offsets are characters of its text. */
export function checkExpression(parsed: ParsedCel, options: CheckOptions): Checked {
  const reader = new TypeReader(parsed.sourceInfo?.positions ?? {}, options)
  const type = reader.typeOf(parsed.expr)
  const wanted = wantedTypes[options.wanted]
  if (reader.faults.length === 0 && type.name !== 'dyn' && !wanted.includes(type.name)) {
    const message = `the result is ${type.name}, where ${wanted.join(' or ')} is needed`
    reader.faults.push({ offset: 0, message })
  }
  const { bodyReadings, readsFacts } = reader
  const readsContent = bodyReadings > 0 || readsFacts
  const readsHidden = reader.readsHidden || readsContent
  const faults = reader.faults.slice(0, faultsMax)
  return { faults, readsContent, bodyReadings, readsHidden }
}

/** The offset of the first bracket that nests too deep, outside of texts; null where there is none. */
export function bracketsTooDeep(text: string): number | null {
  let depth = 0
  let quote = ''
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index] ?? ''
    if (quote !== '') {
      if (character === '\\') index += 1
      else if (character === quote) quote = ''
    } else if (character === '"' || character === "'") quote = character
    else if ('([{'.includes(character)) depth += 1
    else if (')]}'.includes(character)) depth -= 1
    if (depth > bracketsMax) return index
  }
  return null
}
