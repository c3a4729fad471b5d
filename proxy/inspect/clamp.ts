/** How much a model call may still say: the bound that its hold leaves to the output, and the body that says so. */

import type { ModelCall } from '../../kernel/content.ts'
import type { Vector } from '../../kernel/dimension.ts'
import { costOf, dearestInput, type Price, type Usage } from '../../kernel/price.ts'

const picoInNano = 1000

/**
 * Output tokens, of all choices together, that the hold covers when the input costs its most.
 *
 * limits   of the passage: only dimensions that an active budget counts are in it.
 * returns  Infinity where nothing bounds it.
 */
export function outputRoom(limits: Vector, model: ModelCall, price: Price): number {
  const { tokensInMax } = model
  let room = limits['tokens_out'] ?? Number.POSITIVE_INFINITY
  const tokens = limits['tokens']
  if (tokens !== undefined) room = Math.min(room, tokens - tokensInMax)
  const cost = limits['cost_usd']
  if (cost !== undefined && price.output > 0) {
    const left = cost * picoInNano - tokensInMax * dearestInput(price)
    room = Math.min(room, Math.floor(left / price.output))
  }
  return Math.max(0, room)
}

/** What a call turned out to cost, in every dimension of model calls. */
export function spentOf(price: Price, usage: Usage): Vector {
  const { input, output } = usage
  return {
    cost_usd: costOf(price, usage),
    tokens: input + output,
    tokens_in: input,
    tokens_out: output,
  }
}
