/** Halts: absorbing within an incarnation, for scopes seen and never seen; and the one way back, a new incarnation. */
import type { Answer } from './answer.ts'
import { agentOf } from './contracts.ts'
import type { HaltCause, ReinstateEvent } from './event.ts'
import type { Finding } from './finding.ts'
import type { Reason } from './reasons.ts'
import { dropAsked } from './release.ts'
import { kindOf, type ScopeId } from './scope.ts'
import type { ScopeState, State } from './state.ts'
import { done, putScope, refused, type Turn } from './turn.ts'

/** Runs that an agent may name in the life of a ledger. */
export const runsPerAgentMax = 10_000

/** The halted scopes of a path, widest first. */
export function haltedOn(state: State, path: readonly ScopeId[]): readonly ScopeState[] {
  const halted: ScopeState[] = []
  for (const scope of path) {
    const known = state.scopes.get(scope)
    if (known?.mode === 'halted') halted.push(known)
  }
  return halted
}

function canReturn(scope: ScopeId): boolean {
  const kind = kindOf(scope)
  return kind === 'agent' || kind === 'project' || kind === 'tenant'
}

/** Why a halted scope refuses, and whether anything brings it back. */
export function haltedReason(halted: ScopeState): Reason {
  const { scope, cause } = halted
  const way = canReturn(scope) ? 'only an operator can reinstate it' : 'nothing ever resumes it'
  const message = `${scope} is halted (cause: ${cause}): stop here, ${way}.`
  return { code: 'halted', id: scope, message }
}

/**
 * Halts a scope: from this step on nothing of it is admitted or dispatched, and what waits for people, or has their
 * yes, goes. A scope that is halted already stays as it is.
 *
 * What is held and not dispatched stays held until the gate settles it as voided, in an entry of its own: the log
 * holds admission and dispatch as one record, so that a replayed halt could not tell which holds to give back.
 */
export function halt(turn: Turn, scope: ScopeId, cause: HaltCause): void {
  const { scopes, now } = turn
  const before = scopes.get(scope)
  if (before?.mode === 'halted') return
  const incarnation = before?.incarnation ?? 0
  putScope(turn, { scope, mode: 'halted', incarnation, since: now, cause })
  turn.effects.push({ kind: 'sever', scope, cause })
  dropAsked(turn, (path) => path.includes(scope))
}

/** A new incarnation of a halted agent, project or tenant, with all that it spent; nothing else ever comes back. */
export function reinstate(turn: Turn, event: ReinstateEvent): Answer {
  const { scope } = event
  if (!canReturn(scope)) {
    const message = `${scope} cannot be reinstated: only an agent, a project or a tenant can.`
    return refused(turn, 'malformed-request', message)
  }
  const before = turn.scopes.get(scope)
  if (before?.mode !== 'halted') {
    return refused(
      turn,
      'malformed-request',
      `${scope} is not halted: there is nothing to reinstate.`,
    )
  }
  const incarnation = before.incarnation + 1
  putScope(turn, { scope, mode: 'running', incarnation, since: turn.now, cause: null })
  return done(turn)
}

/** True where a run is known, or its agent may name one more. */
export function hasRoomFor(state: State, run: ScopeId): boolean {
  return state.scopes.has(run) || (state.runs.get(agentOf(run)) ?? 0) < runsPerAgentMax
}

/** Takes note of a run; false where the agent has named too many. Other scopes need no note. */
export function see(turn: Turn, scope: ScopeId): boolean {
  if (kindOf(scope) !== 'run' || turn.scopes.has(scope)) return true
  if (!hasRoomFor(turn, scope)) return false
  const { now } = turn
  putScope(turn, { scope, mode: 'running', incarnation: 0, since: now, cause: null })
  return true
}

/** Carries out what findings halt. A run beyond the bound is not recorded: it is refused for ever as it is. */
export function carryOut(turn: Turn, findings: readonly Finding[]): void {
  if (turn.terms.mode === 'observe') return
  for (const { halts } of findings) {
    if (halts !== null && see(turn, halts.scope)) halt(turn, halts.scope, halts.cause)
  }
}
