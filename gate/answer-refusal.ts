/** Turns what the kernel answered, or what failed, into the refusal that a client is sent. */
import type { Answer } from '../kernel/answer.ts'
import { type Reason, type ReasonCode, reasons as registry } from '../kernel/reasons.ts'
import type { ScopeId } from '../kernel/scope.ts'
import type { State } from '../kernel/state.ts'
import type { Verdict } from '../kernel/verdict.ts'
import { haltOf } from '../kernel/view.ts'
import type { Receipt } from '../ledger/entry.ts'
import type { Refusal } from './refusal.ts'

function decisionOf(verdict: Verdict, code: ReasonCode): Refusal['decision'] {
  if (registry[code].status >= 500) return 'error'
  return verdict === 'halt' || verdict === 'approve' || verdict === 'queue' ? verdict : 'deny'
}

export interface RefusalInput {
  readonly answer: Answer
  readonly state: State
  readonly path: readonly ScopeId[]
  readonly now: number
  readonly policy: string
  readonly receipt: Receipt | null
}

/** The refusal of a request that the kernel refused. asserts it has a reason. */
export function refusalOf(input: RefusalInput): Refusal {
  const { answer, receipt, policy } = input
  const first = answer.reasons[0] ?? internal('the kernel refused without a reason')
  const halt = answer.verdict === 'halt' ? haltOf(input.state, input.path) : null
  const wait = answer.retryAt === null ? null : Math.ceil((answer.retryAt - input.now) / 1000)
  return {
    refused: true,
    status: registry[first.code].status,
    code: first.code,
    decision: decisionOf(answer.verdict, first.code),
    reasons: answer.reasons.length > 0 ? answer.reasons : [first],
    retry: registry[first.code].retry,
    retryAfterSeconds: wait === null ? null : Math.max(1, wait),
    receipt,
    policy,
    remaining: answer.remaining,
    approval: approvalOf(answer),
    halt,
  }
}

function approvalOf({ approval }: Answer): Refusal['approval'] {
  if (approval === null) return null
  const { expiresAt, id, reason, state } = approval
  return { id, state, expiresAt, reason }
}

const internal = (message: string): Reason => ({ code: 'contract-violated', id: '', message })

export interface PlainRefusal {
  readonly code: ReasonCode
  readonly message: string
  readonly policy: string
  readonly receipt: Receipt | null
  readonly status?: number | undefined
}

/** A refusal that no kernel decided: malformed bytes, no identity, a failure of the gate itself (I7). */
export function plainRefusal(input: PlainRefusal): Refusal {
  const { code, message, policy, receipt } = input
  return {
    refused: true,
    status: input.status ?? registry[code].status,
    code,
    decision: decisionOf('deny', code),
    reasons: [{ code, id: '', message }],
    retry: registry[code].retry,
    retryAfterSeconds: registry[code].retry === 'after' ? 1 : null,
    receipt,
    policy,
    remaining: [],
    approval: null,
    halt: null,
  }
}
