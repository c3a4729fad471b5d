/** The end of a judgement: decide, apply and append in one turn, and answer once the entry is durable (I1). */
import type { Answer } from '../kernel/answer.ts'
import type { AdmitEvent } from '../kernel/event.ts'
import { pathOf, runOf } from '../kernel/scope.ts'
import type { State } from '../kernel/state.ts'
import type { Receipt } from '../ledger/entry.ts'
import { refusalOf } from './answer-refusal.ts'
import { isOverlong, unsaid } from './brief.ts'
import { type Admitted, HeldPassage, ObservedPassage } from './held-passage.ts'
import { bindingOf } from './judge.ts'
import type { Passage } from './passage.ts'
import type { Commit, Destination } from './ports.ts'
import { type DecisionRecord, decisionDraft } from './record.ts'
import type { Refusal } from './refusal.ts'
import { eventOf, observes, type Work } from './work.ts'

const none: readonly never[] = []

/**
 * Decides if that is not done yet, applies, appends, and answers once the entry is durable. Of a flood of refusals
 * that move nothing only the first of a second have entries of their own; the others are counted.
 */
export async function conclude(
  work: Work,
  destination: Destination | null,
  event: AdmitEvent,
  decided?: Answer,
): Promise<Passage | Refusal> {
  const { core } = work
  const answer = decided ?? core.decide(event)
  const conclusion = { event, answer, addresses: destination?.addresses ?? [] }
  if (!isOverlong(event, () => recordOf(work, conclusion)))
    return await carriedOut(work, conclusion)
  const brief = unsaid(work)
  const denied = eventOf(brief, [], event.queue)
  return await carriedOut(brief, { event: denied, answer: core.decide(denied), addresses: [] })
}

async function carriedOut(work: Work, conclusion: Conclusion): Promise<Passage | Refusal> {
  const { core } = work
  const { answer, event } = conclusion
  watch(work, answer)
  if (isFolded(work, conclusion)) return concluded(work, conclusion, null)
  // Before anything is accepted: where it cannot be kept, nothing was decided.
  const commitments = committed(work)
  const draft = decisionDraft({ ...recordOf(work, conclusion), commitments })
  const { approval } = answer
  if (approval?.state === 'pending') core.approvals.concerns(approval.id, draft.data)
  core.accept(answer)
  const written = core.append(draft)
  core.carry(answer.effects, event.at)
  let receipt: Receipt
  try {
    receipt = await written
  } catch (error) {
    release(work, answer)
    throw error
  }
  core.watch.admitted((core.clock.monotonicMs() - work.begunMs) / 1000)
  return concluded(work, conclusion, receipt)
}

function committed({ bodyBytes, bodyHash, core, facts }: Work): ReturnType<Commit> {
  if (core.commit === null) return null
  const { seq: after } = core.ledger.head
  return core.commit({
    facts,
    bodyHash: () => bodyHash?.() ?? null,
    bodyBytes: () => bodyBytes?.() ?? null,
    after,
  })
}

function watch(work: Work, answer: Answer): void {
  const { core, classification, begunMs } = work
  const code = answer.reasons[0]?.code ?? ''
  const seconds = (core.clock.monotonicMs() - begunMs) / 1000
  core.watch.decided(answer.verdict, code, classification.domain, seconds)
}

/** What was asked of the kernel, and what it answered. */
export interface Conclusion {
  readonly event: AdmitEvent
  readonly answer: Answer
  readonly addresses: readonly string[]
}

/**
 * True for a refusal beyond its agent's rate that leaves all as it was: it is in the count of an entry that follows
 * within a second. Its step is not made the state, so that nothing was done that the ledger does not tell.
 */
function isFolded(work: Work, { answer, addresses }: Conclusion): boolean {
  const { core, facts, policy } = work
  if (answer.hold !== null || answer.effects.length > 0) return false
  if (isObserved(work, answer, addresses) || !isStill(core.state, answer.state)) return false
  const [reason] = answer.reasons
  if (reason === undefined) return false
  const { agent } = facts.principal
  return !core.refusals.takes({ agent, policy: policy.digest, reason })
}

/** True where nothing but the clock is different. */
function isStill(before: State, after: State): boolean {
  const same = before.scopes === after.scopes && before.purses === after.purses
  if (!same || before.holds !== after.holds || before.runs !== after.runs) return false
  if (before.approvals !== after.approvals || before.permits !== after.permits) return false
  return before.marks === after.marks
}

/** True where only `mode: observe` lets it pass. */
function isObserved(work: Work, answer: Answer, addresses: readonly string[]): boolean {
  return addresses.length > 0 && observes(answer, work.policy)
}

/** What the entry of a decision is made of. */
export function recordOf(work: Work, conclusion: Conclusion): DecisionRecord {
  return {
    facts: work.facts,
    classification: work.classification,
    event: conclusion.event,
    answer: conclusion.answer,
    addresses: conclusion.addresses,
    decoder: work.decoder,
    findings: work.amounts.findings ?? none,
    policy: work.policy.digest,
    mode: work.policy.mode,
    judgement: work.said?.judgement ?? null,
  }
}

function concluded(work: Work, conclusion: Conclusion, receipt: Receipt | null): Passage | Refusal {
  const { core, facts, policy } = work
  const { answer, addresses, event } = conclusion
  const { hold } = answer
  if (receipt !== null && hold !== null) {
    return new HeldPassage(core, admittedAs(work, conclusion, receipt), hold)
  }
  if (receipt !== null && isObserved(work, answer, addresses)) {
    return new ObservedPassage(core, admittedAs(work, conclusion, receipt))
  }
  const path = pathOf(facts.principal)
  const { digest } = policy
  return refusalOf({ answer, state: core.state, path, now: event.at, policy: digest, receipt })
}

function admittedAs(
  work: Work,
  { answer, addresses }: Pick<Conclusion, 'answer' | 'addresses'>,
  receipt: Receipt,
): Admitted {
  return {
    principal: work.facts.principal,
    kind: work.facts.kind,
    classification: work.classification,
    receipt,
    policy: work.policy.digest,
    verdict: answer.verdict,
    addresses,
    attested: attestedOf(work),
  }
}

/** What a token that goes along is bound to, where a rule asks for one. */
function attestedOf(work: Work): Admitted['attested'] {
  if (work.classification.capability !== 'attach') return null
  const action = bindingOf(work)?.act ?? null
  return action === null ? null : { action, scope: runOf(work.facts.principal) }
}

/** A hold whose entry may or may not be durable, and which nobody will dispatch: given back, in the record too. */
function release(work: Work, answer: Answer): void {
  const { core } = work
  const { hold } = answer
  if (hold === null || core.sealed !== null) return
  const admitted = admittedAs(work, { answer, addresses: [] }, { seq: 0, hash: '' })
  const cut = 'ledger-unavailable'
  const passage = new HeldPassage(core, admitted, hold)
  passage.settle({ outcome: 'voided', actual: {}, status: 503, cut })
}
