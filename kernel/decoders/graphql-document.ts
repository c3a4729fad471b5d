/**
 * What a GraphQL document asks for: its operations and fragments, and the fields at the outermost level of each.
 * Every valid document is read as the specification reads it; what is not valid is refused, or read as its server refuses it.
 *
 * source  GraphQL specification, October 2021, sections 2.2 to 2.8.
 */
import { type GraphQlToken, graphQlTokens } from './graphql-text.ts'

/** Levels of braces, brackets and parentheses, and of inline fragments. */
export const levelsMax = 64

/** Tokens from, up to and without to. */
export interface Range {
  readonly from: number
  readonly to: number
}

/** A field, and where its arguments and its own fields stand among the tokens; empty ranges where it has none. */
export interface Field {
  readonly name: string
  readonly given: Range
  readonly inside: Range
}

/** One level of selections: fields, those of inline fragments among them, and the fragments that are spread there. */
export interface Selection {
  readonly fields: readonly Field[]
  readonly spreads: readonly string[]
}

export interface Operation extends Selection {
  readonly kind: string
  readonly name: string
}

export interface GraphQlDocument {
  readonly tokens: readonly GraphQlToken[]
  readonly operations: readonly Operation[]
  readonly fragments: ReadonlyMap<string, Selection>
}

const closing: ReadonlyMap<string, string> = new Map([
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
])

const kinds: ReadonlySet<string> = new Set(['query', 'mutation', 'subscription'])

/** One pass over the tokens. What it cannot read sends it to the end, and leaves it broken. */
class Reader {
  readonly #tokens: readonly GraphQlToken[]
  readonly #to: number
  #at: number
  #broken = false

  constructor(tokens: readonly GraphQlToken[], { from, to }: Range) {
    this.#tokens = tokens
    this.#at = from
    this.#to = to
  }

  get isBroken(): boolean {
    return this.#broken
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#to
  }

  break(): void {
    this.#broken = true
    this.#at = this.#to
  }

  /** The text of the token here if it is of the kind; empty otherwise. */
  #here(kind: 'name' | 'mark'): string {
    const token = this.isAtEnd ? undefined : this.#tokens[this.#at]
    return token?.kind === kind ? token.text : ''
  }

  #passes(mark: string): boolean {
    if (this.#here('mark') !== mark) return false
    this.#at += 1
    return true
  }

  #expect(mark: string): void {
    if (!this.#passes(mark)) this.break()
  }

  /** The name here, passed; empty where there is none. */
  #maybeName(): string {
    const name = this.#here('name')
    if (name !== '') this.#at += 1
    return name
  }

  #name(): string {
    const name = this.#maybeName()
    if (name === '') this.break()
    return name
  }

  /** Passes what stands between a mark and the one that closes it, whatever it is; nothing where it does not open. */
  #group(mark: '(' | '{'): Range {
    const from = this.#at + 1
    if (!this.#passes(mark)) return { from, to: from }
    const open = [closing.get(mark)]
    while (open.length > 0) {
      if (this.isAtEnd || open.length > levelsMax) {
        this.break()
        return { from, to: from }
      }
      const here = this.#here('mark')
      this.#at += 1
      if (closing.has(here)) open.push(closing.get(here))
      else if (')]}'.includes(here) && here !== '' && open.pop() !== here) this.break()
    }
    return { from, to: this.#at - 1 }
  }

  #directives(): void {
    while (this.#passes('@')) {
      this.#name()
      this.#group('(')
    }
  }

  #field(): Field {
    const first = this.#name()
    const name = this.#passes(':') ? this.#name() : first
    const given = this.#group('(')
    this.#directives()
    return { name, given, inside: this.#group('{') }
  }

  /** Selections up to the brace that closes them, or to the end. */
  selections(level: number): Selection {
    const fields: Field[] = []
    const spreads: string[] = []
    if (level > levelsMax) this.break()
    while (!this.isAtEnd && this.#here('mark') !== '}') {
      if (this.#passes('...')) this.#fragment(level, fields, spreads)
      else fields.push(this.#field())
    }
    return { fields, spreads }
  }

  /** Behind the three dots: a fragment's name, or fields as if they stood here. */
  #fragment(level: number, fields: Field[], spreads: string[]): void {
    const name = this.#maybeName()
    if (name === 'on') this.#name()
    this.#directives()
    if (name !== '' && name !== 'on') {
      spreads.push(name)
      return
    }
    const inside = this.#braced(level + 1)
    for (const field of inside.fields) fields.push(field)
    for (const spread of inside.spreads) spreads.push(spread)
  }

  #braced(level: number): Selection {
    this.#expect('{')
    const inside = this.selections(level)
    this.#expect('}')
    return inside
  }

  operation(): Operation {
    if (this.#here('mark') === '{') return { kind: 'query', name: '', ...this.#braced(0) }
    const kind = this.#name()
    if (!kinds.has(kind)) this.break()
    const name = this.#maybeName()
    this.#group('(')
    this.#directives()
    return { kind, name, ...this.#braced(0) }
  }

  /** A fragment's definition, where one begins here. */
  fragment(): (Selection & { readonly name: string }) | null {
    if (this.#here('name') !== 'fragment') return null
    this.#at += 1
    const name = this.#name()
    if (this.#name() !== 'on') this.break()
    this.#name()
    this.#directives()
    return { name, ...this.#braced(0) }
  }
}

const unreadable = 'The document does not follow the grammar of GraphQL operations.'

/** Reads a document; a sentence where it is none, or says something twice. */
export function readDocument(text: string): GraphQlDocument | string {
  const tokens = graphQlTokens(text)
  if (typeof tokens === 'string') return tokens
  const reader = new Reader(tokens, { from: 0, to: tokens.length })
  const operations: Operation[] = []
  const fragments = new Map<string, Selection>()
  while (!reader.isAtEnd) {
    const fragment = reader.fragment()
    if (fragment === null) operations.push(reader.operation())
    else if (fragments.has(fragment.name)) return 'The document defines a fragment twice.'
    else fragments.set(fragment.name, fragment)
  }
  return reader.isBroken ? unreadable : { tokens, operations, fragments }
}

/** The selections inside a field; null where they do not follow the grammar. */
export function selectionIn({ tokens }: GraphQlDocument, range: Range): Selection | null {
  const reader = new Reader(tokens, range)
  const selection = reader.selections(0)
  return reader.isBroken || !reader.isAtEnd ? null : selection
}

/** Fields of a selection and of every fragment that it spreads, each fragment once; null where one is not defined. */
export function fieldsOf(document: GraphQlDocument, selection: Selection): readonly Field[] | null {
  const fields: Field[] = []
  const seen = new Set<string>()
  const waiting: Selection[] = [selection]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const field of next.fields) fields.push(field)
    for (const name of next.spreads) {
      const fragment = document.fragments.get(name)
      if (fragment === undefined) return null
      if (!seen.has(name)) waiting.push(fragment)
      seen.add(name)
    }
  }
  return fields
}

/** The operation that runs; a sentence where that is not certain. */
export function operationOf(document: GraphQlDocument, wanted: string | null): Operation | string {
  const { operations } = document
  const names = new Set(operations.map(({ name }) => name))
  if (names.size < operations.length) return 'The document has two operations of one name.'
  if (operations.length > 1 && names.has('')) return 'An operation without a name stands alone.'
  if (wanted === null && operations.length !== 1) {
    return 'operationName must say which operation of the document runs.'
  }
  const found = operations.find(({ name }) => wanted === null || name === wanted)
  return found ?? 'The document has no operation of this operationName.'
}
