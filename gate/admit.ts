/** The one decision path: preview without effect, the body where it is needed, destination, then one turn. */
import type { DecoderName } from '../kernel/content.ts'
import type { Classification } from '../kernel/policy.ts'
import { Failure } from '../kernel/reasons.ts'
import type { RequestFacts } from '../kernel/request.ts'
import { Body, ReadFacts } from './body.ts'
import { conclude } from './conclude.ts'
import type { Core } from './core.ts'
import type { Passage } from './passage.ts'
import { type Placed, type Preview, place } from './place.ts'
import type { AdmitPorts, Reading } from './ports.ts'
import type { Refusal } from './refusal.ts'
import { type Amounts, classified, eventOf, goesOn, type Reject, type Work } from './work.ts'

/** A reload while a name resolves, a body arrives, or it waits in a line, judges anew; more of them are refused. */
const reloadsMax = 3

export interface Asked {
  readonly facts: RequestFacts
  readonly amounts: Amounts
  readonly reject: Reject
}

/**
 * Admits one request, or refuses it; either way one entry is durable before this resolves (I1), or a flood's count
 * has it.
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
  try {
    for (let reloads = 0; reloads <= reloadsMax; reloads += 1) {
      const barred = barredBy(core, asked)
      if (barred !== null) return await barred
      let work = workOf(core, asked, begunMs + body.waitedMs)
      let preview = previewOf(work)
      if (!goesOn(preview.answer, work.policy)) return await concludeWith(work, preview)
      const needed = work.classification
      if (asked.facts.content === null && (needed.decoder !== '' || needed.payload.length > 0)) {
        const reading = await body.read(needed)
        // Whatever came meanwhile is seen: a halt by the second preview, the rest here.
        const late = barredBy(core, asked)
        if (late !== null) return await late
        if (core.policy !== work.policy) continue
        work = withBody(work, needed.decoder, { reading, begunMs: begunMs + body.waitedMs })
        preview = previewOf(work)
        const isRefused = work.unread !== null || !goesOn(preview.answer, work.policy)
        if (isRefused) return await concludeWith(work, preview)
      }
      const placed = await resolved(work, preview, ports)
      if (placed !== null) return placed
    }
    const message = 'The policy changed too often while this was judged.'
    return await asked.reject(core.plain('policy-unavailable', message))
  } catch (error) {
    if (error instanceof Failure) return core.plain(error.code, error.message)
    throw error
  }
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
    if (goesOn(preview.answer, work.policy)) return work.classification
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

function workOf(core: Core, asked: Asked, begunMs: number): Work {
  const { facts, amounts, reject } = asked
  const { policy } = core
  const classification = classified(policy, facts)
  const decoder = facts.content?.decoder ?? ''
  return { core, facts, amounts, reject, policy, classification, decoder, unread: null, begunMs }
}

function previewOf(work: Work): Preview {
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
  // Looked at by detectors alone, which is no fact: what the policy says stays as it was.
  if (reading.content === null) return { ...work, begunMs }
  const facts = new ReadFacts(work.facts, reading.content)
  const classification = classified(work.policy, facts)
  const unread = classification.decoder === '' ? null : twice(classification.decoder, decoder)
  return { ...work, facts, classification, decoder, unread, begunMs }
}

function twice(wanted: DecoderName, read: DecoderName | ''): Work['unread'] {
  if (wanted === read) return null
  const message = `The rules need the body as ${wanted} and as ${read}: it is read with one decoder.`
  return { code: 'inspection-required', id: '', message }
}
