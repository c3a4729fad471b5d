/** What a model call may cost is reserved before it is sent, in exact integers, and a model without a price is refused. */
import { readFileSync } from 'node:fs'
import { test } from 'tap'
import type { ModelCall } from '../../kernel/content.ts'
import { Failure } from '../../kernel/reasons.ts'
import { readPrice } from '../../policy/amount.ts'
import { compileSource } from '../../policy/load.ts'
import { outputTokensDefault } from '../../policy/price-book.ts'
import { loadPriceTable, readPriceTable } from '../../policy/price-table.ts'
import { policyOf, request, withRules } from './facts.ts'

const call: ModelCall = {
  wire: 'openai-chat',
  model: 'own-model',
  streams: false,
  tokensInMax: 1_000,
  tokensOutMax: 500,
  choices: 1,
}

const prices = `prices:
  models:
    - {provider: openai, id: own-model, input: 2.50, cached_input: 1.25, output: "10.00", max_output: 4000}
    - {id: anyone, match: [anyone, "anyone-*", "anyone-large*"], input: 0.000001, cache_write: 3, output: 0}
    - {id: silent, input: 1, output: 0, max_output: 0}
    - {provider: anthropic, id: shared, input: 1, output: 2}
    - {provider: openai, id: shared, input: 3, output: 1}
    - {provider: else, id: foreign, input: 1, output: 8}
    - {provider: other, id: foreign, input: 5, output: 6}
`
const rule =
  '  - {id: a, effect: allow, decoder: openai, charge: {risk: 1, tokens: 5, cost_usd: 1.00}}'

const asking = (changes: Partial<ModelCall>): ReturnType<typeof request> =>
  request({
    content: { decoder: 'openai', body: {}, facts: {}, model: { ...call, ...changes } },
  })

test('a call asks for the most that it may cost, and needs its input and one token of each answer', async (t) => {
  const policy = await policyOf(withRules(rule, prices))
  const found = policy.classify(asking({}))
  t.same(found.refusals, [])
  t.same(found.price, {
    input: 2_500_000,
    cachedInput: 1_250_000,
    cacheWrite: 2_500_000,
    output: 1e7,
  })
  // 1,000 × 2.5 USD/M and 500 × 10 USD/M are 0.0075 USD.
  t.same(found.ask, { tokens_in: 1_000, tokens_out: 500, tokens: 1_500, cost_usd: 7_500_000 })
  t.same(found.least, { tokens_in: 1_000, tokens_out: 1, tokens: 1_001, cost_usd: 2_510_000 })
  t.same(found.charge, { risk: 1 }, 'what is metered is not charged by a rule as well')
  const table: readonly (readonly [Partial<ModelCall>, number, number])[] = [
    [{ tokensOutMax: null }, 4_000, 1],
    [{ tokensOutMax: null, choices: 3 }, 12_000, 3],
    [{ tokensOutMax: 90, choices: 3 }, 90, 3],
    [{ tokensOutMax: 2, choices: 3 }, 2, 2],
    [{ tokensOutMax: 0 }, 0, 0],
    [{ tokensOutMax: null, model: 'silent' }, 0, 0],
    [{ tokensOutMax: null, model: 'anyone' }, outputTokensDefault, 1],
    [{ tokensOutMax: null, model: 'anyone', choices: 2 }, 2 * outputTokensDefault, 2],
  ]
  for (const [changes, most, least] of table) {
    const asked = policy.classify(asking(changes))
    t.same([asked.ask['tokens_out'], asked.least['tokens_out']], [most, least])
  }
  const unread = policy.classify(request())
  t.same([unread.price, unread.ask, unread.least, unread.decoder], [null, {}, {}, 'openai'])
  t.same(unread.charge, { risk: 1, tokens: 5, cost_usd: 1e9 })
})

test('a price is found by its name, then by its longest beginning, and a doubt costs the most', async (t) => {
  const policy = await policyOf(withRules(rule, prices))
  const table: readonly (readonly [Partial<ModelCall>, number, number])[] = [
    [{ model: 'OWN-Model' }, 2_500_000, 10_000_000],
    [{ model: 'anyone' }, 1, 0],
    [{ model: 'anyone-small' }, 1, 0],
    [{ model: 'anyone-larger' }, 1, 0],
    [{ model: 'shared' }, 3_000_000, 1_000_000],
    [{ model: 'shared', wire: 'openai-responses' }, 3_000_000, 1_000_000],
    [{ model: 'shared', wire: 'anthropic' }, 1_000_000, 2_000_000],
    [{ model: 'shared', wire: 'gemini' }, 3_000_000, 2_000_000],
    [{ model: 'foreign' }, 5_000_000, 8_000_000],
  ]
  for (const [changes, input, output] of table) {
    const { price, refusals } = policy.classify(asking(changes))
    t.same([price?.input, price?.output, refusals], [input, output, []], JSON.stringify(changes))
  }
  const dear = policy.classify(asking({ model: 'anyone', tokensInMax: 1 }))
  t.equal(dear.least['cost_usd'], 3_000, 'input may be written to the cache, which is dearer')
})

test('a model without a price is refused, unless the policy says what such models cost', async (t) => {
  const policy = await policyOf(withRules(rule, prices))
  const messages: readonly (readonly [string, string])[] = [
    [
      'no-such-model',
      'The model no-such-model has no price: an operator can state one under `prices`.',
    ],
    ['x\n{"a"}', 'This model has no price: an operator can state one under `prices`.'],
    ['y'.repeat(500), 'This model has no price: an operator can state one under `prices`.'],
    [
      'own-model-2',
      'The model own-model-2 has no price: an operator can state one under `prices`.',
    ],
  ]
  for (const [model, message] of messages) {
    const { refusals, price, ask } = policy.classify(asking({ model }))
    t.same(refusals, [{ code: 'unpriced-model', id: '', message }])
    t.same([price, ask], [null, {}])
  }
  const priced = await policyOf(withRules(rule, 'prices: {unpriced: {input: 15, output: 75}}'))
  const { refusals, price } = priced.classify(asking({ model: 'no-such-model' }))
  t.same([refusals, price?.input, price?.cacheWrite, price?.output], [[], 15e6, 15e6, 75e6])
})

test('numbers from a request that nobody could count are as many as can be', async (t) => {
  const policy = await policyOf(withRules(rule, prices))
  const most = Number.MAX_SAFE_INTEGER
  const hostile = [most, 2 ** 60, Number.POSITIVE_INFINITY, Number.NaN, 0.5, 0]
  for (const tokensInMax of hostile) {
    for (const tokensOutMax of [...hostile, null]) {
      for (const choices of [1, 1e15]) {
        const { ask, least } = policy.classify(asking({ tokensInMax, tokensOutMax, choices }))
        for (const amount of [...Object.values(ask), ...Object.values(least)]) {
          t.ok(Number.isSafeInteger(amount) && amount >= 0, `${amount}`)
        }
      }
    }
  }
})

test('prices are exact: dollars for a million tokens are pico-dollars for one', (t) => {
  const table: readonly (readonly [string, number])[] = [
    ['2.50', 2_500_000],
    ['0.1', 100_000],
    ['0.000001', 1],
    ['1.1', 1_100_000],
    ['0', 0],
    ['10000', 10_000_000_000],
  ]
  for (const [text, value] of table) t.same(readPrice(text), { value }, text)
  for (const text of ['', '-1', '0.0000001', '10000.01', '1e3', '5k', '$5', 'NaN', '.5']) {
    t.ok('problem' in readPrice(text), text)
  }
  t.end()
})

test('the digest covers prices and their table, where a rule reads model calls and nowhere else', async (t) => {
  const digestOf = async (text: string): Promise<string> => (await policyOf(text)).digest
  const digest = await digestOf(withRules(rule, prices))
  t.not(await digestOf(withRules(rule, prices.replace('2.50', '2.51'))), digest)
  t.not(await digestOf(withRules(rule, `${prices}  unpriced: {input: 1, output: 1}`)), digest)
  t.equal(await digestOf(withRules(rule, prices.replace('2.50', '"2.5"'))), digest)
  const { source } = await policyOf(withRules(rule, prices))
  const { version } = await loadPriceTable()
  t.ok(source.includes(JSON.stringify(version)), version)
  t.same((await compileSource(source)).classify(asking({})).price?.output, 1e7)
  const older = source.replace(version, version.replace('2', '1'))
  const refused = new Failure(
    'policy-unavailable',
    'the recorded policy was compiled with other prices',
  )
  await t.rejects(compileSource(older), refused)
  t.notOk((await policyOf(withRules('  - {id: a, effect: allow}'))).source.includes('price'))
})

test('the table that ships is a table, and knows the models that agents call', async (t) => {
  const table = await loadPriceTable()
  t.match(table.version, /^20\d\d-\d\d-\d\d sha256:[0-9a-f]{64}$/)
  t.same(table, readPriceTable({ name: 'x', text: readFileSync('policy/prices.yaml', 'utf8') }))
  const policy = await policyOf(withRules(rule))
  const models: readonly (readonly [ModelCall['wire'], string])[] = [
    ['openai-chat', 'gpt-4o'],
    ['openai-responses', 'gpt-5'],
    ['anthropic', 'claude-sonnet-4-5'],
    ['gemini', 'gemini-2.5-pro'],
  ]
  for (const [wire, model] of models) {
    const { price, refusals } = policy.classify(asking({ wire, model }))
    t.same(refusals, [], model)
    t.ok(price !== null && price.output > price.input && price.input > 0, model)
  }
})

test('a broken table is a failure with its reason', (t) => {
  const table: readonly (readonly [string, RegExp])[] = [
    ['', /holds no policy/],
    ['- a', /its `date` is no date/],
    ['models: []', /its `date` is no date/],
    ['date: 2026-01-01', /`models` must be a list/],
    ['date: 2026-01-01\nmodels: [{id: a}]', /the key `input` is missing/],
    ['date: 2026-01-01\nmodels: [{id: a, input: x, output: 1}]', /is not dollars/],
  ]
  for (const [text, message] of table) {
    t.throws(() => readPriceTable({ name: 'prices.yaml', text }), {
      code: 'policy-unavailable',
      message,
    })
  }
  t.end()
})
