/** What every domain is written with reads facts by their type, and never takes silence for an answer. */
import fc from 'fast-check'
import { test } from 'tap'
import {
  count,
  destinationOf,
  domainOf,
  factOf,
  factsMissing,
  flag,
  flagParameter,
  hostKeys,
  integer,
  integerParameter,
  isCurrent,
  isGiven,
  isHostOf,
  isNamed,
  markKey,
  names,
  number,
  numberParameter,
  refusal,
  rowOf,
  text,
  textParameter,
  textsParameter,
  validateBy,
} from '../../../kernel/domains/check.ts'
import { generalDomain } from '../../../kernel/domains/general.ts'
import { seed, seedSentence } from '../seed.ts'
import { callOf, noon, proofOf } from './call.ts'

const saying = (context: Record<string, string | number | boolean>, facts = {}) =>
  callOf(generalDomain, { context, facts })

test('a fact is read as its type alone', async (t) => {
  const values = ['x', '', 1, -1, 1.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, true, false]
  const read = values.map((value) => {
    const call = saying({ value })
    return [text, number, integer, count, flag].map((reader) => reader(call, 'value'))
  })
  t.same(read, [
    ['x', null, null, null, null],
    [null, null, null, null, null],
    [null, 1, 1, 1, null],
    [null, -1, -1, null, null],
    [null, 1.5, null, null, null],
    [null, 2 ** 53, null, null, null],
    [null, null, null, null, null],
    [null, null, null, null, null],
    [null, null, null, null, true],
    [null, null, null, null, false],
  ])
})

test('names that every object has are no facts', async (t) => {
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    t.equal(factOf(saying({}), name), null, name)
    t.equal(isGiven(saying({}), name), false, name)
  }
})

test('context and decoder must not contradict each other', async (t) => {
  t.equal(text(saying({ model: 'a' }, { model: 'a' }), 'model'), 'a', 'both say the same')
  t.equal(text(saying({ model: 'a' }, { model: '' }), 'model'), 'a', 'the decoder says nothing')
  t.equal(text(saying({}, { model: 'a' }), 'model'), 'a', 'the decoder alone')
  t.equal(text(saying({ model: 'a' }, { model: 'b' }), 'model'), null, 'they differ')
  t.equal(isGiven(saying({ model: 'a' }, { model: 'b' }), 'model'), true, 'it was said')
  t.equal(text(saying({ model: 1 }, { model: 'b' }), 'model'), null, 'they differ in type')
})

test('names are split at commas, and none of them is empty', async (t) => {
  t.same(names(saying({ fields: 'a, b,c' }), 'fields'), ['a', 'b', 'c'])
  for (const fields of ['a,,b', ',', 'a,', ' ', '']) {
    t.equal(names(saying({ fields }), 'fields'), null, JSON.stringify(fields))
  }
  t.equal(names(saying({ fields: 'a,'.repeat(2_000) }), 'fields'), null, 'too many')
  t.equal(names(saying({ fields: 7 }), 'fields'), null, 'a number')
})

test('a parameter of another type than declared is thrown', async (t) => {
  const call = callOf(generalDomain, {
    parameters: { amount: 1.5, name: 'x', all: ['x'], on: true, rows: { a: 1 } },
  })
  t.throws(() => integerParameter(call, 'amount'), TypeError)
  t.equal(numberParameter(call, 'amount'), 1.5)
  t.throws(() => numberParameter(call, 'name'), TypeError)
  t.equal(textParameter(call, 'name'), 'x')
  t.throws(() => textParameter(call, 'all'), TypeError)
  t.same(textsParameter(call, 'all'), ['x'])
  t.throws(() => textsParameter(call, 'rows'), TypeError)
  t.equal(flagParameter(call, 'on'), true)
  t.throws(() => flagParameter(call, 'amount'), TypeError)
  t.equal(rowOf(call, 'rows', 'a'), 1)
  t.equal(rowOf(call, 'rows', 'constructor'), null, 'what every object has is no row')
  t.throws(() => rowOf(call, 'all', 'a'), TypeError)
  t.throws(() => integerParameter(call, 'toString'), TypeError, 'nor a parameter')
})

test('a pattern names itself, or what it begins', async (t) => {
  t.ok(isNamed('gpt-5', ['gpt-5']))
  t.notOk(isNamed('gpt-5-mini', ['gpt-5']))
  t.ok(isNamed('gpt-5-mini', ['gpt-5*']))
  t.ok(isNamed('', ['*']))
  t.notOk(isNamed('GPT-5', ['gpt-5*']), 'case is kept')
  t.notOk(isNamed('x', []))
})

test('a host is one of a list by itself or by a name above it', async (t) => {
  t.same(hostKeys('a.b.c'), ['a.b.c', '*.b.c', '*.c'])
  t.same(hostKeys(`${'a.'.repeat(126)}ab`), [`${'a.'.repeat(126)}ab`], 'what is no name')
  t.equal(hostKeys(`${'a.'.repeat(126)}a`).at(-1), '*.a', 'the longest name')
  t.ok(isHostOf('a.b.c', ['a.b.c']))
  t.ok(isHostOf('a.b.c', ['*.c']))
  t.notOk(isHostOf('b.c', ['*.b.c']), 'the name itself is not below it')
  t.notOk(isHostOf('ab.c', ['*.b.c']))
  t.notOk(isHostOf('', ['']), 'no host is no host of a list')
  t.equal(
    destinationOf(callOf(generalDomain, { context: { destination: 'x' } })),
    'api.example.com',
  )
  t.equal(destinationOf(callOf(generalDomain, { host: '', context: { destination: 'x' } })), 'x')
  t.equal(destinationOf(callOf(generalDomain, { host: '' })), '')
})

test('a proof holds from its beginning until before its end', async (t) => {
  const proof = proofOf({ issuedAt: noon, expiresAt: noon + 10 })
  const holds = [noon - 1, noon, noon + 9, noon + 10].map((at) => isCurrent(proof, at))
  t.same(holds, [false, true, true, false])
})

test('the key of a mark holds no value, and tells values apart by place', async (t) => {
  t.comment(seedSentence)
  const values = fc.array(fc.string({ unit: 'binary', maxLength: 20 }), { maxLength: 4 })
  fc.assert(
    fc.property(values, values, (left, right) => {
      const isSame = JSON.stringify(left) === JSON.stringify(right)
      const key = markKey('general/x', left)
      if (!/^general\/x:[0-9a-f]{64}$/.test(key)) return false
      return isSame === (key === markKey('general/x', right))
    }),
    { seed },
  )
  t.not(markKey('x', ['a', 'b']), markKey('x', ['ab']), 'parts do not run into each other')
})

test('checks that do not apply are neither asked nor counted', async (t) => {
  const no = refusal({ code: 'no', message: 'No.', recommendation: '' })
  const check = (name: string, applies: boolean, against: typeof no | null) => {
    return { name, applies: () => applies, against: () => against }
  }
  const checks = [check('a', true, null), check('b', true, no), check('c', false, no)]
  t.same(validateBy(checks, saying({})), { violations: [no], checks: ['a', 'b'] })
  t.match(factsMissing(['x', 'y']), { code: 'facts-missing', verdict: 'deny', message: /x, y/ })
})

test('a domain of parts answers every verb, and maps only actions that it knows', async (t) => {
  const plugin = domainOf({
    config: generalDomain.config,
    checks: [],
    templates: [],
    controls: ['b/2', 'a/1'],
    controlsByAction: new Map([['axn_read', ['a/1', 'a/0']]]),
  })
  t.same(plugin.validate(saying({})), { violations: [], checks: [] })
  t.same(plugin.enrich(saying({})), {})
  t.same(plugin.afterDecision(saying({})), { charge: {}, marks: [] })
  t.same(plugin.complianceMappings('axn_read'), ['a/0', 'a/1', 'b/2'])
  t.same(plugin.complianceMappings('axn_write'), ['a/1', 'b/2'])
  t.same(plugin.complianceMappings('axn_other'), [])
})
