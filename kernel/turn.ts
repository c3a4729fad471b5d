/** One step in the making: the only writer of the state's tables, and the place where its contracts are asserted. */
import type { Answer, Effect } from './answer.ts'
import { agentOf, checkHoldChange, checkPurseChange, checkScopeChange } from './contracts.ts'
import { hourOf } from './period.ts'
import type { Terms } from './policy.ts'
import { isClosed } from './purse.ts'
import type { Reason, ReasonCode } from './reasons.ts'
import { kindOf } from './scope.ts'
import type { Hold, Purse, ScopeState, State } from './state.ts'
import { latch } from './tier.ts'

/** The state under way: lives for one step only. What the step began with is never changed. */
export interface Turn {
  readonly now: number
  policy: string
  scopes: State['scopes']
  purses: State['purses']
  holds: State['holds']
  runs: State['runs']
  readonly terms: Terms
  readonly effects: Effect[]
}

/** The purses without those whose calendar period is over and that no open hold names. */
function swept(state: State, now: number): State['purses'] {
  const needed = new Set<string>()
  for (const hold of state.holds.values()) {
    for (const line of hold.lines) needed.add(line.purse)
  }
  let { purses } = state
  for (const [key, purse] of purses) {
    if (isClosed(purse, now) && !needed.has(key)) purses = purses.delete(key)
  }
  return purses
}

/** Begins a step: the clock ratchets, and once an hour the purses that are closed for ever are dropped. */
export function begin(state: State, terms: Terms, instant: number): Turn {
  const now = Math.max(state.now, instant)
  const { policy, scopes, holds, runs } = state
  const purses = hourOf(now) === hourOf(state.now) ? state.purses : swept(state, now)
  return { now, policy, scopes, purses, holds, runs, terms, effects: [] }
}

function write(turn: Turn, purse: Purse, granting: boolean): void {
  const latched = latch(purse, turn.terms.budgets.get(purse.budget), turn.effects)
  checkPurseChange({ before: turn.purses.get(purse.key), after: latched, granting })
  turn.purses = turn.purses.set(purse.key, latched)
}

/** Writes a purse whose limits are no higher than they were. */
export function putPurse(turn: Turn, purse: Purse): void {
  write(turn, purse, false)
}

/** The one door by which authority rises (I9). */
export function putGrantedPurse(turn: Turn, purse: Purse): void {
  write(turn, purse, true)
}

/** Opens a hold, dispatches it or makes it longer. */
export function putHold(turn: Turn, hold: Hold): void {
  checkHoldChange(turn.holds.get(hold.request), hold)
  turn.holds = turn.holds.set(hold.request, hold)
}

/** Ends a hold (I2). */
export function dropHold(turn: Turn, hold: Hold): void {
  checkHoldChange(turn.holds.get(hold.request), null)
  turn.holds = turn.holds.delete(hold.request)
}

/** Records a scope; a run that is new is counted among its agent's. */
export function putScope(turn: Turn, after: ScopeState): void {
  const before = turn.scopes.get(after.scope)
  checkScopeChange(before, after)
  turn.scopes = turn.scopes.set(after.scope, after)
  if (before !== undefined || kindOf(after.scope) !== 'run') return
  const agent = agentOf(after.scope)
  turn.runs = turn.runs.set(agent, (turn.runs.get(agent) ?? 0) + 1)
}

/** What a step says beside the state and the effects that it made. Written out, as in purse.ts: no spread. */
export function answered(turn: Turn, said: Omit<Answer, 'state' | 'effects'>): Answer {
  const { now, policy, scopes, purses, holds, runs } = turn
  return {
    state: { now, policy, scopes, purses, holds, runs },
    verdict: said.verdict,
    reasons: said.reasons,
    effects: turn.effects,
    hold: said.hold,
    retryAt: said.retryAt,
    remaining: said.remaining,
    draftVerdict: said.draftVerdict,
  }
}

const carriedOut: Omit<Answer, 'state' | 'effects'> = {
  verdict: 'allow',
  reasons: [],
  hold: null,
  retryAt: null,
  remaining: [],
  draftVerdict: 'allow',
}

/** The answer of a step that was carried out. */
export function done(turn: Turn): Answer {
  return answered(turn, carriedOut)
}

/** The answer of a step that was refused for one reason. */
export function refused(turn: Turn, code: ReasonCode, message: string): Answer {
  return refusedFor(turn, { code, id: '', message })
}

/** The answer of a step that was refused for this reason: `halt` where it is a halt. */
export function refusedFor(turn: Turn, reason: Reason): Answer {
  const verdict = reason.code === 'halted' ? 'halt' : 'deny'
  return { ...done(turn), verdict, draftVerdict: verdict, reasons: [reason] }
}
