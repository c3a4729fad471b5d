/** Reads YAML 1.2 as plain data, bounded and without surprises, and says where each of its nodes stands. */
import { type Document, isAlias, isMap, isScalar, isSeq, type Node, parseAllDocuments } from 'yaml'
import { LineStarts, type Place } from './line-starts.ts'
import type { Problem } from './problem.ts'
import { tooDeep } from './yaml-depth.ts'

export interface TextFile {
  readonly name: string
  readonly text: string
}

/** Keys and indices from the root of the file to a node. */
export type Path = readonly (string | number)[]

export interface YamlText {
  /** Objects, lists, strings, numbers, booleans and null; no key is `__proto__`. */
  readonly value: unknown
  /** Where a node, or the key that leads to it, begins; where it is missing, its nearest parent. */
  place(path: Path, part: 'key' | 'value'): Place
  /** Where a character of a scalar's text stands in the file; its beginning where that cannot be told. */
  placeWithin(path: Path, offset: number): Place
  /** A scalar as it was written, before YAML made a number of it; empty where there is none. */
  scalarText(path: Path): string
}

/** 10,000 rules of 400 characters each. */
export const fileCharactersMax = 4 * 1024 * 1024

/** Nesting of maps and lists; the deepest that version 1 has is 5. */
const depthMax = 16

/** Problems of one file that are told at once; the rest appears when these are gone. */
const syntaxProblemsMax = 20

/**
 * Reads one document of plain YAML.
 *
 * returns  the problems instead, where the text is too long, is no YAML, holds a key twice or another
 *          document, or uses what a policy does not need: anchors, aliases, merge keys, tags, directives.
 */
export function readYaml(file: TextFile): YamlText | readonly Problem[] {
  const at = (line: number, column: number, message: string): Problem => {
    return { file: file.name, line, column, message }
  }
  if (file.text.length > fileCharactersMax) {
    return [at(1, 1, `the file is longer than ${fileCharactersMax} characters`)]
  }
  const lines = new LineStarts(file.text)
  const deep = tooDeep(file.text)
  if (deep !== null) return [at(deep.line, deep.column, 'nested too deep for a policy')]
  const documents = parseAllDocuments(file.text, {
    merge: false,
    prettyErrors: false,
    uniqueKeys: true,
    version: '1.2',
  })
  const [document] = documents
  if (!Array.isArray(documents) || document === undefined || document.contents === null) {
    return [at(1, 1, 'the file holds no policy; begin with `version: 1`')]
  }
  const problems: Problem[] = []
  const report: Report = (offset, message) => {
    const { line, column } = lines.place(offset)
    problems.push(at(line, column, message))
  }
  const second = documents[1]
  if (second !== undefined) report(second.range[0], 'one file holds one document; remove `---`')
  for (const error of document.errors) report(error.pos[0], syntaxMessage(error))
  if (document.directives?.yaml.explicit === true) report(0, 'directives such as %YAML are refused')
  const value = problems.length > 0 ? null : plain(document.contents, 1, report)
  if (problems.length > 0) return problems.slice(0, syntaxProblemsMax)
  return new ParsedYaml(value, document, { lines, text: file.text })
}

type Report = (offset: number, message: string) => void

function syntaxMessage(error: { readonly code: string; readonly message: string }): string {
  if (error.code === 'DUPLICATE_KEY') return 'this key stands twice in the same map'
  return `no valid YAML: ${error.message.toLowerCase().replace(/\.$/, '')}`
}

function plain(node: unknown, depth: number, report: Report): unknown {
  if (isAlias(node)) return report(node.range?.[0] ?? 0, 'aliases are refused; write the value out')
  if (!isScalar(node) && !isMap(node) && !isSeq(node)) return null
  const offset = node.range?.[0] ?? 0
  if (node.anchor !== undefined) report(offset, 'anchors are refused; write the value out')
  if (node.tag !== undefined) report(offset, `tags such as ${node.tag} are refused`)
  if (depth > depthMax) return report(offset, 'nested too deep for a policy')
  if (isScalar(node)) {
    const isText = typeof node.value !== 'string' || node.value.isWellFormed()
    return isText
      ? node.value
      : report(offset, 'this text holds half a character (a lone surrogate)')
  }
  if (isSeq(node)) return node.items.map((item) => plain(item, depth + 1, report))
  const entries: [string, unknown][] = []
  for (const { key, value } of node.items) {
    const name = isScalar(key) && typeof key.value === 'string' ? key.value : null
    if (isScalar(key) && key.anchor !== undefined) report(offset, 'anchors are refused')
    if (name === '<<') report(offsetOf(key), 'merge keys are refused; write the keys out')
    else if (name === null) report(offsetOf(key), 'a key is text: put it in quotes')
    else if (name === '__proto__') report(offsetOf(key), 'this key is not a name')
    else entries.push([name, plain(value, depth + 1, report)])
  }
  return Object.fromEntries(entries)
}

function offsetOf(node: unknown): number {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? (node.range?.[0] ?? 0) : 0
}

class ParsedYaml implements YamlText {
  readonly value: unknown
  readonly #document: Document.Parsed
  readonly #lines: LineStarts
  readonly #text: string

  constructor(
    value: unknown,
    document: Document.Parsed,
    file: { lines: LineStarts; text: string },
  ) {
    this.value = value
    this.#document = document
    this.#lines = file.lines
    this.#text = file.text
  }

  place(path: Path, part: 'key' | 'value'): Place {
    const { node, keyOffset } = this.#find(path)
    return this.#at(part === 'key' ? keyOffset : offsetOf(node))
  }

  placeWithin(path: Path, offset: number): Place {
    const { node } = this.#find(path)
    const begin = offsetOf(node)
    if (!isScalar(node) || typeof node.value !== 'string') return this.#at(begin)
    const raw = this.#text.slice(begin, node.range?.[1] ?? begin)
    const skipped = /^(['"]|[|>][^\n]*\n)?/.exec(raw)?.[0].length ?? 0
    return this.#at(begin + (aligned(raw, node.value, { skipped, offset }) ?? 0))
  }

  scalarText(path: Path): string {
    const { node } = this.#find(path)
    return isScalar(node) ? (node.source ?? String(node.value)) : ''
  }

  #at(offset: number): Place {
    return this.#lines.place(offset)
  }

  #find(path: Path): { readonly node: Node | null; readonly keyOffset: number } {
    let node: Node | null = this.#document.contents
    let keyOffset = offsetOf(node)
    for (const step of path) {
      let next: unknown
      if (isSeq(node) && typeof step === 'number') next = node.items[step]
      else if (isMap(node)) {
        const pair = node.items.find(({ key }) => isScalar(key) && key.value === step)
        if (pair === undefined) break
        keyOffset = offsetOf(pair.key)
        next = isScalar(pair.value) && pair.value.value === null ? pair.key : pair.value
      }
      if (!isScalar(next) && !isMap(next) && !isSeq(next)) break
      if (typeof step === 'number') keyOffset = offsetOf(next)
      node = next
    }
    return { node, keyOffset }
  }
}

/**
 * Finds a character of a value in its raw text, both read without white space: folding and indentation change
 * nothing else. Null where escapes do.
 */
function aligned(
  raw: string,
  value: string,
  from: { readonly skipped: number; readonly offset: number },
): number | null {
  let at = from.skipped
  for (let index = 0; index <= from.offset && index < value.length; index += 1) {
    const character = value[index] ?? ''
    if (/\s/.test(character)) continue
    while (at < raw.length && /\s/.test(raw[at] ?? '')) at += 1
    if (raw[at] !== character) return null
    if (index === from.offset) return at
    at += 1
  }
  return at
}
