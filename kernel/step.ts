/**
 * The kernel: one event in, the next state, a verdict and effects out. Pure, synchronous, total and deterministic;
 * it performs nothing (I10), and asserts its contracts on all that it touches.
 */
import { admit } from './admit.ts'
import type { Answer } from './answer.ts'
import { answer, expire } from './answering.ts'
import { changeAuthority, load } from './authority.ts'
import { assert, never } from './contract.ts'
import type { KernelEvent } from './event.ts'
import { extend } from './extend.ts'
import { halt, reinstate } from './halt.ts'
import type { Terms } from './policy.ts'
import { dispatch, recover, settle } from './settle.ts'
import type { State } from './state.ts'
import { begin, done, type Turn } from './turn.ts'

function take(turn: Turn, event: KernelEvent): Answer {
  switch (event.kind) {
    case 'admit':
      return admit(turn, event)
    case 'dispatch':
      return dispatch(turn, event)
    case 'extend':
      return extend(turn, event)
    case 'settle':
      return settle(turn, event)
    case 'grant':
    case 'revoke':
      return changeAuthority(turn, event)
    case 'halt':
      halt(turn, event.scope, event.cause)
      return done(turn)
    case 'reinstate':
      return reinstate(turn, event)
    case 'load':
      return load(turn, event)
    case 'recover':
      return recover(turn)
    case 'approve':
    case 'deny':
      return answer(turn, event)
    case 'expire':
      return expire(turn, event)
    default:
      return never(event)
  }
}

/**
 * Takes one event into the state.
 *
 * returns  a new State; the one that was given stays usable. A refusal is a verdict with its reasons, never thrown.
 * asserts  the contracts of contracts.ts: a ContractError is a bug of ours or of the caller, and seals the gate.
 * source   docs/invariants.md I3, I8, I9, I10.
 */
export function step(state: State, event: KernelEvent, terms: Terms): Answer {
  assert(Number.isSafeInteger(event.at) && event.at >= 0, 'an event has an instant')
  return take(begin(state, terms, event.at), event)
}
