/** Bodies that a JSON Schema of a route lets pass, and such as it does not: what a fuzzer sends. */
import fc from 'fast-check'
import type { Schema } from '../../control/schemas.ts'

/** What a name or a text may be that means something to the gate of the test. */
export type Known = Readonly<Record<string, readonly unknown[]>>

const hostileTexts = [
  ...[
    '',
    ' ',
    '\u0000',
    '\ud800',
    'a\udc00b',
    '\u202e',
    '../..',
    '%00',
    '\r\n',
    'null',
    '__proto__',
  ],
  ...['constructor', 'toString', '🦊'.repeat(40), 'x'.repeat(3_000), "' or 1=1", '2'.repeat(400)],
]

const hostile: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(...hostileTexts),
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    0.5,
    1e308,
    -1e308,
    Number.MAX_SAFE_INTEGER + 2,
    [],
    {},
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc
    .integer({ min: 2, max: 3_000 })
    .map((depth) => JSON.parse('['.repeat(depth) + ']'.repeat(depth))),
  fc.anything({ withNullPrototype: false, withSparseArray: false }),
)

/** JSON that a schema lets pass, or nearly: some patterns are more than is made here. */
export function validOf(schema: Schema, known: Known, name = ''): fc.Arbitrary<unknown> {
  const { enum: choices, const: only, type } = schema
  if ('const' in schema) return fc.constant(only)
  if (Array.isArray(choices)) return fc.constantFrom<unknown>(...choices)
  const some = known[name]
  const made = ofType(schema, Array.isArray(type) ? type[0] : type, known)
  return some === undefined
    ? made
    : fc.oneof({ weight: 20, arbitrary: fc.constantFrom(...some) }, made)
}

function ofType(schema: Schema, type: unknown, known: Known): fc.Arbitrary<unknown> {
  if (type === 'object') return objectOf(schema, known)
  if (type === 'array') {
    const { items = {}, minItems = 0, maxItems = 4 } = schema as Sizes
    const maxLength = Math.min(maxItems, minItems + 4)
    return fc.array(validOf(items, known), { minLength: minItems, maxLength })
  }
  if (type === 'boolean') return fc.boolean()
  if (type === 'integer' || type === 'number') {
    const { minimum = -1_000, maximum = 1_000_000 } = schema as Sizes
    return fc.integer({ min: minimum, max: Math.min(maximum, 2 ** 31 - 1) })
  }
  return type === 'string' ? textOf(schema) : hostile
}

interface Sizes {
  readonly items?: Schema
  readonly minItems?: number
  readonly maxItems?: number
  readonly minimum?: number
  readonly maximum?: number
}

function textOf(schema: Schema): fc.Arbitrary<string> {
  const { maxLength = 1_000, minLength = 0, pattern } = schema as Readonly<Record<string, never>>
  if (pattern === undefined) return fc.string({ minLength, maxLength: Math.min(maxLength, 64) })
  const source = String(pattern)
  if (/\\p|\(\?/.test(source)) return fc.constantFrom('why', 'a longer reason', 'ü')
  return fc.stringMatching(new RegExp(source)).filter(({ length }) => length <= maxLength)
}

function objectOf(schema: Schema, known: Known): fc.Arbitrary<object> {
  const { properties, required, additionalProperties, propertyNames } = schema as {
    readonly properties?: Readonly<Record<string, Schema>>
    readonly required?: readonly string[]
    readonly additionalProperties?: Schema | false
    readonly propertyNames?: Schema
  }
  if (properties === undefined) {
    const keys = propertyNames === undefined ? fc.string({ maxLength: 20 }) : textOf(propertyNames)
    const isMap = typeof additionalProperties === 'object'
    const values = isMap ? validOf(additionalProperties, known) : hostile
    return fc.dictionary(keys, values, { maxKeys: 4, noNullPrototype: true })
  }
  const members = Object.entries(properties).map(([name, one]) => [name, validOf(one, known, name)])
  const requiredKeys = [...(required ?? [])] as never[]
  return fc.record(Object.fromEntries(members), { requiredKeys, noNullPrototype: true })
}

/** A body that somebody broke: a member more, fewer, or another; or no JSON of that shape at all. */
export function brokenOf(valid: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const member = fc.constantFrom(
    'actor',
    'action',
    'context',
    'items',
    'target',
    'extra',
    '__proto__',
  )
  return fc.oneof(
    fc.tuple(valid, member, hostile).map(([body, name, value]) => {
      return typeof body === 'object' ? { ...body, [name]: value } : value
    }),
    fc.tuple(valid, fc.nat()).map(([body, at]) => {
      const entries = Object.entries(Object(body))
      return Object.fromEntries(entries.filter((_, index) => index !== at % (entries.length + 1)))
    }),
    hostile,
  )
}

/** Texts that are no body, or one that no library would send. */
export const textBodies: readonly string[] = [
  ...['', '{', '[', 'nul', '"', '\u0000', '{"a":1}{"b":2}', '{"actor":"worker","actor":"trader"}'],
  ...['['.repeat(30_000), '{"context":'.repeat(5_000), '{"__proto__":{"x":1}}', '[1e999,-1e999]'],
  ...['{"constructor":{"prototype":{"x":1}}}', '"\\ud800"', '1e999', ' '.repeat(60_000)],
  `{"actor":"worker","action":"axn_write","context":${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}}`,
  '{"actor":"worker","action":"axn_write","context":{"title":"\\ud800\\udfff\\udfff"}}',
  '{"actor":"worker","action":"axn_write","context":{"title":1e999}}',
  '{"actor":"worker","action":"axn_write","context":{"toString":1,"valueOf":{"a":[null]}}}',
  `{"actor":"worker","action":"axn_write","context":{"title":${'9'.repeat(400)}}}`,
]
