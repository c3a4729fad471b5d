/**
 * Admission: everything that speaks about a request is heard at once, the strictest wins, and the hold is on all
 * accounts or on none. A refused request moves the clock, and what its policy counts and halts; nothing else.
 */
import { count, limitOf, post, reserve, useOf } from './account.ts'
import type { Answer, Remaining } from './answer.ts'
import {
  type Bound,
  bind,
  type Charge,
  chargeOf,
  poolScope,
  remainingOf,
  restrains,
} from './charge.ts'
import { assert, nth, present } from './contract.ts'
import type { AdmitEvent } from './event.ts'
import {
  budgetFindings,
  denial,
  type Finding,
  finding,
  type Measured,
  reasonsOf,
  retryAtOf,
  ruleFindings,
  strictest,
} from './finding.ts'
import { carryOut, halt, haltedOn, haltedReason, hasRoomFor, runsPerAgentMax, see } from './halt.ts'
import { withAccounts, withHost } from './purse.ts'
import { pathOf, runOf, type ScopeId } from './scope.ts'
import type { Hold, HoldLine } from './state.ts'
import { answered, putHold, putPurse, type Turn } from './turn.ts'
import { passes, type Verdict } from './verdict.ts'

/** The path of the principal and the pools of the active budgets that count it. */
function scopesOf(event: AdmitEvent, turn: Turn): readonly ScopeId[] {
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

interface Judged {
  readonly findings: readonly Finding[]
  readonly verdict: Verdict
  readonly draftVerdict: Verdict
}

/** Hears refusals, rules, budgets and the bound on runs; drafts are heard a second time, for the record. */
function judge(turn: Turn, event: AdmitEvent, measured: readonly Measured[]): Judged {
  const { terms, now } = turn
  const refusals = event.refusals.map((reason) => finding('deny', reason))
  const hear = (rules: readonly string[], heard: readonly Measured[]): readonly Finding[] => {
    const queueing = rules.some((id) => terms.rules.get(id)?.effect === 'queue')
    return [
      ...refusals,
      ...ruleFindings(rules, event, terms),
      ...budgetFindings(heard, { now, queue: event.queue, queueing }),
      ...runFindings(event, turn),
    ]
  }
  const active = measured.filter(({ bound }) => bound.budget.state === 'active')
  const findings = hear(event.rules, active)
  const verdict = strictest(findings)
  const drafted = event.drafts.length > 0 || active.length < measured.length
  if (!drafted) return { findings, verdict, draftVerdict: verdict }
  const all = hear([...event.rules, ...event.drafts], measured)
  return { findings, verdict, draftVerdict: strictest(all) }
}

/**
 * Posts a refusal on the active budgets that count refusals, and halts what `kill` budgets are filled by it. A run
 * that is new is taken note of with it, so that refused runs are as bounded as admitted ones; beyond the bound
 * nothing is counted. Nor is it beyond the limit: what is refused for ever moves nothing more.
 */
function countRefusal(turn: Turn, bounds: readonly Bound[]): void {
  const { now } = turn
  const filled: ScopeId[] = []
  for (const { budget, purse } of bounds) {
    const { scope, period } = purse
    if (budget.state !== 'active' || !budget.dimensions.includes('refusals')) continue
    if (!see(turn, scope)) continue
    const index = purse.dimensions.indexOf('refusals')
    const before = present(purse.accounts[index], 'a bound purse is complete')
    let after = before
    if (useOf(before) < limitOf(before)) {
      const window = period.kind === 'window' ? { refillAt: now + period.lengthMs, now } : null
      after = post(before, { held: 0, spent: 1, window })
      const accounts = purse.accounts.map((account) => (account === before ? after : account))
      putPurse(turn, withAccounts(purse, accounts))
    }
    const kills = budget.onLimit === 'kill' && turn.terms.mode === 'enforce'
    if (kills && useOf(after) >= limitOf(after)) filled.push(scope)
  }
  for (const scope of filled) halt(turn, scope, 'stagnation')
}

interface Refused extends Judged {
  readonly bounds: readonly Bound[]
  readonly remaining: readonly Remaining[]
}

function refuse(turn: Turn, refused: Refused): Answer {
  const { findings, verdict, draftVerdict, bounds, remaining } = refused
  const reasons = reasonsOf(findings)
  if (verdict !== 'queue') countRefusal(turn, bounds)
  carryOut(turn, findings)
  const retryAt = retryAtOf(findings)
  return answered(turn, { verdict, draftVerdict, reasons, retryAt, remaining, hold: null })
}

/** Reserves a charge on every purse, opening those that are new, and takes note of a run that is new. */
function hold(
  turn: Turn,
  event: AdmitEvent,
  taken: { bounds: readonly Bound[]; charge: Charge },
): Hold {
  const { bounds, charge } = taken
  const { now } = turn
  assert(see(turn, runOf(event.principal)), 'an admitted run is within the bound')
  const lines: HoldLine[] = []
  for (const [index, { budget, purse }] of bounds.entries()) {
    const amounts = nth(charge.lines, index)
    const move = restrains(budget) ? reserve : count
    const accounts = purse.accounts.map((account, at) => move(account, nth(amounts, at)))
    putPurse(turn, withHost(withAccounts(purse, accounts), event.host, now))
    lines.push({ purse: purse.key, amounts })
  }
  const path = scopesOf(event, turn)
  const incarnations = path.map((scope) => turn.scopes.get(scope)?.incarnation ?? 0)
  const { request } = event
  const { vector } = charge
  const held: Hold = {
    request,
    state: 'held',
    admittedAt: now,
    path,
    incarnations,
    lines,
    vector,
  }
  putHold(turn, held)
  return held
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

/** Decides about a request, and holds what it may cost where it passes. */
export function admit(turn: Turn, event: AdmitEvent): Answer {
  assert(!turn.holds.has(event.request), 'P6: the id of a request is used once')
  const bound = bind(turn, event, turn.terms)
  const bounds = bound ?? []
  const bar = barred(turn, event, bound)
  if (bar !== null) return refuse(turn, { ...bar, bounds, remaining: [] })
  const charge = chargeOf(bounds, event)
  const measured = bounds.map((each, index) => ({
    bound: each,
    lacks: nth(charge.lacks, index),
  }))
  const judged = judge(turn, event, measured)
  const { verdict, draftVerdict } = judged
  if (!passes(verdict)) {
    return refuse(turn, { ...judged, bounds, remaining: remainingOf(bounds) })
  }
  const held = hold(turn, event, { bounds, charge })
  const reasons = reasonsOf(judged.findings)
  return answered(turn, {
    verdict,
    draftVerdict,
    reasons,
    retryAt: null,
    remaining: [],
    hold: held,
  })
}
