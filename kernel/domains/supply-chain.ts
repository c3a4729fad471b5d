/** Orders, shipments and suppliers: with whom, how much, once, and paid to whom. */
import type { DomainCall, DomainEffects, Violation } from '../domain.ts'
import {
  type Check,
  domainOf,
  factOf,
  factsMissing,
  flagParameter,
  integer,
  integerParameter,
  isGiven,
  markKey,
  noEffects,
  on,
  refusal,
  rowOf,
  text,
} from './check.ts'
import { positiveOf } from './decimal.ts'
import { areProofs, claimOf, freshProofs } from './fresh-proof.ts'
import { dollarsUp, limitOf, microDollars, valueUnknown } from './money.ts'
import { againstId, againstResource } from './named.ts'
import { readersOnly } from './roles.ts'
import { againstCountry, againstListAge, againstName } from './sanctions.ts'
import { supplyChainConfig } from './supply-chain-config.ts'
import { supplyChainTemplates } from './templates/supply-chain.ts'

const isOrdering = on('axn_place_order')
const isShipping = on('axn_ship')

/** What an order is worth in micro-dollars; null where it says nothing that could be counted. */
function worthOf(call: DomainCall): number | null {
  const amount = positiveOf(factOf(call, 'order_value'))
  const currency = isGiven(call, 'currency') ? text(call, 'currency') : 'USD'
  return amount === null || currency === null ? null : microDollars(call, amount, currency)
}

function againstValue(call: DomainCall): Violation | null {
  if (positiveOf(factOf(call, 'order_value')) === null) return factsMissing(['order_value'])
  const value = worthOf(call)
  if (value === null) return valueUnknown()
  if (value <= limitOf(integerParameter(call, 'order_value_max'))) return null
  return refusal({
    code: 'order-ceiling',
    message: 'The order is worth more than one order may be.',
    recommendation: 'Send a smaller order, or ask an operator for a higher limit.',
  })
}

function againstQuantity(call: DomainCall): Violation | null {
  const quantity = integer(call, 'qty')
  if (quantity === null) return factsMissing(['qty'])
  const item = isGiven(call, 'item') ? text(call, 'item') : ''
  if (item === null) return factsMissing(['item'])
  const ofItem = rowOf(call, 'quantity_max_by_item', item)
  const most = ofItem ?? integerParameter(call, 'quantity_max')
  const isWithin = typeof most === 'number' && quantity >= 1 && quantity <= most
  if (isWithin) return null
  return refusal({
    code: 'quantity-bounds',
    message: 'The quantity is below one piece, or above the most of one order.',
    recommendation: 'Order a quantity within the bounds.',
  })
}

/** A person called the supplier at a number that was known before, and signed which account it is. */
function againstCallback(call: DomainCall): Violation | null {
  const supplier = text(call, 'supplier')
  const account = text(call, 'account')
  if (supplier === null || account === null) return factsMissing(['supplier', 'account'])
  const ageMaxMs = integerParameter(call, 'callback_age_max_s') * 1000
  const found = freshProofs(call, { kind: 'callback', subject: supplier, ageMaxMs })
  if (!areProofs(found)) return found
  if (found.every((proof) => claimOf(proof, 'account') === account)) return null
  return refusal({
    code: 'proof-invalid',
    severity: 'critical',
    message: 'The supplier confirmed another account.',
    recommendation: 'Stop, and tell a person: somebody may be diverting payments.',
  })
}

const isAboutSupplier = on(
  'axn_place_order',
  'axn_cancel_order',
  'axn_add_supplier',
  'axn_change_bank_details',
)
const isWithParty = on('axn_place_order', 'axn_add_supplier')
const isPaying = on('axn_change_bank_details')

const checks: readonly Check[] = [
  readersOnly(supplyChainConfig, ['act_planning_agent']),
  { name: 'supplier', applies: isAboutSupplier, against: againstId('supplier') },
  {
    name: 'resource',
    applies: isAboutSupplier,
    against: againstResource(['res_supplier'], 'supplier'),
  },
  {
    name: 'order-id',
    applies: on('axn_place_order', 'axn_cancel_order'),
    against: againstId('order_id'),
  },
  { name: 'order-ceiling', applies: isOrdering, against: againstValue },
  {
    name: 'quantity-bounds',
    applies: (call) => isOrdering(call) || isShipping(call),
    against: againstQuantity,
  },
  {
    name: 'sanctions-list',
    applies: (call) => isWithParty(call) || isShipping(call),
    against: againstListAge,
  },
  { name: 'sanctioned-name', applies: isWithParty, against: againstName('supplier_name') },
  { name: 'sanctioned-consignee', applies: isShipping, against: againstName('consignee') },
  {
    name: 'sanctioned-country',
    applies: (call) => isWithParty(call) || isShipping(call),
    against: againstCountry('country'),
  },
  { name: 'sanctioned-bank', applies: isPaying, against: againstCountry('bank_country') },
  {
    name: 'callback',
    applies: (call) => isPaying(call) && flagParameter(call, 'callback_required'),
    against: againstCallback,
  },
]

const dayMs = 86_400_000

/** Remembers the number of an order, so that it is sent once, however its letters are written. */
function effects(call: DomainCall): DomainEffects {
  const value = isOrdering(call) ? worthOf(call) : null
  const supplier = text(call, 'supplier')
  const order = text(call, 'order_id')
  if (value === null || supplier === null || order === null) return noEffects
  const values = [call.tenant, supplier.toLowerCase(), order.toLowerCase()]
  return {
    charge: { order_value: dollarsUp(value) },
    marks: [
      {
        op: 'once',
        key: markKey('supply_chain/order', values),
        amount: 0,
        limit: 0,
        until: call.at + Math.max(1, integerParameter(call, 'duplicate_days')) * dayMs,
        reason: {
          code: 'validator-refused',
          id: 'supply_chain/duplicate-order',
          message: 'An order of this number was sent to this supplier before.',
        },
      },
    ],
  }
}

const ofParties = ['iso-28000/8.3', 'soc-2/CC5.2']

export const supplyChainDomain = domainOf({
  config: supplyChainConfig,
  checks,
  effects,
  templates: supplyChainTemplates,
  controls: ['iso-28000/8.4', 'iso-28000/9.1', 'iso-27001/A.5.15'],
  controlsByAction: new Map([
    ['axn_place_order', [...ofParties, 'soc-2/PI1.3']],
    ['axn_ship', ofParties],
    ['axn_add_supplier', [...ofParties, 'soc-2/CC6.3']],
    ['axn_change_bank_details', ['iso-28000/8.3', 'soc-2/CC6.3', 'iso-27001/A.8.2']],
  ]),
})
