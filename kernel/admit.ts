/**
 * Admission: everything that speaks about a request is heard at once, the strictest wins, and the hold is on all
 * accounts or on none. A refused request moves the clock, and what its policy counts and halts; nothing else, but
 * that people may be asked about it.
 */
import { count, limitOf, post, reserve, useOf } from './account.ts'
import type { Answer } from './answer.ts'
import { isAsking, rule } from './asking.ts'
import { type Bound, type Charge, remainingOf, restrains } from './charge.ts'
import { assert, nth, present } from './contract.ts'
import type { AdmitEvent } from './event.ts'
import { reasonsOf, retryAtOf } from './finding.ts'
import { carryOut, halt, see } from './halt.ts'
import { type Heard, hear, scopesOf } from './hearing.ts'
import type { HoldLine } from './hold-line.ts'
import { remember } from './memory.ts'
import { withAccounts, withHost } from './purse.ts'
import { runOf, type ScopeId } from './scope.ts'
import type { Hold } from './state.ts'
import { answered, putHold, putPurse, type Turn } from './turn.ts'
import { passes } from './verdict.ts'

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

/** Refuses what was heard. What waits for a person is no refusal yet: it is not counted as one. */
function refuse(turn: Turn, heard: Heard): Answer {
  const { findings, verdict, draftVerdict, bounds, isBarred, approval } = heard
  const reasons = reasonsOf(findings)
  const waits = verdict === 'queue' || (verdict === 'approve' && approval !== null)
  if (!waits) countRefusal(turn, bounds)
  carryOut(turn, findings)
  return answered(turn, {
    verdict,
    draftVerdict,
    reasons,
    retryAt: retryAtOf(findings),
    remaining: isBarred ? [] : remainingOf(bounds),
    hold: null,
    approval,
  })
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

/** Lets a request pass: it is held, and what its domains want remembered is. */
function pass(turn: Turn, event: AdmitEvent, heard: Heard): Answer {
  const held = hold(turn, event, heard)
  if (event.marks !== undefined) remember(turn, event.marks)
  return answered(turn, {
    verdict: heard.verdict,
    draftVerdict: heard.draftVerdict,
    reasons: reasonsOf(heard.findings),
    retryAt: null,
    remaining: [],
    hold: held,
    approval: heard.approval,
  })
}

/** Decides about a request, and holds what it may cost where it passes. */
export function admit(turn: Turn, event: AdmitEvent): Answer {
  assert(!turn.holds.has(event.request), 'P6: the id of a request is used once')
  const asked = isAsking(event) && turn.terms.mode === 'enforce'
  const heard = asked ? rule(turn, event) : hear(turn, event)
  return passes(heard.verdict) ? pass(turn, event, heard) : refuse(turn, heard)
}
