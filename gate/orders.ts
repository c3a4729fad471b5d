/** What an operator may order: halt, reinstate, grant, revoke, and a new policy; each applied, recorded, durable. */
import type { Answer } from '../kernel/answer.ts'
import type { AnswerEvent, GrantEvent, HaltCause, KernelEvent } from '../kernel/event.ts'
import type { Policy } from '../kernel/policy.ts'
import { Failure, type Reason } from '../kernel/reasons.ts'
import type { ScopeId } from '../kernel/scope.ts'
import { passes } from '../kernel/verdict.ts'
import type { Draft, Receipt } from '../ledger/entry.ts'
import type { Core } from './core.ts'
import { approvalDraft, ascending, bounded, orderDraft } from './record.ts'

export type OrderAnswer =
  | { readonly ok: true; readonly receipt: Receipt }
  | { readonly ok: false; readonly reasons: readonly Reason[]; readonly receipt: Receipt | null }

export interface HaltOrder {
  readonly scope: ScopeId
  readonly cause: HaltCause
  readonly reason: string
  /** Role of who ordered it: `operator`, `signal`, …; never a person's name. */
  readonly by: string
}

export interface ReinstateOrder {
  readonly scope: ScopeId
  readonly reason: string
  readonly by: string
}

export interface GrantOrder {
  readonly kind: GrantEvent['kind']
  readonly scope: ScopeId
  readonly budget: string
  readonly dimension: string
  readonly amount: number
  readonly reason: string
  readonly by: string
}

/** See AnswerEvent: who answers what, and for how many more of its kind. */
export type AnswerOrder = Omit<AnswerEvent, 'at'>

/** Blocks in memory and severs first, then makes it durable; the answer means that it survives kill -9. */
export function halt(core: Core, order: HaltOrder): Promise<OrderAnswer> {
  const at = core.now()
  const { scope, cause, reason, by } = order
  return carryOut(core, { kind: 'halt', at, scope, cause }, (answer) =>
    orderDraft('halt', { at, by, cause, reason, scope }, answer),
  )
}

/** Lets a halted agent, project or tenant run again in a new incarnation; what it spent stays spent. */
export function reinstate(core: Core, order: ReinstateOrder): Promise<OrderAnswer> {
  const at = core.now()
  const { scope, reason, by } = order
  return carryOut(core, { kind: 'reinstate', at, scope }, (answer) => {
    const incarnation = answer.state.scopes.get(scope)?.incarnation ?? 0
    return orderDraft('reinstate', { at, by, incarnation, reason, scope }, answer)
  })
}

/** Raises or lowers what a scope may spend of one dimension. */
export function grant(core: Core, order: GrantOrder): Promise<OrderAnswer> {
  const at = core.now()
  const { kind, scope, budget, dimension, amount, reason, by } = order
  const event = { kind, at, scope, budget, dimension, amount }
  const members = { amount, at, budget, by, dimension, reason, scope }
  return carryOut(core, event, (answer) => orderDraft(kind, members, answer))
}

/** Gives or denies a person's yes; durable when it is answered, and then whoever waits for it is let in or refused. */
export function answer(core: Core, order: AnswerOrder): Promise<OrderAnswer> {
  // As its entry holds it, so that replay hears the same.
  const event = { ...order, reason: bounded(order.reason), at: core.now() }
  return carryOut(core, event, (answered) => approvalDraft(event, answered))
}

/** A rule or a budget whose state is another than in the policy before. */
export interface StateChange {
  readonly kind: 'rule' | 'budget'
  readonly id: string
  readonly before: string
  readonly after: string
  /** Why, as the file says; empty where it does not. */
  readonly reason: string
}

/** What brought a policy, and what it changes. */
export interface LoadNote {
  readonly trigger: 'start' | 'reload'
  /** `file` where the policy's file was changed; an operator's role otherwise. */
  readonly by: string
  readonly changes: readonly StateChange[]
}

/** An entry has a size: of more changes it says how many there are. */
const changesMax = 16

function changesOf(changes: readonly StateChange[]): Readonly<Record<string, unknown>> {
  const shown = changes.slice(0, changesMax).map(({ after, before, id, kind, reason }) => {
    return { after, before, id: bounded(id), kind, reason: bounded(reason) }
  })
  return { changes: shown, changes_total: changes.length }
}

/**
 * Puts a policy into force whose source is kept beside the ledger already; open limits fall, none rises. What is
 * open of agents that it does not declare, or of tokens that it took away, is cut as by a halt.
 */
export async function load(core: Core, policy: Policy, note: LoadNote): Promise<OrderAnswer> {
  const at = core.now()
  const { digest, mode } = policy
  const { by, changes, trigger } = note
  const loading = carryOut(
    core,
    { kind: 'load', at, digest },
    (answer) => {
      core.enforce(policy)
      const data = {
        ...{ at, by, digest, mode, trigger, verdict: answer.verdict },
        ...(changes.length === 0 ? {} : changesOf(changes)),
      }
      return { kind: 'policy.load', actor: {}, data: ascending(data) }
    },
    policy,
  )
  // In the same turn, behind the entry: who is not known any more has nothing open when it is acknowledged.
  core.cutStrangers()
  return loading
}

async function carryOut(
  core: Core,
  event: KernelEvent,
  draftOf: (answer: Answer) => Draft,
  policy: Policy = core.policy,
): Promise<OrderAnswer> {
  try {
    const barred = core.barred()
    if (barred !== null) return { ok: false, reasons: barred.reasons, receipt: null }
    // A halt takes effect although it may not be recorded: then the gate seals, which refuses more still.
    const obstacle = event.kind === 'halt' ? null : core.ledger.obstacle
    if (obstacle !== null) throw obstacle
    const answer = core.decide(event, policy)
    core.accept(answer)
    const written = core.append(draftOf(answer))
    for (const effect of answer.effects) {
      // The order's own entry records this halt; a second one would say it twice.
      if (effect.kind === 'sever') core.sever(effect.scope, effect.cause)
      else core.carry([effect], event.at)
    }
    const receipt = await written
    core.wake()
    if (passes(answer.verdict)) return { ok: true, receipt }
    return { ok: false, reasons: answer.reasons, receipt }
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const reasons = [{ code: error.code, id: '', message: error.message }]
    return { ok: false, reasons, receipt: null }
  }
}
