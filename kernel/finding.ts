/** What is said against a request, one finding a rule, budget or scope, and how findings compose (I11). */
import { headroomOf } from './account.ts'
import { type Bound, type Lack, neverFits } from './charge.ts'
import type { Demand } from './domain.ts'
import type { AdmitEvent, HaltCause } from './event.ts'
import type { Terms } from './policy.ts'
import type { Reason, ReasonCode } from './reasons.ts'
import { runOf, type ScopeId } from './scope.ts'
import { lackSentence, ruleSentence, secondsText } from './sentence.ts'
import type { Account } from './state.ts'
import { meet, passes, type Verdict, verdicts } from './verdict.ts'

export interface Finding {
  readonly verdict: Verdict
  readonly reason: Reason | null
  /** When it may fit, at the earliest; null where waiting does not help. */
  readonly retryAt: number | null
  /** What it halts, where the policy is enforced. */
  readonly halts: { readonly scope: ScopeId; readonly cause: HaltCause } | null
}

/** How soon to ask again where open requests hold all that a window has left: any of them may end at any moment. */
export const heldRetryMs = 1_000

/** A finding that waiting does not change, and that halts nothing. */
export function finding(verdict: Verdict, reason: Reason | null): Finding {
  return { verdict, reason, retryAt: null, halts: null }
}

/** A finding that denies. */
export function denial(code: ReasonCode, id: string, message: string): Finding {
  return finding('deny', { code, id, message })
}

/** What the rules say; without any, what the policy says by default. */
export function ruleFindings(
  ids: readonly string[],
  event: AdmitEvent,
  terms: Terms,
): readonly Finding[] {
  const findings: Finding[] = []
  let known = 0
  for (const id of ids) {
    const rule = terms.rules.get(id)
    if (rule === undefined) continue
    known += 1
    if (rule.effect === 'warn') findings.push(finding('warn', null))
    else if (rule.effect === 'approve') {
      const message = ruleSentence(id, 'lets a person decide about this request', rule.reason)
      findings.push(finding('approve', { code: 'approval-required', id, message }))
    } else if (rule.effect === 'deny') {
      findings.push(denial('rule-denied', id, ruleSentence(id, 'denies this request', rule.reason)))
    } else if (rule.effect === 'halt') {
      const scope = runOf(event.principal)
      const message = ruleSentence(id, `denies this request and halts ${scope}`, rule.reason)
      const halts = { scope, cause: 'rule' } as const
      findings.push({ ...finding('halt', { code: 'rule-denied', id, message }), halts })
    }
  }
  if (known > 0 || terms.defaultVerdict === 'allow') return findings
  if (terms.defaultVerdict === 'warn') return [finding('warn', null)]
  const { agent } = event.principal
  const what = event.host === '' ? 'this action' : `this request to ${event.host}`
  const message = `No rule of the policy allows ${agent} ${what}: ask an operator for a rule.`
  return [denial('no-rule', '', message)]
}

/** What domains want beside the rules: each demand is a finding like the effect of a rule. */
export function demandFindings(
  demands: readonly Demand[],
  { principal }: AdmitEvent,
): readonly Finding[] {
  return demands.map(({ verdict, reason }) => {
    const found = finding(verdict, reason)
    const scope = runOf(principal)
    return verdict === 'halt' ? { ...found, halts: { scope, cause: 'rule' } } : found
  })
}

/** When a window has an amount again, if nothing more is spent. */
function refillsAt(account: Account, need: number, now: number): number {
  let left = headroomOf(account)
  for (const refill of account.refills) {
    left += refill.amount
    if (left >= need) return refill.at
  }
  return now + heldRetryMs
}

/** How a lack is met, beside what its budget says. */
export interface Occasion {
  readonly now: number
  readonly queue: AdmitEvent['queue']
  /** Whether a rule turns a window's `block` into waiting. */
  readonly queueing: boolean
}

/** Where a window will have it again: a place in the queue, or a refusal that says when. */
function waitFinding(bound: Bound, lack: Lack, wait: Occasion & { readonly at: number }): Finding {
  const { id } = bound.budget
  const inTime = secondsText(wait.at - wait.now)
  const say = (code: ReasonCode, advice: string): Reason => ({
    code,
    id,
    message: lackSentence(bound, lack, advice),
  })
  const found = { retryAt: wait.at, halts: null }
  if (!wait.queueing || wait.queue === 'expired') {
    return { ...found, verdict: 'deny', reason: say('rate-limited', `try again in ${inTime}`) }
  }
  if (wait.queue === 'full') {
    const reason = say('queue-full', `its queue is full, so try again in ${inTime}`)
    return { ...found, verdict: 'deny', reason }
  }
  return { ...found, verdict: 'queue', reason: say('rate-limited', `it waits about ${inTime}`) }
}

function windowRefill(bound: Bound, lack: Lack, now: number): number | null {
  const { purse } = bound
  if (purse.period.kind !== 'window' || neverFits(lack)) return null
  if (lack.dimension !== 'hosts') return refillsAt(lack.account, lack.need, now)
  return Math.min(now + purse.period.lengthMs, ...purse.hostsUntil)
}

function lackFinding(bound: Bound, lack: Lack, occasion: Occasion): Finding {
  const { budget, purse } = bound
  const say = (code: ReasonCode, advice: string): Reason => ({
    code,
    id: budget.id,
    message: lackSentence(bound, lack, advice),
  })
  switch (budget.onLimit) {
    case 'continue':
      return finding('allow', null)
    case 'warn':
      return finding('warn', say('budget-exhausted', 'it goes on, and is counted'))
    case 'approve':
      return finding('approve', say('approval-required', 'a person must approve it first'))
    case 'kill': {
      const reason = say('budget-exhausted', `this halts ${purse.scope}, so stop here`)
      return { ...finding('halt', reason), halts: { scope: purse.scope, cause: 'on_limit' } }
    }
    case 'queue':
    case 'block': {
      const at = windowRefill(bound, lack, occasion.now)
      if (at === null) {
        const advice = 'do not send it again unless an operator grants more'
        return finding('deny', say('budget-exhausted', advice))
      }
      const queueing = budget.onLimit === 'queue' || occasion.queueing
      return waitFinding(bound, lack, { ...occasion, at, queueing })
    }
  }
}

export interface Measured {
  readonly bound: Bound
  readonly lacks: readonly Lack[]
}

/** What the budgets say, every one of them. */
export function budgetFindings(
  measured: readonly Measured[],
  occasion: Occasion,
): readonly Finding[] {
  const findings: Finding[] = []
  for (const { bound, lacks } of measured) {
    for (const lack of lacks) findings.push(lackFinding(bound, lack, occasion))
  }
  return findings
}

/** The strictest of all, or allow. */
export function strictest(findings: readonly Finding[]): Verdict {
  let verdict: Verdict = 'allow'
  for (const found of findings) verdict = meet(verdict, found.verdict)
  return verdict
}

/** The reasons, the deciding one first: by verdict, and where waiting does not help before where it does. */
export function reasonsOf(findings: readonly Finding[]): readonly Reason[] {
  const weight = (found: Finding): number =>
    verdicts.indexOf(found.verdict) * 2 + (found.retryAt === null ? 1 : 0)
  const sorted = [...findings].sort((left, right) => weight(right) - weight(left))
  return sorted.flatMap((found) => (found.reason === null ? [] : [found.reason]))
}

/** When it may fit, at the earliest: null where something that time does not heal stands against it too. */
export function retryAtOf(findings: readonly Finding[]): number | null {
  let latest: number | null = null
  for (const { verdict, retryAt } of findings) {
    if (passes(verdict)) continue
    if (retryAt === null) return null
    latest = Math.max(latest ?? 0, retryAt)
  }
  return latest
}
