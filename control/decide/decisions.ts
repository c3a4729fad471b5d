/** The decision routes: one ask, or several in turn, through the same judgement as a request on the wire. */
import type { Rehearsed } from '../../gate/rehearse.ts'
import type { Policy } from '../../kernel/policy.ts'
import { reasons } from '../../kernel/reasons.ts'
import { type Problem, problemType, type Reply } from '../problem.ts'
import type { Caller } from '../token.ts'
import { answerOf, elapsed, levelOf, permits, receiptText } from './answer.ts'
import { type Ask, type AskBody, type NoAsk, readAsk } from './ask.ts'
import type { DecisionPorts } from './ports.ts'

export interface Asking {
  readonly ports: DecisionPorts
  readonly caller: Caller
}

/** One decision. */
export async function decide(body: AskBody, domain: string, asking: Asking): Promise<Reply> {
  const { ports } = asking
  const beganMs = ports.monotonicMs()
  const policy = ports.policy()
  const ask = objectionTo([body], asking) ?? readAsk(body, domain, ports)
  if ('status' in ask) return await refuse(ask, ports)
  const given = await judged(ask, policy, ports)
  if (given === undefined || ports.policy() !== policy) {
    // By which policy it was held nobody can say.
    if (given !== undefined && given.hold !== null) ports.release(given.hold)
    return await refuse(changed, ports)
  }
  const catalogue = await ports.catalogue()
  const answering = { ports, policy, catalogue, beganMs }
  return { status: 200, body: await answerOf(ask, given, answering) }
}

/** With `commit` it is held for; a caller that is stricter than the gate first hears whether it wants that. */
async function judged(
  { body, rehearsal }: Ask,
  { mode }: Policy,
  ports: DecisionPorts,
): Promise<Rehearsed | undefined> {
  const level = levelOf(body.compliance_level, mode)
  if (body.commit === true && level === 'strict') {
    const [dry] = await ports.rehearse([rehearsal], { commit: false })
    if (dry === undefined || !permits(dry.verdict, level)) return dry
  }
  const [given] = await ports.rehearse([rehearsal], { commit: body.commit === true })
  if (given === undefined || given.hold === null || permits(given.verdict, level)) return given
  // It became doubtful since it was asked dry: a hold is for what is permitted.
  ports.release(given.hold)
  return { ...given, hold: null }
}

/** Several, each seeing the holds of the ones before; one that cannot be asked refuses all. */
export async function decideAll(items: readonly AskBody[], asking: Asking): Promise<Reply> {
  const { ports } = asking
  const beganMs = ports.monotonicMs()
  const policy = ports.policy()
  const objection = objectionTo(items, asking)
  if (objection !== null) return await refuse(objection, ports)
  const asks: Ask[] = []
  for (const [index, item] of items.entries()) {
    const ask = readAsk(item, item.domain ?? 'ai', ports)
    if ('status' in ask) {
      return await refuse({ ...ask, message: `items/${index}: ${ask.message}` }, ports)
    }
    asks.push(ask)
  }
  const given = await ports.rehearse(
    asks.map(({ rehearsal }) => rehearsal),
    { commit: false },
  )
  if (ports.policy() !== policy) return await refuse(changed, ports)
  const catalogue = await ports.catalogue()
  const answering = { ports, policy, catalogue, beganMs }
  const decisions = await Promise.all(
    given.flatMap((one, index) => {
      const ask = asks[index]
      return ask === undefined ? [] : [answerOf(ask, one, answering)]
    }),
  )
  return {
    status: 200,
    body: {
      decisions,
      total: decisions.length,
      constitutional_hash: policy.digest,
      processing_ms: elapsed(ports, beganMs),
    },
  }
}

/** An agent asks about itself and its runs, without a hold, and not without end. */
function objectionTo(items: readonly AskBody[], { caller, ports }: Asking): NoAsk | null {
  const { name, role } = caller
  if (role !== 'agent') return null
  if (items.some(({ actor }) => actor.split('/', 1)[0] !== name)) {
    const message = `The agent ${name} asks about itself and its runs only.`
    return { status: 403, code: 'identity-unknown', message, principal: null }
  }
  if (items.some(({ commit }) => commit === true)) {
    const message = 'A hold is made for an operator only: ask without commit.'
    return { status: 403, code: 'rule-denied', message, principal: null }
  }
  return hastyAsk(name, items.length, ports)
}

/** Why an agent has to wait; null where it need not. */
export function hastyAsk(name: string, asks: number, ports: DecisionPorts): NoAsk | null {
  const seconds = ports.pace.waitOf(name, asks, ports.monotonicMs())
  if (seconds === 0) return null
  const message = `The agent ${name} asks too often: ask again in ${seconds} s.`
  return { status: 429, code: 'rate-limited', message, principal: null, retryAfter: seconds }
}

/** Nobody can say by which policy it was judged. */
const changed: NoAsk = {
  ...{ status: 409, code: 'policy-mismatch', principal: null },
  message: 'The policy changed while this was judged: ask again.',
}

/** A refusal of the API itself: it has its code and its entry, and charges nothing. */
export async function refuse(refused: NoAsk, ports: DecisionPorts): Promise<Reply> {
  const { status, code, message, principal, retryAfter } = refused
  const receipt = await ports.reject({ code, message, principal })
  const { title } = reasons[code]
  const body: Problem = {
    type: `urn:haltgate:reason:${code}`,
    title,
    status,
    detail: message,
    reasons: [{ code, id: '', message }],
    receipt,
  }
  const headers = {
    ...(receipt === null ? {} : { 'haltgate-receipt': receiptText(receipt) ?? '' }),
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  }
  return { status, body, type: problemType, headers }
}
