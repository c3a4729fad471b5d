/**
 * Decisions about what is not sent: judged as if it were, recorded, and forgotten; or held until whoever asked says
 * what became of it.
 */
import type { Answer, Remaining } from '../kernel/answer.ts'
import { ContractError } from '../kernel/contract.ts'
import type { Judgement } from '../kernel/domain.ts'
import type { AdmitEvent } from '../kernel/event.ts'
import { Failure, type Reason } from '../kernel/reasons.ts'
import type { RequestFacts } from '../kernel/request.ts'
import { namePattern } from '../kernel/scope.ts'
import type { State } from '../kernel/state.ts'
import type { Verdict } from '../kernel/verdict.ts'
import type { Receipt } from '../ledger/entry.ts'
import { workOf } from './admit.ts'
import { askOf, type Digests } from './binding.ts'
import { isOverlong, unsaid } from './brief.ts'
import type { Commitments } from './commitments.ts'
import { conclude, recordOf } from './conclude.ts'
import type { Core } from './core.ts'
import { bindingOf, judged, prove, shownIn } from './judge.ts'
import { ascending, bounded, type DecisionRecord, previewDraft } from './record.ts'
import type { Refusal } from './refusal.ts'
import { eventOf, type Work } from './work.ts'

/** So many are judged in one call. */
export const rehearsalsMax = 50

/** One call that is judged without being sent. */
export interface Rehearsal {
  readonly facts: RequestFacts
  /** What already speaks against it. */
  readonly refusals: readonly Reason[]
  /** The body that it would be sent with; absent where its content is all that is known of it. */
  readonly body?: string
}

export interface Rehearsed {
  readonly verdict: Verdict
  readonly reasons: readonly Reason[]
  readonly judgement: Judgement | null
  readonly domain: string
  readonly action: string
  readonly remaining: readonly Remaining[]
  /** The entry that records it; null only where the ledger could not. */
  readonly receipt: Receipt | null
  /** What waits for people; without a commitment nobody is asked, so that it is what others asked. */
  readonly approval: { readonly id: string; readonly expiresAt: number } | null
  /** 64 hex digits: the digest of the action; empty where the gate cannot bind any. */
  readonly digest: string
  /** The same without its run: what a capability token is bound to. */
  readonly act: string
  /** Id of the hold that was committed; null where none was. */
  readonly hold: string | null
  readonly cached: boolean
}

interface Prepared {
  readonly work: Work
  readonly digests: Digests | null
  /** Whether what the policy says of it was remembered from an equal call. */
  readonly cached: boolean
  /** Why the kernel cannot be asked about it; null where it can. */
  readonly objection: Refusal | null
}

/** Judges them in one turn, each seeing what those before it would hold or, with `commit`, do hold. */
export async function rehearse(
  core: Core,
  asks: readonly Rehearsal[],
  commitments: Commitments | null,
): Promise<readonly Rehearsed[]> {
  const prepared: Prepared[] = []
  const { policy } = core
  for (const ask of asks.slice(0, rehearsalsMax)) prepared.push(await prepare(core, ask))
  if (core.policy !== policy) return await rehearse(core, asks, commitments)
  try {
    const answers =
      commitments === null
        ? dry(core, prepared)
        : prepared.map((one) => commit(core, one, commitments))
    return await Promise.all(answers)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const reason: Reason = { code: error.code, id: '', message: error.message }
    return prepared.map((one) => ({ ...said(one), ...none, reasons: [reason] }))
  }
}

async function prepare(core: Core, { body, facts, refusals }: Rehearsal): Promise<Prepared> {
  const amounts = { charge: {}, ask: {}, refusals }
  const reject = (refusal: Pick<Refusal, 'code' | 'reasons'>): Promise<Refusal> =>
    Promise.resolve(core.plain(refusal.code, refusal.reasons[0]?.message ?? ''))
  const hits = core.policy.memory?.hits ?? 0
  let work = workOf(core, { facts, amounts, reject }, core.clock.monotonicMs())
  const cached = (work.policy.memory?.hits ?? 0) > hits
  const { hash } = core
  const bodyHash = hash === null ? null : () => hash(body ?? '')
  if (hash !== null && (body !== undefined || work.bodyHash === null)) work = { ...work, bodyHash }
  const shown = shownIn(work)
  const proved = shown === null ? {} : { proved: await prove(work, shown) }
  work = judged(work, { ...proved, isRehearsed: true })
  const { classification, unread } = work
  // Its content is all that there is: what would have to be read first cannot be.
  if (unread === null && classification.decoder !== '') {
    const message = `The rules need the body of this request, as ${classification.decoder}.`
    work = { ...work, unread: { code: 'facts-missing', id: '', message } }
  }
  const digests = digestsIn(work)
  const { agent, run } = facts.principal
  const isNamed = [agent, run].every((name) => namePattern.test(name))
  if (isNamed && digests !== undefined) {
    return { work, digests, cached, objection: core.stranger(facts.principal) }
  }
  const why = isNamed
    ? 'Its context cannot be written as JSON.'
    : 'An agent and its run have names.'
  return { work, digests: null, cached, objection: core.plain('malformed-request', why) }
}

/** Undefined where its content has no canonical form: a text that is none, or too deep a nest. */
function digestsIn(work: Work): Digests | null | undefined {
  try {
    return bindingOf(work)
  } catch (error) {
    if (error instanceof ContractError) return undefined
    throw error
  }
}

interface Decided {
  readonly work: Work
  readonly event: AdmitEvent
  readonly answer: Answer
}

/** Asks the kernel; where more was said than an entry holds, only whether that is refused. */
function decided(one: Prepared, from: State): Decided {
  const found = asked(one, from)
  const { answer, event } = found
  const record = (): DecisionRecord => recordOf(found.work, { event, answer, addresses: [] })
  if (!isOverlong(event, record)) return found
  const work = unsaid(found.work)
  const denied = eventOf(work, [], 'expired')
  return { work, event: denied, answer: work.core.decide(denied, work.policy, from) }
}

/** Asks the kernel, and where a person has to be asked, what the person has said. */
function asked({ digests, work }: Pick<Prepared, 'digests' | 'work'>, from: State): Decided {
  const { core, policy } = work
  const event = eventOf(work, [], 'expired')
  const answer = core.decide(event, policy, from)
  if (answer.verdict !== 'approve' || digests === null || policy.mode === 'observe') {
    return { work, event, answer }
  }
  const bound = { ...work, approval: askOf(work, answer, digests) }
  const asking = eventOf(bound, [], 'expired')
  return { work: bound, event: asking, answer: core.decide(asking, policy, from) }
}

/** Reasons that an entry says beside, of what would be so behind the others. */
const behindMax = 64

/** Each has an entry that follows from the state as it is; what follows behind the others stands in it beside. */
function dry(core: Core, prepared: readonly Prepared[]): readonly Promise<Rehearsed>[] {
  const closed = core.closed()
  if (closed !== null) return prepared.map((one) => Promise.resolve(refused(one, closed)))
  let threaded = core.state
  return prepared.map(async (one, index) => {
    if (one.objection !== null) return refused(one, one.objection)
    const { work, event, answer } = decided(one, core.state)
    const inTurn = index === 0 ? answer : decided(one, threaded).answer
    threaded = inTurn.state
    const draft = previewDraft(recordOf(work, { event, answer, addresses: [] }))
    const { reasons, verdict } = inTurn
    const told = reasons.slice(0, behindMax)
    const codes = told.map(({ code, id }) => ({ code, id: bounded(id) }))
    const behind = { in_turn: { after: index, reasons: codes, verdict } }
    const differs = verdict !== answer.verdict
    const data = differs ? ascending({ ...draft.data, ...behind }) : draft.data
    const known = core.state.approvals.get(one.digests?.digest ?? '')
    const approval = known === undefined ? null : { id: known.id, expiresAt: known.expiresAt }
    const receipt = await core.append({ ...draft, data })
    const { remaining } = inTurn
    return {
      ...said({ ...one, work }),
      verdict,
      reasons,
      remaining,
      receipt,
      approval,
      hold: null,
    }
  })
}

/** Admits it, with an entry and a hold of its own, which is settled or given back later. */
async function commit(core: Core, one: Prepared, commitments: Commitments): Promise<Rehearsed> {
  const closed = core.closed() ?? one.objection ?? commitments.crowded()
  if (closed !== null) return refused(one, closed)
  const { work, event, answer } = decided(one, core.state)
  const concluded = await conclude(work, null, event, answer)
  if (concluded.refused) return refused(one, concluded)
  const { receipt } = concluded
  const { reasons, remaining, verdict } = answer
  const hold = commitments.take(work.facts.id, concluded)
  return { ...said({ ...one, work }), verdict, reasons, remaining, receipt, approval: null, hold }
}

function said({
  cached,
  digests,
  work,
}: Pick<Prepared, 'cached' | 'digests' | 'work'>): Pick<
  Rehearsed,
  'judgement' | 'domain' | 'action' | 'digest' | 'act' | 'cached'
> {
  const { action, domain } = work.classification
  const judgement = work.said?.judgement ?? null
  const { act = '', digest = '' } = digests ?? {}
  return { judgement, domain, action, digest, act, cached }
}

const none: Pick<Rehearsed, 'verdict' | 'remaining' | 'receipt' | 'approval' | 'hold'> = {
  verdict: 'deny',
  remaining: [],
  receipt: null,
  approval: null,
  hold: null,
}

function refused(
  prepared: Pick<Prepared, 'cached' | 'digests' | 'work'>,
  refusal: Refusal,
): Rehearsed {
  const { approval, decision, reasons, receipt, remaining } = refusal
  const verdict = decision === 'error' ? 'deny' : decision
  return { ...said(prepared), verdict, reasons, remaining, receipt, approval, hold: null }
}
