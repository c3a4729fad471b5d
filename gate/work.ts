/** One request under judgement: what is known of it, what the policy says of it, and the event that it makes. */
import type { Answer } from '../kernel/answer.ts'
import type { ApprovalAsk } from '../kernel/approval.ts'
import type { DecoderName } from '../kernel/content.ts'
import { amountIn, defaultCharge, type Vector } from '../kernel/dimension.ts'
import type { Demand, Judgement } from '../kernel/domain.ts'
import type { AdmitEvent } from '../kernel/event.ts'
import type { MarkCheck } from '../kernel/mark.ts'
import type { PayloadFinding } from '../kernel/payload.ts'
import type { Classification, Policy } from '../kernel/policy.ts'
import type { Reason } from '../kernel/reasons.ts'
import type { RequestFacts } from '../kernel/request.ts'
import type { Core } from './core.ts'
import type { Refusal } from './refusal.ts'

/** What the proxy knows of a request's size: exact amounts, and metered ones of which it may be given less. */
export interface Amounts {
  readonly charge: Vector
  readonly ask: Vector
  /** What detectors found in it. Looked at when the decision is made: reading the body may have added to it. */
  readonly findings?: readonly PayloadFinding[]
  /** What the proxy itself has against it: a secret in its URL. */
  readonly refusals?: readonly Reason[]
}

/** Records a refusal that the kernel is not asked about; the gate's own door for it. */
export type Reject = (refusal: Pick<Refusal, 'code' | 'reasons'>) => Promise<Refusal>

/** What domains and signed statements have to say of a request. */
export interface Said {
  /** Null where no domain judged it. */
  readonly judgement: Judgement | null
  readonly refusals: readonly Reason[]
  readonly demands: readonly Demand[]
  readonly marks: readonly MarkCheck[]
}

export interface Work {
  readonly core: Core
  readonly facts: RequestFacts
  readonly amounts: Amounts
  readonly reject: Reject
  readonly policy: Policy
  readonly classification: Classification
  /** The decoder that its body was read with; empty where it was not. */
  readonly decoder: DecoderName | ''
  /** Why the body could not be read; null where it was, or need not be. */
  readonly unread: Reason | null
  /** SHA-256 of its body as it will be forwarded; null while nobody had to know it. */
  readonly bodyHash: (() => string | null) | null
  /** The body itself; null while nobody had to read it. */
  readonly bodyBytes: (() => Uint8Array | null) | null
  /** Null while nobody was asked. */
  readonly said: Said | null
  /** How a person's yes is bound; null where nobody has to be asked. */
  readonly approval: ApprovalAsk | null
  /** Less the time that its body took to arrive, and people to answer: what is measured is the gate. */
  readonly begunMs: number
}

/** Of rules, drafts, budgets and refusals that speak about one request, each: an entry has a size that holds them. */
const spokenMax = 100

/** What the policy says of a request, refused where more speaks about it than its entry can hold. */
export function classified(policy: Policy, facts: RequestFacts): Classification {
  const found = policy.classify(facts)
  const { budgets, drafts, refusals, rules } = found
  const most = Math.max(budgets.length, drafts.length, refusals.length, rules.length)
  if (most <= spokenMax) return found
  const message = `More than ${spokenMax} rules or budgets speak about this request: narrow the policy.`
  const refusal = { code: 'validator-refused', id: '', message } as const
  const first = (ids: readonly string[]): readonly string[] => ids.slice(0, spokenMax)
  return {
    ...found,
    budgets: first(budgets),
    drafts: first(drafts),
    rules: first(rules),
    refusals: [refusal],
  }
}

/** The event of a request, with what was found against it outside of its policy. */
export function eventOf(
  work: Work,
  refusals: readonly Reason[],
  queue: AdmitEvent['queue'],
): AdmitEvent {
  const { core, facts, amounts, approval, classification, said, unread } = work
  let against = unread === null ? refusals : [unread, ...refusals]
  if (amounts.refusals !== undefined) against = [...amounts.refusals, ...against]
  if (said !== null) against = [...said.refusals, ...against]
  const event: AdmitEvent = {
    kind: 'admit',
    at: core.now(),
    request: facts.id,
    principal: facts.principal,
    host: facts.host,
    rules: classification.rules,
    drafts: classification.drafts,
    budgets: classification.budgets,
    charge: chargeOf(work),
    ask: over(classification.ask, amounts.ask),
    refusals:
      against.length === 0 ? classification.refusals : [...classification.refusals, ...against],
    queue,
  }
  for (const _ in classification.least) return more({ ...event, least: classification.least }, work)
  return said === null && approval === null ? event : more(event, work)
}

/** What domains add to an event, and how a yes is bound; each member only where it says something. */
function more(event: AdmitEvent, { approval, said }: Work): AdmitEvent {
  return {
    ...event,
    ...(said === null || said.demands.length === 0 ? {} : { demands: said.demands }),
    ...(said === null || said.marks.length === 0 ? {} : { marks: said.marks }),
    ...(approval === null ? {} : { approval }),
  }
}

/**
 * The rule's charge and the wire's amounts; what the proxy measured itself is never replaced by a rule. A domain
 * charges beside them: of each dimension the larger.
 */
function chargeOf({ amounts, classification, said }: Work): Vector {
  const charge = ruled(classification.charge, amounts.charge)
  if (said === null || said.judgement === null) return charge
  let larger: Record<string, number> | null = null
  for (const [dimension, amount] of Object.entries(said.judgement.charge)) {
    const known = amountIn(charge, dimension) ?? amountIn(defaultCharge, dimension) ?? 0
    if (amount <= known) continue
    larger ??= { ...charge }
    larger[dimension] = amount
  }
  return larger ?? charge
}

/** The rule's charge with the wire's amounts over it. */
function ruled(charge: Vector, amounts: Vector): Vector {
  for (const _ in charge) return { ...defaultCharge, ...charge, ...amounts }
  return amounts
}

/** One vector with another over it, which is nearly always all there is. */
function over(vector: Vector, upper: Vector): Vector {
  for (const _ in vector) return { ...vector, ...upper }
  return upper
}

/** True where a request may go on after this answer: allowed, to be queued, or only observed. */
export function goesOn(answer: Answer, policy: Policy): boolean {
  const { verdict } = answer
  return (
    verdict === 'allow' || verdict === 'warn' || verdict === 'queue' || observes(answer, policy)
  )
}

/** True where it may still be let pass: a person may say yes, who has not been asked. */
export function mayGoOn(answer: Answer, policy: Policy): boolean {
  return answer.verdict === 'approve' || goesOn(answer, policy)
}

/** In observe mode policy does not bind; a halt, a forbidden destination and a fault of ours still do. */
export function observes(answer: Answer, policy: Policy): boolean {
  if (policy.mode !== 'observe') return false
  return answer.reasons.every(
    ({ code }) =>
      code !== 'halted' && code !== 'destination-forbidden' && code !== 'destination-unresolved',
  )
}
