/** The one decision path: preview without effect, destination, then decide, apply and append in one turn. */
import type { Answer } from '../kernel/answer.ts'
import { defaultCharge, type Vector } from '../kernel/dimension.ts'
import type { AdmitEvent } from '../kernel/event.ts'
import type { BudgetTerms, Classification, Policy } from '../kernel/policy.ts'
import { Failure, type Reason } from '../kernel/reasons.ts'
import type { RequestFacts } from '../kernel/request.ts'
import { scopeOf } from '../kernel/scope.ts'
import { passes } from '../kernel/verdict.ts'
import type { Receipt } from '../ledger/entry.ts'
import { refusalOf } from './answer-refusal.ts'
import type { Core } from './core.ts'
import { HeldPassage, ObservedPassage } from './held-passage.ts'
import type { Passage } from './passage.ts'
import type { Destination, Resolve } from './ports.ts'
import { decisionDraft } from './record.ts'
import type { Refusal } from './refusal.ts'

/** What the proxy knows of a request's size: exact amounts, and metered ones of which it may be given less. */
export interface Amounts {
  readonly charge: Vector
  readonly ask: Vector
}

/** Of rules, drafts, budgets and refusals that speak about one request, each: an entry has a size that holds them. */
const spokenMax = 100

/** A reload while a name resolves, or while it waits in a line, judges anew; more of them than this are refused. */
const reloadsMax = 3

interface Work {
  readonly core: Core
  readonly facts: RequestFacts
  readonly amounts: Amounts
  readonly policy: Policy
  readonly classification: Classification
  readonly begunMs: number
}

/**
 * Admits one request, or refuses it; either way one entry is durable before this resolves (I1).
 *
 * resolve  asked once, and only if the kernel would not refuse already: policy before DNS.
 */
export async function admit(
  core: Core,
  request: { readonly facts: RequestFacts; readonly amounts: Amounts },
  resolve: Resolve,
): Promise<Passage | Refusal> {
  const { facts, amounts } = request
  const begunMs = core.clock.monotonicMs()
  try {
    for (let reloads = 0; reloads <= reloadsMax; reloads += 1) {
      const closed = core.closed()
      if (closed !== null) return closed
      const { policy } = core
      const work = {
        core,
        facts,
        amounts,
        policy,
        begunMs,
        classification: classified(policy, facts),
      }
      const { state } = core
      const event = eventOf(work, [], 'open')
      const answer = core.decide(event)
      if (!goesOn(answer, policy)) return await conclude(work, null, event, answer)
      const asked = resolve(facts.host, facts.port, work.classification.addresses)
      const late = asked instanceof Promise
      const destination = late ? await asked : asked
      // Answered in the same turn, of an address or a cached name: the preview is the decision.
      const same = !late && destination.ok && core.state === state
      const preview = same ? { event, answer } : null
      const placed = core.policy === policy ? await place(work, destination, preview) : null
      if (placed !== null) return placed
    }
    return core.plain('policy-unavailable', 'The policy changed too often while this was judged.')
  } catch (error) {
    if (error instanceof Failure) return core.plain(error.code, error.message)
    throw error
  }
}

/** Whether any rule could allow this host and port; a refusal is recorded, a yes is not a decision yet. */
export async function reach(core: Core, facts: RequestFacts): Promise<Classification | Refusal> {
  const begunMs = core.clock.monotonicMs()
  try {
    const closed = core.closed()
    if (closed !== null) return closed
    const { policy } = core
    const amounts = { charge: { effort: 0, inflight: 0, requests: 0 }, ask: {} }
    const classification = classified(policy, facts)
    const work = { core, facts, amounts, policy, begunMs, classification }
    const event = eventOf(work, [], 'open')
    const answer = core.decide(event)
    if (goesOn(answer, policy)) return classification
    const concluded = await conclude(work, null, event, answer)
    return concluded.refused ? concluded : classification
  } catch (error) {
    if (error instanceof Failure) return core.plain(error.code, error.message)
    throw error
  }
}

/** What the policy says of a request, refused where more speaks about it than its entry can hold. */
function classified(policy: Policy, facts: RequestFacts): Classification {
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

function eventOf(work: Work, refusals: readonly Reason[], queue: AdmitEvent['queue']): AdmitEvent {
  const { core, facts, amounts, classification } = work
  return {
    kind: 'admit',
    at: core.now(),
    request: facts.id,
    principal: facts.principal,
    host: facts.host,
    rules: classification.rules,
    drafts: classification.drafts,
    budgets: classification.budgets,
    charge: merged(classification.charge, amounts.charge),
    ask: amounts.ask,
    refusals:
      refusals.length === 0 ? classification.refusals : [...classification.refusals, ...refusals],
    queue,
  }
}

/** The rule's charge and the wire's amounts; what the proxy measured itself is never replaced by a rule. */
function merged(charge: Vector, amounts: Vector): Vector {
  for (const _ in charge) return { ...defaultCharge, ...charge, ...amounts }
  return amounts
}

/** True where a request may go on after this answer: allowed, to be queued, or only observed. */
function goesOn(answer: Answer, policy: Policy): boolean {
  return passes(answer.verdict) || answer.verdict === 'queue' || observes(answer, policy)
}

/** In observe mode policy does not bind; a halt, a forbidden destination and a fault of ours still do. */
function observes(answer: Answer, policy: Policy): boolean {
  if (policy.mode !== 'observe') return false
  return answer.reasons.every(
    ({ code }) =>
      code !== 'halted' && code !== 'destination-forbidden' && code !== 'destination-unresolved',
  )
}

/** An answer, or null where another policy came into force before there was one: to be judged anew. */
type Placed = Passage | Refusal | null

interface Preview {
  readonly event: AdmitEvent
  readonly answer: Answer
}

/**
 * Decides with the judged addresses; where a rate limit says queue, waits in its line for a turn.
 *
 * preview  the decision without them, where nothing has changed since and they change nothing.
 */
function place(work: Work, destination: Destination, preview: Preview | null): Promise<Placed> {
  const refusals = destination.ok
    ? []
    : [{ code: destination.code, id: '', message: destination.message } as const]
  const closed = work.core.closed()
  if (closed !== null) return Promise.resolve(closed)
  const line = busyLine(work)
  if (line !== null) return wait(work, { destination, refusals, line, retryAt: null })
  const event = preview?.event ?? eventOf(work, refusals, 'open')
  const answer = preview?.answer ?? work.core.decide(event)
  if (answer.verdict !== 'queue' || observes(answer, work.policy)) {
    return conclude(work, destination, event, answer)
  }
  const budget = queueBudgetOf(work, answer)
  return wait(work, { destination, refusals, line: budget, retryAt: answer.retryAt })
}

interface Place {
  readonly destination: Destination
  readonly refusals: readonly Reason[]
  readonly line: BudgetTerms
  readonly retryAt: number | null
}

function wait(work: Work, place: Place): Promise<Placed> {
  const { core } = work
  const { destination, refusals, line } = place
  const key = lineKey(work, line)
  if (core.lines.length(key) >= line.queue.length) {
    return conclude(work, destination, eventOf(work, refusals, 'full'))
  }
  return new Promise((answered, failed) => {
    const attempt = (queue: 'open' | 'expired'): number | null => {
      try {
        const closed = core.closed()
        if (closed !== null) {
          answered(closed)
          return null
        }
        if (core.policy !== work.policy) {
          answered(null)
          return null
        }
        const event = eventOf(work, refusals, queue)
        const answer = core.decide(event)
        if (answer.verdict === 'queue') return (answer.retryAt ?? event.at + 1000) - event.at
        conclude(work, destination, event, answer).then(answered, failed)
      } catch (error) {
        failed(error)
      }
      return null
    }
    const { waitMs } = line.queue
    const retryMs = place.retryAt === null ? waitMs : place.retryAt - core.now()
    core.lines.join(key, retryMs, { waitMs, attempt })
  })
}

function lineKey(work: Work, budget: BudgetTerms): string {
  return `${budget.id} ${budget.pool ?? scopeOf(work.facts.principal, budget.scope) ?? ''}`
}

/** The line of a matching budget in which others wait already: nobody overtakes them. */
function busyLine(work: Work): BudgetTerms | null {
  if (work.core.lines.empty) return null
  for (const id of work.classification.budgets) {
    const budget = work.policy.budgets.get(id)
    if (budget === undefined || budget.state !== 'active') continue
    if (work.core.lines.length(lineKey(work, budget)) > 0) return budget
  }
  return null
}

function queueBudgetOf(work: Work, answer: Answer): BudgetTerms {
  for (const { id } of answer.reasons) {
    const budget = work.policy.budgets.get(id)
    if (budget !== undefined) return budget
  }
  throw new Failure('contract-violated', 'a queue verdict names the budget that is full')
}

/** Decides if that is not done yet, applies and appends in this turn, and answers once the entry is durable. */
async function conclude(
  work: Work,
  destination: Destination | null,
  event: AdmitEvent,
  decided?: Answer,
): Promise<Passage | Refusal> {
  const { core, facts, classification, policy } = work
  const answer = decided ?? core.decide(event)
  core.accept(answer)
  const code = answer.reasons[0]?.code ?? ''
  const seconds = (core.clock.monotonicMs() - work.begunMs) / 1000
  core.watch.decided(answer.verdict, code, classification.domain, seconds)
  const addresses = destination?.addresses ?? []
  const { digest, mode } = policy
  const record = { facts, classification, event, answer, addresses, policy: digest, mode }
  const written = core.append(decisionDraft(record))
  core.carry(answer.effects, event.at)
  let receipt: Receipt
  try {
    receipt = await written
  } catch (error) {
    release(work, answer)
    throw error
  }
  core.watch.admitted((core.clock.monotonicMs() - work.begunMs) / 1000)
  return concluded(work, { answer, addresses, receipt, at: event.at })
}

interface Conclusion {
  readonly answer: Answer
  readonly addresses: readonly string[]
  readonly receipt: Receipt
  readonly at: number
}

function concluded(work: Work, conclusion: Conclusion): Passage | Refusal {
  const { core, facts, policy } = work
  const { answer, addresses, receipt, at } = conclusion
  const { kind, principal } = facts
  const { verdict, hold } = answer
  const input = { principal, kind, receipt, policy: policy.digest, verdict, addresses }
  if (hold !== null) return new HeldPassage(core, { ...input, hold })
  if (observes(answer, policy) && addresses.length > 0) {
    return new ObservedPassage(core, input)
  }
  const path = core.pathOf(principal)
  return refusalOf({ answer, state: core.state, path, now: at, policy: policy.digest, receipt })
}

/** A hold whose entry may or may not be durable, and which nobody will dispatch: given back, in the record too. */
function release(work: Work, answer: Answer): void {
  const { core, facts } = work
  if (answer.hold === null || core.sealed !== null) return
  const receipt = { seq: 0, hash: '' }
  const { kind, principal } = facts
  const { verdict, hold } = answer
  const input = {
    principal,
    kind,
    receipt,
    policy: work.policy.digest,
    verdict,
    addresses: [],
    hold,
  }
  const cut = 'ledger-unavailable'
  new HeldPassage(core, input).settle({ outcome: 'voided', actual: {}, status: 503, cut })
}
