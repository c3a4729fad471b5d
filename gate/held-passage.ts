/** The passage of an admitted request: dispatch, extend, settle, each applied and recorded in one turn. */
import type { Answer } from '../kernel/answer.ts'
import { assert } from '../kernel/contract.ts'
import type { Vector } from '../kernel/dimension.ts'
import type { Classification } from '../kernel/policy.ts'
import { Failure } from '../kernel/reasons.ts'
import type { RequestFacts } from '../kernel/request.ts'
import { type Principal, pathOf } from '../kernel/scope.ts'
import type { Hold } from '../kernel/state.ts'
import { passes } from '../kernel/verdict.ts'
import type { Receipt } from '../ledger/entry.ts'
import { refusalOf } from './answer-refusal.ts'
import type { Core } from './core.ts'
import type { OpenRequest } from './open-requests.ts'
import type { Passage, Settlement } from './passage.ts'
import type { Watch } from './ports.ts'
import { actorOf, extensionDraft, settlementDraft } from './record.ts'
import type { Refusal } from './refusal.ts'

/** What both kinds of passages tell of their admission. */
export interface Admitted {
  readonly principal: Principal
  readonly kind: RequestFacts['kind']
  readonly classification: Classification
  readonly receipt: Receipt
  readonly policy: string
  readonly verdict: string
  readonly addresses: readonly string[]
  readonly attested: Passage['attested']
}

/** A passage with a hold: what nearly every admitted request has. */
export class HeldPassage implements Passage {
  readonly refused = false
  readonly observed = false
  readonly classification: Classification
  readonly receipt: Receipt
  readonly policy: string
  readonly verdict: string
  readonly addresses: readonly string[]
  readonly attested: Passage['attested']
  readonly #core: Core
  readonly #principal: Principal
  readonly #kind: RequestFacts['kind']
  #hold: Hold
  #open: OpenRequest | null = null
  #settled = false

  constructor(core: Core, input: Admitted, hold: Hold) {
    this.#core = core
    this.#principal = input.principal
    this.#kind = input.kind
    this.#hold = hold
    this.classification = input.classification
    this.receipt = input.receipt
    this.policy = input.policy
    this.verdict = input.verdict
    this.addresses = input.addresses
    this.attested = input.attested
  }

  get limits(): Vector {
    return this.#hold.vector
  }

  open(cut: (refusal: Refusal) => void): Refusal | null {
    const core = this.#core
    const barred = core.barred() ?? core.stranger(this.#principal)
    if (barred !== null) return barred
    const { request, path } = this.#hold
    // Not logged, so it must not move the clock either: replay sees admission and dispatch as one record.
    const { now } = core.state
    let answer: Answer
    try {
      answer = core.apply({ kind: 'dispatch', at: now, request })
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      return core.plain(error.code, error.message)
    }
    if (!passes(answer.verdict)) {
      const { state, policy } = core
      return refusalOf({ answer, state, path, now, policy: policy.digest, receipt: null })
    }
    this.#open = { principal: this.#principal, path, cut, place: -1 }
    core.openRequests.add(this.#open)
    core.watch.opened(this.#kind)
    return null
  }

  async extend(ask: Vector): Promise<Refusal | null> {
    const core = this.#core
    const { request, path } = this.#hold
    if (this.#settled) return core.plain('shutting-down', 'The request has ended.')
    const barred = core.barred()
    if (barred !== null) return barred
    const unready = core.ledger.obstacle
    if (unready !== null) return core.plain(unready.code, unready.message)
    const at = core.now()
    try {
      const answer = core.apply({ kind: 'extend', at, request, ask })
      const draft = extensionDraft(actorOf(this.#principal), { request, at, ask, answer })
      const written = core.append(draft)
      const { policy } = core
      core.carry(answer.effects, at)
      const receipt = await written
      if (passes(answer.verdict)) {
        if (answer.hold !== null && !this.#settled) this.#hold = answer.hold
        return null
      }
      const { state } = core
      return refusalOf({ answer, state, path, now: at, policy: policy.digest, receipt })
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      return core.plain(error.code, error.message)
    }
  }

  settle(settlement: Settlement): void {
    assert(!this.#settled, 'a passage is settled once (I2)')
    this.#settled = true
    const core = this.#core
    close(core, this.#open, endOf(this.#kind, settlement))
    const endedAt = core.now()
    core.backlog.run(() => this.#settle(settlement, endedAt))
  }

  /** The kernel's step and the entry: at once, or behind a cut of many. */
  #settle(settlement: Settlement, endedAt: number): void {
    const core = this.#core
    if (core.barred() !== null) return
    const { request, admittedAt } = this.#hold
    const { outcome, actual } = settlement
    const at = core.now()
    const durationMs = Math.max(0, endedAt - admittedAt)
    try {
      const answer = core.apply({ kind: 'settle', at, request, outcome, actual })
      assert(passes(answer.verdict), 'a hold that is open can be settled (I2)')
      const source = settlement.cut === 'halted' ? 'halt' : 'proxy'
      const record = { request, at, durationMs, source, settlement } as const
      core.note(settlementDraft(actorOf(this.#principal), record))
      core.carry(answer.effects, at)
      core.settled()
    } catch (error) {
      if (!(error instanceof Failure)) throw error
    }
  }
}

/** Takes a request off the open ones, where it was dispatched at all. */
function close(core: Core, open: OpenRequest | null, end: ReturnType<typeof endOf>): void {
  if (open === null) return
  core.openRequests.remove(open)
  core.watch.ended(end)
}

function endOf(kind: RequestFacts['kind'], settlement: Settlement): Parameters<Watch['ended']>[0] {
  const { actual, cut, status } = settlement
  const [bytesUp, bytesDown] = [actual['bytes_up'] ?? 0, actual['bytes_down'] ?? 0]
  return { kind, status, cut, bytesUp, bytesDown }
}

/** The passage of a request that only `mode: observe` lets through: nothing is held, so nothing is settled. */
export class ObservedPassage implements Passage {
  readonly refused = false
  readonly observed = true
  readonly classification: Classification
  readonly receipt: Receipt
  readonly policy: string
  readonly verdict: string
  readonly addresses: readonly string[]
  readonly limits: Vector = {}
  readonly attested = null
  readonly #core: Core
  readonly #principal: Principal
  readonly #kind: RequestFacts['kind']
  #open: OpenRequest | null = null

  constructor(core: Core, input: Admitted) {
    this.#core = core
    this.#principal = input.principal
    this.#kind = input.kind
    this.classification = input.classification
    this.receipt = input.receipt
    this.policy = input.policy
    this.verdict = input.verdict
    this.addresses = input.addresses
  }

  open(cut: (refusal: Refusal) => void): Refusal | null {
    const core = this.#core
    const barred = core.barred() ?? core.stranger(this.#principal)
    if (barred !== null) return barred
    const path = pathOf(this.#principal)
    const halted = core.haltedOn(path)
    if (halted !== null) return halted
    this.#open = { principal: this.#principal, path, cut, place: -1 }
    core.openRequests.add(this.#open)
    core.watch.opened(this.#kind)
    return null
  }

  async extend(_ask: Vector): Promise<Refusal | null> {
    return null
  }

  settle(settlement: Settlement): void {
    close(this.#core, this.#open, endOf(this.#kind, settlement))
  }
}
