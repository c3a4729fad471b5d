/** Read-only views of a state, for whoever shows it: nothing here decides. */
import { headroomOf, limitOf, useOf } from './account.ts'
import { nth, present } from './contract.ts'
import type { Dimension } from './dimension.ts'
import type { HaltCause } from './event.ts'
import { haltedOn } from './halt.ts'
import { isClosed, refresh } from './purse.ts'
import { kindOf, type ScopeId } from './scope.ts'
import type { ScopeState, State } from './state.ts'

/** Whether a scope runs; one that was never seen does. */
export function modeOf(state: State, scope: ScopeId): ScopeState['mode'] {
  return state.scopes.get(scope)?.mode ?? 'running'
}

export interface HaltView {
  readonly scope: ScopeId
  readonly since: number
  readonly cause: HaltCause
}

/** The first halted scope of a path, or null. */
export function haltOf(state: State, path: readonly ScopeId[]): HaltView | null {
  const [halted] = haltedOn(state, path)
  if (halted === undefined) return null
  const cause = present(halted.cause, 'a halt has a cause')
  return { scope: halted.scope, since: halted.since, cause }
}

/** Every halted scope, by id. */
export function haltViews(state: State): readonly HaltView[] {
  return state.scopes.sorted().flatMap(([, { scope }]) => haltOf(state, [scope]) ?? [])
}

/** One account, as an operator reads it. */
export interface PurseView {
  readonly budget: string
  readonly scope: ScopeId
  /** Calendar instance, or empty. */
  readonly instance: string
  readonly dimension: Dimension
  readonly limit: number
  /** What counts against the limit: in a window, what has not yet left it. */
  readonly posted: number
  readonly held: number
  /** Never below 0. */
  readonly left: number
  readonly overrun: number
}

/** Every account of a period that is not over, as it is at the state's own clock; by scope, period and budget. */
export function purseViews(state: State): readonly PurseView[] {
  const views: PurseView[] = []
  for (const [, stored] of state.purses.sorted()) {
    if (isClosed(stored, state.now)) continue
    const purse = refresh(stored, state.now)
    const { budget, scope, instance } = purse
    for (const [index, account] of purse.accounts.entries()) {
      views.push({
        budget,
        scope,
        instance,
        dimension: nth(purse.dimensions, index),
        limit: limitOf(account),
        posted: useOf(account),
        held: account.held,
        left: Math.max(0, headroomOf(account)),
        overrun: account.overrun,
      })
    }
  }
  return views
}

export interface RunView {
  readonly scope: ScopeId
  readonly agent: string
  readonly run: string
  readonly mode: ScopeState['mode']
  /** When it was first seen, or halted. */
  readonly since: number
  readonly cause: HaltCause | null
  /** Open holds, dispatched or not. */
  readonly open: number
}

/** Every run that was seen, by scope. */
export function runViews(state: State): readonly RunView[] {
  const open = new Map<string, number>()
  for (const hold of state.holds.values()) {
    for (const scope of hold.path) open.set(scope, (open.get(scope) ?? 0) + 1)
  }
  const views: RunView[] = []
  for (const [, { scope, mode, since, cause }] of state.scopes.sorted()) {
    if (kindOf(scope) !== 'run') continue
    const slash = scope.indexOf('/')
    const agent = scope.slice('run:'.length, slash)
    const run = scope.slice(slash + 1)
    views.push({ scope, agent, run, mode, since, cause, open: open.get(scope) ?? 0 })
  }
  return views
}
