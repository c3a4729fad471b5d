/** The kernel alone: admit, dispatch and settle over a path with a hundred accounts, contracts on. */
import type { AdmitEvent, KernelEvent } from '../kernel/event.ts'
import type { BudgetTerms, RuleTerms, Terms } from '../kernel/policy.ts'
import type { Principal } from '../kernel/scope.ts'
import { emptyState, type State } from '../kernel/state.ts'
import { step } from '../kernel/step.ts'
import { figure, quantile, type Section } from './figures.ts'

const accounts = 100
const budgetsOnPath = 4
const dimensions = ['bytes_down', 'bytes_up', 'effort', 'requests', 'wall']

function budget(index: number): BudgetTerms {
  const limits = Object.fromEntries(dimensions.map((one) => [one, Number.MAX_SAFE_INTEGER]))
  const scope = (['fleet', 'tenant', 'agent', 'run'] as const)[index % budgetsOnPath] ?? 'run'
  return {
    id: `budget-${index}`,
    state: 'active',
    reason: '',
    scope,
    pool: null,
    period: { kind: scope === 'run' ? 'run' : 'lifetime' },
    limits,
    dimensions,
    tiers: [50, 70, 90, 100],
    onLimit: 'block',
    queue: { length: 0, waitMs: 0 },
  }
}

const rule: RuleTerms = {
  id: 'origin',
  state: 'active',
  effect: 'allow',
  reason: '',
  approval: null,
}

const terms: Terms = {
  digest: 'sha256:bench',
  mode: 'enforce',
  defaultVerdict: 'deny',
  rules: new Map([[rule.id, rule]]),
  budgets: new Map(
    Array.from({ length: budgetsOnPath }, (_, index) => [`budget-${index}`, budget(index)]),
  ),
}

function admit(index: number, runs: number): AdmitEvent {
  const principal: Principal = {
    agent: 'bench',
    run: `run-${index % runs}`,
    tenant: 'acme',
    project: 'web',
    actor: null,
    key: null,
  }
  return {
    kind: 'admit',
    at: 1_790_000_000_000 + index,
    request: `request-${index}`,
    principal,
    host: 'localhost',
    rules: ['origin'],
    drafts: [],
    budgets: [...terms.budgets.keys()],
    charge: { bytes_up: 120 },
    ask: { bytes_down: 1_048_576, wall: 60_000 },
    refusals: [],
    queue: 'open',
  }
}

/** Measures each step on its own, so that a percentile is of steps and not of batches. */
export function benchKernel(seconds: number): Section {
  // Three shared purses of five accounts, and as many runs as bring the accounts to a hundred.
  const runs = Math.ceil((accounts - (budgetsOnPath - 1) * dimensions.length) / dimensions.length)
  let state: State = emptyState
  const times: number[] = []
  let index = 0
  let steps = 0
  const one = (event: KernelEvent): void => {
    const before = performance.now()
    state = step(state, event, terms).state
    times.push((performance.now() - before) * 1000)
  }
  const begun = performance.now()
  while (performance.now() - begun < seconds * 1000) {
    if (performance.now() - begun < seconds * 300) times.length = 0
    for (let turn = 0; turn < 100; turn += 1) {
      index += 1
      const event = admit(index, runs)
      const { at, request } = event
      one(event)
      one({ kind: 'dispatch', at, request })
      one({
        kind: 'settle',
        at,
        request,
        outcome: 'settled',
        actual: { bytes_down: 1200, wall: 2 },
      })
      steps += 3
    }
  }
  const elapsed = (performance.now() - begun) / 1000
  const rows = [
    [
      String(accounts),
      figure(steps / elapsed),
      figure(quantile(times, 0.5)),
      figure(quantile(times, 0.99)),
    ],
  ]
  const heads = ['accounts', 'steps/s', 'p50 µs', 'p99 µs']
  const note =
    'admit, dispatch, settle in turn, contracts on. Goals: ≥ 150,000 steps/s, p50 ≤ 10 µs.'
  return { title: 'Kernel', heads, rows, note }
}
