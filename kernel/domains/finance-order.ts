/** An order as the wire states it, its value exact in micro-dollars; what is not of its exact type is named as missing. */
import type { DomainCall } from '../domain.ts'
import { factOf, isGiven, rowOf, text, textParameter } from './check.ts'
import { type Decimal, positiveOf, product } from './decimal.ts'
import { type Exchange, exchangeOfRow, knownExchange } from './market-hours.ts'
import { microDollars } from './money.ts'

export interface Order {
  readonly symbol: string
  readonly side: 'buy' | 'sell'
  readonly price: Decimal
  /** Quantity by price, or what the order says that it is worth, whichever is more; in its currency. */
  readonly value: Decimal
}

/** Upper case, for a broker may take `aapl` for `AAPL`, and its position would not be found. */
const symbolPattern = /^[A-Z0-9][A-Z0-9.-]{0,15}$/

/** The order; or the names of the facts that are missing or of another type. */
export function orderOf(call: DomainCall): Order | readonly string[] {
  const symbol = text(call, 'symbol') ?? ''
  const side = text(call, 'side')
  const quantity = positiveOf(factOf(call, 'qty'))
  const price = positiveOf(factOf(call, 'price'))
  const stated = isGiven(call, 'order_value') ? positiveOf(factOf(call, 'order_value')) : 0n
  const unreadable: string[] = []
  if (!symbolPattern.test(symbol)) unreadable.push('symbol')
  if (side !== 'buy' && side !== 'sell') unreadable.push('side')
  if (quantity === null) unreadable.push('qty')
  if (price === null) unreadable.push('price')
  if (stated === null) unreadable.push('order_value')
  if (isGiven(call, 'currency') && text(call, 'currency') === null) unreadable.push('currency')
  if (isGiven(call, 'exchange') && text(call, 'exchange') === null) unreadable.push('exchange')
  if (unreadable.length > 0 || quantity === null || price === null || stated === null) {
    return unreadable
  }
  const counted = product(quantity, price)
  const value = counted > stated ? counted : stated
  return { symbol, side: side === 'buy' ? 'buy' : 'sell', price, value }
}

/** Whether what was read is an order, and no list of what is missing. */
export function isOrder(read: Order | readonly string[]): read is Order {
  return 'symbol' in read
}

/** The exchange that the order names, or that of the policy; null where nobody knows it. */
export function exchangeOf(call: DomainCall): Exchange | null {
  const name = text(call, 'exchange') ?? textParameter(call, 'exchange')
  return knownExchange(name) ?? exchangeOfRow(name, rowOf(call, 'exchanges', name))
}

/** What the order is worth in micro-dollars; null where its currency has no rate, or it is beyond any account. */
export function worthOf(call: DomainCall, order: Order): number | null {
  const currency = text(call, 'currency') ?? exchangeOf(call)?.currency
  return currency === undefined ? null : microDollars(call, order.value, currency)
}
