/** Stops deeply nested YAML before the parser recurses into it: twenty thousand brackets end the process. */
import { CST, Lexer } from 'yaml'

/** Open brackets at one place; version 1 needs 3. */
const flowDepthMax = 16

/** Column of a `-`, `?` or `:` outside brackets: a level of block nesting begins at least one column later. */
const blockColumnMax = 160

/**
 * The place at which a text nests deeper than any policy; null where it does not.
 *
 * source  measured 2026-11-21, yaml 2.9.1 on Node 20: `[` x 20,000 is a fatal out-of-memory error, not an exception.
 */
export function tooDeep(text: string): { readonly line: number; readonly column: number } | null {
  let line = 1
  let column = 1
  let depth = 0
  for (const token of new Lexer().lex(text)) {
    const kind = CST.tokenType(token)
    if (kind === 'flow-map-start' || kind === 'flow-seq-start') depth += 1
    if (kind === 'flow-map-end' || kind === 'flow-seq-end') depth -= 1
    if (depth > flowDepthMax) return { line, column }
    const opensBlock =
      kind === 'seq-item-ind' || kind === 'map-value-ind' || kind === 'explicit-key-ind'
    if (depth === 0 && opensBlock && column > blockColumnMax) return { line, column }
    // The lexer's own marks are single control characters, which stand nowhere in the text.
    if (kind === 'doc-mode' || kind === 'flow-error-end' || kind === 'scalar') continue
    for (const character of token) {
      column = character === '\n' ? 1 : column + 1
      if (character === '\n') line += 1
    }
  }
  return null
}
