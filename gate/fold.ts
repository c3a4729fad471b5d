/** Reads entries back as the events they record, so that the state is a fold of the ledger (I4). */
import type { Answer } from '../kernel/answer.ts'
import { assert } from '../kernel/contract.ts'
import type { Vector } from '../kernel/dimension.ts'
import type { AdmitEvent, HaltCause, KernelEvent } from '../kernel/event.ts'
import type { Terms } from '../kernel/policy.ts'
import type { Reason, ReasonCode } from '../kernel/reasons.ts'
import type { Principal, ScopeId } from '../kernel/scope.ts'
import type { State } from '../kernel/state.ts'
import { step } from '../kernel/step.ts'
import type { Actor, Entry } from '../ledger/entry.ts'

type Plain = Readonly<Record<string, unknown>>

/** Policies by digest, as data to decide with; null where the source is not to be had. */
export type TermsOf = (digest: string) => Terms | null

const text = (data: Plain, key: string): string => {
  const value = data[key]
  return typeof value === 'string' ? value : ''
}
const integer = (data: Plain, key: string): number => {
  const value = data[key]
  return typeof value === 'number' ? value : 0
}
const list = (data: Plain, key: string): readonly string[] =>
  Array.isArray(data[key]) ? (data[key] as readonly string[]) : []
const vector = (data: Plain, key: string): Vector => {
  const value = data[key]
  return typeof value === 'object' && value !== null ? (value as Vector) : {}
}

function reasonsOf(data: Plain, key: string): readonly Reason[] {
  const value = data[key]
  if (!Array.isArray(value)) return []
  return value.map((one: Plain) => ({
    code: text(one, 'code') as ReasonCode,
    id: text(one, 'id'),
    message: '',
  }))
}

/** Entries of one actor share it (ledger/scan.ts), and a principal that is the same object has its path at hand. */
const principals = new WeakMap<Actor, Principal>()

function principalOf(actor: Actor): Principal {
  const known = principals.get(actor)
  if (known !== undefined) return known
  const principal = {
    agent: actor.agent ?? '',
    run: actor.run ?? '',
    tenant: actor.tenant ?? null,
    project: actor.project ?? null,
    actor: actor.principal ?? null,
    key: actor.key ?? null,
  }
  principals.set(actor, principal)
  return principal
}

function admitOf(entry: Entry): AdmitEvent {
  const { data } = entry
  const queue = text(data, 'queue')
  const least = data['least'] === undefined ? {} : { least: vector(data, 'least') }
  return {
    ...least,
    kind: 'admit',
    at: integer(data, 'at'),
    request: text(data, 'request'),
    principal: principalOf(entry.actor),
    host: text(data, 'host'),
    rules: list(data, 'rules'),
    drafts: list(data, 'drafts'),
    budgets: list(data, 'budgets'),
    charge: vector(data, 'charge'),
    ask: vector(data, 'ask'),
    refusals: reasonsOf(data, 'refusals'),
    queue: queue === 'full' || queue === 'expired' ? queue : 'open',
  }
}

/** The event that an entry records; null for entries that do not move the state. */
export function eventOf(entry: Entry): KernelEvent | null {
  const { data } = entry
  const at = integer(data, 'at')
  const scope = text(data, 'scope') as ScopeId
  switch (entry.kind) {
    case 'decision':
      return admitOf(entry)
    case 'settlement': {
      const outcome = text(data, 'outcome')
      assert(isOutcome(outcome), `entry ${entry.seq}: a settlement has an outcome`)
      const actual = vector(data, 'actual')
      return { kind: 'settle', at, request: text(data, 'request'), outcome, actual }
    }
    case 'extension':
      return { kind: 'extend', at, request: text(data, 'request'), ask: vector(data, 'ask') }
    case 'halt':
      return { kind: 'halt', at, scope, cause: text(data, 'cause') as HaltCause }
    case 'reinstate':
      return { kind: 'reinstate', at, scope }
    case 'grant':
    case 'revoke': {
      const amount = integer(data, 'amount')
      const [budget, dimension] = [text(data, 'budget'), text(data, 'dimension')]
      return { kind: entry.kind, at, scope, budget, dimension, amount }
    }
    case 'policy.load':
      return text(data, 'verdict') === 'allow'
        ? { kind: 'load', at, digest: text(data, 'digest') }
        : null
    default:
      return null
  }
}

const isOutcome = (text: string): text is 'settled' | 'forfeited' | 'voided' =>
  text === 'settled' || text === 'forfeited' || text === 'voided'

export interface Folded {
  readonly state: State
  /** Null where the entry follows from the state before it; otherwise what does not. */
  readonly mismatch: string | null
}

/** Folds one entry: the real step, whose answer must be the recorded one. */
export function fold(state: State, entry: Entry, termsOf: TermsOf): Folded {
  const event = eventOf(entry)
  if (event === null) return { state, mismatch: null }
  const digest = digestFor(state, entry, event)
  const terms = termsOf(digest)
  if (terms === null) {
    return { state, mismatch: `the policy ${digest} that decided it is not kept beside the ledger` }
  }
  const ready = event.kind === 'extend' ? dispatched(state, event.request) : state
  const answer = step(ready, event, terms)
  return { state: answer.state, mismatch: compare(entry, event, answer) }
}

function digestFor(state: State, entry: Entry, event: KernelEvent): string {
  if (event.kind === 'admit') return text(entry.data, 'policy')
  if (event.kind === 'load') return event.digest
  return state.policy
}

/**
 * The log holds admission and dispatch as one record, so an extension finds its hold still `held`. That it was
 * asked says that it was dispatched; no step, since a halt that came between the two would refuse it here.
 */
function dispatched(state: State, request: string): State {
  const hold = state.holds.get(request)
  if (hold === undefined || hold.state === 'dispatched') return state
  return { ...state, holds: state.holds.set(request, { ...hold, state: 'dispatched' }) }
}

function compare(entry: Entry, event: KernelEvent, answer: Answer): string | null {
  const { data } = entry
  const recorded = text(data, 'verdict')
  if (recorded !== '' && recorded !== answer.verdict) {
    return `the verdict recorded is ${recorded}, and ${answer.verdict} follows`
  }
  if (event.kind === 'settle' && answer.verdict !== 'allow') {
    return `it settles ${event.request}, of which no hold is open`
  }
  if (event.kind !== 'admit' && event.kind !== 'extend') return null
  const codes = reasonsOf(data, 'reasons')
  if (!sameReasons(codes, answer.reasons)) {
    const [left, right] = [codes, answer.reasons].map((all) => all.map((one) => one.code).join(' '))
    return `the reasons recorded are [${left}], and [${right}] follow`
  }
  const held = vector(data, 'hold')
  const follows = answer.hold?.vector ?? {}
  const key = differing(held, follows) ?? differing(follows, held)
  if (key === null) return null
  return `the hold recorded has ${key} ${held[key] ?? 'unset'}, and ${follows[key] ?? 'unset'} follows`
}

/** The first dimension of one vector that has another amount in the other; null where there is none. */
function differing(one: Vector, other: Vector): string | null {
  for (const key in one) if (one[key] !== other[key]) return key
  return null
}

function sameReasons(left: readonly Reason[], right: readonly Reason[]): boolean {
  if (left.length !== right.length) return false
  return left.every((one, index) => {
    const other = right[index]
    return other !== undefined && one.code === other.code && one.id === other.id.slice(0, 256)
  })
}

/**
 * The state as the log alone tells it: an admission and its dispatch are one record, so that every open hold
 * is `held`. Two states that are equal under this follow from the same entries.
 */
export function asLogged(state: State): State {
  let { holds } = state
  for (const [request, hold] of state.holds) {
    if (hold.state === 'dispatched') holds = holds.set(request, { ...hold, state: 'held' })
  }
  return holds === state.holds ? state : { ...state, holds }
}
