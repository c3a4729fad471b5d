/**
 * Strict JSON: one reading of a text, or none. Every parser that follows RFC 8259 reads what this one reads.
 *
 * Refused although RFC 8259 leaves it open: a name twice in one object, lone surrogates, a byte order mark, numbers that
 * are not finite, and more than the limits. Integers beyond 2^53 are read as the nearest double, as nearly all parsers do:
 * whoever needs them exact asks Number.isSafeInteger.
 *
 * source  RFC 8259 sections 2 to 8; RFC 7493 section 2 for names, surrogates and numbers.
 */
import type { Json } from '../content.ts'
import { textOf } from './utf8.ts'

/** Levels of nesting. */
export const depthMax = 64

/**
 * Work for one text, in units of a small value: so a small body cannot become a great heap of objects, nor hold the loop
 * up. 500,000 of them take 0.1 s (Node 20.20.2, 2026-11-21; of distinct names alone 0.7 s where each was one unit).
 */
export const nodesMax = 500_000

/** What the name of a member costs beside its value: one that the text has not had has to be kept, and is slow to find. */
const nameNodes = { known: 1, fresh: 4 } as const

/** What a string costs that the engine has to put together. */
const escapedNodes = 1

/** Where something stands in a text: UTF-16 units, the end excluded. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** A JSON text, what it says, and where the values stand that its outermost object or list holds. */
export interface JsonText {
  readonly ok: true
  readonly text: string
  readonly value: Json
  readonly members: ReadonlyMap<string, Span>
  readonly elements: readonly Span[]
}

/** What is not JSON to us, and why: a sentence that names a place, and nothing of the content (I6). */
export interface Unread {
  readonly ok: false
  readonly problem: string
}

/** Reads the bytes as one JSON text. */
export function readJson(bytes: Uint8Array): JsonText | Unread {
  const text = textOf(bytes)
  return text === null ? { ok: false, problem: 'The body is not UTF-8.' } : readJsonText(text)
}

/** Reads a text as JSON. */
export function readJsonText(text: string): JsonText | Unread {
  return new Reader(text).read()
}

const isBlank = (code: number): boolean =>
  code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

const tooMany = `no more than ${nodesMax} values`

const literals: readonly (readonly [string, Json])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
]

/** One pass over one text; the place only moves forward. Undefined means that it has stopped at a problem. */
class Reader {
  readonly #text: string
  readonly #members = new Map<string, Span>()
  readonly #elements: Span[] = []
  readonly #names = new Set<string>()
  #at = 0
  #nodes = 0
  #problem = ''

  constructor(text: string) {
    this.#text = text
  }

  read(): JsonText | Unread {
    const value = this.#value(0)
    if (value === undefined) return { ok: false, problem: this.#problem }
    this.#skipBlanks()
    if (this.#at !== this.#text.length) {
      this.#stop('nothing more')
      return { ok: false, problem: this.#problem }
    }
    const text = this.#text
    return { ok: true, text, value, members: this.#members, elements: this.#elements }
  }

  #stop(expected: string): undefined {
    this.#problem = `Not the JSON that is read here: ${expected} expected at character ${this.#at}.`
    return undefined
  }

  #skipBlanks(): void {
    while (isBlank(this.#text.charCodeAt(this.#at))) this.#at += 1
  }

  /** Whether there is room for so much more work. */
  #spend(nodes: number): boolean {
    this.#nodes += nodes
    return this.#nodes <= nodesMax
  }

  #value(depth: number): Json | undefined {
    this.#skipBlanks()
    if (!this.#spend(1)) return this.#stop(tooMany)
    switch (this.#text.charCodeAt(this.#at)) {
      case 0x7b:
        return depth === depthMax
          ? this.#stop(`no deeper level than ${depthMax}`)
          : this.#object(depth)
      case 0x5b:
        return depth === depthMax
          ? this.#stop(`no deeper level than ${depthMax}`)
          : this.#list(depth)
      case 0x22:
        return this.#string()
      case 0x74:
      case 0x66:
      case 0x6e:
        return this.#literal()
      default:
        return this.#number()
    }
  }

  /** Passes a mark between items: true to go on, false at the end, undefined where neither stands. */
  #goesOn(close: number): boolean | undefined {
    this.#skipBlanks()
    const code = this.#text.charCodeAt(this.#at)
    if (code !== 0x2c && code !== close)
      return this.#stop('a comma or the end of the object or list')
    this.#at += 1
    return code === 0x2c
  }

  /** Passes the opening mark, and tells whether the closing one follows at once; passes it too. */
  #isEmpty(close: number): boolean {
    this.#at += 1
    this.#skipBlanks()
    if (this.#text.charCodeAt(this.#at) !== close) return false
    this.#at += 1
    return true
  }

  #list(depth: number): Json | undefined {
    const items: Json[] = []
    if (this.#isEmpty(0x5d)) return items
    for (;;) {
      this.#skipBlanks()
      const from = this.#at
      const item = this.#value(depth + 1)
      if (item === undefined) return undefined
      items.push(item)
      if (depth === 0) this.#elements.push({ from, to: this.#at })
      const more = this.#goesOn(0x5d)
      if (more !== true) return more === undefined ? undefined : items
    }
  }

  #object(depth: number): Json | undefined {
    // No prototype: `__proto__` and `constructor` are members like any other.
    const members = Object.create(null) as Record<string, Json>
    if (this.#isEmpty(0x7d)) return members
    for (;;) {
      this.#skipBlanks()
      if (this.#text.charCodeAt(this.#at) !== 0x22) return this.#stop('the name of a member')
      const name = this.#string()
      if (name === undefined) return undefined
      if (!this.#spend(this.#names.has(name) ? nameNodes.known : nameNodes.fresh)) {
        return this.#stop(tooMany)
      }
      this.#names.add(name)
      if (name in members) return this.#stop('a name that this object has not had')
      this.#skipBlanks()
      if (this.#text.charCodeAt(this.#at) !== 0x3a) return this.#stop('a colon')
      this.#at += 1
      this.#skipBlanks()
      const from = this.#at
      const value = this.#value(depth + 1)
      if (value === undefined) return undefined
      members[name] = value
      if (depth === 0) this.#members.set(name, { from, to: this.#at })
      const more = this.#goesOn(0x7d)
      if (more !== true) return more === undefined ? undefined : members
    }
  }

  #literal(): Json | undefined {
    for (const [word, value] of literals) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length
        return value
      }
    }
    return this.#stop('a value')
  }

  #string(): string | undefined {
    const from = this.#at
    let escaped = false
    for (this.#at += 1; ; this.#at += 1) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === 0x22) break
      // Past the end the code is NaN, which this refuses too.
      if (!(code >= 0x20)) return this.#stop('the rest of a string')
      if (code === 0x5c) {
        escaped = true
        if (!this.#passEscape()) return this.#stop('an escape sequence')
      }
    }
    this.#at += 1
    if (!escaped) return this.#text.slice(from + 1, this.#at - 1)
    if (!this.#spend(escapedNodes)) return this.#stop(tooMany)
    // Its escapes are checked: the engine only puts them together.
    const text: string = JSON.parse(this.#text.slice(from, this.#at))
    return text.isWellFormed() ? text : this.#stop('a string without lone surrogates before')
  }

  /** From a backslash to the last character of its sequence. */
  #passEscape(): boolean {
    this.#at += 1
    const mark = this.#text.charAt(this.#at)
    if (mark !== 'u') return mark !== '' && '"\\/bfnrt'.includes(mark)
    const digits = this.#text.slice(this.#at + 1, this.#at + 5)
    this.#at += 4
    return /^[0-9A-Fa-f]{4}$/.test(digits)
  }

  #number(): number | undefined {
    const from = this.#at
    if (this.#text.charCodeAt(this.#at) === 0x2d) this.#at += 1
    if (this.#text.charCodeAt(this.#at) === 0x30) this.#at += 1
    else if (!this.#passDigits()) return this.#stop('a value')
    if (this.#text.charCodeAt(this.#at) === 0x2e) {
      this.#at += 1
      if (!this.#passDigits()) return this.#stop('a digit')
    }
    const exponent = this.#text.charAt(this.#at)
    if (exponent === 'e' || exponent === 'E') {
      this.#at += 1
      const sign = this.#text.charAt(this.#at)
      if (sign === '+' || sign === '-') this.#at += 1
      if (!this.#passDigits()) return this.#stop('a digit')
    }
    const value = Number(this.#text.slice(from, this.#at))
    return Number.isFinite(value) ? value : this.#stop('a finite number before')
  }

  #passDigits(): boolean {
    const from = this.#at
    while (isDigit(this.#text.charCodeAt(this.#at))) this.#at += 1
    return this.#at > from
  }
}
