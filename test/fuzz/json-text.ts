/** Makes JSON texts as people, libraries and attackers write them: any spacing, any escape, names twice. */
import fc from 'fast-check'

/** Mostly nothing, so that texts stay short. */
const blank = fc.oneof(
  { weight: 6, arbitrary: fc.constant('') },
  fc.constantFrom(' ', '\n', '\t', '\r\n '),
)

const character = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('a', 'b', 'é', '😀', '/', ' ') },
  fc.constantFrom('\\n', '\\/', '\\u0041', '\\u00e9', '\\ud83d\\ude00', '\\"', '\\\\'),
  { weight: 1, arbitrary: fc.constantFrom('\\ud800', '\\x', '\u0007', '\ufeff') },
)

/** A string in its quotes. */
export const jsonString: fc.Arbitrary<string> = fc
  .array(character, { maxLength: 5 })
  .map((all) => `"${all.join('')}"`)

const number = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.constantFrom(
    '0',
    '-0',
    '1e2',
    '1E+2',
    '0.5e-3',
    '9007199254740993',
    '1e999',
    '01',
    '1.',
    '+1',
    '.5',
    '-',
  ),
)

/** A member's name and value, both as texts. */
export type Member = readonly [name: string, value: string]

/** An object of members in their order, spaced as they come. */
export function objectText(members: readonly Member[], space = ''): string {
  const texts = members.map(
    ([name, value]) => `${space}${JSON.stringify(name)}${space}:${space}${value}`,
  )
  return `{${texts.join(`${space},`)}${space}}`
}

/** Any JSON text, and some that are nearly one. */
export const jsonText: fc.Arbitrary<string> = fc.letrec<{ any: string }>((tie) => {
  const list = fc
    .tuple(fc.array(tie('any'), { maxLength: 3 }), blank)
    .map(([items, space]) => `[${space}${items.join(`${space},${space}`)}${space}]`)
  const name = fc.constantFrom(
    '"a"',
    '"b"',
    '"\\u0061"',
    '"__proto__"',
    '"constructor"',
    '""',
    '"é"',
  )
  const object = fc
    .tuple(fc.array(fc.tuple(name, tie('any')), { maxLength: 3 }), blank)
    .map(([members, space]) => {
      const texts = members.map(([each, value]) => `${each}${space}:${value}`)
      return `{${space}${texts.join(`,${space}`)}${space}}`
    })
  return {
    any: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('null', 'true', 'false'),
      jsonString,
      number,
      list,
      object,
    ),
  }
}).any

/** Pieces that mean something to a reader of JSON. */
export const jsonPieces: readonly string[] = [
  '"',
  '\\',
  '\\u',
  '\\ud800',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '-',
  'e',
  '.',
  '0',
  'null',
  'true',
  '{"a":',
  '[[',
  ' ',
  '\ufeff',
  '\u0000',
  '\u2028',
  '//',
  'NaN',
]
