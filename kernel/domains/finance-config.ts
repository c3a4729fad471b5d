/** What the domain of finance declares: who trades, what is done, and the limits that a policy may set. */
import type { ActionType, DomainConfig, DomainParameter } from '../domain.ts'

const readOf = (name: string, description: string, riskLevel: 1 | 2): ActionType => ({
  name,
  description,
  category: 'read',
  riskLevel,
  requiresHumanApproval: false,
  requires: [],
})

/** What an order must say: exact types, or it is refused. */
const ofOrder = ['symbol', 'side', 'qty', 'price'] as const

const actions: readonly ActionType[] = [
  {
    name: 'axn_place_order',
    description: 'Send an order to buy or sell a security.',
    category: 'order',
    riskLevel: 4,
    requiresHumanApproval: false,
    requires: ofOrder,
  },
  {
    name: 'axn_replace_order',
    description: 'Put an order in the place of one that is open; judged like a new one, in full.',
    category: 'order',
    riskLevel: 4,
    requiresHumanApproval: false,
    requires: [...ofOrder, 'order_id'],
  },
  {
    name: 'axn_cancel_order',
    description: 'Take back an order that is open.',
    category: 'order',
    riskLevel: 2,
    requiresHumanApproval: false,
    requires: ['order_id'],
  },
  {
    name: 'axn_rebalance',
    description: 'Move a portfolio to other weights, by orders that nobody sees one by one.',
    category: 'order',
    riskLevel: 5,
    requiresHumanApproval: true,
    requires: ['portfolio'],
  },
  {
    name: 'axn_transfer',
    description: 'Move money out of an account.',
    category: 'payment',
    riskLevel: 5,
    requiresHumanApproval: true,
    requires: ['account', 'amount'],
  },
  readOf('axn_read_market_data', 'Read prices and quotes.', 1),
  readOf('axn_read_positions', 'Read what a portfolio holds.', 2),
  readOf('axn_read_orders', 'Read orders and their state.', 2),
]

const parameters: readonly DomainParameter[] = [
  {
    name: 'order_value_max',
    kind: 'integer',
    description: 'The most that one order may be worth, in USD.',
    fallback: 10_000_000,
  },
  {
    name: 'order_value_per_minute_max',
    kind: 'integer',
    description: 'The most that the orders of one agent may be worth in any 60 s, in USD.',
    fallback: 20_000_000,
  },
  {
    name: 'transfer_value_max',
    kind: 'integer',
    description: 'The most that one transfer may be worth, in USD.',
    fallback: 1_000_000,
  },
  {
    name: 'position_share_max',
    kind: 'number',
    description:
      'How much of the portfolio one security may be worth, long or short, in percent. 100 asks for no snapshot.',
    fallback: 5,
  },
  {
    name: 'portfolio_value',
    kind: 'number',
    description: 'What the portfolio is worth in the snapshot, in USD.',
    fallback: 0,
  },
  {
    name: 'positions',
    kind: 'table',
    description:
      'What is held of each symbol in the snapshot, in USD, below zero where it is owed. Others are 0.',
    fallback: {},
  },
  {
    name: 'positions_as_of',
    kind: 'text',
    description: 'When the snapshot was taken: 2026-11-20T21:00:00Z.',
    fallback: '',
  },
  {
    name: 'positions_hours_max',
    kind: 'integer',
    description: 'How old the snapshot may be, in hours; at most 120.',
    fallback: 24,
  },
  {
    name: 'exchange',
    kind: 'text',
    description:
      'Where orders go that name no exchange: NYSE, NASDAQ, LSE, XETRA, TSE, or a row of exchanges.',
    fallback: 'NYSE',
  },
  {
    name: 'exchanges',
    kind: 'table',
    description:
      'Other exchanges by name: offset of standard time, daylight saving (none, us, eu, au), currency, sessions.',
    fallback: {},
  },
  {
    name: 'holidays',
    kind: 'table',
    description:
      'Days by exchange on which it is closed (2027-01-09) or ends early (2027-07-02T13:00), beside those of its rule.',
    fallback: {},
  },
  {
    name: 'exchange_rates',
    kind: 'table',
    description: 'USD for one unit of a currency; one that has no row is refused.',
    fallback: {},
  },
  {
    name: 'reference_prices',
    kind: 'table',
    description: 'Prices by symbol that orders are compared with, in the currency of the order.',
    fallback: {},
  },
  {
    name: 'price_band',
    kind: 'number',
    description: 'How far the price of an order may be from its reference, in percent.',
    fallback: 10,
  },
]

export const financeConfig: DomainConfig = {
  name: 'finance',
  version: '1.0.0',
  description: 'Orders, transfers and market data.',
  actors: [
    { name: 'act_agent', description: 'An agent of no further type.' },
    { name: 'act_trading_agent', description: 'An agent that sends orders.' },
    { name: 'act_research_agent', description: 'An agent that only reads.' },
  ],
  actions,
  resources: [
    { name: 'res_security', description: 'A security, by its symbol.', sensitivity: 'internal' },
    { name: 'res_order', description: 'An order that was sent.', sensitivity: 'confidential' },
    { name: 'res_account', description: 'An account.', sensitivity: 'secret' },
    { name: 'res_portfolio', description: 'A portfolio.', sensitivity: 'confidential' },
    { name: 'res_market_data', description: 'Prices and quotes.', sensitivity: 'public' },
  ],
  frameworks: ['mifid-ii', 'sec-613', 'dodd-frank', 'basel-iii', 'soc-2'],
  riskModels: [
    {
      name: 'order-value',
      description:
        'Quantity by price in USD, rounded up to a millionth, in any minute and in one order.',
    },
    {
      name: 'position-share',
      description:
        'What the snapshot holds and what was ordered since, as a share of the portfolio; orders that may not have been filled count.',
    },
  ],
  parameters,
}
