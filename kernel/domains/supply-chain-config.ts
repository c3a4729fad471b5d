/** What the domain of supply chains declares: who orders and ships, and the limits that a policy may set. */
import type { ActionType, DomainConfig, RiskLevel } from '../domain.ts'

interface Kind {
  readonly category: string
  readonly riskLevel: RiskLevel
  readonly needsPerson?: boolean
}

const action = (
  name: string,
  { category, riskLevel, needsPerson = false }: Kind,
  requires: readonly string[],
): Omit<ActionType, 'description'> => ({
  ...{ name, category, riskLevel, requires },
  requiresHumanApproval: needsPerson,
})

const read: Kind = { category: 'read', riskLevel: 1 }

const actions: readonly ActionType[] = [
  {
    ...action('axn_place_order', { category: 'order', riskLevel: 3 }, [
      ...['supplier', 'supplier_name', 'country'],
      ...['order_id', 'order_value', 'qty'],
    ]),
    description: 'Order goods of a supplier.',
  },
  {
    ...action('axn_cancel_order', { category: 'order', riskLevel: 2 }, ['supplier', 'order_id']),
    description: 'Take an order back.',
  },
  {
    ...action('axn_ship', { category: 'shipment', riskLevel: 3 }, ['consignee', 'country', 'qty']),
    description: 'Send goods to someone.',
  },
  {
    ...action('axn_add_supplier', { category: 'master_data', riskLevel: 4, needsPerson: true }, [
      'supplier',
      'supplier_name',
      'country',
    ]),
    description: 'Make a supplier known, of whom can be ordered.',
  },
  {
    ...action('axn_change_bank_details', { category: 'payment', riskLevel: 5, needsPerson: true }, [
      'supplier',
      'account',
      'bank_country',
    ]),
    description: 'Change where a supplier is paid.',
  },
  { ...action('axn_read_inventory', read, []), description: 'Read what is in stock.' },
  { ...action('axn_read_supplier', read, []), description: 'Read what is known of a supplier.' },
  { ...action('axn_read_orders', read, []), description: 'Read orders and their state.' },
]

export const supplyChainConfig: DomainConfig = {
  name: 'supply_chain',
  version: '1',
  description: 'Orders, shipments and suppliers.',
  actors: [
    { name: 'act_agent', description: 'An agent of no further type.' },
    { name: 'act_procurement_agent', description: 'An agent that orders.' },
    { name: 'act_logistics_agent', description: 'An agent that ships.' },
    { name: 'act_planning_agent', description: 'An agent that only reads.' },
  ],
  actions,
  resources: [
    { name: 'res_supplier', description: 'A supplier, by its id.', sensitivity: 'confidential' },
    { name: 'res_order', description: 'An order, by its number.', sensitivity: 'confidential' },
    { name: 'res_shipment', description: 'A shipment.', sensitivity: 'confidential' },
    { name: 'res_inventory', description: 'What is in stock.', sensitivity: 'internal' },
  ],
  frameworks: ['iso-28000', 'soc-2', 'iso-27001'],
  riskModels: [
    {
      name: 'counterparty',
      description:
        'Who is on a list or in a country of the policy is refused, however the name is written.',
    },
    {
      name: 'payment-diversion',
      description:
        'New bank details wait for a person, and for a signed call-back where the policy asks for it.',
    },
  ],
  parameters: [
    {
      name: 'order_value_max',
      kind: 'integer',
      description: 'The most that one order may be worth, in USD.',
      fallback: 100_000,
    },
    {
      name: 'exchange_rates',
      kind: 'table',
      description: 'USD for one unit of a currency; one that has no row is refused.',
      fallback: {},
    },
    {
      name: 'quantity_max',
      kind: 'integer',
      description: 'The most pieces of one order or shipment.',
      fallback: 10_000,
    },
    {
      name: 'quantity_max_by_item',
      kind: 'table',
      description: 'The same by item, in place of it.',
      fallback: {},
    },
    {
      name: 'sanctions',
      kind: 'table',
      description: 'Names of those with whom nobody may deal, each with a list of its other names.',
      fallback: {},
    },
    {
      name: 'sanctions_as_of',
      kind: 'text',
      description: 'The day of that list: 2026-11-20. Left empty, it never grows old.',
      fallback: '',
    },
    {
      name: 'sanctions_days_max',
      kind: 'integer',
      description: 'How old that list may be, in days.',
      fallback: 31,
    },
    {
      name: 'sanctioned_countries',
      kind: 'texts',
      description: 'Countries with which nobody may deal (ISO 3166, two letters).',
      fallback: ['CU', 'IR', 'KP'],
    },
    {
      name: 'duplicate_days',
      kind: 'integer',
      description: 'For how long the number of an order is remembered, in days.',
      fallback: 90,
    },
    {
      name: 'callback_required',
      kind: 'boolean',
      description:
        'Whether new bank details need a signed statement (call-back) of someone who called the supplier.',
      fallback: false,
    },
    {
      name: 'callback_age_max_s',
      kind: 'integer',
      description: 'How old that statement may be, in seconds.',
      fallback: 86_400,
    },
  ],
}
