/** Reads entries back as the events they record, so that the state is a fold of the ledger (I4). */
import type { Answer } from '../kernel/answer.ts'
import type { ApprovalAsk, Quorum } from '../kernel/approval.ts'
import { assert } from '../kernel/contract.ts'
import type { Vector } from '../kernel/dimension.ts'
import type { Demand } from '../kernel/domain.ts'
import type {
  AdmitEvent,
  AnswerEvent,
  ExpireEvent,
  HaltCause,
  KernelEvent,
} from '../kernel/event.ts'
import { type MarkCheck, markOps } from '../kernel/mark.ts'
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

const members = (data: Plain, key: string): readonly Plain[] =>
  Array.isArray(data[key]) ? (data[key] as readonly Plain[]) : []

const reasonOf = (one: Plain): Reason => ({
  code: text(one, 'code') as ReasonCode,
  id: text(one, 'id'),
  message: '',
})

function reasonsOf(data: Plain, key: string): readonly Reason[] {
  return members(data, key).map(reasonOf)
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

const quorumOf = (one: Plain): Quorum => ({ need: integer(one, 'need'), of: list(one, 'of') })

function askOf(data: Plain): ApprovalAsk {
  return {
    digest: text(data, 'digest'),
    kind: text(data, 'kind'),
    quorums: members(data, 'quorums').map(quorumOf),
    expiresMs: integer(data, 'expires_ms'),
  }
}

function demandOf(one: Plain): Demand {
  const verdict = text(one, 'verdict')
  assert(isOneOf(demandVerdicts, verdict), 'a demand has a verdict')
  return { verdict, reason: reasonOf(one), ...quorumOf(one) }
}

const demandVerdicts = ['warn', 'approve', 'deny', 'halt'] as const

function checkOf(one: Plain): MarkCheck {
  const op = text(one, 'op')
  assert(isOneOf(markOps, op), 'a mark has an operation')
  const [amount, limit, until] = [
    integer(one, 'amount'),
    integer(one, 'limit'),
    integer(one, 'until'),
  ]
  return { op, key: text(one, 'key'), amount, limit, until, reason: reasonOf(one) }
}

const isOneOf = <T extends string>(words: readonly T[], word: string): word is T =>
  words.some((each) => each === word)

/** What an admission has only where domains or people have a say in it, or it asks for more than 1. */
function rareOf(data: Plain): Partial<AdmitEvent> {
  return {
    ...(data['least'] !== undefined && { least: vector(data, 'least') }),
    ...(data['demands'] !== undefined && { demands: members(data, 'demands').map(demandOf) }),
    ...(data['marks'] !== undefined && { marks: members(data, 'marks').map(checkOf) }),
    ...(data['approval'] !== undefined && { approval: askOf(data['approval'] as Plain) }),
  }
}

function answerOf(data: Plain): AnswerEvent | ExpireEvent {
  const [approval, at, op] = [text(data, 'approval'), integer(data, 'at'), text(data, 'op')]
  if (op === 'expire') return { kind: 'expire', at, approval }
  assert(op === 'approve' || op === 'deny', 'an answer is a yes or a no')
  return {
    ...{ kind: op, at, approval, by: text(data, 'by'), groups: list(data, 'groups') },
    reason: text(data, 'reason'),
    permits: integer(data, 'permits'),
    permitsMs: integer(data, 'permits_ms'),
  }
}

function admitOf(entry: Entry): AdmitEvent {
  const { data } = entry
  const queue = text(data, 'queue')
  return {
    ...rareOf(data),
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
    case 'preview':
      return admitOf(entry)
    case 'approval':
      return answerOf(data)
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
  const mismatch = compare(entry, event, answer)
  // Somebody asked, and nothing followed.
  return { state: entry.kind === 'preview' ? state : answer.state, mismatch }
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
  const isReasoned = ['admit', 'extend', 'approve', 'deny', 'expire'].includes(event.kind)
  if (!isReasoned) return null
  const codes = reasonsOf(data, 'reasons')
  if (!sameReasons(codes, answer.reasons)) {
    const [left, right] = [codes, answer.reasons].map((all) => all.map((one) => one.code).join(' '))
    return `the reasons recorded are [${left}], and [${right}] follow`
  }
  const asked = event.kind === 'admit' ? (answer.approval?.id ?? '') : text(data, 'approval_id')
  if (asked !== text(data, 'approval_id')) {
    return `the approval recorded is "${text(data, 'approval_id')}", and "${asked}" follows`
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
