/** The states of a search: each different one is one object, checked whole once, and stepped once for each event. */
import type { Answer } from '../../../kernel/answer.ts'
import { checkState } from '../../../kernel/contracts.ts'
import type { KernelEvent } from '../../../kernel/event.ts'
import type { Terms } from '../../../kernel/policy.ts'
import { snapshot } from '../../../kernel/snapshot.ts'
import type { State } from '../../../kernel/state.ts'
import type { step } from '../../../kernel/step.ts'

export type Step = typeof step

/** True where nothing was made anew: what a refusal leaves. */
function isSame(before: State, after: State): boolean {
  return (Object.keys(before) as (keyof State)[]).every((key) => before[key] === after[key])
}

export class States {
  readonly #step: Step
  readonly #terms: Terms
  readonly #byText = new Map<string, State>()
  readonly #numbers = new Map<State, number>()
  readonly #answers = new Map<State, Map<string, Answer>>()

  constructor(take: Step, terms: Terms) {
    this.#step = take
    this.#terms = terms
  }

  intern(state: State): State {
    if (this.#numbers.has(state)) return state
    const text = snapshot(state)
    const known = this.#byText.get(text)
    if (known !== undefined) return known
    checkState(state, this.#terms)
    this.#byText.set(text, state)
    this.#numbers.set(state, this.#numbers.size)
    return state
  }

  /** A small number for each different state. */
  numberOf(state: State): number {
    return this.#numbers.get(state) ?? -1
  }

  /** The step of this search. Throws where the kernel asserts, and where the state after it breaks a contract. */
  readonly take = (state: State, event: KernelEvent): Answer => {
    const known = this.#answers.get(state) ?? new Map<string, Answer>()
    this.#answers.set(state, known)
    const key = JSON.stringify(event)
    const answer = known.get(key)
    if (answer !== undefined) return answer
    const fresh = this.#step(state, event, this.#terms)
    const next = isSame(state, fresh.state) ? state : this.intern(fresh.state)
    const interned = { ...fresh, state: next }
    known.set(key, interned)
    return interned
  }
}
