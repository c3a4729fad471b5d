/** Builders for kernel tests: terms, events and a `World` that folds events and checks every state it passes. */
import type { Answer } from '../../kernel/answer.ts'
import { checkState } from '../../kernel/contracts.ts'
import type { Vector } from '../../kernel/dimension.ts'
import type { AdmitEvent, KernelEvent, SettleEvent } from '../../kernel/event.ts'
import type { BudgetTerms, RuleTerms, Terms } from '../../kernel/policy.ts'
import type { Principal, ScopeId } from '../../kernel/scope.ts'
import { type Account, emptyState, type Purse, type State } from '../../kernel/state.ts'
import { step } from '../../kernel/step.ts'

/** 2026-11-21T04:00:00Z. */
export const start = 1_795_233_600_000
export const minute = 60_000
export const hour = 3_600_000
export const day = 86_400_000

export const scope = (text: string): ScopeId => text as ScopeId

export const ann: Principal = {
  agent: 'ann',
  run: 'r1',
  tenant: 'acme',
  project: 'web',
  actor: null,
  key: null,
}

export function rule(
  id: string,
  effect: RuleTerms['effect'],
  more: Partial<RuleTerms> = {},
): RuleTerms {
  return { id, state: 'active', effect, reason: '', approval: null, ...more }
}

export function budget(id: string, limits: Vector, more: Partial<BudgetTerms> = {}): BudgetTerms {
  return {
    id,
    state: 'active',
    reason: '',
    scope: 'run',
    pool: null,
    period: { kind: 'run' },
    limits,
    dimensions: Object.keys(limits).sort(),
    tiers: [],
    onLimit: 'block',
    queue: { length: 10, waitMs: 10_000 },
    ...more,
  }
}

export interface TermsParts {
  readonly digest?: string
  readonly mode?: Terms['mode']
  readonly defaultVerdict?: Terms['defaultVerdict']
  readonly rules?: readonly RuleTerms[]
  readonly budgets?: readonly BudgetTerms[]
}

/** Terms whose rule `ok` allows; without rules of its own nothing else stands in the way. */
export function termsOf(parts: TermsParts = {}): Terms {
  const rules = [rule('ok', 'allow'), ...(parts.rules ?? [])]
  const budgets = parts.budgets ?? []
  return {
    digest: parts.digest ?? 'sha256:one',
    mode: parts.mode ?? 'enforce',
    defaultVerdict: parts.defaultVerdict ?? 'deny',
    rules: new Map(rules.map((each) => [each.id, each])),
    budgets: new Map(budgets.map((each) => [each.id, each])),
  }
}

/** Takes events one after another into a state, and checks the whole of it after each. */
export class World {
  state: State = emptyState
  terms: Terms
  now = start
  #requests = 0

  constructor(terms: Terms) {
    this.terms = terms
    this.load(terms)
  }

  step(event: KernelEvent): Answer {
    const before = this.state
    const answer = step(before, event, this.terms)
    checkState(answer.state, this.terms)
    this.state = answer.state
    return answer
  }

  load(terms: Terms): Answer {
    this.terms = terms
    return this.step({ kind: 'load', at: this.now, digest: terms.digest })
  }

  /** An admission of ann's on all budgets of the terms, unless told otherwise. */
  admission(parts: Partial<AdmitEvent> = {}): AdmitEvent {
    this.#requests += 1
    return {
      kind: 'admit',
      at: this.now,
      request: `q${String(this.#requests).padStart(4, '0')}`,
      principal: ann,
      host: 'docs.example.com',
      rules: ['ok'],
      drafts: [],
      budgets: [...this.terms.budgets.keys()],
      charge: {},
      ask: {},
      refusals: [],
      queue: 'open',
      ...parts,
    }
  }

  admit(parts: Partial<AdmitEvent> = {}): Answer {
    return this.step(this.admission(parts))
  }

  dispatch(request: string): Answer {
    return this.step({ kind: 'dispatch', at: this.now, request })
  }

  extend(request: string, ask: Vector): Answer {
    return this.step({ kind: 'extend', at: this.now, request, ask })
  }

  settle(
    request: string,
    actual: Vector = {},
    outcome: SettleEvent['outcome'] = 'settled',
  ): Answer {
    return this.step({ kind: 'settle', at: this.now, request, outcome, actual })
  }

  /** A request from admission to settlement; answers its admission. */
  whole(parts: Partial<AdmitEvent> = {}, actual: Vector = {}): Answer {
    const answer = this.admit(parts)
    if (answer.hold === null) return answer
    this.dispatch(answer.hold.request)
    this.settle(answer.hold.request, actual)
    return answer
  }

  grant(at: string, dimension: string, amount: number, kind: 'grant' | 'revoke' = 'grant'): Answer {
    const [text = '', id = ''] = at.split(' ')
    const event = { kind, at: this.now, scope: scope(text), budget: id, dimension, amount }
    return this.step(event)
  }

  halt(at: string): Answer {
    return this.step({ kind: 'halt', at: this.now, scope: scope(at), cause: 'operator' })
  }

  reinstate(at: string): Answer {
    return this.step({ kind: 'reinstate', at: this.now, scope: scope(at) })
  }

  purse(id: string): Purse {
    const found = [...this.state.purses.values()].filter((purse) => purse.budget === id)
    const last = found.sort((left, right) => (left.key < right.key ? -1 : 1)).at(-1)
    if (last === undefined) throw new Error(`no purse of ${id}`)
    return last
  }

  account(id: string, dimension: string): Account {
    const purse = this.purse(id)
    const account = purse.accounts[purse.dimensions.indexOf(dimension)]
    if (account === undefined) throw new Error(`no account of ${dimension}`)
    return account
  }
}

export const codes = (answer: Answer): readonly string[] => answer.reasons.map((each) => each.code)
