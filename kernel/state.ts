/** The kernel's whole state: persistent data, so that an older state stays usable while a newer one lives. */
import type { Approval, Permit } from './approval.ts'
import type { Vector } from './dimension.ts'
import type { HaltCause } from './event.ts'
import type { HoldLine } from './hold-line.ts'
import type { Mark } from './mark.ts'
import type { Period } from './policy.ts'
import type { ScopeId } from './scope.ts'
import { Table } from './table.ts'

/** A scope that has been halted at least once, or a run that has been seen; any other is running, incarnation 0. */
export interface ScopeState {
  readonly scope: ScopeId
  readonly mode: 'running' | 'halted'
  /** Raised by each reinstatement; a hold of an older incarnation is never dispatched. */
  readonly incarnation: number
  /** When the present mode began, and why it is halted; null while it runs. */
  readonly since: number
  readonly cause: HaltCause | null
}

/** One dimension of a purse. granted, revoked, posted, overrun, expired only grow; held goes up and down. */
export interface Account {
  readonly granted: number
  readonly revoked: number
  readonly posted: number
  /** What was spent or held beyond the limit, where no admission could have prevented it. */
  readonly overrun: number
  readonly held: number
  /** Sliding windows only: how much of posted has left the window. 0 elsewhere. */
  readonly expired: number
  /** Sliding windows only, ascending: amounts of posted that leave the window at an instant. */
  readonly refills: readonly { readonly at: number; readonly amount: number }[]
  /** Highest alert tier that has fired, in percent; 0 for none. */
  readonly tier: number
  /** The limit that a policy last declared: a policy that declares less revokes down to it, and never raises. */
  readonly declared: number
}

/** The accounts of one budget in one scope and period: one key, all dimensions. */
export interface Purse {
  /** Table key: budget id, scope and period instance. */
  readonly key: string
  readonly budget: string
  readonly scope: ScopeId
  readonly period: Period
  /** Calendar instance (`2026-11-21T04`), or empty. */
  readonly instance: string
  /** Ascending; parallel to accounts. */
  readonly dimensions: readonly string[]
  readonly accounts: readonly Account[]
  /** Hosts that were counted, where `hosts` is a dimension. */
  readonly hosts: readonly string[]
  /** Sliding windows only, parallel to hosts: when each leaves the window, unless it is used again. */
  readonly hostsUntil: readonly number[]
}

export interface Hold {
  /** Id of the request. */
  readonly request: string
  readonly state: 'held' | 'dispatched'
  readonly admittedAt: number
  readonly path: readonly ScopeId[]
  /** Incarnations parallel to path, as they were at admission. */
  readonly incarnations: readonly number[]
  readonly lines: readonly HoldLine[]
  /** What is held by dimension: what the proxy may let pass. A metered dimension that is absent has no limit. */
  readonly vector: Vector
}

export interface State {
  /** The ratcheted clock: the largest instant that any event brought. */
  readonly now: number
  /** Digest of the policy in force; empty before the first load. */
  readonly policy: string
  /** Only scopes that were halted once, and every run that was admitted or whose refusals are counted. */
  readonly scopes: Table<ScopeState>
  readonly purses: Table<Purse>
  readonly holds: Table<Hold>
  /** Number of runs seen, by agent name. */
  readonly runs: Table<number>
  /** By the digest of the action. */
  readonly approvals: Table<Approval>
  /** By agent and class: `AGENT KIND`. */
  readonly permits: Table<Permit>
  /** By key. */
  readonly marks: Table<Mark>
}

/** The state before the first event of a ledger. */
export const emptyState: State = {
  now: 0,
  policy: '',
  scopes: Table.empty(),
  purses: Table.empty(),
  holds: Table.empty(),
  runs: Table.empty(),
  approvals: Table.empty(),
  permits: Table.empty(),
  marks: Table.empty(),
}

/** Orders holds by the id of their request, so that what is done to several is done in one order. */
export function byRequest(left: Hold, right: Hold): number {
  return left.request < right.request ? -1 : 1
}
