/** Hears everything that speaks about a request, at once: what bars it, and what is found for and against it. */
import type { Approval } from './approval.ts'
import { type Bound, bind, type Charge, chargeOf, poolScope } from './charge.ts'
import { nth } from './contract.ts'
import type { AdmitEvent } from './event.ts'
import {
  budgetFindings,
  demandFindings,
  denial,
  type Finding,
  finding,
  type Measured,
  ruleFindings,
  strictest,
} from './finding.ts'
import { haltedOn, haltedReason, hasRoomFor, runsPerAgentMax } from './halt.ts'
import { markFindings } from './memory.ts'
import { pathOf, runOf, type ScopeId } from './scope.ts'
import type { Turn } from './turn.ts'
import type { Verdict } from './verdict.ts'

/** The path of the principal and the pools of the active budgets that count it. */
export function scopesOf(event: AdmitEvent, turn: Turn): readonly ScopeId[] {
  const path = pathOf(event.principal)
  let scopes: ScopeId[] | null = null
  for (const id of event.budgets) {
    const budget = turn.terms.budgets.get(id)
    if (budget?.state !== 'active' || budget.scope !== 'pool' || budget.pool === null) continue
    const pool = poolScope(budget.pool)
    scopes ??= [...path]
    if (!scopes.includes(pool)) scopes.push(pool)
  }
  return scopes ?? path
}

/** True where the request was classified by these terms: every active rule that it names is one of theirs. */
function isOfTerms(event: AdmitEvent, turn: Turn): boolean {
  return event.rules.every((id) => turn.terms.rules.get(id)?.state === 'active')
}

function runFindings(event: AdmitEvent, turn: Turn): readonly Finding[] {
  const { agent } = event.principal
  if (hasRoomFor(turn, runOf(event.principal))) return []
  const message = `Agent ${agent} has named ${runsPerAgentMax} runs: go on in one of them.`
  return [denial('too-many-runs', '', message)]
}

export interface Judged {
  readonly findings: readonly Finding[]
  readonly verdict: Verdict
  readonly draftVerdict: Verdict
}

/** A request with all that was found, measured on the purses of its budgets, and people's word in it. */
export interface Heard extends Judged {
  readonly bounds: readonly Bound[]
  readonly charge: Charge
  /** True where nothing was measured: a scope is halted, or the policy is another. */
  readonly isBarred: boolean
  /** The approval that it waits for, was refused by, or passes by; null where nobody was asked. */
  readonly approval: Approval | null
}

/** Hears refusals, rules, budgets, domains and the bound on runs; drafts are heard a second time, for the record. */
function judge(turn: Turn, event: AdmitEvent, measured: readonly Measured[]): Judged {
  const { terms, now } = turn
  const refusals = event.refusals.map((reason) => finding('deny', reason))
  const hear = (rules: readonly string[], heard: readonly Measured[]): readonly Finding[] => {
    const queueing = rules.some((id) => terms.rules.get(id)?.effect === 'queue')
    const findings = [
      ...refusals,
      ...ruleFindings(rules, event, terms),
      ...budgetFindings(heard, { now, queue: event.queue, queueing }),
      ...runFindings(event, turn),
    ]
    if (event.demands !== undefined) findings.push(...demandFindings(event.demands, event))
    if (event.marks !== undefined) findings.push(...markFindings(turn, event.marks))
    return findings
  }
  const active = measured.filter(({ bound }) => bound.budget.state === 'active')
  const findings = hear(event.rules, active)
  const verdict = strictest(findings)
  const drafted = event.drafts.length > 0 || active.length < measured.length
  if (!drafted) return { findings, verdict, draftVerdict: verdict }
  const all = hear([...event.rules, ...event.drafts], measured)
  return { findings, verdict, draftVerdict: strictest(all) }
}

/** What ends the judgement before it begins: a halted scope, or terms other than it was classified by. */
function barred(turn: Turn, event: AdmitEvent, bounds: readonly Bound[] | null): Judged | null {
  const halted = haltedOn(turn, scopesOf(event, turn))
  if (halted.length > 0) {
    const findings = halted.map((scope) => finding('halt', haltedReason(scope)))
    return { findings, verdict: 'halt', draftVerdict: 'halt' }
  }
  if (bounds !== null && isOfTerms(event, turn)) return null
  const message = 'The policy changed while this request was judged: send it again.'
  const findings = [denial('policy-mismatch', '', message)]
  return { findings, verdict: 'deny', draftVerdict: 'deny' }
}

const nothing: Charge = { lines: [], vector: {}, lacks: [] }

/** Measures a request on these purses, and hears what there is. */
export function measure(turn: Turn, event: AdmitEvent, bounds: readonly Bound[]): Heard {
  const charge = chargeOf(bounds, event)
  const measured = bounds.map((bound, index) => ({ bound, lacks: nth(charge.lacks, index) }))
  const { findings, verdict, draftVerdict } = judge(turn, event, measured)
  return { findings, verdict, draftVerdict, bounds, charge, isBarred: false, approval: null }
}

/** Hears a request, unless something bars it from being heard. */
export function hear(turn: Turn, event: AdmitEvent): Heard {
  const bound = bind(turn, event, turn.terms)
  const bounds = bound ?? []
  const bar = barred(turn, event, bound)
  if (bar === null) return measure(turn, event, bounds)
  return { ...bar, bounds, charge: nothing, isBarred: true, approval: null }
}
