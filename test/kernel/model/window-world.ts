/** A small world around the real `step`: four requests, one sliding window, a clock that ticks and jumps back. */
import type { KernelEvent } from '../../../kernel/event.ts'
import { emptyState, type State } from '../../../kernel/state.ts'
import { step } from '../../../kernel/step.ts'
import { ann, budget, termsOf } from '../world.ts'
import type { Model, Move } from './explore.ts'
import { States, type Step } from './states.ts'

const [length, limit, requests, lastTick] = [3, 2, 4, 7]

const terms = termsOf({
  budgets: [
    budget(
      'w',
      { bytes_down: limit, requests: limit },
      {
        scope: 'agent',
        period: { kind: 'window', lengthMs: length },
      },
    ),
  ],
})

export interface WindowWorld {
  readonly state: State
  readonly clock: number
  readonly admitted: number
  /** Ticks at which a request was admitted, and at which a byte may last have flowed. */
  readonly admissions: readonly number[]
  readonly flows: readonly number[]
}

function next(take: States['take'], world: WindowWorld): readonly Move<WindowWorld>[] {
  const { state, clock, admitted } = world
  const moves: Move<WindowWorld>[] = []
  if (clock < lastTick) moves.push({ label: 'tick', world: { ...world, clock: clock + 1 } })
  if (clock === 5) moves.push({ label: 'jump back', world: { ...world, clock: 0 } })
  const base = { host: 'h', principal: ann, rules: ['ok'], drafts: [], budgets: ['w'] } as const
  const rest = { charge: {}, ask: { bytes_down: 1 }, refusals: [], queue: 'open' } as const
  const request = `q${admitted}`
  const admit: KernelEvent = { kind: 'admit', at: clock, request, ...base, ...rest }
  const answer = admitted < requests ? take(state, admit) : null
  if (answer?.hold) {
    const admissions = [...world.admissions, answer.state.now]
    const after = { ...world, state: answer.state, admitted: admitted + 1, admissions }
    moves.push({ label: `admit at ${clock}`, world: after })
  }
  for (const [held] of state.holds.sorted()) {
    for (const bytes of [0, 1]) {
      const actual = { bytes_down: bytes }
      const event = {
        kind: 'settle',
        at: clock,
        request: held,
        outcome: 'settled',
        actual,
      } as const
      const after = take(state, event).state
      const flows = bytes === 0 ? world.flows : [...world.flows, after.now]
      moves.push({ label: `settle ${held} at ${clock}`, world: { ...world, state: after, flows } })
    }
  }
  return moves
}

function bad(_before: WindowWorld, { world }: Move<WindowWorld>): string | null {
  for (const list of [world.admissions, world.flows]) {
    for (const end of list) {
      const within = list.filter((at) => at > end - length && at <= end).length
      if (within > limit) return `${within} in the window that ends at ${end} (I3)`
    }
  }
  return null
}

export function windowModel(rules: Step): Model<WindowWorld> {
  const { state } = step(emptyState, { kind: 'load', at: 0, digest: terms.digest }, terms)
  const states = new States(rules, terms)
  states.intern(state)
  return {
    initial: { state, clock: 0, admitted: 0, admissions: [], flows: [] },
    next: (world) => next(states.take, world),
    bad,
    keyOf: ({ state: each, clock, admissions, flows }) => {
      // What lies a whole window back is in no window that is still to come.
      const recent = (list: readonly number[]) => list.filter((at) => at > each.now - length)
      return [states.numberOf(each), clock, recent(admissions), recent(flows)].join(';')
    },
  }
}
