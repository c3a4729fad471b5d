/** The gate as the control room needs it: what it shows, and the orders it takes. class Gate has this shape. */
import type { GrantOrder, HaltOrder, OrderAnswer, ReinstateOrder } from '../gate/orders.ts'
import type { Failure } from '../kernel/reasons.ts'
import type { Receipt } from '../ledger/entry.ts'

/** One dimension of one budget in one scope and period. */
export interface PurseLine {
  readonly budget: string
  readonly scope: string
  /** Calendar instance, or empty. */
  readonly instance: string
  readonly dimension: string
  readonly limit: number
  readonly posted: number
  readonly left: number
}

export interface StatusView {
  readonly runs: number
  readonly holdsOpen: number
  readonly halted: readonly { readonly scope: string }[]
  readonly purses: readonly PurseLine[]
}

export interface GateView {
  readonly policy: { readonly digest: string; readonly mode: string }
  readonly sealed: boolean
  readonly draining: boolean
  readonly ledger: {
    readonly head: Receipt
    /** Broken until a restart. */
    readonly poisoned: Failure | null
    /** Why it would refuse an append at this moment: poisoned, or low on disk. */
    readonly refusal: Failure | null
  }
  status(): StatusView
  runs(): readonly object[]
  halt(order: HaltOrder): Promise<OrderAnswer>
  reinstate(order: ReinstateOrder): Promise<OrderAnswer>
  grant(order: GrantOrder): Promise<OrderAnswer>
}
