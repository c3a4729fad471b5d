/** The requests that are under way, and how they are ended: all in one turn, what they settle behind it. */
import type { Principal, ScopeId } from '../kernel/scope.ts'
import type { Backlog } from './backlog.ts'
import { Crowd, type Member } from './crowd.ts'
import type { Refusal } from './refusal.ts'

/** A dispatched request: whose it is, and how to end it at once. */
export interface OpenRequest extends Member {
  readonly principal: Principal
  readonly path: readonly ScopeId[]
  readonly cut: (refusal: Refusal) => void
}

/** Every dispatched request of one gate. */
export class OpenRequests extends Crowd<OpenRequest> {
  readonly #backlog: Backlog

  constructor(backlog: Backlog) {
    super()
    this.#backlog = backlog
  }

  /** Cuts, in this turn, every open request that has a refusal; what they settle follows, some in each turn. */
  cut(refusalOf: (open: OpenRequest) => Refusal | null): void {
    this.#backlog.during(() => {
      for (const open of this.all()) {
        const refusal = refusalOf(open)
        if (refusal === null) continue
        this.remove(open)
        open.cut(refusal)
      }
    })
  }
}
