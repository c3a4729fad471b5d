/** Dimensions and vectors: what a request can cost, in integers of a stated unit. */
import { assert, present } from './contract.ts'

/** `requests`, `cost_usd` (nano-USD), `tokens`, `bytes_up`, `wall` (ms), … or any name that a rule charges. */
export type Dimension = string

/** Amounts by dimension: non-negative safe integers in the dimension's unit. */
export type Vector = Readonly<Record<Dimension, number>>

/** Names that a dimension may have. */
export const dimensionPattern = /^[a-z][a-z0-9_]{0,31}$/

/** What the proxy measures while bytes flow, and cuts at the hold: an overrun cannot happen here. */
export const metered = ['bytes_up', 'bytes_down', 'wall'] as const

/** Charged by the kernel itself to every admitted request that no rule charges otherwise. */
export const defaultCharge: Vector = { effort: 1, inflight: 1, requests: 1 }

/** Unit in which each well-known dimension is counted; a dimension of a rule's own counts `units`. */
export const units: Readonly<Record<Dimension, string>> = {
  requests: 'requests',
  effort: 'units',
  risk: 'milli-risk',
  cost_usd: 'nano-USD',
  tokens_in: 'tokens',
  tokens_out: 'tokens',
  tokens: 'tokens',
  bytes_up: 'bytes',
  bytes_down: 'bytes',
  wall: 'ms',
  inflight: 'requests',
  hosts: 'hosts',
  refusals: 'refusals',
}

/**
 * The amount that a vector itself names; undefined where it names none. What a vector inherits is no number
 * (`constructor` is a valid dimension), and to look at that takes a third of the time of `Object.hasOwn`.
 */
export function amountIn(vector: Vector, dimension: Dimension): number | undefined {
  const amount: unknown = vector[dimension]
  return typeof amount === 'number' ? amount : undefined
}

/** The amount that a vector names; asserts that it does. */
export function amountOf(vector: Vector, dimension: Dimension): number {
  return present(amountIn(vector, dimension), 'the vector names the dimension')
}

/** Asserts that each amount is a non-negative safe integer (P8). */
export function checkVector(vector: Vector): void {
  for (const dimension of Object.keys(vector)) {
    const amount = amountOf(vector, dimension)
    assert(Number.isSafeInteger(amount) && amount >= 0, 'P8: amounts are safe integers')
  }
}
