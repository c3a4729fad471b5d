/** The gate as the control room needs it: what it shows, and the orders it takes. class Gate has this shape. */
import type { ApprovalView } from '../gate/approval-view.ts'
import type {
  AnswerOrder,
  GrantOrder,
  HaltOrder,
  OrderAnswer,
  ReinstateOrder,
} from '../gate/orders.ts'
import type { Memory } from '../kernel/policy.ts'
import type { Failure } from '../kernel/reasons.ts'
import type { Receipt } from '../ledger/entry.ts'
import type { Agents, Approvers } from './token.ts'

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
  /** Requests that wait for a person; absent where nobody counts them. */
  readonly approvalsPending?: number
  readonly holdsOpen: number
  readonly halted: readonly { readonly scope: string }[]
  readonly purses: readonly PurseLine[]
}

export interface GateView {
  readonly policy: {
    /** Of what it said of equal requests; absent where nothing is remembered. */
    readonly memory?: Memory
    readonly digest: string
    readonly mode: string
    /** Who may answer what waits for people; absent where nobody but the operator may. */
    readonly approvers?: Approvers
    /** Who may ask what it would be answered; absent where nobody but the operator may. */
    readonly agents?: Agents
  }
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
  approvals(): readonly ApprovalView[]
  answerApproval(order: AnswerOrder): Promise<OrderAnswer>
}
