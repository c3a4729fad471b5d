/**
 * A small world around the real `step`: one agent with two runs, three requests, one grant, halts, a reinstatement,
 * a log whose undurable tail a crash loses, and an upstream whose consumption the kernel does not see. Dispatches
 * are not logged, as in the gate: the log holds admission and dispatch as one record.
 */
import type { Answer } from '../../../kernel/answer.ts'
import type { KernelEvent } from '../../../kernel/event.ts'
import type { ScopeId } from '../../../kernel/scope.ts'
import { emptyState, type State } from '../../../kernel/state.ts'
import { step } from '../../../kernel/step.ts'
import { ann, budget, start, termsOf } from '../world.ts'
import type { Model, Move } from './explore.ts'
import { brokenBy } from './invariants.ts'
import {
  agent,
  type Fate,
  halting,
  type LedgerWorld,
  type Log,
  pathOf,
  requests,
} from './ledger.ts'
import { States, type Step } from './states.ts'

/** How much of everything there is: all of it at once is more than a test can walk through. */
export interface Size {
  readonly requests: number
  readonly grants: number
  readonly halts: readonly ScopeId[]
  readonly reinstatements: number
  readonly crashes: number
  /** Entries that are applied and not yet durable. */
  readonly tail: number
}

export const sizes: readonly Size[] = [
  { requests: 3, grants: 1, halts: halting, reinstatements: 0, crashes: 1, tail: 1 },
  { requests: 2, grants: 1, halts: [agent], reinstatements: 1, crashes: 1, tail: 2 },
  { requests: 2, grants: 0, halts: halting, reinstatements: 1, crashes: 2, tail: 1 },
]

export const terms = termsOf({
  budgets: [
    budget('agent', { tokens: 3 }, { scope: 'agent', period: { kind: 'lifetime' } }),
    budget('run', { tokens: 2 }),
  ],
})
const ids = ['agent', 'run']

/** The rules of the world beside the kernel's; a variant breaks one. */
export interface Rules {
  readonly step: Step
  readonly dispatchesUndurable: boolean
  readonly acknowledgesUndurable: boolean
  readonly replayForgetsHalts: boolean
  /** How a start ends the holds that it finds open. */
  readonly recovers: 'forfeited' | 'voided'
}

export const soundRules: Rules = {
  step,
  dispatchesUndurable: false,
  acknowledgesUndurable: false,
  replayForgetsHalts: false,
  recovers: 'forfeited',
}

/** What the moves of one search share. */
interface Search {
  readonly rules: Rules
  readonly size: Size
  /** The step of the rules, each state and event taken once only, and each new state checked whole. */
  readonly take: (state: State, event: KernelEvent) => Answer
}

const at = start
const put = <T>(list: readonly T[], index: number, value: T): readonly T[] =>
  list.map((each, place) => (place === index ? value : each))

function initial(): LedgerWorld {
  const { state } = step(emptyState, { kind: 'load', at, digest: terms.digest }, terms)
  const log: Log = { state, fates: requests.map(() => 'new'), grants: 0, reinstatements: 0 }
  return {
    live: log,
    durable: log,
    tail: [],
    consumed: requests.map(() => -1),
    acknowledged: [],
    barred: requests.map(() => false),
    crashes: 0,
  }
}

function admission(index: number): KernelEvent {
  const { id, run, tokens } = requests[index] ?? requests[0]
  return {
    kind: 'admit',
    at,
    request: id,
    principal: { ...ann, run },
    host: 'h',
    rules: ['ok'],
    drafts: [],
    budgets: ids,
    charge: { tokens },
    ask: {},
    refusals: [],
    queue: 'open',
  }
}

/** Applies an event to the live state and queues it for the log; nothing moves where it is refused. */
function apply(
  { rules, size, take }: Search,
  world: LedgerWorld,
  parts: { label: string; event: KernelEvent; log?: Partial<Log> },
): readonly Move<LedgerWorld>[] {
  const { label, event } = parts
  if (world.tail.length >= size.tail) return []
  const answer = take(world.live.state, event)
  if (answer.verdict !== 'allow') return []
  const live = { ...world.live, ...parts.log, state: answer.state }
  // The durable fold never saw a dispatch: the entry is folded onto what the tail before it made.
  const before = world.tail.at(-1)?.log ?? world.durable
  const forgotten = event.kind === 'halt' && rules.replayForgetsHalts
  const folded = forgotten ? before.state : take(before.state, event).state
  const log = { ...before, ...parts.log, state: folded }
  return [{ label, world: { ...world, live, tail: [...world.tail, { event, log }] } }]
}

function requestMoves(search: Search, world: LedgerWorld, index: number): Move<LedgerWorld>[] {
  const moves: Move<LedgerWorld>[] = []
  const { id, costs } = requests[index] ?? requests[0]
  const { fates, state } = world.live
  const end = (fate: Fate) => ({ fates: put(fates, index, fate) })
  const settlement = (outcome: 'settled' | 'forfeited' | 'voided', actual = {}): KernelEvent => {
    return { kind: 'settle', at, request: id, outcome, actual }
  }
  if (fates[index] === 'new') {
    const log = end('open')
    return [...apply(search, world, { label: `admit ${id}`, event: admission(index), log })]
  }
  const used = world.consumed[index] ?? 0
  if (used < 0) {
    if (fates[index] !== 'open') return []
    const event = settlement('voided')
    moves.push(...apply(search, world, { label: `void ${id}`, event, log: end('voided') }))
    const durable = world.durable.fates[index] === 'open'
    if (!durable && !search.rules.dispatchesUndurable) return moves
    const answer = search.take(state, { kind: 'dispatch', at, request: id })
    if (answer.verdict !== 'allow') return moves
    for (const consumed of costs) {
      const live = { ...world.live, state: answer.state }
      const next = { ...world, live, consumed: put(world.consumed, index, consumed) }
      moves.push({ label: `dispatch ${id}, which costs ${consumed}`, world: next })
    }
    return moves
  }
  // Also where it has ended already: a second settlement must move nothing.
  const settled = end(fates[index] === 'open' ? 'settled' : (fates[index] ?? 'settled'))
  const event = settlement('settled', { tokens: used })
  moves.push(...apply(search, world, { label: `settle ${id}`, event, log: settled }))
  if (fates[index] !== 'open') return moves
  const lost = settlement('forfeited')
  moves.push(
    ...apply(search, world, { label: `forfeit ${id}`, event: lost, log: end('forfeited') }),
  )
  return moves
}

function operatorMoves(search: Search, world: LedgerWorld): Move<LedgerWorld>[] {
  const moves: Move<LedgerWorld>[] = []
  const { grants, reinstatements, state } = world.live
  if (grants < search.size.grants) {
    const parts = { scope: agent, budget: 'agent', dimension: 'tokens', amount: 1 }
    const event: KernelEvent = { kind: 'grant', at, ...parts }
    moves.push(...apply(search, world, { label: 'grant', event, log: { grants: grants + 1 } }))
  }
  for (const halted of search.size.halts) {
    if (state.scopes.get(halted)?.mode === 'halted') continue
    const event: KernelEvent = { kind: 'halt', at, scope: halted, cause: 'operator' }
    moves.push(...apply(search, world, { label: `halt ${halted}`, event }))
  }
  if (reinstatements < search.size.reinstatements) {
    const event: KernelEvent = { kind: 'reinstate', at, scope: agent }
    const log = { reinstatements: reinstatements + 1 }
    moves.push(...apply(search, world, { label: 'reinstate', event, log }))
  }
  return moves
}

/** Tells the operator of each halt that is in force, and durable if the rules are sound. */
function acknowledge({ rules, size }: Search, world: LedgerWorld): Move<LedgerWorld>[] {
  const moves: Move<LedgerWorld>[] = []
  for (const halted of size.halts) {
    const known = world.live.state.scopes.get(halted)
    if (known?.mode !== 'halted') continue
    const told = `${halted}@${known.incarnation}`
    const waiting = world.tail.some(({ event }) => event.kind === 'halt' && event.scope === halted)
    if (world.acknowledged.includes(told) || (waiting && !rules.acknowledgesUndurable)) continue
    const barred = world.barred.map(
      (each, index) =>
        each || (pathOf(index).includes(halted) && world.live.fates[index] === 'open'),
    )
    const acknowledged = [...world.acknowledged, told].sort()
    moves.push({ label: `acknowledge ${halted}`, world: { ...world, acknowledged, barred } })
  }
  return moves
}

/** A crash loses the tail; a start ends every hold that the log shows open, and makes that durable. */
function crash({ rules, size, take }: Search, world: LedgerWorld): Move<LedgerWorld>[] {
  if (world.crashes >= size.crashes) return []
  let { state } = world.durable
  const recovered = take(state, { kind: 'recover', at }).state
  for (const [request] of rules.recovers === 'voided' ? state.holds.sorted() : []) {
    const event = { kind: 'settle', at, request, outcome: 'voided', actual: {} } as const
    state = take(state, event).state
  }
  const fates = world.durable.fates.map((fate) => (fate === 'open' ? 'forfeited' : fate))
  const log = { ...world.durable, fates, state: rules.recovers === 'voided' ? state : recovered }
  const { crashes } = world
  return [
    {
      label: 'crash',
      world: { ...world, live: log, durable: log, tail: [], crashes: crashes + 1 },
    },
  ]
}

function next(search: Search, world: LedgerWorld): readonly Move<LedgerWorld>[] {
  const last = world.tail.at(-1)
  const flush = last && { label: 'fdatasync', world: { ...world, durable: last.log, tail: [] } }
  const chosen = requests.slice(0, search.size.requests)
  return [
    ...chosen.flatMap((_, index) => requestMoves(search, world, index)),
    ...operatorMoves(search, world),
    ...acknowledge(search, world),
    ...crash(search, world),
    ...(flush ? [flush] : []),
  ]
}

/** The world of one size under these rules, to be explored. */
export function ledgerModel(rules: Rules, size: Size): Model<LedgerWorld> {
  const states = new States(rules.step, terms)
  const start = initial()
  states.intern(start.live.state)
  return {
    initial: start,
    next: (world) => next({ rules, size, take: states.take }, world),
    bad: brokenBy,
    keyOf: ({ live, durable, tail, consumed, acknowledged, barred, crashes }) => {
      const logs = [live, durable, ...tail.map(({ log }) => log)]
      const parts = logs.map((log) => {
        return [states.numberOf(log.state), log.fates, log.grants, log.reinstatements]
      })
      return [...parts, consumed, acknowledged, barred, crashes].join(';')
    },
  }
}
