/**
 * The tokens of a GraphQL document: one pass, strings and comments told apart from what they hold.
 *
 * source  GraphQL specification, October 2021, section 2.1.
 */

/** Tokens in one document. */
export const tokensMax = 100_000

export type GraphQlToken =
  | { readonly kind: 'name'; readonly text: string }
  | { readonly kind: 'mark'; readonly text: string }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'string' }

const nameStart = /[A-Za-z_]/
const nameRest = /\w/
const numberRest = /[\w.+-]/
const marks = '!$&()[]{}:=@|'

/** A cursor that only moves forward. */
class Scanner {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** The next token; null at the end, undefined where none can be read. */
  next(): GraphQlToken | null | undefined {
    this.#skipIgnored()
    const character = this.#text.charAt(this.#at)
    if (character === '') return null
    if (nameStart.test(character)) return { kind: 'name', text: this.#take(nameRest) }
    if (character === '-' || /\d/.test(character)) {
      return { kind: 'number', text: this.#take(numberRest) }
    }
    if (character === '"') return this.#string() ? { kind: 'string' } : undefined
    if (this.#text.startsWith('...', this.#at)) {
      this.#at += 3
      return { kind: 'mark', text: '...' }
    }
    this.#at += 1
    return marks.includes(character) ? { kind: 'mark', text: character } : undefined
  }

  #skipIgnored(): void {
    for (;;) {
      const character = this.#text.charAt(this.#at)
      if (character === '#') this.#skipLine()
      else if (character === '' || !' \t\n\r,\uFEFF'.includes(character)) return
      else this.#at += 1
    }
  }

  #skipLine(): void {
    while (this.#at < this.#text.length && !'\n\r'.includes(this.#text.charAt(this.#at))) {
      this.#at += 1
    }
  }

  #take(rest: RegExp): string {
    const from = this.#at
    for (this.#at += 1; rest.test(this.#text.charAt(this.#at)); ) this.#at += 1
    return this.#text.slice(from, this.#at)
  }

  #string(): boolean {
    if (this.#text.startsWith('"""', this.#at)) return this.#blockString()
    for (this.#at += 1; ; this.#at += 1) {
      const character = this.#text.charAt(this.#at)
      if (character === '' || character === '\n' || character === '\r') return false
      if (character === '\\') this.#at += 1
      if (character === '"') break
    }
    this.#at += 1
    return true
  }

  #blockString(): boolean {
    this.#at += 3
    for (;;) {
      const end = this.#text.indexOf('"""', this.#at)
      if (end < 0) return false
      // In a block string only `\"""` is an escape, and a backslash before that backslash does not undo it.
      const escaped = this.#text.charAt(end - 1) === '\\'
      this.#at = end + 3
      if (!escaped) return true
    }
  }
}

/** All tokens of the document; a sentence where it has none that follow the specification, or too many. */
export function graphQlTokens(text: string): readonly GraphQlToken[] | string {
  const scanner = new Scanner(text)
  const tokens: GraphQlToken[] = []
  for (;;) {
    const token = scanner.next()
    if (token === null) return tokens
    if (token === undefined)
      return 'The document has a character or string that GraphQL does not know.'
    tokens.push(token)
    if (tokens.length > tokensMax) return `The document has more than ${tokensMax} tokens.`
  }
}
