/** The strict reader of JSON: what it reads and refuses, that it walks over its text once, and edits that keep the rest. */
import fc from 'fast-check'
import { test } from 'tap'
import { depthMax, nodesMax, readJson, readJsonText } from '../../../kernel/decoders/json-text.ts'
import { insertMember, replaceMember, setMember } from '../../../kernel/decoders/splice.ts'
import { bytesOf } from '../../../kernel/decoders/utf8.ts'
import { seed, seedSentence } from '../seed.ts'
import { stepsOf } from './request.ts'

test(seedSentence, async (t) => t.ok(Number.isSafeInteger(seed)))

const refused: readonly (readonly [why: string, text: string])[] = [
  ['nothing', ''],
  ['blanks alone', ' \n'],
  ['a byte order mark', '\uFEFF{}'],
  ['a name twice', '{"a":1,"a":2}'],
  ['a name twice, once escaped', '{"a":1,"\\u0061":2}'],
  ['a name twice, deep inside', '[[{"x":{"b":1,"b":1}}]]'],
  ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
  ['a lone high surrogate', '"\\ud800"'],
  ['a lone low surrogate', '"\\udc00x"'],
  ['surrogates in the wrong order', '["\\udc00\\ud800"]'],
  ['a lone surrogate in a name', '{"\\ud800":1}'],
  ['a control character in a string', '"a\nb"'],
  ['a string without an end', '"abc'],
  ['an escape without an end', '"\\'],
  ['an unknown escape', '"\\x41"'],
  ['a short escape', '"\\u12g4"'],
  ['an escape that the text ends', '"\\u12'],
  ['a number beyond any double', '1e999'],
  ['NaN', 'NaN'],
  ['Infinity', '-Infinity'],
  ['a leading zero', '01'],
  ['a plus', '+1'],
  ['a minus alone', '-'],
  ['no digit behind the point', '1.'],
  ['no digit before the point', '.5'],
  ['no digit in the exponent', '1e+'],
  ['hexadecimal', '0x10'],
  ['a trailing comma in a list', '[1,]'],
  ['a trailing comma in an object', '{"a":1,}'],
  ['two commas', '[1,,2]'],
  ['no comma', '[1 2]'],
  ['no colon', '{"a" 1}'],
  ['no value', '{"a":}'],
  ['a name without quotes', '{a:1}'],
  ['single quotes', "{'a':1}"],
  ['a comment', '{}//x'],
  ['two values', '{}{}'],
  ['a half word', 'tru'],
  ['another word', 'nul!'],
  ['no end of a list', '[1'],
  ['no end of an object', '{"a":1'],
  ['no name', '{'],
  ['a bad value in a list', '[x]'],
  ['a vertical tab between', '[\v1]'],
]

test('what RFC 8259 or this reader refuses is not read', async (t) => {
  for (const [why, text] of refused) t.equal(readJsonText(text).ok, false, why)
  for (const bytes of [
    [0x22, 0xff, 0x22],
    [0xc0, 0x80],
    [0x22, 0xed, 0xa0, 0x80, 0x22],
  ]) {
    t.match(readJson(new Uint8Array(bytes)), { ok: false, problem: 'The body is not UTF-8.' })
  }
})

test('what it says of a text that it refuses holds nothing of the text', async (t) => {
  const read = readJsonText('{"key": "sk-secret", "key": 1}')
  t.notMatch(read, { problem: /sk-secret|key"/ })
  t.match(read, { ok: false, problem: /character 26/ })
})

const accepted: readonly (readonly [text: string, value: unknown])[] = [
  [' {} ', {}],
  ['[]', []],
  ['null', null],
  ['[true,false,null]', [true, false, null]],
  ['-0.5e-3', -0.0005],
  ['1E2', 100],
  ['0', 0],
  ['-0', -0],
  ['9007199254740993', 9007199254740992],
  ['1e-999', 0],
  ['"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\/\b\f\n\r\t'],
  ['"\\ud83d\\uDE00"', '\u{1F600}'],
  ['"\u{1F600} \u007f"', '\u{1F600} \u007f'],
  ['\t{"a" :\r\n[ 1 , {"b":"c"} ] , "":""}', { a: [1, { b: 'c' }], '': '' }],
]

test('what it reads it reads as JSON.parse does', async (t) => {
  for (const [text, value] of accepted) {
    t.match(readJsonText(text), { ok: true, value }, text)
    t.strictSame(JSON.parse(text), value, text)
  }
})

test('members that prototypes have are members like any other', async (t) => {
  const read = readJsonText('{"__proto__":{"admin":true},"constructor":1}')
  const value: unknown = read.ok ? read.value : {}
  t.same(Object.keys(Object(value)), ['__proto__', 'constructor'])
  t.equal(Object.getPrototypeOf(value), null)
  const empty = readJsonText('{}')
  t.notOk(empty.ok && 'constructor' in Object(empty.value))
})

test('levels and values have limits, and a text at its limit is read', async (t) => {
  const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
  t.equal(readJsonText(nested(depthMax)).ok, true)
  t.equal(readJsonText(nested(depthMax + 1)).ok, false)
  t.equal(readJsonText(`${'{"a":'.repeat(65)}1${'}'.repeat(65)}`).ok, false)
  const many = (count: number): string => `[${'0,'.repeat(count - 1)}0]`
  t.equal(readJsonText(many(nodesMax - 1)).ok, true)
  t.equal(readJsonText(many(nodesMax)).ok, false)
})

test('names and escapes are counted by what they cost', async (t) => {
  const members = (count: number, name: (at: number) => string): string =>
    `{${Array.from({ length: count }, (_, at) => `"${name(at)}":1`).join(',')}}`
  // One for the object, and five for each member of a name that is new.
  const distinct = Math.floor((nodesMax - 1) / 5)
  t.equal(readJsonText(members(distinct, (at) => `k${at}`)).ok, true)
  t.match(readJsonText(members(distinct + 1, (at) => `k${at}`)), {
    ok: false,
    problem: /no more than 500000 values/,
  })
  const rows = (count: number): string => `[${'{"a":1},'.repeat(count - 1)}{"a":1}]`
  t.equal(readJsonText(rows(150_000)).ok, true, 'a name that comes again costs less')
  t.equal(readJsonText(rows(170_000)).ok, false)
  const strings = (text: string): string => `[${`"${text}",`.repeat(299_999)}"${text}"]`
  t.equal(readJsonText(strings('plain')).ok, true)
  t.equal(readJsonText(strings('\\n')).ok, false)
})

test('hostile texts of megabytes are answered, and nothing is thrown', async (t) => {
  const mega = 1024 * 1024
  t.equal(readJsonText('['.repeat(mega)).ok, false)
  t.equal(readJsonText('{"a":'.repeat(mega)).ok, false)
  t.match(readJsonText(`"${'x'.repeat(5 * mega)}"`), { ok: true })
  t.match(readJsonText(`"${'\\n'.repeat(5 * mega)}"`), { ok: true })
  t.equal(readJsonText(`"${'x'.repeat(5 * mega)}`).ok, false)
  t.equal(readJsonText('9'.repeat(5 * mega)).ok, false)
  t.match(readJsonText(`0.${'9'.repeat(5 * mega)}`), { ok: true })
  t.equal(readJsonText(`{"${'k'.repeat(mega)}":1,"${'k'.repeat(mega)}":2}`).ok, false)
})

const shapes: readonly (readonly [string, (size: number) => string])[] = [
  ['brackets', (size) => '['.repeat(size)],
  ['a string', (size) => `"${'x'.repeat(size)}"`],
  ['escapes', (size) => `"${'\\u0061'.repeat(size)}"`],
  ['a number', (size) => `-1.${'1'.repeat(size)}e5`],
  ['blanks', (size) => ' '.repeat(size)],
  ['a list', (size) => `[${'[],'.repeat(size)}[]]`],
  ['members', (size) => `{${Array.from({ length: size }, (_, at) => `"k${at}":{}`).join(',')}}`],
]

test('twice the text takes at most about twice the steps', async (t) => {
  for (const [name, shape] of shapes) {
    const [less, more] = [2000, 4000].map((size) => stepsOf(() => readJsonText(shape(size))))
    t.ok((more ?? 0) <= 2.2 * (less ?? 0) + 100, `${name}: ${less} and ${more} steps`)
  }
})

/** JSON.parse is laxer: whatever this reader takes, both read alike. */
test('whatever it reads JSON.parse reads alike', async (t) => {
  const blank = fc.constantFrom('', ' ', '\n\t')
  const text = fc.oneof(
    fc.json({ stringUnit: 'binary' }),
    fc.tuple(blank, fc.json(), blank).map((parts) => parts.join('')),
    fc.string({ unit: fc.constantFrom(...'{}[]",:0123.e-+\\u aftn'.split('')) }),
  )
  const property = fc.property(text, (each) => {
    const read = readJsonText(each)
    if (read.ok) t.strictSame(JSON.parse(JSON.stringify(read.value)), JSON.parse(each))
  })
  fc.assert(property, { seed, numRuns: 400 })
})

test('all well-formed JSON without a name twice is read', async (t) => {
  const property = fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
    const text = JSON.stringify(value)
    if (/\\ud[89a-f]/.test(text)) return
    t.equal(readJsonText(text).ok, true)
  })
  fc.assert(property, { seed, numRuns: 200 })
})

test('an edit changes one value and no other character', async (t) => {
  const member = fc.tuple(fc.string({ unit: 'grapheme' }), fc.json({ depthSize: 'small' }))
  const members = fc.uniqueArray(member, { selector: ([name]) => name, maxLength: 6 })
  const blank = fc.constantFrom('', ' ', '\n  ')
  const property = fc.property(members, blank, fc.json(), (each, space, value) => {
    const parts = each.map(
      ([name, text]) => `${space}${JSON.stringify(name)}${space}:${space}${text}${space}`,
    )
    const text = `${space}{${parts.join(',')}${each.length === 0 ? space : ''}}${space}`
    const read = readJsonText(text)
    if (!read.ok) return
    for (const [index, [name, before]] of each.entries()) {
      const part = parts[index] ?? ''
      const edited = part.slice(0, part.length - before.length - space.length) + value + space
      const expected = parts.map((other, at) => (at === index ? edited : other)).join(',')
      t.equal(replaceMember(read, name, value), `${space}{${expected}}${space}`)
    }
    const name = `${each.map(([other]) => other).join('')}+`
    const inserted = setMember(read, name, value)
    t.equal(inserted, insertMember(read, name, value))
    t.equal(inserted.replace(/^\s*\{/, '').endsWith(text.trimStart().slice(1)), true)
    t.match(readJsonText(inserted), { ok: true, value: { [name]: JSON.parse(value) } })
  })
  fc.assert(property, { seed, numRuns: 100 })
})

test('spans are of the outermost level only', async (t) => {
  const read = readJsonText(' {"a": {"b": 1} , "c":[2]}')
  t.match(read, { ok: true })
  if (!read.ok) return
  t.same([...read.members.keys()], ['a', 'c'])
  const list = readJsonText('[ 1, [2,3] ]')
  t.same(list.ok && list.elements.map(({ from, to }) => list.text.slice(from, to)), ['1', '[2,3]'])
  t.same(bytesOf('\u00e9'), new Uint8Array([0xc3, 0xa9]))
})
