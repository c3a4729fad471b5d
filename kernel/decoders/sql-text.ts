/**
 * The tokens of an SQL text whose dialect nobody says. Where two dialects disagree on where a string, a comment or a name
 * ends, the text is refused: what one server takes for a string is a statement to another.
 *
 * source  SQL:2016 part 2, 5.2 and 5.3; the manuals of PostgreSQL (4.1), MySQL (9.1, 9.7), T-SQL, BigQuery, Snowflake and
 *         ClickHouse on lexical structure.
 */

/** Tokens in one text. */
export const tokensMax = 200_000

export interface SqlToken {
  /** `name` is a quoted one, or a string in double quotes: dialects differ. `dollar` is a text in dollar quotes. */
  readonly kind: 'word' | 'name' | 'string' | 'dollar' | 'number' | 'mark'
  /** Words in lower case; names without their quotes; nothing of strings. */
  readonly text: string
  /** Parentheses around it. */
  readonly depth: number
}

const wordStart = /[A-Za-z_@\u0080-\uFFFF]/
const wordRest = /[\w@$\u0080-\uFFFF]/
const blanks = ' \t\n\r\f'
const marks = '+-*/%<>=!~^&|(),.;:?{}[]'

/** A number and nothing else: T-SQL reads `1DROP` as a number and a word. */
const number = /^(?:\d+(?:\.\d*)?(?:[eE]\d*)?|\.\d+(?:[eE]\d*)?|0[xX][0-9A-Fa-f]+)$/

/** A cursor that only moves forward; a sentence in `problem` stops it. */
class Scanner {
  readonly #text: string
  readonly #tokens: SqlToken[] = []
  #at = 0
  #depth = 0
  /** Brackets around the place: T-SQL's names, or lists of others. */
  #brackets = 0
  #problem = ''

  constructor(text: string) {
    this.#text = text
  }

  read(): readonly SqlToken[] | string {
    while (this.#at < this.#text.length && this.#problem === '') this.#step()
    if (this.#problem !== '') return this.#problem
    return this.#depth === 0 && this.#brackets === 0
      ? this.#tokens
      : 'A parenthesis or bracket of the SQL is not closed.'
  }

  #stop(problem: string): void {
    this.#problem = problem
  }

  #push(kind: SqlToken['kind'], text: string, depth: number = this.#depth): void {
    this.#tokens.push({ kind, text, depth })
    if (this.#tokens.length > tokensMax) this.#stop(`The SQL has more than ${tokensMax} tokens.`)
  }

  #step(): void {
    const character = this.#text.charAt(this.#at)
    const pair = this.#text.slice(this.#at, this.#at + 2)
    if (blanks.includes(character)) this.#at += 1
    else if (pair === '--') this.#lineComment()
    else if (pair === '/*') this.#blockComment()
    else if (character === '#' || pair === '//') {
      this.#stop('Some dialects begin a comment with # or //, others do not: leave it out.')
    } else if (`'"\``.includes(character)) this.#quoted(character)
    else if (character === '$') this.#dollar()
    else if (/\d/.test(character) || /^\.\d$/.test(pair)) this.#number()
    else if (wordStart.test(character)) this.#word()
    else this.#mark(character)
  }

  #inBrackets(): boolean {
    if (this.#brackets > 0)
      this.#stop('Brackets hold what is a name to one dialect and more to another.')
    return this.#brackets > 0
  }

  #lineComment(): void {
    const end = this.#text.indexOf('\n', this.#at)
    const comment = this.#text.slice(this.#at + 2, end < 0 ? this.#text.length : end)
    // MySQL needs a blank to see a comment; a lone carriage return ends it for some.
    if (
      !/^(?:[ \t\r]|$)/.test(comment) ||
      comment.slice(0, -1).includes('\r') ||
      this.#inBrackets()
    ) {
      this.#stop('A comment begins with two hyphens and a blank, and ends with its line.')
    }
    this.#at += 2 + comment.length
  }

  #blockComment(): void {
    const end = this.#text.indexOf('*/', this.#at + 2)
    const comment = this.#text.slice(this.#at + 2, Math.max(end, 0))
    // Some dialects nest comments; MySQL and MariaDB run what stands in these.
    if (end < 0 || comment.includes('/*') || /^M?!/.test(comment) || this.#inBrackets()) {
      this.#stop('A comment of the SQL is not closed, nested, or one that some servers run.')
    }
    this.#at = end + 2
  }

  /** A string or a quoted name, up to the quote that ends it in every dialect. */
  #quoted(quote: string): void {
    const from = this.#at + 1
    const before = this.#tokens.at(-1)
    const isOracles = before?.kind === 'word' && /^n?q$/.test(before.text)
    if (this.#text.startsWith(quote.repeat(3), this.#at) || isOracles) {
      this.#stop('Three quotes, or q before a quote, mean different strings to different dialects.')
      return
    }
    let slashes = 0
    for (this.#at = from; ; this.#at += 1) {
      const character = this.#text.charAt(this.#at)
      if (character === '') {
        this.#stop('A string or name of the SQL is not closed.')
        return
      }
      if (character === quote) {
        if (slashes % 2 === 1) {
          this.#stop(
            'A backslash before a quote ends the string in some dialects: double the quote.',
          )
          return
        }
        if (this.#text.charAt(this.#at + 1) !== quote) break
        this.#at += 1
      }
      slashes = character === '\\' ? slashes + 1 : 0
    }
    const inside = this.#text.slice(from, this.#at)
    this.#at += 1
    if (this.#brackets > 0 && inside.includes(']')) this.#inBrackets()
    this.#push(quote === "'" ? 'string' : 'name', quote === "'" ? '' : inside)
  }

  /** A text in dollar quotes, or a parameter. */
  #dollar(): void {
    const from = this.#at
    for (this.#at += 1; wordRest.test(this.#text.charAt(this.#at)); ) {
      if (this.#text.charAt(this.#at) === '$') break
      this.#at += 1
    }
    const tag = this.#text.slice(from, this.#at)
    if (this.#text.charAt(this.#at) !== '$' || /^\$\d/.test(tag)) {
      this.#push('word', tag)
      return
    }
    const end = this.#text.indexOf(`${tag}$`, this.#at + 1)
    if (end < 0 || this.#brackets > 0) this.#stop('A text in dollar quotes is not closed.')
    this.#at = end + tag.length + 1
    this.#push('dollar', '')
  }

  #number(): void {
    const from = this.#at
    while (/[\w.]/.test(this.#text.charAt(this.#at))) this.#at += 1
    const text = this.#text.slice(from, this.#at)
    if (number.test(text)) this.#push('number', text)
    else this.#stop('A number of the SQL runs into a word.')
  }

  #word(): void {
    const from = this.#at
    while (wordRest.test(this.#text.charAt(this.#at))) this.#at += 1
    const word = this.#text.slice(from, this.#at)
    // Some dialects take these for blanks, others for letters.
    if (/[\p{Z}\p{C}]/u.test(word)) this.#stop('A blank or control character that is not ASCII.')
    this.#push('word', word.toLowerCase())
  }

  #mark(mark: string): void {
    if (!marks.includes(mark)) this.#stop('A character that SQL does not know.')
    this.#at += 1
    if (mark === '[') this.#brackets += 1
    if (mark === ']') this.#brackets -= 1
    if (mark === ')') this.#depth -= 1
    this.#push('mark', mark)
    if (mark === '(') this.#depth += 1
    const isLoose = mark === ';' && (this.#depth !== 0 || this.#brackets !== 0)
    if (this.#depth < 0 || this.#brackets < 0 || isLoose) {
      this.#stop('A parenthesis or bracket of the SQL is not closed.')
    }
  }
}

/** The statements of the text, each as its tokens, empty ones left out; a sentence where it has no one reading. */
export function sqlStatements(text: string): readonly (readonly SqlToken[])[] | string {
  const tokens = new Scanner(text).read()
  if (typeof tokens === 'string') return tokens
  const statements: SqlToken[][] = [[]]
  for (const token of tokens) {
    if (token.kind === 'mark' && token.text === ';') statements.push([])
    else statements.at(-1)?.push(token)
  }
  return statements.filter((statement) => statement.length > 0)
}
