/** The domain finance: one order, orders in a minute and in a position, prices, clocks, and money without rounding. */
import fc from 'fast-check'
import { test } from 'tap'
import type { DomainCall, Judgement } from '../../../kernel/domain.ts'
import { financeDomain } from '../../../kernel/domains/finance.ts'
import { judgeCall } from '../../../kernel/judge.ts'
import { seed, seedSentence } from '../seed.ts'
import { minute } from '../world.ts'
import { anyCall, askAll, callOf, fallbacks, refuses, said, tightensOnly } from './call.ts'
import { Memory } from './memory.ts'

/** A Monday on which New York trades: 10 o'clock there. */
const open = Date.parse('2026-11-23T15:00:00Z')

const parameters = {
  portfolio_value: 5_000_000,
  positions: { ACME: 180_000, OWED: -240_000, HUGE: 900_000, ODD: 'many' },
  positions_as_of: '2026-11-23T14:00:00Z',
}

const order = { symbol: 'ACME', side: 'buy', qty: 10, price: 189.5 }

const callWith = (
  context: DomainCall['context'] = {},
  members: Partial<DomainCall> = {},
): DomainCall =>
  callOf(financeDomain, {
    action: 'axn_place_order',
    at: open,
    ...members,
    context: { ...order, ...context },
    parameters: { ...parameters, ...members.parameters },
  })

const ask = (context?: DomainCall['context'], members?: Partial<DomainCall>): readonly string[] =>
  said(financeDomain, callWith(context, members))

const judge = (call: DomainCall): Judgement => {
  const terms = { plugin: financeDomain, origin: 'builtin', parameters: call.parameters }
  return judgeCall(terms, call, () => 0)
}

const loose = { position_share_max: 100 }

test('an order within every limit has nothing against it', async (t) => {
  t.same(ask(), [])
  t.same(ask({ qty: '10', price: '189.50' }), [], 'decimals as texts')
  t.same(ask({ side: 'sell' }), [])
  t.same(judge(callWith()).violations, [])
})

test('an order that does not say what it is, in its exact types, is refused', async (t) => {
  const wrong = [
    { symbol: '' },
    { symbol: 'acme' },
    { symbol: 'ACME ' },
    { symbol: 5 },
    { side: 'BUY' },
    { side: 'hold' },
    { side: true },
    { qty: 0 },
    { qty: -1 },
    { qty: '1e3' },
    { qty: '1,000' },
    { qty: '+1' },
    { qty: ' 1' },
    { qty: '01' },
    { qty: '0x10' },
    { qty: Number.NaN },
    { qty: Number.POSITIVE_INFINITY },
    { qty: 1e21 },
    { qty: true },
    { price: 0 },
    { price: -0.01 },
    { price: 'market' },
    { price: '' },
    { order_value: 'much' },
    { order_value: -1 },
    { currency: 5 },
    { exchange: 5 },
  ]
  for (const context of wrong) t.has(ask(context), ['deny facts-missing'], JSON.stringify(context))
  t.same(said(financeDomain, callWith({}, { facts: { symbol: 'OTHER' } })), ['deny facts-missing'])
})

test('facts that are missing are named by the judgement', async (t) => {
  const bare = { ...callWith(), context: {} }
  t.match(judge(bare).violations, [
    { code: 'facts-missing', message: /symbol, side, qty, price/ },
    { code: 'facts-missing' },
  ])
})

test('an order may be worth ten million dollars, and not a cent more', async (t) => {
  const just = { qty: 100_000, price: 100 }
  t.same(ask(just, { parameters: loose }), [])
  t.same(ask({ ...just, price: '100.00001' }, { parameters: loose }), ['deny order-value'])
  t.same(ask({ qty: 1, price: 1, order_value: 10_000_001 }, { parameters: loose }), [
    'deny order-value',
  ])
  const raised = { ...loose, order_value_max: 20_000_000 }
  t.same(ask({ ...just, price: 200 }, { parameters: raised }), [])
  const huge = { qty: '999999999999999999', price: '999999999999999999' }
  t.same(ask(huge, { parameters: loose }), ['deny value-unknown'], 'beyond any account')
})

test('what an order says that it is worth never lowers what it is worth', async (t) => {
  const low = { qty: 200_000, price: 100, order_value: 1 }
  t.same(ask(low, { parameters: loose }), ['deny order-value'])
})

test('an order in another currency is worth what the policy says, or nobody knows', async (t) => {
  const members = { parameters: { ...loose, exchange_rates: { EUR: 1.25, JPY: '0.0067', XAU: 0 } } }
  t.same(ask({ currency: 'EUR', qty: 80_000, price: 100 }, members), [])
  t.same(ask({ currency: 'EUR', qty: 80_001, price: 100 }, members), ['deny order-value'])
  t.same(ask({ currency: 'CHF' }, members), ['deny value-unknown'])
  t.same(ask({ currency: 'XAU' }, members), ['deny value-unknown'])
  t.same(ask({ currency: 'constructor' }, members), ['deny value-unknown'])
  const tokyo = Date.parse('2026-11-24T01:00:00Z')
  t.same(ask({ exchange: 'TSE', qty: 100, price: 3_000 }, { ...members, at: tokyo }), [])
  t.same(
    ask({ exchange: 'TSE' }, { at: tokyo, parameters: loose }),
    ['deny value-unknown'],
    'yen are no dollars',
  )
})

test('an order is sent while its exchange trades', async (t) => {
  const at = (instant: string, context = {}, more = {}) =>
    ask(context, { at: Date.parse(instant), parameters: { ...loose, ...more } })
  t.same(at('2026-11-23T14:29:59Z'), ['deny market-closed'])
  t.same(at('2026-11-23T14:30:00Z'), [])
  t.same(at('2026-11-22T15:00:00Z'), ['deny market-closed'], 'a Sunday')
  t.same(at('2026-11-26T15:00:00Z'), ['deny market-closed'], 'a holiday')
  t.same(at('2026-11-23T15:00:00Z', { exchange: 'MARS' }), [
    'deny value-unknown',
    'deny exchange-unknown',
  ])
  t.same(at('2026-11-23T15:00:00Z', { exchange: 'LSE', currency: 'USD' }), [])
  t.same(at('2026-11-23T17:00:00Z', { exchange: 'LSE', currency: 'USD' }), ['deny market-closed'])
  const mourning = { holidays: { NYSE: ['2026-11-23'], LSE: ['soon'] } }
  t.same(at('2026-11-23T15:00:00Z', {}, mourning), ['deny market-closed'], 'by the table')
  t.same(at('2026-11-23T15:00:00Z', { exchange: 'LSE', currency: 'USD' }, mourning), [
    'deny calendar-unreadable',
  ])
  const more = { exchanges: { ASX: ['+10:00', 'au', 'USD', '10:00-16:00'], BAD: ['x'] } }
  t.same(at('2026-11-24T00:00:00Z', { exchange: 'ASX' }, more), [])
  t.same(at('2026-11-24T00:00:00Z', {}, { ...more, exchange: 'ASX' }), [], 'by the parameter')
  t.has(at('2026-11-24T00:00:00Z', { exchange: 'BAD' }, more), ['deny value-unknown'])
})

test('a price lies in the band around its reference, where there is one', async (t) => {
  const members = { parameters: { reference_prices: { ACME: 200, ODD: 'x' }, price_band: 5 } }
  t.same(ask({ price: 190 }, members), [])
  t.same(ask({ price: 210 }, members), [])
  t.same(ask({ price: '189.99' }, members), ['deny price-band'])
  t.same(ask({ price: '210.01' }, members), ['deny price-band'])
  t.same(ask({ price: 1, symbol: 'NEW' }, members), [], 'nobody stated a reference')
  t.same(ask({ symbol: 'ODD' }, { parameters: { ...members.parameters, ...loose } }), [
    'deny price-band',
  ])
})

test('a security is five percent of the portfolio at most, long or short', async (t) => {
  const worth = (context: DomainCall['context']) => ask({ qty: 1, ...context })
  t.same(worth({ price: 70_000 }), [], '180,000 + 70,000 of 5,000,000')
  t.same(worth({ price: '70000.000001' }), ['deny position-share'])
  t.same(worth({ side: 'sell', price: 430_000 }), [], 'down to as much short')
  t.same(worth({ side: 'sell', price: 430_001 }), ['deny position-share'])
  t.same(worth({ symbol: 'OWED', side: 'sell', price: 10_001 }), ['deny position-share'])
  t.same(worth({ symbol: 'OWED', price: 490_000 }), [])
  t.same(worth({ symbol: 'HUGE', price: 1 }), ['deny position-share'], 'too large already')
  t.same(worth({ symbol: 'HUGE', side: 'sell', price: 900_000 }), [], 'and may shrink')
  t.same(worth({ symbol: 'NEW', price: 250_001 }), ['deny position-share'])
  t.same(worth({ symbol: 'ODD' }), ['deny positions-unreadable'])
})

test('without a snapshot that is young enough nobody knows a share', async (t) => {
  const with_ = (more: DomainCall['parameters']) => ask({}, { parameters: more })
  t.same(with_({ portfolio_value: 0 }), ['deny positions-unset'])
  t.same(with_({ positions_as_of: '' }), ['deny positions-unset'])
  t.same(with_({ positions_as_of: 'today' }), ['deny positions-unreadable'])
  t.same(with_({ positions_as_of: '2026-11-23T15:00:01Z' }), ['deny positions-stale'], 'not yet')
  t.same(with_({ positions_as_of: '2026-11-22T15:00:01Z' }), [])
  t.same(with_({ positions_as_of: '2026-11-22T15:00:00Z' }), ['deny positions-stale'])
  t.same(with_({ portfolio_value: 0, ...loose }), [], 'nobody asks')
})

test('an order must be for the security that the rule names', async (t) => {
  const named = (resourceId: string) => ask({}, { resource: 'res_security', resourceId })
  t.same(named('ACME'), [])
  t.same(named('OTHER'), ['deny resource-mismatch'])
})

test('rebalancing and transfers wait for a person', async (t) => {
  const call = (action: string, context: DomainCall['context']) => {
    const judged = judge({ ...callWith(), action, context })
    return judged.violations.map(({ verdict, code }) => `${verdict} ${code}`)
  }
  t.same(call('axn_rebalance', { portfolio: 'growth' }), ['approve human-approval'])
  const transfer = (context: DomainCall['context']) =>
    call('axn_transfer', { account: 'A-1', amount: 10, ...context })
  t.same(transfer({}), ['approve human-approval'])
  t.same(transfer({ amount: 1_000_001 }), ['approve human-approval', 'deny transfer-value'])
  t.same(transfer({ currency: 'EUR' }), ['approve human-approval', 'deny transfer-value'])
  t.same(transfer({ amount: 'all' }), ['approve human-approval', 'deny facts-missing'])
  t.same(transfer({ currency: false }), ['approve human-approval', 'deny facts-missing'])
  t.same(transfer({ account: 'a b' }), ['approve human-approval', 'deny facts-missing'])
})

test('an order is cancelled by its id, at any time', async (t) => {
  const cancel = (context: DomainCall['context']) =>
    said(financeDomain, { ...callWith(), action: 'axn_cancel_order', context, at: 0 })
  t.same(cancel({ order_id: 'o-1' }), [])
  t.same(cancel({ order_id: 7 }), ['deny facts-missing'])
})

test('an agent of research only reads', async (t) => {
  t.same(ask({}, { actor: 'act_research_agent' }), ['deny actor-reads-only'])
  t.same(ask({}, { actor: 'act_research_agent', action: 'axn_read_positions' }), [])
})

test('an order is charged in dollars, rounded up', async (t) => {
  const charge = (context: DomainCall['context']) =>
    financeDomain.afterDecision(callWith(context)).charge
  t.same(charge({ qty: 1, price: '10.000001' }), { order_value: 11 })
  t.same(charge({ qty: 3, price: 10 }), { order_value: 30 })
  t.same(charge({ side: 'none' }), {})
})

test('the orders of any minute have an end, also around the end of a minute', async (t) => {
  const memory = new Memory()
  const send = (at: number, price: number) => {
    const context = { qty: 1, price }
    const call = callWith(context, { at, parameters: { ...loose, order_value_max: 20_000_000 } })
    return memory.admit(financeDomain.afterDecision(call).marks)
  }
  t.ok(send(open + 59_000, 20_000_000))
  t.notOk(send(open + 60_000, 1), 'a new minute of the clock')
  t.notOk(send(open + 59_000 + minute - 1, 1))
  t.ok(send(open + 59_000 + 2 * minute, 20_000_000), 'later')
})

test('what was ordered since the snapshot counts, after a new snapshot too', async (t) => {
  const memory = new Memory()
  const buy = (price: number, at: string, asOf: string) => {
    const more = { positions: {}, positions_as_of: asOf }
    const call = callWith({ qty: 1, price }, { at: Date.parse(at), parameters: more })
    return memory.admit(financeDomain.afterDecision(call).marks)
  }
  t.ok(buy(200_000, '2026-11-23T15:00:00Z', '2026-11-23T12:00:00Z'))
  t.notOk(buy(50_001, '2026-11-23T15:01:00Z', '2026-11-23T12:00:00Z'))
  t.notOk(buy(50_001, '2026-11-23T15:02:00Z', '2026-11-23T14:59:00Z'), 'a snapshot that lacks it')
  t.notOk(buy(50_001, '2026-11-23T15:02:00Z', '2026-11-22T20:00:00Z'), 'an older snapshot')
  t.ok(buy(50_000, '2026-11-23T15:03:00Z', '2026-11-23T12:00:00Z'))
  t.ok(buy(250_000, '2026-11-24T15:00:00Z', '2026-11-24T12:00:00Z'), 'a snapshot that has it')
})

test('what an order leaves behind fits into the entry of an admission', async (t) => {
  const old = { positions_hours_max: 500, positions_as_of: '2026-11-18T15:00:01Z' }
  const { marks, violations } = judge(callWith({}, { parameters: old }))
  t.same(violations, [])
  t.ok(marks.length > 20 && marks.length <= 32, String(marks.length))
})

const names = ['symbol', 'side', 'qty', 'price', 'order_value', 'currency', 'exchange', 'account']

test('it answers whatever it is asked, and remembers integers only', async (t) => {
  t.comment(seedSentence)
  fc.assert(
    fc.property(anyCall(financeDomain, names), fc.boolean(), (call, isSet) => {
      const set = isSet ? { ...fallbacks(financeDomain), ...parameters } : call.parameters
      const asked = { ...call, parameters: set }
      askAll(financeDomain, asked)
      return judge(asked).violations.every(({ code }) => code !== 'plugin-failed')
    }),
    { seed, numRuns: 500 },
  )
})

test('a symbol or a side of another type refuses', async (t) => {
  t.comment(seedSentence)
  const wrong = fc.tuple(
    fc.constantFrom('symbol', 'side', 'currency', 'exchange'),
    fc.oneof(fc.double(), fc.integer(), fc.boolean()),
  )
  fc.assert(
    fc.property(wrong, ([name, value]) => refuses(financeDomain, callWith({ [name]: value }))),
    { seed, numRuns: 200 },
  )
})

test('a fact of a wrong type never makes an allow of a denial', async (t) => {
  t.comment(seedSentence)
  const texts = ['symbol', 'side', 'currency', 'exchange', 'account', 'order_id', 'portfolio']
  const types = Object.fromEntries(texts.map((name) => [name, '']))
  const set = { ...fallbacks(financeDomain), ...parameters }
  fc.assert(tightensOnly(financeDomain, types, set), { seed, numRuns: 500 })
})

test('each template is a policy that names its domain', async (t) => {
  const names = financeDomain.policyTemplates().map(({ name }) => name)
  t.same(names, ['prevent_flash_crash', 'position_limits'])
})

test('an order is evidence on pre-trade controls; what nobody knows is evidence on nothing', async (t) => {
  t.ok(financeDomain.complianceMappings('axn_place_order').includes('mifid-ii/rts-6-art-15'))
  t.same(financeDomain.complianceMappings('axn_other'), [])
})
