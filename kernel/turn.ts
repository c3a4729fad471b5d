/** One step in the making: the only writer of the state's tables, and the place where its contracts are asserted. */
import type { Answer, Effect } from './answer.ts'
import { type Approval, forgottenAt, isOpen, type Permit, permitKey } from './approval.ts'
import { checkApprovalChange, checkMarkChange, checkPermitChange } from './approval-contracts.ts'
import { agentOf, checkHoldChange, checkPurseChange, checkScopeChange } from './contracts.ts'
import type { Mark } from './mark.ts'
import { hourOf } from './period.ts'
import type { Terms } from './policy.ts'
import { isClosed } from './purse.ts'
import type { Reason, ReasonCode } from './reasons.ts'
import { kindOf } from './scope.ts'
import type { Hold, Purse, ScopeState, State } from './state.ts'
import type { Table } from './table.ts'
import { latch } from './tier.ts'

/** The state under way: lives for one step only. What the step began with is never changed. */
export interface Turn {
  readonly now: number
  policy: string
  scopes: State['scopes']
  purses: State['purses']
  holds: State['holds']
  runs: State['runs']
  approvals: State['approvals']
  permits: State['permits']
  marks: State['marks']
  readonly terms: Terms
  readonly effects: Effect[]
}

/** The purses without those whose calendar period is over and that no open hold or approval names. */
function sweptPurses(state: State, now: number): State['purses'] {
  const needed = new Set<string>()
  for (const holder of [...state.holds.values(), ...state.approvals.values()]) {
    for (const line of holder.lines) needed.add(line.purse)
  }
  let { purses } = state
  for (const [key, purse] of purses) {
    if (isClosed(purse, now) && !needed.has(key)) purses = purses.delete(key)
  }
  return purses
}

/** A table without what is over; the table itself where nothing is. */
function without<V>(table: Table<V>, isOver: (value: V) => boolean): Table<V> {
  let kept = table
  for (const [key, value] of table) if (isOver(value)) kept = kept.delete(key)
  return kept
}

/** The state without what is over for ever: purses, marks, permits, and approvals that nobody can use or answer. */
function swept(state: State, now: number): State {
  const isOver = ({ until }: { readonly until: number }): boolean => until <= now
  const isForgotten = (each: Approval): boolean => !isOpen(each) && forgottenAt(each) <= now
  return {
    ...state,
    purses: sweptPurses(state, now),
    approvals: without(state.approvals, isForgotten),
    permits: without(state.permits, isOver),
    marks: without(state.marks, isOver),
  }
}

/** Begins a step: the clock ratchets, and once an hour what is over for ever is dropped. */
export function begin(state: State, terms: Terms, instant: number): Turn {
  const now = Math.max(state.now, instant)
  const kept = hourOf(now) === hourOf(state.now) ? state : swept(state, now)
  const { policy, scopes, purses, holds, runs, approvals, permits, marks } = kept
  // Written out, as in purse.ts: a spread took half of a whole step's time.
  const effects: Effect[] = []
  return { now, policy, scopes, purses, holds, runs, approvals, permits, marks, terms, effects }
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

/** Asks people about an action, takes a yes, or closes what waits; others hear of it where its state is new. */
export function putApproval(turn: Turn, after: Approval): void {
  const before = turn.approvals.get(after.digest)
  checkApprovalChange(before, after)
  turn.approvals = turn.approvals.set(after.digest, after)
  const { id: approval, digest, state } = after
  if (before?.state !== state) turn.effects.push({ kind: 'approval', approval, digest, state })
}

/** Takes an approval away whose budget was given back: it was used, or nobody can use it any more. */
export function dropApproval(turn: Turn, { digest }: Approval): void {
  turn.approvals = turn.approvals.delete(digest)
}

/** Gives a permit, by people's answer alone. */
export function putPermit(turn: Turn, permit: Permit): void {
  turn.permits = turn.permits.set(permitKey(permit), permit)
}

/** Lets one more pass by a permit; with the last the permit is gone. */
export function usePermit(turn: Turn, permit: Permit): void {
  const key = permitKey(permit)
  const after = { ...permit, left: permit.left - 1 }
  checkPermitChange(turn.permits.get(key), after)
  turn.permits = after.left === 0 ? turn.permits.delete(key) : turn.permits.set(key, after)
}

/** Takes a permit away. */
export function dropPermit(turn: Turn, permit: Permit): void {
  turn.permits = turn.permits.delete(permitKey(permit))
}

/** Remembers a mark; what it was before is never forgotten sooner. */
export function putMark(turn: Turn, mark: Mark): void {
  checkMarkChange(turn.marks.get(mark.key), mark, turn.now)
  turn.marks = turn.marks.set(mark.key, mark)
}

/** What a step says beside the state and the effects that it made. Written out, as in purse.ts: no spread. */
export function answered(turn: Turn, said: Omit<Answer, 'state' | 'effects'>): Answer {
  const { now, policy, scopes, purses, holds, runs, approvals, permits, marks } = turn
  return {
    state: { now, policy, scopes, purses, holds, runs, approvals, permits, marks },
    verdict: said.verdict,
    reasons: said.reasons,
    effects: turn.effects,
    hold: said.hold,
    approval: said.approval,
    retryAt: said.retryAt,
    remaining: said.remaining,
    draftVerdict: said.draftVerdict,
  }
}

const carriedOut: Omit<Answer, 'state' | 'effects'> = {
  verdict: 'allow',
  reasons: [],
  hold: null,
  approval: null,
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
