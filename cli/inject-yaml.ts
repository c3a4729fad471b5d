/** The documents of a YAML stream, cut without losing a byte; and one document changed so that its comments stay. */
import { CST, Document, isMap, isSeq, Parser, parseDocument, type Tags, visit } from 'yaml'
import { assert } from '../kernel/contract.ts'
import { type Json, jsonOf, same } from './inject-json.ts'
import { type PatchStep, stepped } from './inject-patch.ts'

export interface Piece {
  readonly text: string
  /** Otherwise a comment, an empty line or a mark between documents. */
  readonly isDocument: boolean
}

/** asserts  the pieces are the whole text. */
export function piecesOf(text: string): readonly Piece[] {
  const pieces: Piece[] = []
  for (const token of new Parser().parse(text)) {
    if (token.type === 'error') return [{ text, isDocument: true }]
    pieces.push({ text: CST.stringify(token), isDocument: token.type === 'document' })
  }
  assert(pieces.map((piece) => piece.text).join('') === text, 'the pieces are the whole text')
  // A directive belongs to the document behind it, which is then read as one.
  const directed = pieces.some((piece) => !piece.isDocument && piece.text.startsWith('%'))
  return directed ? [{ text, isDocument: true }] : pieces
}

export interface YamlDocument {
  readonly text: string
  readonly value: Json
}

/** Kubernetes reads YAML 1.1, in which 0644 is octal and `on` is true; but no dates, and nothing to the base of 60. */
const parsing = {
  version: '1.1',
  customTags: (tags: Tags): Tags => tags.filter((tag) => typeof tag === 'string' || !isUnread(tag)),
} as const

const isUnread = ({ format, tag }: { readonly format?: string; readonly tag: string }): boolean =>
  format === 'TIME' || /:(timestamp|binary|omap|pairs|set)$/.test(tag)

export function readDocument(
  text: string,
): YamlDocument | { readonly objections: readonly string[] } {
  const json = jsonOf(text)
  if (json !== undefined) return { text, value: json }
  const document = parseDocument(text, parsing)
  const [error] = document.errors
  if (error !== undefined) return { objections: [error.message.split('\n')[0] ?? ''] }
  try {
    const value = jsonOf(JSON.stringify(document.toJS() ?? null))
    return { text, value: value ?? null }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { objections: [`its aliases cannot be followed (${why})`] }
  }
}

/** The text of the document after the steps. JSON stays JSON; YAML keeps its comments, unless it has aliases. */
export function writeDocument({ text, value }: YamlDocument, steps: readonly PatchStep[]): string {
  const after = stepped(value, steps)
  if (jsonOf(text) !== undefined) return `${JSON.stringify(after, null, 2)}\n`
  const document = parseDocument(text, parsing)
  const kept = hasAlias(document) ? null : edited(document, steps, layoutOf(text))
  if (kept !== null && says(kept, after)) return kept
  const made = new Document(after, { version: '1.1', ...whole })
  if (text.startsWith('---')) made.directives = document.directives
  return made.toString(layoutOf(text))
}

const says = (text: string, value: Json): boolean => {
  const read = readDocument(text)
  return 'value' in read && same(read.value, value)
}

function hasAlias(document: Document.Parsed): boolean {
  let found = false
  visit(document, {
    Alias: () => {
      found = true
      return visit.BREAK
    },
  })
  return found
}

interface Layout {
  readonly lineWidth: 0
  readonly indent: number
  readonly indentSeq: boolean
  readonly flowCollectionPadding: boolean
}

/** How its author indents, as far as one number tells. */
function layoutOf(text: string): Layout {
  const spaces = /\n( +)[^\s#-]/.exec(text)?.[1]?.length ?? 2
  const flat = /(?:^|\n)( *)[^\s#-][^\n]*:[ \t]*\r?\n\1- /.test(text)
  const flowCollectionPadding = !/[{[][^\s}\]]/.test(text)
  return { lineWidth: 0, indent: Math.min(spaces, 8), indentSeq: !flat, flowCollectionPadding }
}

/** What stands at two places is written twice: readers of manifests need no anchors. */
const whole = { aliasDuplicateObjects: false }

function edited(
  document: Document.Parsed,
  steps: readonly PatchStep[],
  layout: Layout,
): string | null {
  for (const { op, place, value } of steps) {
    const [last, parent] = [place.at(-1), document.getIn(place.slice(0, -1), true)]
    if (op === 'remove') document.deleteIn(place)
    else if (op === 'add' && isSeq(parent)) {
      parent.items.splice(Number(last), 0, document.createNode(value, whole))
    } else if (isMap(parent) || isSeq(parent)) {
      const isScalar = typeof value !== 'object'
      parent.set(last, isScalar ? value : document.createNode(value, whole))
    } else return null
  }
  return document.toString(layout)
}
