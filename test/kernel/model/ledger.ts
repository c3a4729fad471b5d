/** What the ledger world is made of: its requests, what its log tells of them, and what the kernel cannot see. */
import type { KernelEvent } from '../../../kernel/event.ts'
import type { ScopeId } from '../../../kernel/scope.ts'
import type { State } from '../../../kernel/state.ts'
import { scope } from '../world.ts'

/** What each request reserves, and what it may really cost: less, the same, or one more. */
export const requests = [
  { id: 'q0', run: 'r1', tokens: 2, costs: [0, 3] },
  { id: 'q1', run: 'r2', tokens: 1, costs: [2] },
  { id: 'q2', run: 'r1', tokens: 1, costs: [1] },
] as const
export const agent = scope('agent:ann')
export const halting = [agent, scope('run:ann/r1')]

/** How a request stands, as the log tells it. */
export type Fate = 'new' | 'open' | 'settled' | 'forfeited' | 'voided'

/** What is durable, and what a crash leaves. */
export interface Log {
  readonly state: State
  readonly fates: readonly Fate[]
  readonly grants: number
  readonly reinstatements: number
}

export interface Entry {
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

export const pathOf = (index: number): readonly ScopeId[] => [
  agent,
  scope(`run:ann/${requests[index]?.run}`),
]
