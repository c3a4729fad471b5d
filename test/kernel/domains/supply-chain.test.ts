/** The domain supply_chain: with whom, how much, once, and paid to whom. */
import fc from 'fast-check'
import { test } from 'tap'
import type { DomainCall, Proof } from '../../../kernel/domain.ts'
import { formsOf } from '../../../kernel/domains/party-name.ts'
import { supplyChainDomain } from '../../../kernel/domains/supply-chain.ts'
import { judgeCall } from '../../../kernel/judge.ts'
import { seed, seedSentence } from '../seed.ts'
import { anyCall, askAll, callOf, fallbacks, noon, proofOf, said, tightensOnly } from './call.ts'

const sanctions = {
  'Example Sanctioned Trading LLC': ['Primer Treyding OOO', 'Образец Трейдинг'],
  'Straße & Söhne GmbH': [],
  'Iron Gate': 'a note',
}

const order = {
  supplier: 'S-100',
  supplier_name: 'Honest Parts Inc.',
  country: 'DE',
  order_id: 'PO-2026-1',
  order_value: 1_000,
  qty: 10,
}

const callWith = (
  context: DomainCall['context'] = {},
  members: Partial<DomainCall> = {},
): DomainCall =>
  callOf(supplyChainDomain, {
    action: 'axn_place_order',
    ...members,
    context: { ...order, ...context },
    parameters: { sanctions, ...members.parameters },
  })

const ask = (context?: DomainCall['context'], members?: Partial<DomainCall>): readonly string[] =>
  said(supplyChainDomain, callWith(context, members))

const judged = (call: DomainCall): readonly string[] => {
  const terms = { plugin: supplyChainDomain, origin: 'builtin', parameters: call.parameters }
  return judgeCall(terms, call, () => 0).violations.map(({ verdict, code }) => `${verdict} ${code}`)
}

test('an order within every limit has nothing against it', async (t) => {
  t.same(ask(), [])
  t.same(judged(callWith()), [])
})

test('an order is worth no more than the ceiling', async (t) => {
  t.same(ask({ order_value: 100_000 }), [])
  t.same(ask({ order_value: '100000.01' }), ['deny order-ceiling'])
  t.same(ask({ order_value: 60_000 }, { parameters: { order_value_max: 50_000 } }), [
    'deny order-ceiling',
  ])
  t.same(ask({ currency: 'EUR' }), ['deny value-unknown'])
  const euro = { parameters: { exchange_rates: { EUR: 1.25 } } }
  t.same(ask({ currency: 'EUR', order_value: 80_000 }, euro), [])
  t.same(ask({ currency: 'EUR', order_value: 80_001 }, euro), ['deny order-ceiling'])
})

test('a quantity is whole, at least one, and at most that of its item', async (t) => {
  t.same(ask({ qty: 10_000 }), [])
  t.same(ask({ qty: 10_001 }), ['deny quantity-bounds'])
  t.same(ask({ qty: 0 }), ['deny quantity-bounds'])
  t.same(ask({ qty: -5 }), ['deny quantity-bounds'])
  const items = { parameters: { quantity_max_by_item: { reactor: 1, bolt: 50_000, odd: 'x' } } }
  t.same(ask({ qty: 2, item: 'reactor' }, items), ['deny quantity-bounds'])
  t.same(ask({ qty: 50_000, item: 'bolt' }, items), [])
  t.same(ask({ item: 'odd' }, items), ['deny quantity-bounds'])
  t.same(ask({ item: '__proto__' }, items), [])
})

test('a fact that is missing or of another type refuses', async (t) => {
  const wrong = [
    { supplier: '' },
    { supplier: 5 },
    { supplier: 'S 100' },
    { supplier_name: '' },
    { supplier_name: 5 },
    { supplier_name: '...' },
    { supplier_name: 'x'.repeat(201) },
    { country: 'Germany' },
    { country: 'de' },
    { country: true },
    { order_id: '../1' },
    { order_value: 'free' },
    { order_value: 0 },
    { order_value: -1 },
    { order_value: Number.NaN },
    { qty: 1.5 },
    { qty: '10' },
    { item: 5 },
  ]
  for (const context of wrong) t.has(ask(context), ['deny facts-missing'], JSON.stringify(context))
  t.has(ask({ currency: 5 }), ['deny value-unknown'])
})

test('nobody on the list is dealt with, however the name is written', async (t) => {
  const written = [
    'Example Sanctioned Trading LLC',
    'EXAMPLE SANCTIONED TRADING',
    'Trading, Sanctioned Example Ltd.',
    'ExampleSanctionedTrading',
    'Éxâmple Sanctioned-Trading Co',
    'Example\u200bSanctioned Trading',
    'Ｅｘａｍｐｌｅ Sanctioned Trading',
    'Primer Treyding',
    'образец трейдинг',
    'Strasse + Söhne',
    'IRON GATE INC',
  ]
  for (const name of written) t.same(ask({ supplier_name: name }), ['deny sanctioned-name'], name)
  for (const name of ['Example Trading', 'Iron', 'Gate Keepers', 'a note']) {
    t.same(ask({ supplier_name: name }), [], name)
  }
})

test('a name of letters that look alike is no name', async (t) => {
  t.same(
    ask({ supplier_name: 'Exаmple Sanctioned Trading' }),
    ['deny facts-missing'],
    'a Cyrillic a',
  )
})

test('no list, or an old one, clears nobody', async (t) => {
  t.same(ask({}, { parameters: { sanctions: {} } }), ['deny sanctions-unknown'])
  const dated = (asOf: string) => ask({}, { parameters: { sanctions_as_of: asOf } })
  t.same(dated('2026-11-01'), [])
  t.same(dated('2026-10-18'), [], 'thirty days and a half')
  t.same(dated('2026-10-17'), ['deny sanctions-unknown'])
  t.same(dated('2026-11-18'), ['deny sanctions-unknown'], 'not yet')
  t.same(dated('soon'), ['deny sanctions-unknown'])
})

test('no country of the list is dealt with, nor a bank there', async (t) => {
  t.same(ask({ country: 'KP' }), ['deny sanctioned-country'])
  t.same(ask({ country: 'DE' }, { parameters: { sanctioned_countries: ['DE'] } }), [
    'deny sanctioned-country',
  ])
  const bank = { action: 'axn_change_bank_details' }
  t.same(ask({ account: 'DE1', bank_country: 'DE' }, bank), [])
  t.same(ask({ account: 'IR1', bank_country: 'IR' }, bank), ['deny sanctioned-country'])
  t.same(ask({ account: 'DE1', bank_country: '' }, bank), ['deny facts-missing'])
})

test('goods are shipped to no one on the list', async (t) => {
  const ship = (context: DomainCall['context']) =>
    ask({ consignee: 'Good Shop', ...context }, { action: 'axn_ship' })
  t.same(ship({}), [])
  t.same(ship({ consignee: 'iron gate' }), ['deny sanctioned-name'])
  t.same(ship({ country: 'CU' }), ['deny sanctioned-country'])
  t.same(ship({ qty: 10_001 }), ['deny quantity-bounds'])
})

test('a number of an order is sent once to a supplier', async (t) => {
  const mark = (context: DomainCall['context'], members: Partial<DomainCall> = {}) => {
    const { marks } = supplyChainDomain.afterDecision(callWith(context, members))
    return marks.map(({ op, key, until }) => `${op} ${key} ${until - noon}`).join()
  }
  t.match(mark({}), /^once supply_chain\/order:[0-9a-f]+ 7776000000$/)
  t.notMatch(mark({}), /PO-2026-1|S-100/, 'no value of the body stands in it')
  t.equal(mark({ order_id: 'po-2026-1', supplier: 's-100' }), mark({}), 'in any case')
  t.not(mark({ order_id: 'PO-2026-2' }), mark({}))
  t.not(mark({ supplier: 'S-101' }), mark({}))
  t.not(mark({}, { tenant: 'acme' }), mark({}))
  t.match(mark({}, { parameters: { duplicate_days: 0 } }), / 86400000$/, 'a day at least')
})

test('an order is charged in dollars, rounded up', async (t) => {
  const { charge } = supplyChainDomain.afterDecision(callWith({ order_value: '10.01' }))
  t.same(charge, { order_value: 11 })
  t.same(supplyChainDomain.afterDecision(callWith({}, { action: 'axn_read_orders' })).charge, {})
})

const bank = { supplier: 'S-100', account: 'DE-1', bank_country: 'DE' }

const called = (members: Partial<Proof> = {}): Proof =>
  proofOf({ kind: 'callback', subject: 'S-100', claims: { account: 'DE-1' }, ...members })

test('new bank details wait for a person, and for a call-back where the policy asks', async (t) => {
  const change = (proofs: readonly Proof[], callback_required = true) =>
    judged(
      callOf(supplyChainDomain, {
        ...{ action: 'axn_change_bank_details', context: bank, proofs },
        parameters: { sanctions, callback_required },
      }),
    )
  t.same(change([], false), ['approve human-approval'])
  t.same(change([called()]), ['approve human-approval'])
  t.same(change([]), ['approve human-approval', 'deny callback-required'])
  t.same(change([called({ claims: { account: 'DE-2' } })]), [
    'approve human-approval',
    'deny proof-invalid',
  ])
  t.same(change([called({ subject: 'S-101' })]), ['approve human-approval', 'deny proof-invalid'])
  t.same(change([called({ issuedAt: noon - 86_400_001 })]), [
    'approve human-approval',
    'deny proof-expired',
  ])
  t.same(change([called(), called({ id: 'c-2', claims: {} })]), [
    'approve human-approval',
    'deny proof-invalid',
  ])
})

test('a new supplier waits for a person', async (t) => {
  t.same(judged(callWith({}, { action: 'axn_add_supplier' })), ['approve human-approval'])
  const listed = callWith({ supplier_name: 'Iron Gate' }, { action: 'axn_add_supplier' })
  t.same(judged(listed), ['approve human-approval', 'deny sanctioned-name'])
})

test('a call is about the supplier that the rule names', async (t) => {
  const named = (resourceId: string) => ask({}, { resource: 'res_supplier', resourceId })
  t.same(named('S-100'), [])
  t.same(named('S-101'), ['deny resource-mismatch'])
})

test('an agent that plans only reads', async (t) => {
  t.same(ask({}, { actor: 'act_planning_agent' }), ['deny actor-reads-only'])
  t.same(ask({}, { actor: 'act_planning_agent', action: 'axn_read_inventory' }), [])
})

test('the forms of a name do not depend on case, accents, order, or signs between its words', async (t) => {
  t.comment(seedSentence)
  const word = fc.stringMatching(/^[a-z]{3,8}$/)
  fc.assert(
    fc.property(fc.uniqueArray(word, { minLength: 1, maxLength: 4 }), (words) => {
      const [first] = formsOf(words.join(' ')) ?? []
      const changed = [...words].reverse().map((each) => `${each.toUpperCase()}\u0301`)
      return (formsOf(changed.join('.-/ ')) ?? []).includes(first ?? '')
    }),
    { seed, numRuns: 300 },
  )
})

test('a long list is read once', async (t) => {
  const long = Object.fromEntries(
    Array.from({ length: 20_000 }, (_, index) => [`Listed Party Number ${index} Ltd`, []]),
  )
  const first = performance.now()
  t.same(ask({ supplier_name: 'listed party number 19999' }, { parameters: { sanctions: long } }), [
    'deny sanctioned-name',
  ])
  const then = performance.now()
  t.same(ask({}, { parameters: { sanctions: long } }), [])
  t.comment(`first ${Math.round(then - first)} ms, then ${Math.round(performance.now() - then)} ms`)
})

const names = [...Object.keys(order), 'currency', 'item', 'consignee', 'account', 'bank_country']

test('it answers whatever it is asked', async (t) => {
  t.comment(seedSentence)
  fc.assert(
    fc.property(anyCall(supplyChainDomain, names), (call) => {
      askAll(supplyChainDomain, call)
      askAll(supplyChainDomain, { ...call, parameters: { ...call.parameters, sanctions } })
      return true
    }),
    { seed, numRuns: 500 },
  )
})

test('a fact of a wrong type never makes an allow of a denial', async (t) => {
  t.comment(seedSentence)
  const texts = ['supplier', 'supplier_name', 'country', 'order_id', 'currency', 'item', 'account']
  const types = { ...Object.fromEntries(texts.map((name) => [name, ''])), qty: 0 }
  const set = { ...fallbacks(supplyChainDomain), sanctions }
  fc.assert(tightensOnly(supplyChainDomain, types, set), { seed, numRuns: 300 })
})
