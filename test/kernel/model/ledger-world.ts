/**
 * A small world around the real `step`: one agent with two runs, three requests, one grant, halts, a reinstatement,
 * a log whose undurable tail a crash loses, and an upstream whose consumption the kernel does not see. Dispatches
 * are not logged, as in the gate: the log holds admission and dispatch as one record.
 */
import { checkState } from '../../../kernel/contracts.ts'
import type { KernelEvent } from '../../../kernel/event.ts'
import type { ScopeId } from '../../../kernel/scope.ts'
import { snapshot } from '../../../kernel/snapshot.ts'
import { emptyState, type State } from '../../../kernel/state.ts'
import { step } from '../../../kernel/step.ts'
import { ann, budget, scope, start, termsOf } from '../world.ts'
import type { Model, Move } from './explore.ts'

const requests = [
  { id: 'q0', run: 'r1', tokens: 2 },
  { id: 'q1', run: 'r1', tokens: 1 },
  { id: 'q2', run: 'r2', tokens: 1 },
] as const
const overrun = 1
const [grantsMax, crashesMax, reinstatementsMax, tailMax] = [1, 1, 1, 3]
const agent = scope('agent:ann')
const halting = [agent, scope('run:ann/r1')]

export const terms = termsOf({
  budgets: [
    budget('agent', { tokens: 3 }, { scope: 'agent', period: { kind: 'lifetime' } }),
    budget('run', { tokens: 2 }),
  ],
})
const ids = ['agent', 'run']

/** How a request stands, as the log tells it. */
type Fate = 'new' | 'open' | 'settled' | 'forfeited' | 'voided'

/** What is durable, and what a crash leaves. */
interface Log {
  readonly state: State
  readonly fates: readonly Fate[]
  readonly grants: number
  readonly reinstatements: number
}

interface Entry {
  readonly event: KernelEvent
  readonly log: Log
}

export interface LedgerWorld {
  readonly live: Log
  readonly durable: Log
  /** Applied, and not yet durable: each entry with the log as it stands with it. */
  readonly tail: readonly Entry[]
  /** What upstream really consumed, by request; -1 before the dispatch. */
  readonly consumed: readonly number[]
  /** Halts that an operator was told of, as `scope@incarnation`. */
  readonly acknowledged: readonly string[]
  /** Requests admitted when a halt on their path was acknowledged: never to be dispatched. */
  readonly barred: readonly boolean[]
  readonly crashes: number
}

export type Step = typeof step

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

const at = start
const put = <T>(list: readonly T[], index: number, value: T): readonly T[] =>
  list.map((each, place) => (place === index ? value : each))

const pathOf = (index: number): readonly ScopeId[] => [
  agent,
  scope(`run:ann/${requests[index]?.run}`),
]

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
  rules: Rules,
  world: LedgerWorld,
  parts: { label: string; event: KernelEvent; log?: Partial<Log> },
): readonly Move<LedgerWorld>[] {
  const { label, event } = parts
  if (world.tail.length >= tailMax) return []
  const answer = rules.step(world.live.state, event, terms)
  if (answer.verdict !== 'allow') return []
  const live = { ...world.live, ...parts.log, state: answer.state }
  // The durable fold never saw a dispatch: the entry is folded onto what the tail before it made.
  const before = world.tail.at(-1)?.log ?? world.durable
  const forgotten = event.kind === 'halt' && rules.replayForgetsHalts
  const folded = forgotten ? before.state : rules.step(before.state, event, terms).state
  const log = { ...before, ...parts.log, state: folded }
  return [{ label, world: { ...world, live, tail: [...world.tail, { event, log }] } }]
}

function requestMoves(rules: Rules, world: LedgerWorld, index: number): Move<LedgerWorld>[] {
  const moves: Move<LedgerWorld>[] = []
  const { id, tokens } = requests[index] ?? requests[0]
  const { fates, state } = world.live
  const end = (fate: Fate) => ({ fates: put(fates, index, fate) })
  const settlement = (outcome: 'settled' | 'forfeited' | 'voided', actual = {}): KernelEvent => {
    return { kind: 'settle', at, request: id, outcome, actual }
  }
  if (fates[index] === 'new') {
    const log = end('open')
    return [...apply(rules, world, { label: `admit ${id}`, event: admission(index), log })]
  }
  const used = world.consumed[index] ?? 0
  if (used < 0) {
    if (fates[index] !== 'open') return []
    const event = settlement('voided')
    moves.push(...apply(rules, world, { label: `void ${id}`, event, log: end('voided') }))
    const durable = world.durable.fates[index] === 'open'
    if (!durable && !rules.dispatchesUndurable) return moves
    const answer = rules.step(state, { kind: 'dispatch', at, request: id }, terms)
    if (answer.verdict !== 'allow') return moves
    for (const consumed of [0, tokens, tokens + overrun]) {
      const live = { ...world.live, state: answer.state }
      const next = { ...world, live, consumed: put(world.consumed, index, consumed) }
      moves.push({ label: `dispatch ${id}, which costs ${consumed}`, world: next })
    }
    return moves
  }
  // Also where it has ended already: a second settlement must move nothing.
  const settled = end(fates[index] === 'open' ? 'settled' : (fates[index] ?? 'settled'))
  const event = settlement('settled', { tokens: used })
  moves.push(...apply(rules, world, { label: `settle ${id}`, event, log: settled }))
  if (fates[index] !== 'open') return moves
  const lost = settlement('forfeited')
  moves.push(...apply(rules, world, { label: `forfeit ${id}`, event: lost, log: end('forfeited') }))
  return moves
}

function operatorMoves(rules: Rules, world: LedgerWorld): Move<LedgerWorld>[] {
  const moves: Move<LedgerWorld>[] = []
  const { grants, reinstatements, state } = world.live
  if (grants < grantsMax) {
    const parts = { scope: agent, budget: 'agent', dimension: 'tokens', amount: 1 }
    const event: KernelEvent = { kind: 'grant', at, ...parts }
    moves.push(...apply(rules, world, { label: 'grant', event, log: { grants: grants + 1 } }))
  }
  for (const halted of halting) {
    if (state.scopes.get(halted)?.mode === 'halted') continue
    const event: KernelEvent = { kind: 'halt', at, scope: halted, cause: 'operator' }
    moves.push(...apply(rules, world, { label: `halt ${halted}`, event }))
  }
  if (reinstatements < reinstatementsMax) {
    const event: KernelEvent = { kind: 'reinstate', at, scope: agent }
    const log = { reinstatements: reinstatements + 1 }
    moves.push(...apply(rules, world, { label: 'reinstate', event, log }))
  }
  return moves
}

/** Tells the operator of each halt that is in force, and durable if the rules are sound. */
function acknowledge(rules: Rules, world: LedgerWorld): Move<LedgerWorld>[] {
  const moves: Move<LedgerWorld>[] = []
  for (const halted of halting) {
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
function crash(rules: Rules, world: LedgerWorld): Move<LedgerWorld>[] {
  if (world.crashes >= crashesMax) return []
  let { state } = world.durable
  const recovered = rules.step(state, { kind: 'recover', at }, terms).state
  for (const [request] of rules.recovers === 'voided' ? state.holds.sorted() : []) {
    const event = { kind: 'settle', at, request, outcome: 'voided', actual: {} } as const
    state = rules.step(state, event, terms).state
  }
  const fates = world.durable.fates.map((fate) => (fate === 'open' ? 'forfeited' : fate))
  const log = { ...world.durable, fates, state: rules.recovers === 'voided' ? state : recovered }
  const { crashes } = world
  return [{ label: 'crash', world: { ...world, live: log, durable: log, tail: [], crashes: crashes + 1 } }]
}

function next(rules: Rules, world: LedgerWorld): readonly Move<LedgerWorld>[] {
  const last = world.tail.at(-1)
  const flush = last && { label: 'fdatasync', world: { ...world, durable: last.log, tail: [] } }
  return [
    ...requests.flatMap((_, index) => requestMoves(rules, world, index)),
    ...operatorMoves(rules, world),
    ...acknowledge(rules, world),
    ...crash(rules, world),
    ...(flush ? [flush] : []),
  ]
}

const snapshots = new WeakMap<State, number>()
const numbers = new Map<string, number>()

/** A small number for each different state. */
function numberOf(state: State): number {
  let known = snapshots.get(state)
  if (known !== undefined) return known
  const text = snapshot(state)
  known = numbers.get(text) ?? numbers.size
  numbers.set(text, known)
  snapshots.set(state, known)
  checkState(state, terms)
  return known
}

function keyOf(world: LedgerWorld): string {
  const logs = [world.live, world.durable, ...world.tail.map(({ log }) => log)]
  const parts = logs.map((log) => [numberOf(log.state), log.fates, log.grants, log.reinstatements])
  const { consumed, acknowledged, barred, crashes } = world
  return [...parts, consumed, acknowledged, barred, crashes].join(';')
}

export { halting, initial, keyOf, next, pathOf, requests }
export type LedgerModel = Model<LedgerWorld>
