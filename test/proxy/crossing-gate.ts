/** A gate that plays a script for tunnels and upgrades: what was asked, settled and rejected is kept and counted. */
import type { Passage, Settlement } from '../../gate/passage.ts'
import type { Resolve } from '../../gate/ports.ts'
import type { Refusal } from '../../gate/refusal.ts'
import type { Vector } from '../../kernel/dimension.ts'
import type { Classification, Policy } from '../../kernel/policy.ts'
import { type ReasonCode, reasons } from '../../kernel/reasons.ts'
import type { RequestFacts } from '../../kernel/request.ts'
import type { Deciding, Rejection } from '../../proxy/context.ts'
import type { Limits } from '../../proxy/limits.ts'

export interface Script {
  limits?: Partial<Limits>
  /** Dimensions that are limited, and what is left of them in all. */
  left?: Record<string, number>
  lookup?: Record<string, readonly string[]>
  /** Instead of a resolver over `lookup`. */
  resolve?: Resolve
  /** Refuses admit and reach. */
  refuse?: ReasonCode
  /** Refuses the dispatch. */
  refuseOpen?: ReasonCode
  /** Runs while the admission is being written. */
  whileAdmitting?: () => Promise<void>
}

const classification: Classification = {
  rules: [],
  drafts: [],
  budgets: [],
  domain: '',
  action: '',
  resource: '',
  charge: {},
  context: {},
  addresses: [],
  tls: 'tunnel',
  refusals: [],
  decoder: '',
  payload: [],
  inject: [],
  upstreamProxy: '',
  capability: '',
  price: null,
  ask: {},
  least: {},
}

const policy: Policy = {
  digest: 'sha256:00',
  mode: 'enforce',
  defaultVerdict: 'allow',
  rules: new Map(),
  budgets: new Map(),
  agents: new Map([
    [
      'researcher',
      {
        name: 'researcher',
        tenant: null,
        project: null,
        actor: null,
        type: 'act_agent',
        tokens: [],
      },
    ],
  ]),
  source: '{}',
  inspects: false,
  credentials: new Map(),
  upstreamProxies: new Map(),
  approvers: new Map(),
  issuers: new Map(),
  domains: new Map(),
  classify: () => classification,
  judge: () => null,
}

export function refusal(code: ReasonCode): Refusal {
  const { status, retry, title } = reasons[code]
  return {
    refused: true,
    status,
    code,
    decision: code === 'halted' ? 'halt' : 'deny',
    reasons: [{ code, id: '', message: title }],
    retry,
    retryAfterSeconds: null,
    receipt: { seq: 7, hash: 'ab'.repeat(32) },
    policy: 'sha256:00',
    remaining: [],
    approval: null,
    halt: null,
  }
}

export class CrossingGate implements Deciding {
  readonly script: Script
  readonly settled: Settlement[] = []
  readonly rejected: Rejection[] = []
  readonly admitted: RequestFacts[] = []
  readonly reached: RequestFacts[] = []
  readonly cuts = new Set<(refusal: Refusal) => void>()
  readonly draining = false
  waiting: (() => void)[] = []
  constructor(script: Script) {
    this.script = script
  }
  readonly policy = policy
  async reject(rejection: Rejection): Promise<Refusal> {
    this.rejected.push(rejection)
    return refusal(rejection.code)
  }
  allows(): boolean {
    return true
  }

  async reach(facts: RequestFacts): ReturnType<Deciding['reach']> {
    this.reached.push(facts)
    if (this.script.refuse !== undefined) return refusal(this.script.refuse)
    return classification
  }
  async admit(...input: Parameters<Deciding['admit']>): Promise<Passage | Refusal> {
    const [facts, amounts, { resolve }] = input
    const { script } = this
    this.admitted.push(facts)
    if (script.refuse !== undefined) return refusal(script.refuse)
    const destination = await resolve(facts.host, facts.port, ['127.0.0.0/8', '::1/128'])
    if (!destination.ok) return refusal(destination.code)
    await script.whileAdmitting?.()
    return this.#passage(destination.addresses, this.#take(amounts.ask))
  }
  #take(ask: Vector): Record<string, number> {
    const { left = {} } = this.script
    const given: Record<string, number> = {}
    for (const [dimension, amount] of Object.entries(left)) {
      given[dimension] = Math.min(amount, ask[dimension] ?? 0)
      left[dimension] = amount - (given[dimension] ?? 0)
    }
    return given
  }
  #passage(addresses: readonly string[], limits: Record<string, number>): Passage {
    const { script } = this
    let cutter: ((refusal: Refusal) => void) | null = null
    let settled = false
    return {
      refused: false,
      classification,
      receipt: { seq: 42, hash: 'cd'.repeat(32) },
      policy: 'sha256:00',
      verdict: 'allow',
      observed: false,
      attested: null,
      addresses,
      limits,
      open: (cut) => {
        if (script.refuseOpen !== undefined) return refusal(script.refuseOpen)
        cutter = cut
        this.cuts.add(cut)
        return null
      },
      extend: async (ask) => {
        const wanted = Object.keys(ask)
        await new Promise<void>((resolve) => setImmediate(resolve))
        if (wanted.some((dimension) => script.left?.[dimension] === 0)) {
          return refusal('budget-exhausted')
        }
        for (const [dimension, given] of Object.entries(this.#take(ask))) {
          limits[dimension] = (limits[dimension] ?? 0) + given
        }
        return null
      },
      settle: (settlement) => {
        if (settled) throw new Error('settled twice')
        settled = true
        if (cutter !== null) this.cuts.delete(cutter)
        this.settled.push(settlement)
        for (const [dimension, limit] of Object.entries(limits)) {
          if ((settlement.actual[dimension] ?? 0) > limit) throw new Error(`${dimension} overran`)
        }
        for (const wake of this.waiting.splice(0)) wake()
      },
    }
  }
}
