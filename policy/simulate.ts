/**
 * Yesterday's traffic under another policy: each recorded decision is classified by the candidate and taken by the real
 * kernel, at its recorded time and with what it turned out to cost.
 */
import type { Answer } from '../kernel/answer.ts'
import { ContractError } from '../kernel/contract.ts'
import { defaultCharge, metered, type Vector } from '../kernel/dimension.ts'
import type { AdmitEvent, ExtendEvent, KernelEvent, SettleEvent } from '../kernel/event.ts'
import type { Classification } from '../kernel/policy.ts'
import { emptyState, type State } from '../kernel/state.ts'
import { step } from '../kernel/step.ts'
import { passes, type Verdict } from '../kernel/verdict.ts'
import type { CompiledPolicy } from './compile.ts'
import {
  outsideRefusals,
  type RecordedDecision,
  reclassify,
  type Unknown,
} from './simulate-facts.ts'

/** One entry that is taken: a decision, or what else moves the kernel. */
export type Recorded =
  | { readonly kind: 'decision'; readonly decision: RecordedDecision }
  | { readonly kind: 'event'; readonly seq: number; readonly event: KernelEvent }

/** What became of one decision. */
export interface Outcome {
  readonly decision: RecordedDecision
  /** Null where nobody can say. */
  readonly verdict: Verdict | null
  readonly why: Unknown | 'does-not-follow' | null
  /** Of the candidate's deciding reason: its code, and the rule or budget; empty where there is none. */
  readonly code: string
  readonly id: string
}

/** What one request of an agent spent, by the record and by the candidate. */
export interface Spend {
  readonly agent: string
  readonly before: Vector
  readonly after: Vector
}

/** What is told on the way. */
export interface SimulationWatch {
  decided(outcome: Outcome): void
  spent(spend: Spend): void
}

/** Halts that persons and alarms ordered; those of rules and budgets follow from a policy, and the candidate has its own. */
const orderedHalts: readonly string[] = ['operator', 'signal', 'sentinel']

/** A request whose settlement is still to come. */
interface Open {
  readonly agent: string
  /** What each of the two charges; null where it refused. */
  readonly before: Vector | null
  readonly after: Vector | null
}

export class Simulation {
  readonly #policy: CompiledPolicy
  readonly #watch: SimulationWatch
  readonly #open = new Map<string, Open>()
  #state: State = emptyState

  constructor(policy: CompiledPolicy, watch: SimulationWatch) {
    this.#policy = policy
    this.#watch = watch
  }

  /** The candidate's state so far. */
  get state(): State {
    return this.#state
  }

  /** Takes the next entry, in the order of the ledger. */
  take(recorded: Recorded): void {
    const at = recorded.kind === 'decision' ? recorded.decision.event.at : recorded.event.at
    if (this.#state.policy === '') {
      this.#step({ kind: 'load', at, digest: this.#policy.digest })
    }
    if (recorded.kind === 'decision') this.#decide(recorded.decision)
    else this.#happen(recorded.event)
  }

  #decide(decision: RecordedDecision): void {
    const { event, verdict } = decision
    const before = passes(verdict) && decision.kind !== 'reach' ? event.charge : null
    const again = reclassify(this.#policy, decision)
    if (!again.known) {
      this.#unknown(decision, again.why)
      return
    }
    const { classification } = again
    const asked = eventOf(decision, classification)
    const asIs = this.#state
    const answer = this.#step(asked)
    if (answer === null) {
      this.#unknown(decision, 'does-not-follow')
      return
    }
    // That a host may be reached is asked, and nothing is held for it.
    if (decision.kind === 'reach' && passes(answer.verdict)) this.#state = asIs
    const [reason] = answer.reasons
    const isAdmitted = passes(answer.verdict) && decision.kind !== 'reach'
    const after = isAdmitted ? asked.charge : null
    const id = reason?.id ?? classification.rules[0] ?? ''
    this.#watch.decided({
      decision,
      verdict: answer.verdict,
      why: null,
      code: reason?.code ?? '',
      id,
    })
    const { agent } = event.principal
    this.#open.set(event.request, { agent, before, after })
    // Nobody knows what a request that was refused would have used: it is charged, and metered at nothing.
    if (before === null) this.#settle({ ...neverSent, at: event.at, request: event.request })
  }

  #unknown(decision: RecordedDecision, why: Unknown | 'does-not-follow'): void {
    this.#watch.decided({ decision, verdict: null, why, code: '', id: '' })
  }

  /** Loads of other policies, and answers of people to what those asked, have no meaning here. */
  #happen(event: KernelEvent): void {
    const isOrder = event.kind === 'grant' || event.kind === 'revoke' || event.kind === 'reinstate'
    const isHalt = event.kind === 'halt' && orderedHalts.includes(event.cause)
    if (event.kind === 'settle') this.#settle(event)
    else if (event.kind === 'extend') this.#extend(event)
    else if (isOrder || isHalt) this.#step(event)
  }

  #settle(event: SettleEvent): void {
    const open = this.#open.get(event.request)
    this.#open.delete(event.request)
    if (this.#state.holds.has(event.request)) this.#step(event)
    if (open === undefined) return
    const { agent } = open
    const before = open.before === null ? {} : spentOf(open.before, event)
    const after = open.after === null ? {} : spentOf(open.after, event)
    this.#watch.spent({ agent, before, after })
  }

  /** The log holds admission and dispatch as one record: a request that asks for more is under way. */
  #extend(event: ExtendEvent): void {
    const hold = this.#state.holds.get(event.request)
    if (hold === undefined) return
    const holds = this.#state.holds.set(event.request, { ...hold, state: 'dispatched' })
    this.#state = { ...this.#state, holds }
    this.#step(event)
  }

  /** A ledger that was written by something else may not fit: the kernel's contracts find that, and nothing moves. */
  #step(event: KernelEvent): Answer | null {
    try {
      const answer = step(this.#state, event, this.#policy)
      this.#state = answer.state
      return answer
    } catch (error) {
      if (error instanceof ContractError) return null
      throw error
    }
  }
}

const neverSent = { kind: 'settle', outcome: 'settled', actual: {} } as const

/** The admission that the candidate would have asked the kernel for. */
function eventOf(decision: RecordedDecision, classification: Classification): AdmitEvent {
  const { event, verdict } = decision
  const { rules, drafts, budgets, refusals } = classification
  const measured = Object.entries(event.charge).filter(([dimension]) => isMetered(dimension))
  const charge =
    decision.kind === 'reach'
      ? event.charge
      : { ...defaultCharge, ...classification.charge, ...Object.fromEntries(measured) }
  return {
    kind: 'admit',
    at: event.at,
    request: event.request,
    principal: event.principal,
    host: event.host,
    rules,
    drafts,
    budgets,
    charge,
    ask: passes(verdict) ? event.ask : {},
    ...(event.least === undefined || !passes(verdict) ? {} : { least: event.least }),
    refusals: [...refusals, ...outsideRefusals(decision)],
    queue: event.queue,
  }
}

function isMetered(dimension: string): boolean {
  return metered.some((each) => each === dimension)
}

/** What a request spent: what is exact as it was charged, what is measured as it turned out. */
function spentOf(charge: Vector, { outcome, actual }: SettleEvent): Vector {
  if (outcome === 'voided') return {}
  const { inflight: _, ...exact } = charge
  return { ...exact, ...actual }
}
