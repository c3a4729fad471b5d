/** The gate: asks the kernel about every request, records the answer before it is acted on, and fails closed. */
import type { Vector } from '../kernel/dimension.ts'
import type { Policy } from '../kernel/policy.ts'
import { Failure, type ReasonCode, reasons } from '../kernel/reasons.ts'
import type { RequestFacts } from '../kernel/request.ts'
import type { Principal } from '../kernel/scope.ts'
import type { AnchorData } from '../ledger/anchor.ts'
import type { DurableCheckpoint } from '../ledger/checkpoint.ts'
import type { Receipt } from '../ledger/entry.ts'
import type { GenesisData } from '../ledger/segment.ts'
import { admit, reach } from './admit.ts'
import { allows } from './allows.ts'
import { plainRefusal } from './answer-refusal.ts'
import type { ApprovalView } from './approval-view.ts'
import { Commitments } from './commitments.ts'
import type { Core, Seal } from './core.ts'
import { Flood, type Folded, rejectedEntriesPerSecond } from './flood.ts'
import {
  type AnswerOrder,
  answer,
  type GrantOrder,
  grant,
  type HaltOrder,
  halt,
  type LoadNote,
  load,
  type OrderAnswer,
  type ReinstateOrder,
  reinstate,
} from './orders.ts'
import type { Passage } from './passage.ts'
import type { AdmitPorts } from './ports.ts'
import { actorOf, bounded, mixture, rejectedDraft } from './record.ts'
import type { Refusal } from './refusal.ts'
import { type Rehearsal, type Rehearsed, rehearse } from './rehearse.ts'
import {
  anchorDraft,
  type ErasureOrder,
  erasureDraft,
  type SystemOrder,
  state,
  systemDraft,
} from './statement.ts'
import { type GateStatus, type RunView, runsOf, statusOf } from './status.ts'
import type { Amounts, Reject } from './work.ts'

/** A refusal that needs no kernel: malformed bytes, a missing identity, a tunnel that lies about its name. */
export interface Rejection {
  readonly code: ReasonCode
  /** A status nearer to the wire than the registry's (431, 414). */
  readonly status?: number
  readonly message: string
  readonly principal: Principal | null
  readonly listener: string
}

/** What a close gives admissions under way to settle; two commits at the ledger's own deadline. */
const settleWaitMs = 4_000

export class Gate {
  readonly #core: Core
  readonly #commitments: Commitments
  readonly #flood: Flood<Rejection>
  #closing: Promise<void> | null = null

  constructor(core: Core) {
    this.#core = core
    this.#commitments = new Commitments(core)
    this.#flood = new Flood(core.clock, {
      entriesPerSecond: rejectedEntriesPerSecond,
      rateOf: () => '',
      kindOf: ({ code, listener, principal }) => `${code} ${listener} ${principal?.agent ?? ''}`,
      flush: (folded) => core.noteFolded(this.#foldedEntryOf(folded)),
    })
  }

  get policy(): Policy {
    return this.#core.policy
  }

  get sealed(): boolean {
    return this.#core.sealed !== null
  }

  /** Why the gate shut itself for good; null while it has not. */
  get seal(): Seal | null {
    return this.#core.sealed
  }

  get draining(): boolean {
    return this.#core.draining
  }

  /** Unique ids of this start begin with it. */
  get bootId(): string {
    return this.#core.ledger.bootId
  }

  get ledger(): {
    head: Receipt
    checkpoint: DurableCheckpoint | null
    poisoned: Failure | null
    refusal: Failure | null
  } {
    const { checkpoint, head, poisoned, obstacle } = this.#core.ledger
    return { checkpoint, head, poisoned, refusal: obstacle }
  }

  /** What names the log: origin, id, first key. */
  get log(): GenesisData {
    return this.#core.ledger.genesis
  }

  /** Admits one request, or refuses it; the ports are asked only while the policy would allow it. */
  admit(facts: RequestFacts, amounts: Amounts, ports: AdmitPorts): Promise<Passage | Refusal> {
    return admit(this.#core, { facts, amounts, reject: this.#rejectFor(facts) }, ports)
  }

  /** Whether any rule could allow this host and port. */
  reach(facts: RequestFacts): ReturnType<typeof reach> {
    return reach(this.#core, { facts, reject: this.#rejectFor(facts) })
  }

  /** Whether the policy could let such a request pass; no decision, and no entry. */
  allows(facts: RequestFacts): boolean {
    return allows(this.#core, facts)
  }

  /** A refusal of a gate that drains has its entry too, although no kernel was asked. */
  #rejectFor({ principal }: RequestFacts): Reject {
    return ({ code, reasons: [first] }) =>
      this.reject({ code, message: first?.message ?? '', principal, listener: 'gate' })
  }

  /** Records a refusal that the kernel was not asked about; equals of a flood share an entry. */
  async reject(rejection: Rejection): Promise<Refusal> {
    const core = this.#core
    const { code, message, status } = rejection
    const policy = core.policy.digest
    const barred = core.barred()
    if (barred !== null) return barred
    const { obstacle } = core.ledger
    if (obstacle !== null) return core.plain(obstacle.code, obstacle.message)
    let receipt: Receipt | null = null
    if (this.#flood.takes(rejection)) {
      try {
        receipt = await core.append(this.#entryOf(rejection, 1))
      } catch (error) {
        if (!(error instanceof Failure)) throw error
        return core.plain(error.code, error.message)
      }
    }
    core.watch.decided('deny', code, '', 0)
    return plainRefusal({ code, message, policy, receipt, status })
  }

  #entryOf(rejection: Rejection, count: number): ReturnType<typeof rejectedDraft> {
    const { code, listener, message, principal } = rejection
    const status = rejection.status ?? reasons[code].status
    const at = this.#core.clock.now()
    const actor = principal === null ? {} : actorOf(principal)
    return rejectedDraft(actor, { at, code, count, listener, message, status })
  }

  /** An entry for several speaks of their agent, and not of the run or token that came first. */
  #foldedEntryOf({ sample, count, mixed }: Folded<Rejection>): ReturnType<typeof rejectedDraft> {
    const { data, kind } = this.#entryOf(sample, count)
    if (mixed) return { kind, actor: {}, data: { ...data, listener: '', ...mixture } }
    const { principal } = sample
    return { kind, actor: principal === null ? {} : { agent: principal.agent }, data }
  }

  halt(order: HaltOrder): Promise<OrderAnswer> {
    return halt(this.#core, order)
  }

  reinstate(order: ReinstateOrder): Promise<OrderAnswer> {
    return reinstate(this.#core, order)
  }

  grant(order: GrantOrder): Promise<OrderAnswer> {
    return grant(this.#core, order)
  }

  /** A person's yes or no to what waits for it. */
  answerApproval(order: AnswerOrder): Promise<OrderAnswer> {
    return answer(this.#core, order)
  }

  /** What waits for people or was answered lately, the oldest first. */
  approvals(): readonly ApprovalView[] {
    return this.#core.approvals.views()
  }

  /**
   * Judges actions or requests that are not sent: one entry each, nothing kept. With `commit` each is admitted, and
   * its hold is kept until `settleHold`, or for 5 minutes.
   */
  rehearse(
    asks: readonly Rehearsal[],
    { commit = false }: { readonly commit?: boolean } = {},
  ): Promise<readonly Rehearsed[]> {
    return rehearse(this.#core, asks, commit ? this.#commitments : null)
  }

  /** What a committed action turned out to cost; null where it is settled now. */
  settleHold(id: string, actual: Vector): Refusal | null {
    return this.#commitments.settle(id, actual)
  }

  /** Gives back what a committed action would have cost that was not carried out; null where that was done. */
  releaseHold(id: string): Refusal | null {
    return this.#commitments.release(id)
  }

  load(policy: Policy, note: LoadNote): Promise<OrderAnswer> {
    return load(this.#core, policy, note)
  }

  /** Records what an operator says of the system around the gate. */
  record(order: SystemOrder): Promise<OrderAnswer> {
    return state(this.#core, systemDraft(this.#core.now(), order))
  }

  /** Records that a subject's openings are gone. */
  erased(order: ErasureOrder): Promise<OrderAnswer> {
    return state(this.#core, erasureDraft(this.#core.now(), order))
  }

  /** Records that a checkpoint is held outside; nothing stands still for it. */
  anchored(data: AnchorData): void {
    if (this.#core.barred() === null && this.#core.ledger.obstacle === null) {
      this.#core.note(anchorDraft(data))
    }
  }

  /** Shuts the gate for good: somebody else writes a ledger of this name. */
  shut(message: string): void {
    this.#core.seal({ code: 'ledger-unavailable', message })
  }

  /** Records a reload that was refused; the policy in force stays. */
  async refuseLoad(problems: readonly string[]): Promise<void> {
    const { clock, policy, ledger } = this.#core
    if (this.#core.barred() !== null || ledger.obstacle !== null) return
    const shown = problems.slice(0, 8).map(bounded)
    const { digest, mode } = policy
    const data = {
      at: clock.now(),
      digest,
      mode,
      problems: shown,
      trigger: 'reload',
      verdict: 'deny',
    }
    this.#core.note({ kind: 'policy.load', actor: {}, data })
  }

  status(): GateStatus {
    return statusOf(this.#core)
  }

  runs(): readonly RunView[] {
    return runsOf(this.#core)
  }

  /** From now on everything new is refused; what is open may finish. */
  drain(): void {
    this.#core.draining = true
    this.#core.wake()
  }

  /** Ends what is still open, writes what was counted, and closes the ledger; every call awaits the same end. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.drain()
    this.#commitments.close()
    this.#core.cutAll()
    if (!this.sealed) await this.#core.idle(settleWaitMs)
    // Once more, for what was admitted before and dispatched while it waited.
    this.#core.cutAll()
    this.#flood.close()
    this.#core.refusals.close()
    this.#core.end()
    await this.#core.ledger.close()
  }
}
