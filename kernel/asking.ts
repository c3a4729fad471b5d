/**
 * What an admission does that people may have to approve: uses the yes that it has, waits for it, hears the no, or
 * asks. What it holds already while it waits is not counted against it.
 */
import { reserve } from './account.ts'
import {
  type Approval,
  type ApprovalAsk,
  areMet,
  forgottenAt,
  isOpen,
  openApprovalsMax,
  openApprovalsPerAgentMax,
  type Permit,
  permitKey,
} from './approval.ts'
import { type Bound, bind, restrains, waitingLine } from './charge.ts'
import { assert, nth } from './contract.ts'
import type { AdmitEvent } from './event.ts'
import { denial, type Finding, finding, strictest } from './finding.ts'
import { see } from './halt.ts'
import { type Heard, hear, measure, scopesOf } from './hearing.ts'
import type { HoldLine } from './hold-line.ts'
import { withAccounts } from './purse.ts'
import { giveBack, tellExpired } from './release.ts'
import { runOf } from './scope.ts'
import type { State } from './state.ts'
import { dropApproval, putApproval, putPurse, type Turn, usePermit } from './turn.ts'
import { meet, passes } from './verdict.ts'

/** An admission that says how a person's yes would be bound. */
export type AskingEvent = AdmitEvent & { readonly approval: ApprovalAsk }

/** True where people could be asked about a request. */
export function isAsking(event: AdmitEvent): event is AskingEvent {
  return event.approval !== undefined
}

/** The approval of an action; undefined where there is none, or what it came to is forgotten. */
function standing(turn: Turn, digest: string): Approval | undefined {
  const known = turn.approvals.get(digest)
  if (known === undefined || isOpen(known) || turn.now < forgottenAt(known)) return known
  dropApproval(turn, known)
  return undefined
}

/** True while the scopes of a path are what they were, under the same policy. */
function isCurrent(turn: Turn, given: Approval | Permit): boolean {
  const { path, incarnations, policy } = given
  if (policy !== turn.terms.digest) return false
  return path.every((scope, index) => {
    return (turn.scopes.get(scope)?.incarnation ?? 0) === nth(incarnations, index)
  })
}

/** What was heard with a finding more. */
function withFinding(heard: Heard, found: Finding): Heard {
  return {
    ...heard,
    findings: [...heard.findings, found],
    verdict: meet(heard.verdict, found.verdict),
    draftVerdict: meet(heard.draftVerdict, found.verdict),
  }
}

/** A budget that is spent and asks a person: with the yes it goes on to count, and no longer restrains. */
function counting({ budget, purse }: Bound): Bound {
  return { budget: { ...budget, onLimit: 'warn' }, purse }
}

const asks = ({ budget }: Bound, lacks: readonly unknown[]): boolean =>
  budget.onLimit === 'approve' && lacks.length > 0

/** What is heard where people said yes: all but what wanted it. */
function excused(turn: Turn, event: AdmitEvent, heard: Heard): Heard {
  const { lacks } = heard.charge
  const isSpent = heard.bounds.some((bound, index) => asks(bound, nth(lacks, index)))
  const bounds = heard.bounds.map((bound, index) =>
    asks(bound, nth(lacks, index)) ? counting(bound) : bound,
  )
  const anew = isSpent ? measure(turn, event, bounds) : heard
  const findings = anew.findings.filter(({ verdict }) => verdict !== 'approve')
  const verdict = strictest(findings)
  const drafted = anew.draftVerdict === 'approve' || anew.draftVerdict === anew.verdict
  return { ...anew, findings, verdict, draftVerdict: drafted ? verdict : anew.draftVerdict }
}

/** True where people were told of everything that wants their yes: it is to nothing that came since. */
function isTold({ wantedBy: told }: Approval | Permit, heard: Heard): boolean {
  return wantedBy(heard).every((id) => told.includes(id))
}

/** A permit of its class that still lets one pass; null where there is none. */
function permitFor(turn: Turn, event: AskingEvent, heard: Heard): Permit | null {
  const { kind, quorums } = event.approval
  const known = turn.permits.get(permitKey({ agent: event.principal.agent, kind }))
  if (known === undefined || known.until <= turn.now || !isCurrent(turn, known)) return null
  return areMet(quorums, known.yes) && isTold(known, heard) ? known : null
}

/** Why nobody can be asked now; null where people can be. */
function crowded(state: State, event: AdmitEvent): string | null {
  let [open, ofAgent, known] = [0, 0, false]
  for (const approval of state.approvals.values()) {
    if (approval.id === event.request) known = true
    if (!isOpen(approval)) continue
    open += 1
    if (approval.principal.agent === event.principal.agent) ofAgent += 1
  }
  const { agent } = event.principal
  if (known) return 'People were asked about another request by the same id.'
  if (open >= openApprovalsMax)
    return `${openApprovalsMax} requests wait for people: no more is asked.`
  if (ofAgent < openApprovalsPerAgentMax) return null
  return `${openApprovalsPerAgentMax} requests of ${agent} wait for people: no more is asked.`
}

/** Holds, on every purse that restrains, the least that the request needs; none of those that ask for the yes. */
function reserveAll(
  turn: Turn,
  event: AdmitEvent,
  heard: Heard,
): Pick<Approval, 'lines' | 'vector'> {
  const vector: Record<string, number> = {}
  const lines: HoldLine[] = []
  for (const [index, bound] of heard.bounds.entries()) {
    const { budget, purse } = bound
    if (!restrains(budget) || asks(bound, nth(heard.charge.lacks, index))) continue
    const amounts = waitingLine(bound, event)
    if (amounts.every((amount) => amount === 0)) continue
    const accounts = purse.accounts.map((account, at) => reserve(account, nth(amounts, at)))
    putPurse(turn, withAccounts(purse, accounts))
    lines.push({ purse: purse.key, amounts })
    for (const [at, amount] of amounts.entries()) {
      if (amount > 0) vector[nth(purse.dimensions, at)] = amount
    }
  }
  return { lines, vector }
}

/** Rules, budgets and checks that an approval names as wanting it. */
const wantedMax = 32

function wantedBy({ findings }: Heard): readonly string[] {
  const ids = findings.flatMap(({ verdict, reason }) =>
    verdict === 'approve' && reason !== null ? [reason.id] : [],
  )
  return [...new Set(ids)].slice(0, wantedMax)
}

/** True where a budget lacks it that asks nobody: what cannot be held now, nobody is asked about. */
function isUnheld({ bounds, charge }: Heard): boolean {
  return bounds.some((bound, index) => {
    const lacks = nth(charge.lacks, index)
    return lacks.length > 0 && restrains(bound.budget) && !asks(bound, lacks)
  })
}

/** Asks people, holding its budget meanwhile; where that cannot be, nobody is asked, and it says so. */
function put(turn: Turn, event: AskingEvent, heard: Heard): Heard {
  if (isUnheld(heard)) return heard
  const message = crowded(turn, event)
  if (message !== null) {
    return withFinding(heard, finding('approve', { code: 'approval-required', id: '', message }))
  }
  const { principal, host, request: id } = event
  const { digest, kind, quorums, expiresMs } = event.approval
  assert(see(turn, runOf(principal)), 'a run that asks is within the bound')
  const path = scopesOf(event, turn)
  const approval: Approval = {
    ...{ id, digest, kind, state: 'pending', principal, host },
    ...{ wantedBy: wantedBy(heard), quorums },
    ...{ askedAt: turn.now, expiresAt: turn.now + expiresMs, policy: turn.terms.digest },
    ...{ path, incarnations: path.map((scope) => turn.scopes.get(scope)?.incarnation ?? 0) },
    ...reserveAll(turn, event, heard),
    ...{ yes: [], reason: '' },
  }
  putApproval(turn, approval)
  return { ...heard, approval }
}

/** Uses a permit of its class where it has one, or asks. */
function ask(turn: Turn, event: AskingEvent, heard: Heard): Heard {
  const permit = permitFor(turn, event, heard)
  if (permit === null) return put(turn, event, heard)
  const free = excused(turn, event, heard)
  if (passes(free.verdict)) usePermit(turn, permit)
  return free
}

function denied(approval: Approval): Finding {
  const said = approval.reason === '' ? '.' : `: ${approval.reason}`
  return denial('approval-denied', approval.id, `A person denied this request${said}`)
}

function expired({ id }: Approval): Finding {
  const message = `Approval ${id} has expired, which is a denial: send it again to ask anew.`
  return denial('approval-expired', id, message)
}

/** Takes an approval away; who waits hears of it where nobody used it. */
function drop(turn: Turn, own: Approval, isUsed: boolean): void {
  dropApproval(turn, own)
  if (isOpen(own) && !isUsed) tellExpired(turn, own)
}

/** A request that wants nobody's yes: what waited for one is over, and a yes that is there is used up with it. */
function unasked(turn: Turn, own: Approval, heard: Heard): Heard {
  if (!isOpen(own)) return heard
  const isUsed = own.state === 'approved'
  drop(turn, own, isUsed)
  return isUsed ? { ...heard, approval: own } : heard
}

/** Rules on the approval that there is, whose own budget was given back; null where it says nothing any more. */
function ruleOn(turn: Turn, event: AskingEvent, own: Approval, heard: Heard): Heard | null {
  if (own.state === 'expired' || (isOpen(own) && turn.now >= own.expiresAt)) {
    drop(turn, own, false)
    const approval: Approval = { ...own, state: 'expired', lines: [] }
    return { ...withFinding(heard, expired(own)), approval }
  }
  if (!isCurrent(turn, own)) return null
  if (own.state === 'pending') return { ...heard, approval: own }
  if (own.state === 'denied') return { ...withFinding(heard, denied(own)), approval: own }
  if (!areMet(event.approval.quorums, own.yes) || !isTold(own, heard)) return null
  const free = excused(turn, event, heard)
  if (passes(free.verdict)) drop(turn, own, true)
  return { ...free, approval: passes(free.verdict) ? own : null }
}

/** Hears a request and what people say of it, and asks them where nobody did. */
export function rule(turn: Turn, event: AskingEvent): Heard {
  const own = standing(turn, event.approval.digest)
  const { purses } = turn
  if (own !== undefined) giveBack(turn, own.lines)
  const heard = hear(turn, event)
  if (own === undefined) return heard.verdict === 'approve' ? ask(turn, event, heard) : heard
  let ruled: Heard
  if (heard.verdict === 'approve') {
    const said = ruleOn(turn, event, own, heard)
    if (said === null) {
      drop(turn, own, false)
      return ask(turn, event, heard)
    }
    ruled = said
  } else ruled = passes(heard.verdict) ? unasked(turn, own, heard) : heard
  if (passes(ruled.verdict) || turn.approvals.get(own.digest) !== own) return ruled
  // It stays as it was, and so does all that it holds.
  turn.purses = purses
  return { ...ruled, bounds: bind(turn, event, turn.terms) ?? [] }
}
