/** The one decision path: preview without effect, the body where it is needed, destination, then one turn. */
import type { DecoderName } from '../kernel/content.ts'
import type { Classification } from '../kernel/policy.ts'
import { Failure } from '../kernel/reasons.ts'
import type { RequestFacts } from '../kernel/request.ts'
import { askOf, bodyHashOf, waitOf } from './binding.ts'
import { Body, ReadFacts } from './body.ts'
import { conclude } from './conclude.ts'
import type { Core } from './core.ts'
import { bindingOf, judged, prove, shownIn } from './judge.ts'
import type { Passage } from './passage.ts'
import { Patience } from './patience.ts'
import { type Placed, type Preview, place } from './place.ts'
import type { AdmitPorts, Needed, Reading } from './ports.ts'
import type { Refusal } from './refusal.ts'
import {
  type Amounts,
  classified,
  eventOf,
  goesOn,
  mayGoOn,
  type Reject,
  type Work,
} from './work.ts'

/** A reload while a name resolves, a body arrives, or it waits in a line, judges anew; more of them are refused. */
const reloadsMax = 3

export interface Asked {
  readonly facts: RequestFacts
  readonly amounts: Amounts
  readonly reject: Reject
}

/** One request, from the first look at it to its answer. */
interface Case {
  readonly core: Core
  readonly asked: Asked
  readonly ports: AdmitPorts
  readonly body: Body
  readonly patience: Patience
  readonly begunMs: number
}

/**
 * Admits one request, or refuses it; either way one entry is durable before this resolves (I1), or a flood's count
 * has it. Where a person is asked, the asking has an entry of its own, and the connection may be held for the answer.
 *
 * ports  asked only if the kernel would not refuse already: policy before the body, and policy before DNS.
 */
export async function admit(
  core: Core,
  asked: Asked,
  ports: AdmitPorts,
): Promise<Passage | Refusal> {
  const begunMs = core.clock.monotonicMs()
  const body = new Body(core.clock, ports.read)
  const patience = new Patience(core, ports)
  const one = { core, asked, ports, body, patience, begunMs }
  try {
    for (let reloads = 0; reloads <= reloadsMax; ) {
      const placed = await attempt(one)
      if (placed === null) reloads += 1
      else if (!placed.refused || !(await patience.holds(placed))) return placed
    }
    const message = 'The policy changed too often while this was judged.'
    return await asked.reject(core.plain('policy-unavailable', message))
  } catch (error) {
    if (error instanceof Failure) return core.plain(error.code, error.message)
    throw error
  }
}

/** Judges it by what is so now; null where a policy came in between. */
async function attempt(one: Case): Promise<Placed> {
  const { body, core, asked, ports } = one
  const barred = barredBy(core, asked)
  if (barred !== null) return await barred
  let work = workOf(core, asked, begunOf(one))
  const needed = neededOf(work)
  let shown = needed === null ? shownIn(work) : null
  if (needed === null && shown === null) work = judged(work)
  let preview = previewOf(work)
  if (!mayGoOn(preview.answer, work.policy)) return await concludeWith(work, preview)
  if (needed !== null) {
    const reading = await body.read(needed)
    // Whatever came meanwhile is seen: a halt by the second preview, the rest here.
    const late = await lateness(one, work)
    if (late !== undefined) return late
    work = withBody(work, needed.decoder, { reading, begunMs: begunOf(one) })
    shown = work.unread === null ? shownIn(work) : null
  }
  if (shown !== null) {
    const proved = await prove(work, shown)
    const late = await lateness(one, work)
    if (late !== undefined) return late
    work = judged(work, { proved })
  } else if (needed !== null && work.unread === null) work = judged(work)
  if (needed !== null || shown !== null) {
    preview = previewOf(work)
    const isRefused = work.unread !== null || !mayGoOn(preview.answer, work.policy)
    if (isRefused) return await concludeWith(work, preview)
  }
  if (!goesOn(preview.answer, work.policy)) return await askPeople(one, work, preview)
  return await resolved(work, preview, ports)
}

/** Binds a person's yes to what is asked: where it was given the request goes on, otherwise it is asked for. */
async function askPeople(one: Case, given: Work, asking: Preview): Promise<Placed> {
  const { body, core, patience, ports } = one
  let work = given
  if (core.hash !== null && work.bodyHash === null) {
    const reading = await body.read({ decoder: '', payload: [], hash: true })
    const late = await lateness(one, work)
    if (late !== undefined) return late
    work = withBody(work, '', { reading, begunMs: begunOf(one) })
  }
  const digests = work.unread === null ? bindingOf(work) : null
  if (digests === null) return await concludeWith(work, previewOf(work))
  const { classification, policy } = work
  work = { ...work, approval: askOf(work, asking.answer, digests) }
  patience.seeks(digests.digest, waitOf(policy, classification))
  const preview = previewOf(work)
  if (goesOn(preview.answer, policy)) return await resolved(work, preview, ports)
  return patience.told(preview.answer) ?? (await concludeWith(work, preview))
}

/** What came while it waited for something: a refusal, another policy (null), or nothing. */
async function lateness({ asked, core }: Case, { policy }: Work): Promise<Placed | undefined> {
  const barred = barredBy(core, asked)
  if (barred !== null) return await barred
  return core.policy === policy ? undefined : null
}

/** When it would have begun if neither its body nor any person had taken time. */
function begunOf({ begunMs, body, patience }: Case): number {
  return begunMs + body.waitedMs + patience.waitedMs
}

/** What of its body must be read before its policy can say what it is; null where that is nothing. */
function neededOf({ bodyHash, classification, core, facts }: Work): Needed | null {
  if (facts.content !== null) return null
  const { capability, decoder, payload } = classification
  const isBound = capability !== '' && bodyHash === null && core.hash !== null
  if (decoder === '' && payload.length === 0 && !isBound) return null
  return { decoder, payload, hash: core.hash !== null && facts.kind === 'request' }
}

/** Asks for the destination, and places the request where the policy is still the same. */
async function resolved(work: Work, preview: Preview, ports: AdmitPorts): Promise<Placed> {
  const { core, facts, policy } = work
  const { state } = core
  const asked = ports.resolve(facts.host, facts.port, work.classification.addresses)
  const late = asked instanceof Promise
  const destination = late ? await asked : asked
  if (core.policy !== policy) return null
  // Answered in the same turn, of an address or a cached name: the preview is the decision.
  const same = !late && destination.ok && core.state === state
  return place(work, destination, same ? preview : null)
}

/** Whether any rule could allow this host and port; a refusal is recorded, a yes is not a decision yet. */
export async function reach(
  core: Core,
  asked: Omit<Asked, 'amounts'>,
): Promise<Classification | Refusal> {
  const begunMs = core.clock.monotonicMs()
  const amounts = { charge: { effort: 0, inflight: 0, requests: 0 }, ask: {} }
  try {
    const barred = barredBy(core, asked)
    if (barred !== null) return await barred
    const work = workOf(core, { ...asked, amounts }, begunMs)
    const preview = previewOf(work)
    if (mayGoOn(preview.answer, work.policy)) return work.classification
    const concluded = await concludeWith(work, preview)
    return concluded.refused ? concluded : work.classification
  } catch (error) {
    if (error instanceof Failure) return core.plain(error.code, error.message)
    throw error
  }
}

/** The refusal of a gate that is shut, or that no longer knows who asks: a reload may have come since. */
function barredBy(core: Core, asked: Omit<Asked, 'amounts'>): Promise<Refusal> | null {
  const refusal = core.closed() ?? core.stranger(asked.facts.principal)
  return refusal === null ? null : asked.reject(refusal)
}

/** A request as the policy in force classifies it, nothing of it read or judged. */
export function workOf(core: Core, asked: Asked, begunMs: number): Work {
  const { facts, amounts, reject } = asked
  const { policy } = core
  const classification = classified(policy, facts)
  const decoder = facts.content?.decoder ?? ''
  const bodyHash = bodyHashOf(core, facts)
  const open = { bodyBytes: null, unread: null, said: null, approval: null }
  return {
    core,
    facts,
    amounts,
    reject,
    policy,
    classification,
    decoder,
    bodyHash,
    ...open,
    begunMs,
  }
}

/** What the kernel would answer now. */
export function previewOf(work: Work): Preview {
  const event = eventOf(work, [], 'open')
  return { event, answer: work.core.decide(event) }
}

function concludeWith(work: Work, { event, answer }: Preview): Promise<Passage | Refusal> {
  return conclude(work, null, event, answer)
}

/** The work with its body read; what still asks for a decoder then cannot be judged by this one. */
function withBody(
  work: Work,
  decoder: DecoderName | '',
  read: { readonly reading: Reading; readonly begunMs: number },
): Work {
  const { reading, begunMs } = read
  if (!reading.ok) {
    const { code, message } = reading
    return { ...work, decoder, unread: { code, id: '', message }, begunMs }
  }
  const bodyHash = work.bodyHash ?? (() => reading.bodyHash ?? null)
  // Looked at by detectors alone, or only hashed, which is no fact: what the policy says stays as it was.
  const bodyBytes = (): Uint8Array | null => reading.bodyBytes ?? null
  if (reading.content === null) return { ...work, bodyHash, bodyBytes, begunMs }
  const facts = new ReadFacts(work.facts, reading.content)
  const classification = classified(work.policy, facts)
  const unread = classification.decoder === '' ? null : twice(classification.decoder, decoder)
  return { ...work, facts, classification, decoder, bodyHash, bodyBytes, unread, begunMs }
}

function twice(wanted: DecoderName, read: DecoderName | ''): Work['unread'] {
  if (wanted === read) return null
  const message = `The rules need the body as ${wanted} and as ${read}: it is read with one decoder.`
  return { code: 'inspection-required', id: '', message }
}
