/**
 * A second kernel, slow and plain, that shares no code with the first: every amount is summed anew from lists of
 * all that ever happened. It knows rules that allow, budgets without drafts, hosts and refusals, and mode enforce.
 */
import type { Vector } from '../../kernel/dimension.ts'
import type { KernelEvent } from '../../kernel/event.ts'
import type { BudgetTerms, Terms } from '../../kernel/policy.ts'
import type { Principal } from '../../kernel/scope.ts'

interface Spend {
  readonly account: string
  readonly amount: number
  /** When it counts as spent. */
  readonly at: number
}

interface OpenHold {
  readonly path: readonly string[]
  readonly incarnations: readonly number[]
  readonly admittedAt: number
  dispatched: boolean
  /** Purses with what is held on each of their dimensions. */
  readonly lines: { readonly purse: OpenPurse; readonly amounts: Record<string, number> }[]
}

interface OpenPurse {
  readonly key: string
  readonly budget: string
  readonly scope: string
  readonly period: BudgetTerms['period']
  readonly limits: Record<string, { limit: number; declared: number }>
}

export interface Said {
  readonly verdict: string
  readonly vector: Vector | null
}

const strength = ['allow', 'warn', 'queue', 'approve', 'deny', 'halt']
const flowing = ['bytes_down', 'tokens']
const counting = ['continue', 'warn']

export class Reference {
  now = 0
  terms: Terms
  readonly purses = new Map<string, OpenPurse>()
  readonly holds = new Map<string, OpenHold>()
  readonly spends: Spend[] = []
  readonly scopes = new Map<string, { halted: boolean; incarnation: number }>()

  constructor(terms: Terms) {
    this.terms = terms
  }

  #path({ agent, run, tenant }: Principal): readonly string[] {
    return ['fleet', `tenant:${tenant}`, `agent:${agent}`, `run:${agent}/${run}`]
  }

  #halted(path: readonly string[]): boolean {
    return path.some((scope) => this.scopes.get(scope)?.halted)
  }

  #incarnations(path: readonly string[]): readonly number[] {
    return path.map((scope) => this.scopes.get(scope)?.incarnation ?? 0)
  }

  #purse(budget: BudgetTerms, scope: string): OpenPurse {
    const { id, period, limits } = budget
    const length = { hour: 13, day: 10, month: 7 }[period.kind as string] ?? 0
    const key = `${id} ${scope} ${new Date(this.now).toISOString().slice(0, length)}`
    const opened = Object.entries(limits).map(([dimension, limit]) => [
      dimension,
      { limit, declared: limit },
    ])
    const fresh = { key, budget: id, scope, period, limits: Object.fromEntries(opened) }
    return this.purses.get(key) ?? fresh
  }

  used(purse: OpenPurse, dimension: string): number {
    const since = purse.period.kind === 'window' ? this.now - purse.period.lengthMs : -1
    return this.spends
      .filter((spend) => spend.account === `${purse.key} ${dimension}` && spend.at > since)
      .reduce((sum, spend) => sum + spend.amount, 0)
  }

  held(purse: OpenPurse, dimension: string): number {
    let sum = 0
    for (const hold of this.holds.values()) {
      for (const line of hold.lines) {
        if (line.purse.key === purse.key) sum += line.amounts[dimension] ?? 0
      }
    }
    return sum
  }

  #left(purse: OpenPurse, dimension: string): number {
    const limit = purse.limits[dimension]?.limit ?? 0
    return limit - this.used(purse, dimension) - this.held(purse, dimension)
  }

  #halt(scope: string): void {
    const known = this.scopes.get(scope)
    this.scopes.set(scope, { halted: true, incarnation: known?.incarnation ?? 0 })
  }

  #strictest(said: readonly string[]): string {
    return strength[Math.max(0, ...said.map((each) => strength.indexOf(each)))] ?? 'allow'
  }

  #answerOf(budget: BudgetTerms, limit: number, need: number): string {
    const waits = budget.period.kind === 'window' && need <= limit
    if (budget.onLimit === 'continue') return 'allow'
    if (budget.onLimit === 'queue') return waits ? 'queue' : 'deny'
    if (budget.onLimit === 'block') return 'deny'
    return budget.onLimit === 'kill' ? 'halt' : budget.onLimit
  }

  /** Measures needs on purses, halts what they kill, and answers the verdict. */
  #measure(purses: readonly OpenPurse[], needs: Vector, queues: boolean): string {
    const said: string[] = []
    for (const purse of purses) {
      const budget = this.terms.budgets.get(purse.budget)
      for (const [dimension, { limit }] of Object.entries(purse.limits)) {
        const need = needs[dimension] ?? 0
        if (budget === undefined || need === 0 || need <= this.#left(purse, dimension)) continue
        const answer = this.#answerOf(budget, limit, need)
        said.push(answer === 'queue' && !queues ? 'deny' : answer)
        if (answer === 'halt') this.#halt(purse.scope)
      }
    }
    return this.#strictest(said)
  }

  /** What an ask is given on all purses: the least that any restraining one has left. */
  #give(purses: readonly OpenPurse[], dimension: string, wanted: number): number | null {
    const on = purses.filter((purse) => purse.limits[dimension] !== undefined)
    if (on.length === 0) return null
    const restraining = on.filter((purse) => {
      const budget = this.terms.budgets.get(purse.budget)
      return budget !== undefined && !counting.includes(budget.onLimit)
    })
    return Math.min(wanted, ...restraining.map((purse) => this.#left(purse, dimension)))
  }

  take(event: KernelEvent): Said {
    this.now = Math.max(this.now, event.at)
    switch (event.kind) {
      case 'admit':
        return this.#admit(event)
      case 'extend':
        return this.#extend(event)
      default:
        return { verdict: this.#other(event), vector: null }
    }
  }

  #admit(event: Extract<KernelEvent, { kind: 'admit' }>): Said {
    const path = this.#path(event.principal)
    if (this.#halted(path)) return { verdict: 'halt', vector: null }
    const purses = event.budgets.flatMap((id) => {
      const budget = this.terms.budgets.get(id)
      const scope = path.find((each) => each.split(':')[0] === budget?.scope)
      return budget === undefined || scope === undefined ? [] : [this.#purse(budget, scope)]
    })
    const needs = { requests: 1, ...event.charge, bytes_down: 1 }
    const verdict = this.#measure(purses, needs, true)
    if (verdict !== 'allow' && verdict !== 'warn') return { verdict, vector: null }
    const given = this.#give(purses, 'bytes_down', event.ask['bytes_down'] ?? 0)
    const vector: Record<string, number> = {}
    const lines = purses.map((purse) => {
      this.purses.set(purse.key, purse)
      const amounts: Record<string, number> = {}
      for (const dimension of Object.keys(purse.limits)) {
        const exact = { requests: 1, ...event.charge } as Record<string, number>
        amounts[dimension] = dimension === 'bytes_down' ? (given ?? 0) : (exact[dimension] ?? 0)
        vector[dimension] = amounts[dimension]
      }
      return { purse, amounts }
    })
    const incarnations = this.#incarnations(path)
    const hold = { path, incarnations, admittedAt: this.now, dispatched: false, lines }
    this.holds.set(event.request, hold)
    return { verdict, vector }
  }

  #stopped(hold: OpenHold): boolean {
    const moved = this.#incarnations(hold.path).join() !== hold.incarnations.join()
    return moved || this.#halted(hold.path)
  }

  #extend(event: Extract<KernelEvent, { kind: 'extend' }>): Said {
    const hold = this.holds.get(event.request)
    if (hold === undefined || this.#stopped(hold)) return { verdict: 'halt', vector: null }
    const purses = hold.lines.map((line) => line.purse)
    const verdict = this.#measure(purses, { bytes_down: 1 }, false)
    if (verdict !== 'allow' && verdict !== 'warn') return { verdict, vector: null }
    const given = this.#give(purses, 'bytes_down', event.ask['bytes_down'] ?? 0)
    const vector: Record<string, number> = {}
    for (const { amounts } of hold.lines) {
      if (amounts['bytes_down'] !== undefined) amounts['bytes_down'] += given ?? 0
      Object.assign(vector, amounts)
    }
    return { verdict, vector }
  }

  #end(
    request: string,
    hold: OpenHold,
    spentOf: (dimension: string, held: number) => number,
  ): void {
    this.holds.delete(request)
    for (const { purse, amounts } of hold.lines) {
      for (const dimension of Object.keys(purse.limits)) {
        const amount = spentOf(dimension, amounts[dimension] ?? 0)
        const at = flowing.includes(dimension) ? this.now : hold.admittedAt
        this.spends.push({ account: `${purse.key} ${dimension}`, amount, at })
      }
    }
    for (const { purse } of hold.lines) {
      const kills = this.terms.budgets.get(purse.budget)?.onLimit === 'kill'
      const beyond = Object.entries(purse.limits).some(
        ([dimension, { limit }]) => this.used(purse, dimension) > limit,
      )
      if (kills && beyond) this.#halt(purse.scope)
    }
  }

  #other(event: Exclude<KernelEvent, { kind: 'admit' | 'extend' }>): string {
    if (event.kind === 'recover') {
      const order = [...this.holds].sort(([left], [right]) => (left < right ? -1 : 1))
      for (const [request, hold] of order) this.#end(request, hold, (_, held) => held)
      return 'allow'
    }
    if (event.kind === 'load') return this.#load()
    if (event.kind === 'dispatch' || event.kind === 'settle') return this.#move(event)
    if ('approval' in event) return 'deny'
    const known = this.scopes.get(event.scope)
    if (event.kind === 'halt') {
      this.#halt(event.scope)
      return 'allow'
    }
    if (event.kind === 'reinstate') {
      if (!known?.halted || !/^(agent|tenant):/.test(event.scope)) return 'deny'
      this.scopes.set(event.scope, { halted: false, incarnation: known.incarnation + 1 })
      return 'allow'
    }
    const budget = this.terms.budgets.get(event.budget)
    if (budget === undefined || budget.scope !== event.scope.split(':')[0]) return 'deny'
    const purse = this.#purse(budget, event.scope)
    const account = purse.limits[event.dimension]
    if (account === undefined) return 'deny'
    const [, agent] = /^run:(.*)\//.exec(event.scope) ?? []
    if (event.kind === 'grant' && this.#halted(['fleet', `agent:${agent}`, event.scope]))
      return 'halt'
    const sign = event.kind === 'grant' ? 1 : -1
    account.limit = Math.max(0, account.limit + sign * event.amount)
    this.purses.set(purse.key, purse)
    return 'allow'
  }

  #load(): string {
    for (const purse of this.purses.values()) {
      for (const [dimension, account] of Object.entries(purse.limits)) {
        const declared = this.terms.budgets.get(purse.budget)?.limits[dimension]
        if (declared === undefined || declared >= account.declared) continue
        account.declared = declared
        account.limit = Math.min(account.limit, declared)
      }
    }
    return 'allow'
  }

  #move(event: Extract<KernelEvent, { kind: 'dispatch' | 'settle' }>): string {
    const hold = this.holds.get(event.request)
    if (hold === undefined) return 'halt'
    if (event.kind === 'dispatch') {
      if (this.#stopped(hold)) return 'halt'
      hold.dispatched = true
      return 'allow'
    }
    const { outcome, actual } = event
    this.#end(event.request, hold, (dimension, held) => {
      if (outcome === 'voided') return 0
      const known = actual[dimension]
      if (outcome === 'settled') return known ?? held
      return Math.max(held, known ?? 0)
    })
    return 'allow'
  }
}
