/** Orders, transfers and market data: what one order may be worth, when it may be sent, and what many of them add up to. */
import type { DomainCall, DomainEffects, Violation } from '../domain.ts'
import {
  type Check,
  domainOf,
  factOf,
  factsMissing,
  integerParameter,
  isGiven,
  noEffects,
  numberParameter,
  on,
  refusal,
  rowOf,
  text,
} from './check.ts'
import { decimalOf, distance, positiveOf } from './decimal.ts'
import { financeConfig } from './finance-config.ts'
import { exchangeOf, isOrder, type Order, orderOf, worthOf } from './finance-order.ts'
import { isShareLimited, positionMarks, roomOf } from './finance-position.ts'
import { stateAt } from './market-hours.ts'
import { dollarsUp, limitOf, microDollars, valueUnknown } from './money.ts'
import { againstId, againstResource } from './named.ts'
import { readersOnly } from './roles.ts'
import { financeTemplates } from './templates/finance.ts'
import { windowMarks } from './window-marks.ts'

const isOrdering = on('axn_place_order', 'axn_replace_order')

/** For checks of an order that could be read; one that could not is refused for that. */
function ofOrder(against: (call: DomainCall, order: Order) => Violation | null): Check['against'] {
  return (call) => {
    const order = orderOf(call)
    return isOrder(order) ? against(call, order) : null
  }
}

function againstFacts(call: DomainCall): Violation | null {
  const order = orderOf(call)
  return isOrder(order) ? null : factsMissing(order)
}

function againstValue(call: DomainCall, order: Order): Violation | null {
  const value = worthOf(call, order)
  if (value === null) return valueUnknown()
  if (value <= limitOf(integerParameter(call, 'order_value_max'))) return null
  return refusal({
    code: 'order-value',
    severity: 'critical',
    message: 'The order is worth more than one order may be.',
    recommendation: 'Send a smaller order, or ask an operator for a higher limit.',
  })
}

function againstHours(call: DomainCall): Violation | null {
  const exchange = exchangeOf(call)
  if (exchange === null) {
    return refusal({
      code: 'exchange-unknown',
      message: 'The policy knows no such exchange.',
      recommendation: 'Name an exchange that the policy knows; an operator can add one.',
    })
  }
  const state = stateAt(exchange, call.at, rowOf(call, 'holidays', exchange.name))
  if (state === 'open') return null
  if (state === 'closed') {
    return refusal({
      code: 'market-closed',
      message: `${exchange.name} is closed at this time.`,
      recommendation: 'Send the order while the exchange trades.',
    })
  }
  return refusal({
    code: 'calendar-unreadable',
    message: `Nobody can say whether ${exchange.name} trades at this time.`,
    recommendation: 'Ask an operator to mend the table of holidays.',
  })
}

function againstPrice(call: DomainCall, order: Order): Violation | null {
  const reference = positiveOf(rowOf(call, 'reference_prices', order.symbol))
  const band = decimalOf(numberParameter(call, 'price_band'))
  const hundred = decimalOf(100) ?? 0n
  const isNear =
    reference !== null &&
    band !== null &&
    distance(order.price, reference) * hundred <= reference * band
  if (isNear) return null
  return refusal({
    code: 'price-band',
    message: 'The price is too far from the reference price of the policy.',
    recommendation: 'Check the price, or ask an operator for a newer reference.',
  })
}

function againstShare(call: DomainCall, order: Order): Violation | null {
  const room = roomOf(call, order)
  if (room === 'unset' || room === 'stale' || room === 'unreadable') {
    return refusal({
      code: `positions-${room}`,
      message: 'The policy has no snapshot of the positions that could be used.',
      recommendation: 'Ask an operator to load the positions and the value of the portfolio.',
    })
  }
  const value = worthOf(call, order)
  if (value === null || value <= room.limit) return null
  return refusal({
    code: 'position-share',
    message: 'The position would be a larger share of the portfolio than it may be.',
    recommendation: 'Order less of this security, or ask an operator for a newer snapshot.',
  })
}

function againstTransfer(call: DomainCall): Violation | null {
  const amount = positiveOf(factOf(call, 'amount'))
  const currency = isGiven(call, 'currency') ? text(call, 'currency') : 'USD'
  if (amount === null) return factsMissing(['amount'])
  if (currency === null) return factsMissing(['currency'])
  const value = microDollars(call, amount, currency)
  if (value !== null && value <= limitOf(integerParameter(call, 'transfer_value_max'))) return null
  return refusal({
    code: 'transfer-value',
    severity: 'critical',
    message: 'The transfer is worth more than one may be, or nobody can say what it is worth.',
    recommendation: 'Transfer less, in a currency for which the policy has an exchange rate.',
  })
}

const checks: readonly Check[] = [
  readersOnly(financeConfig, ['act_research_agent']),
  { name: 'order-facts', applies: isOrdering, against: againstFacts },
  { name: 'resource', applies: isOrdering, against: againstResource(['res_security'], 'symbol') },
  { name: 'order-value', applies: isOrdering, against: ofOrder(againstValue) },
  { name: 'market-hours', applies: isOrdering, against: againstHours },
  {
    name: 'price-band',
    applies: (call) => isOrdering(call) && hasReference(call),
    against: ofOrder(againstPrice),
  },
  {
    name: 'position-share',
    applies: (call) => isOrdering(call) && isShareLimited(call),
    against: ofOrder(againstShare),
  },
  {
    name: 'order-id',
    applies: on('axn_cancel_order', 'axn_replace_order'),
    against: againstId('order_id'),
  },
  { name: 'portfolio', applies: on('axn_rebalance'), against: againstId('portfolio') },
  { name: 'account', applies: on('axn_transfer'), against: againstId('account') },
  { name: 'transfer-value', applies: on('axn_transfer'), against: againstTransfer },
]

function hasReference(call: DomainCall): boolean {
  const symbol = text(call, 'symbol')
  return symbol !== null && rowOf(call, 'reference_prices', symbol) !== null
}

/** Controls on what is traded without a person for each order. */
const ofOrders = [
  'mifid-ii/art-17',
  'mifid-ii/rts-6-art-15',
  'mifid-ii/rts-6-art-28',
  'sec-613/242.613(c)',
  'sec-613/240.15c3-5(c)(1)',
  'sec-613/240.15c3-5(c)(2)',
  'dodd-frank/sec-737',
  'dodd-frank/sec-747',
  'basel-iii/lex-10',
]

const minuteMs = 60_000

/** Adds an order to what its agent ordered in this minute, and to what was ordered of the security. */
function effects(call: DomainCall): DomainEffects {
  const order = isOrdering(call) ? orderOf(call) : []
  const value = isOrder(order) ? worthOf(call, order) : null
  if (!isOrder(order) || value === null) return noEffects
  const rate = windowMarks(
    {
      key: `finance/order-value/${call.agent}`,
      lengthMs: minuteMs,
      amount: value,
      limit: limitOf(integerParameter(call, 'order_value_per_minute_max')),
      reason: {
        code: 'validator-refused',
        id: 'finance/order-rate',
        message: 'The orders of this minute would be worth more than they may be.',
      },
    },
    call.at,
  )
  const room = isShareLimited(call) ? roomOf(call, order) : null
  const position =
    room === null || typeof room === 'string' ? [] : positionMarks(call, order, { room, value })
  return { charge: { order_value: dollarsUp(value) }, marks: [...rate, ...position] }
}

export const financeDomain = domainOf({
  config: financeConfig,
  checks,
  effects,
  templates: financeTemplates,
  controls: ['mifid-ii/art-16', 'basel-iii/bcbs-239-p3', 'soc-2/PI1.3'],
  controlsByAction: new Map([
    ['axn_place_order', ofOrders],
    ['axn_replace_order', ofOrders],
    ['axn_cancel_order', ['mifid-ii/rts-6-art-28', 'sec-613/242.613(c)']],
    ['axn_rebalance', [...ofOrders, 'mifid-ii/rts-6-art-13']],
    ['axn_transfer', ['basel-iii/ope-10', 'soc-2/CC6.3']],
  ]),
})
