/** The only holder and writer of live state: decide, apply and append happen here, in one order, in one turn. */
import type { Answer, Effect } from '../kernel/answer.ts'
import { ContractError } from '../kernel/contract.ts'
import { checkState } from '../kernel/contracts.ts'
import type { HaltCause, KernelEvent } from '../kernel/event.ts'
import type { Policy, Terms } from '../kernel/policy.ts'
import { Failure, type ReasonCode } from '../kernel/reasons.ts'
import { fleet, type Principal, type ScopeId } from '../kernel/scope.ts'
import type { State } from '../kernel/state.ts'
import { step } from '../kernel/step.ts'
import { haltOf } from '../kernel/view.ts'
import type { Draft, Receipt } from '../ledger/entry.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { plainRefusal } from './answer-refusal.ts'
import { Approvals } from './approvals.ts'
import { Backlog } from './backlog.ts'
import { type CoreOptions, type Seal, sealOf } from './core-options.ts'
import { Flood, type FoldedRefusal, refusedEntriesPerSecond } from './flood.ts'
import { Lines } from './line.ts'
import { OpenRequests } from './open-requests.ts'
import type { Clock, Commit, Hash, Prove, Watch } from './ports.ts'
import { alertDraft, approvalDraft, bounded, foldedDraft, orderDraft } from './record.ts'
import type { Refusal } from './refusal.ts'
import { type KeyOf, Roll } from './roll.ts'
import { unanchored } from './unanchored.ts'

export type { CoreOptions, Seal } from './core-options.ts'

export class Core {
  readonly clock: Clock
  readonly watch: Watch
  readonly lines: Lines
  readonly openRequests: OpenRequests
  /** Settlements of requests that are cut, many at once. */
  readonly backlog: Backlog
  /** What waits for people. */
  readonly approvals: Approvals
  readonly hash: Hash | null
  readonly prove: Prove | null
  readonly commit: Commit | null
  /** Refusals that move nothing. */
  readonly refusals: Flood<FoldedRefusal>
  draining = false
  readonly #keyOf: KeyOf
  readonly #deepCheck: boolean
  readonly #anchorLagMs: (() => number) | undefined
  readonly #onSeal: (seal: Seal) => void
  #policy: Policy
  #roll: Roll
  #state: State
  #ledger: Ledger | null = null
  #seal: Seal | null = null
  #whenIdle: (() => void) | null = null
  #over = false

  constructor(state: State, options: CoreOptions) {
    this.#state = state
    this.clock = options.clock
    this.watch = options.watch
    this.#policy = options.policy
    this.#keyOf = options.keyOf
    this.#roll = new Roll(options.policy, options.keyOf)
    this.lines = new Lines(options.clock)
    this.backlog = new Backlog(options.clock)
    this.openRequests = new OpenRequests(this.backlog)
    this.hash = options.hash ?? null
    this.prove = options.prove ?? null
    this.commit = options.commit ?? null
    this.approvals = new Approvals({
      clock: options.clock,
      now: () => this.now(),
      read: () => this.#state,
      expire: (approval) => this.#expire(approval),
      tell: options.onApproval ?? (() => undefined),
    })
    this.refusals = this.#refusals()
    this.#deepCheck = options.deepCheck
    this.#anchorLagMs = options.anchorLagMs
    this.#onSeal = options.onSeal
  }

  get state(): State {
    return this.#state
  }

  get policy(): Policy {
    return this.#policy
  }

  get sealed(): Seal | null {
    return this.#seal
  }

  get ledger(): Ledger {
    if (this.#ledger === null) throw new ContractError('the ledger is open before the gate is used')
    return this.#ledger
  }

  /** The instant for the next event: the clock, ratcheted, so that replay sees the same order of time. */
  now(): number {
    return Math.max(this.#state.now, this.clock.now())
  }

  /** Puts a policy in force for the next decision. */
  enforce(policy: Policy): void {
    this.#policy = policy
    this.#roll = new Roll(policy, this.#keyOf)
  }

  /** The refusal of whom the policy in force does not know, or not by this token; null where it does. */
  stranger(principal: Principal): Refusal | null {
    if (this.#roll.knows(principal)) return null
    const message = `The policy in force does not know ${principal.agent}, or not by this token.`
    return this.plain('identity-unknown', message)
  }

  #refusals(): Flood<FoldedRefusal> {
    return new Flood(this.clock, {
      entriesPerSecond: refusedEntriesPerSecond,
      rateOf: ({ agent }) => agent,
      kindOf: ({ agent, policy, reason }) => `${agent} ${reason.code} ${policy}`,
      flush: (folded) => this.noteFolded(foldedDraft(this.clock.now(), folded)),
    })
  }

  /** Appends what stands for several refusals; false where the ledger takes nothing now: ask again. */
  noteFolded(draft: Draft): boolean {
    if (this.barred() !== null) return true
    if (this.ledger.obstacle !== null) return false
    this.note(draft)
    return true
  }

  attach(ledger: Ledger): void {
    this.#ledger = ledger
  }

  /** Why nothing can be admitted now; null while the gate stands open for questions. */
  closed(): Refusal | null {
    const barred = this.barred()
    if (barred !== null) return barred
    if (this.draining) return this.plain('shutting-down', 'The gate is shutting down.')
    const failure = this.ledger.obstacle
    if (failure !== null) return this.plain(failure.code, failure.message)
    return unanchored(this, this.#anchorLagMs)
  }

  /** Why nothing can be dispatched, extended, settled or ordered any more; null while it can. */
  barred(): Refusal | null {
    if (this.#seal !== null) return this.plain(this.#seal.code, this.#seal.message)
    if (this.#over) return this.plain('shutting-down', 'The gate has shut down.')
    return null
  }

  plain(code: ReasonCode, message: string, receipt: Receipt | null = null): Refusal {
    return plainRefusal({ code, message, policy: this.policy.digest, receipt })
  }

  /** The refusal of whatever a halt on this path forbids; null where it is not halted. */
  haltedOn(path: readonly ScopeId[]): Refusal | null {
    const halt = haltOf(this.#state, path)
    return halt === null ? null : this.#haltRefusal(path, halt.scope)
  }

  /** The pure step, with nothing kept of it. errors Failure contract-violated, after the gate sealed itself. */
  decide(event: KernelEvent, terms: Terms = this.policy, from: State = this.#state): Answer {
    try {
      const answer = step(from, event, terms)
      if (this.#deepCheck) checkState(answer.state, terms)
      this.watch.stepped()
      return answer
    } catch (error) {
      if (!(error instanceof ContractError)) throw error
      this.#violated(error)
      throw new Failure('contract-violated', error.message, { cause: error })
    }
  }

  /** Makes an answer the state. Call it in the turn in which it was decided, and append its entry in that turn. */
  accept(answer: Answer): void {
    this.#state = answer.state
  }

  apply(event: KernelEvent, terms: Terms = this.policy): Answer {
    const answer = this.decide(event, terms)
    this.accept(answer)
    return answer
  }

  /**
   * Appends an entry. A ledger that is broken, or that has no room for what the state did already, seals the gate
   * for good; one that is only late does not: what it took is recorded, or it breaks.
   *
   * errors  Failure ledger-unavailable: the entry is not known to be durable.
   */
  append(draft: Draft): Promise<Receipt> {
    return this.#record(draft, 'append')
  }

  /** Appends what nobody waits for, and so without hurry; what its failure means for the gate is seen to. */
  note(draft: Draft): void {
    this.#record(draft, 'note').catch(() => undefined)
  }

  async #record(draft: Draft, how: 'append' | 'note'): Promise<Receipt> {
    const { ledger } = this
    const { waiting } = ledger
    const written = ledger[how](draft)
    const lost = ledger.waiting === waiting
    try {
      const receipt = await written
      this.watch.appended(draft.kind)
      return receipt
    } catch (error) {
      if (error instanceof ContractError) this.#violated(error)
      else if (ledger.poisoned !== null) this.seal(sealOf(ledger.poisoned))
      else if (lost) this.seal(sealOf(error))
      throw error instanceof Failure ? error : new Failure('ledger-unavailable', String(error))
    }
  }

  /**
   * Carries out what a step asked for: entries for alerts, entries and severed sockets for halts, an answer for those
   * who wait for a person's.
   */
  carry(effects: readonly Effect[], at: number): void {
    for (const effect of effects) {
      if (effect.kind === 'approval') this.approvals.changed(effect)
      if (effect.kind === 'alert') this.note(alertDraft(at, effect))
      if (effect.kind === 'sever') {
        const { scope, cause } = effect
        // In no hurry for anyone, and yet at once: what halted should be durable before the next request asks.
        const halt = orderDraft('halt', { at, by: 'kernel', cause, reason: '', scope }, null)
        this.append(halt).catch(() => undefined)
        this.sever(scope, cause)
      }
    }
  }

  /** Destroys, in this turn, whatever is open under a scope, and lets those who wait hear of it. */
  sever(scope: ScopeId, cause: HaltCause): void {
    this.watch.severed(scope, cause)
    // Those of one path are told the same: of thousands, telling took most of the turn.
    const told = new Map<readonly ScopeId[], Refusal>()
    this.openRequests.cut(({ path }) => {
      if (!path.includes(scope)) return null
      const refusal = told.get(path) ?? this.#haltRefusal(path, scope)
      told.set(path, refusal)
      return refusal
    })
    this.wake()
  }

  /** Destroys what is open of agents and tokens that the policy in force does not know. */
  cutStrangers(): void {
    this.openRequests.cut(({ principal }) => this.stranger(principal))
  }

  /** Lets all who wait, in a line or for a person, look at what has changed. */
  wake(): void {
    this.lines.wake()
    this.approvals.waiting.wakeAll()
  }

  /** Nobody answered in time. False where that cannot be recorded now: ask again. */
  #expire(approval: string): boolean {
    if (this.barred() !== null) return true
    if (this.ledger.obstacle !== null) return false
    const event = { kind: 'expire', at: this.now(), approval } as const
    const answer = this.apply(event)
    this.note(approvalDraft(event, answer))
    this.carry(answer.effects, event.at)
    return true
  }

  #haltRefusal(path: readonly ScopeId[], scope: ScopeId): Refusal {
    const refusal = this.plain('halted', `The scope ${scope} was halted.`)
    return { ...refusal, decision: 'halt', halt: haltOf(this.#state, path) }
  }

  /** Shuts the gate for good: everything is refused, everything open is cut, the owner is told once. */
  seal(seal: Seal): void {
    if (this.#seal !== null) return
    this.#seal = seal
    this.openRequests.cut(() => this.plain(seal.code, seal.message))
    this.wake()
    this.#whenIdle?.()
    this.#onSeal(seal)
  }

  /** Cuts what is still open when the time for draining is over. */
  cutAll(): void {
    this.openRequests.cut(() => this.plain('shutting-down', 'The gate is shutting down.'))
  }

  /**
   * Resolves when every hold is settled, or after so long: an admission that is not durable yet still has its
   * settlement to write. What is open then is forfeited by the next start.
   */
  idle(waitMs: number): Promise<void> {
    if (this.#state.holds.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const cancel = this.clock.after(waitMs, resolve)
      this.#whenIdle = () => {
        cancel()
        resolve()
      }
    })
  }

  /** Told after each settlement. */
  settled(): void {
    if (this.#state.holds.size === 0) this.#whenIdle?.()
  }

  /** The end: whatever comes later is refused, and a settlement that comes later is a forfeit of the next start. */
  end(): void {
    this.#over = true
    this.approvals.close()
    this.backlog.close()
  }

  /** A bug of ours: recorded as far as that is possible, the fleet halted for ever, the gate sealed. */
  #violated(error: ContractError): void {
    if (this.#seal !== null) return
    const at = this.clock.now()
    const cause = 'contract'
    this.seal({ code: 'contract-violated', message: error.message })
    if (this.ledger.poisoned !== null) return
    this.#haltFleet(at)
    const incident = { at, code: 'contract-violated', message: bounded(error.message) }
    const halt = orderDraft('halt', { at, by: 'kernel', cause, reason: '', scope: fleet }, null)
    this.ledger.append({ kind: 'incident', actor: {}, data: incident }).catch(() => undefined)
    this.ledger.append(halt).catch(() => undefined)
    this.watch.severed(fleet, cause)
  }

  /** In the state too, of which a new segment takes its snapshot. */
  #haltFleet(at: number): void {
    try {
      const event = { kind: 'halt', at, scope: fleet, cause: 'contract' } as const
      this.#state = step(this.#state, event, this.policy).state
    } catch (error) {
      // A state that cannot even be halted: the entry alone says it.
      if (!(error instanceof ContractError)) throw error
    }
  }
}
