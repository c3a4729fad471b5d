/** Random lives of a kernel: terms, and scripts of events that a caller could really send. */
import fc from 'fast-check'
import type { Vector } from '../../kernel/dimension.ts'
import type { KernelEvent, SettleEvent } from '../../kernel/event.ts'
import { type BudgetTerms, onLimits, type Terms } from '../../kernel/policy.ts'
import type { State } from '../../kernel/state.ts'
import { ann, budget, hour, minute, scope, start, termsOf } from './world.ts'

const year = 31_556_952_000

/** What happens next, said without ids: they are chosen from what is there when it happens. */
export type Command =
  | { readonly kind: 'admit'; readonly who: number; readonly tokens: number; readonly ask: number }
  | { readonly kind: 'dispatch' | 'extend'; readonly which: number; readonly ask: number }
  | {
      readonly kind: 'settle'
      readonly which: number
      readonly outcome: SettleEvent['outcome']
      readonly actual: number
    }
  | {
      readonly kind: 'grant' | 'revoke' | 'halt' | 'reinstate'
      readonly which: number
      readonly amount: number
    }
  | { readonly kind: 'recover' | 'load' }
  | { readonly kind: 'wait'; readonly ms: number }

const small = fc.integer({ min: 0, max: 6 })
const which = fc.nat({ max: 20 })

export const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('admit' as const),
      who: which,
      tokens: small,
      ask: fc.integer({ min: 1, max: 9 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('dispatch' as const), which, ask: small }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('extend' as const),
      which,
      ask: fc.integer({ min: 1, max: 9 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      which,
      outcome: fc.constantFrom(
        'settled' as const,
        'settled' as const,
        'forfeited' as const,
        'voided' as const,
      ),
      actual: small,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'grant' as const,
        'revoke' as const,
        'halt' as const,
        'reinstate' as const,
      ),
      which,
      amount: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('recover' as const, 'load' as const) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.constantFrom(0, 1, 500, 1000, minute, hour, year, -1, -minute, -year),
    }),
  },
)

const limit = fc.integer({ min: 0, max: 8 })
const dimensions = ['bytes_down', 'requests', 'tokens'] as const

const anyBudget: fc.Arbitrary<Omit<BudgetTerms, 'id'>> = fc
  .record({
    limits: fc.record({ bytes_down: limit, requests: limit, tokens: limit }, { requiredKeys: [] }),
    scope: fc.constantFrom('fleet' as const, 'tenant' as const, 'agent' as const, 'run' as const),
    period: fc.constantFrom<BudgetTerms['period']>(
      { kind: 'run' },
      { kind: 'lifetime' },
      { kind: 'hour' },
      { kind: 'window', lengthMs: 1000 },
      { kind: 'window', lengthMs: minute },
    ),
    onLimit: fc.constantFrom(...onLimits),
    tiers: fc.constantFrom<readonly number[]>([], [50, 90, 100]),
  })
  .map(({ limits, ...more }) => {
    const present = dimensions.filter((dimension) => limits[dimension] !== undefined)
    const clean = Object.fromEntries(present.map((each) => [each, limits[each] ?? 0]))
    return budget('', clean, more)
  })

/** Terms of one to three budgets. */
export const anyTerms: fc.Arbitrary<Terms> = fc
  .array(anyBudget, { minLength: 1, maxLength: 3 })
  .map((budgets) =>
    termsOf({ budgets: budgets.map((each, index) => ({ ...each, id: `b${index}` })) }),
  )

/** The same terms with every limit halved, under a digest of their own. */
export function tighter(terms: Terms): Terms {
  const halved = (limits: Vector): Vector =>
    Object.fromEntries(Object.entries(limits).map(([key, amount]) => [key, Math.floor(amount / 2)]))
  const budgets = [...terms.budgets.values()].map((each) => ({
    ...each,
    limits: halved(each.limits),
  }))
  return termsOf({ digest: `${terms.digest}+`, budgets })
}

const scopes = [
  'run:ann/r1',
  'run:bob/r1',
  'run:bob/r2',
  'agent:ann',
  'agent:bob',
  'tenant:acme',
  'fleet',
]

/** Turns commands into events that a correct caller could send in this state. */
export class Script {
  clock = start
  #requests = 0

  /** The event of a command; null where there is nothing to do it to. */
  event(command: Command, state: State, terms: Terms): KernelEvent | null {
    const at = this.clock
    switch (command.kind) {
      case 'wait':
        this.clock = Math.max(0, this.clock + command.ms)
        return null
      case 'recover':
        return { kind: 'recover', at }
      case 'load':
        return { kind: 'load', at, digest: terms.digest }
      case 'admit': {
        this.#requests += 1
        const who = [ann, { ...ann, agent: 'bob' }, { ...ann, agent: 'bob', run: 'r2' }]
        return {
          kind: 'admit',
          at,
          request: `q${String(this.#requests).padStart(4, '0')}`,
          principal: who[command.who % who.length] ?? ann,
          host: 'docs.example.com',
          rules: ['ok'],
          drafts: [],
          budgets: [...terms.budgets.keys()],
          charge: { tokens: command.tokens },
          ask: { bytes_down: command.ask },
          refusals: [],
          queue: 'open',
        }
      }
      case 'dispatch':
      case 'extend':
      case 'settle':
        return this.#onHold(command, state)
      default: {
        const each = scopes[command.which % scopes.length] ?? 'fleet'
        if (command.kind === 'halt') {
          // Tenant and fleet hold everyone: halted rarely, or nothing would happen any more.
          const text = each.startsWith('run') || command.amount === 1 ? each : 'run:ann/r1'
          return { kind: 'halt', at, scope: scope(text), cause: 'operator' }
        }
        if (command.kind === 'reinstate') return { kind: 'reinstate', at, scope: scope(each) }
        const { amount, kind } = command
        const dimension = dimensions[command.which % dimensions.length] ?? 'requests'
        return { kind, at, scope: scope(each), budget: `b${command.which % 3}`, dimension, amount }
      }
    }
  }

  #onHold(
    command: Extract<Command, { kind: 'dispatch' | 'extend' | 'settle' }>,
    state: State,
  ): KernelEvent | null {
    const at = this.clock
    const holds = state.holds.sorted().map(([, hold]) => hold)
    const fitting = holds.filter((hold) => {
      if (command.kind === 'dispatch') return hold.state === 'held'
      return command.kind === 'settle' || hold.state === 'dispatched'
    })
    const hold = fitting[command.which % Math.max(1, fitting.length)]
    if (hold === undefined) return null
    const { request } = hold
    if (command.kind === 'dispatch') return { kind: 'dispatch', at, request }
    if (command.kind !== 'settle') {
      return { kind: 'extend', at, request, ask: { bytes_down: command.ask } }
    }
    const outcome =
      command.outcome === 'voided' && hold.state !== 'held' ? 'settled' : command.outcome
    const actual = { bytes_down: command.actual, tokens: command.actual }
    return { kind: 'settle', at, request, outcome, actual }
  }
}
