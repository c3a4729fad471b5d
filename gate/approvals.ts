/** What waits for people: who is told of it, when its time is over, and who is held until then. */
import type { Effect } from '../kernel/answer.ts'
import type { Approval, ApprovalState } from '../kernel/approval.ts'
import { Failure } from '../kernel/reasons.ts'
import type { State } from '../kernel/state.ts'
import { type ApprovalView, type Matter, matterOf, viewOf } from './approval-view.ts'
import type { Clock } from './ports.ts'
import { Waiting } from './waiting.ts'

/** An approval was asked for (`view` says what), or is no longer pending. */
export interface ApprovalNotice {
  readonly id: string
  readonly state: ApprovalState
  /** Null where nothing is kept of it any more. */
  readonly view: ApprovalView | null
}

export type OnApproval = (notice: ApprovalNotice) => void

export interface ApprovalParts {
  readonly clock: Clock
  /** The ratcheted clock of the kernel. */
  readonly now: () => number
  readonly read: () => State
  /** Records that nobody answered; false where that cannot be done now. */
  readonly expire: (approval: string) => boolean
  readonly tell: OnApproval
}

/** So many end in one turn; the others in the next one. */
const expiriesPerTurn = 64

/** The wall clock may be set, so that it is looked at now and then. */
const longestMs = 60_000

/** How soon to ask again where the ledger takes nothing. */
const retryMs = 1_000

export class Approvals {
  readonly waiting: Waiting
  readonly #parts: ApprovalParts
  /** What the pending ones are about, by id. */
  readonly #matters = new Map<string, Matter>()
  #cancel: (() => void) | null = null
  #closed = false

  constructor(parts: ApprovalParts) {
    this.#parts = parts
    this.waiting = new Waiting(parts.clock)
  }

  /** Everything that waits for people or was answered by them, the oldest first. */
  views(): readonly ApprovalView[] {
    const views: ApprovalView[] = []
    for (const [, approval] of this.#parts.read().approvals) views.push(this.#view(approval))
    return views.sort((left, right) => left.askedAt - right.askedAt || compare(left.id, right.id))
  }

  /** How many wait for people. */
  get pending(): number {
    let count = 0
    for (const [, { state }] of this.#parts.read().approvals) if (state === 'pending') count += 1
    return count
  }

  /** Takes note of what an approval is about, from the data of the decision that asks for it. */
  concerns(id: string, data: object): void {
    this.#matters.set(id, matterOf(data))
  }

  /** An approval of the state began, was answered or is over: called in the turn in which it did. */
  changed(effect: Extract<Effect, { readonly kind: 'approval' }>): void {
    const { approval: id, digest, state } = effect
    const found = this.#parts.read().approvals.get(digest)
    const approval = found?.id === id ? found : null
    this.#parts.tell({ id, state, view: approval === null ? null : this.#view(approval) })
    if (approval === null) this.#matters.delete(id)
    if (state === 'pending') this.arm()
    else this.waiting.wake(digest)
  }

  /** Ends what is over, and sets the one timer for what will be next. */
  arm(): void {
    this.#cancel?.()
    this.#cancel = null
    if (this.#closed) return
    const delayMs = this.#endDue()
    if (delayMs !== null && !this.#closed) {
      this.#cancel = this.#parts.clock.after(delayMs, () => this.arm())
    }
  }

  close(): void {
    this.#closed = true
    this.#cancel?.()
    this.#cancel = null
    this.waiting.wakeAll()
  }

  /** In how many ms to look again; null where nothing waits. */
  #endDue(): number | null {
    const now = this.#parts.now()
    const open = this.#open()
    for (const { id, expiresAt } of open.slice(0, expiriesPerTurn)) {
      if (expiresAt > now) break
      try {
        if (!this.#parts.expire(id)) return retryMs
      } catch (error) {
        // The gate has sealed itself: nothing more is admitted, and nothing need expire.
        if (error instanceof Failure) return null
        throw error
      }
    }
    const next = this.#open()[0]
    if (next === undefined) return null
    if (next.expiresAt > now) return Math.min(next.expiresAt - now, longestMs)
    return open.length > expiriesPerTurn ? 0 : retryMs
  }

  /** Those whose time may come, the next one first. */
  #open(): readonly Approval[] {
    const open: Approval[] = []
    const kept = new Set<string>()
    for (const [, approval] of this.#parts.read().approvals) {
      kept.add(approval.id)
      if (approval.state === 'pending' || approval.state === 'approved') open.push(approval)
    }
    for (const id of this.#matters.keys()) if (!kept.has(id)) this.#matters.delete(id)
    return open.sort((left, right) => left.expiresAt - right.expiresAt)
  }

  #view(approval: Approval): ApprovalView {
    return viewOf(approval, this.#matters.get(approval.id) ?? null)
  }
}

const compare = (left: string, right: string): number => (left < right ? -1 : 1)
