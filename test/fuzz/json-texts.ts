/** Fuzzes the strict reader of JSON against the engine's: what it reads is what JSON.parse reads, and it refuses little else. */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import type { Json } from '../../kernel/content.ts'
import { type JsonText, readJson, readJsonText } from '../../kernel/decoders/json-text.ts'
import { textOf } from '../../kernel/decoders/utf8.ts'
import { ensure, type Fuzzed } from './fuzzed.ts'
import { jsonPieces, jsonText } from './json-text.ts'
import { mutated } from './mutation.ts'
import { timely } from './timely.ts'

/** Begin the sentences of what RFC 8259 allows and the reader refuses. */
const stricter: readonly string[] = [
  'a name that this object has not had',
  'a string without lone surrogates',
  'a finite number',
  'no deeper level',
  'no more than',
]

/** What JSON.parse makes of the text; undefined where it makes nothing. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The value as JSON.parse would have made it, whose objects have a prototype. */
function plain(value: Json): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(plain)
  return Object.fromEntries(Object.entries(value).map(([name, inside]) => [name, plain(inside)]))
}

/** Whether two values of JSON are the same, members of every name among them. */
export function sameJson(value: Json, other: unknown): boolean {
  return isDeepStrictEqual(plain(value), other)
}

/** Each span of a member or element holds its value, alone. */
function checkSpans({ text, value, members, elements }: JsonText): void {
  for (const [name, { from, to }] of members) {
    const inside = readJsonText(text.slice(from, to))
    const held = (value as Readonly<Record<string, Json>>)[name]
    ensure(inside.ok && isDeepStrictEqual(inside.value, held), 'a member stands at its span')
  }
  for (const [index, { from, to }] of elements.entries()) {
    const inside = readJsonText(text.slice(from, to))
    const held = (value as readonly Json[])[index]
    ensure(inside.ok && isDeepStrictEqual(inside.value, held), 'an element stands at its span')
  }
}

const bytes = mutated(
  jsonText.map((text) => Buffer.from(text, 'utf8')),
  jsonPieces,
)

export const jsonTexts: Fuzzed = {
  name: 'json-texts',
  share: 4,
  roundRuns: 500,
  reaches: ['read', 'refused as JSON.parse does', 'refused more strictly'],
  open: async (reached) =>
    fc.property(bytes, (body) => {
      const read = timely(body.length, () => readJson(body))
      const text = textOf(body)
      if (text === null) {
        ensure(!read.ok, 'what is no UTF-8 is no JSON')
        return
      }
      ensure(Buffer.from(text, 'utf8').equals(body), 'a text is its bytes')
      const expected = parsed(text)
      if (read.ok) {
        reached('read')
        ensure(
          expected !== undefined && sameJson(read.value, expected),
          'it is read as JSON.parse reads it',
        )
        checkSpans(read)
        return
      }
      const isStricter = stricter.some((sentence) => read.problem.includes(sentence))
      reached(isStricter ? 'refused more strictly' : 'refused as JSON.parse does')
      ensure(isStricter || expected === undefined, `JSON.parse reads it: ${read.problem}`)
    }),
}
