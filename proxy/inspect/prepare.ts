/** What leaves for an admitted request: its path, its headers with what is set on the way out, and its body. */
import type { Passage } from '../../gate/passage.ts'
import type { PayloadTerms } from '../../kernel/payload.ts'
import type { ReasonCode } from '../../kernel/reasons.ts'
import type { Desk } from '../desk.ts'
import { writeHost } from '../host.ts'
import type { Intake } from '../intake.ts'
import type { Outgoing } from '../sight.ts'
import { Answered, type Readers } from './answered.ts'
import { headerOf, without, withoutDigests } from './header.ts'
import type { Judged } from './judged.ts'
import { ModelRun } from './model-run.ts'
import { roomOf } from './room.ts'
import { ToolList } from './tool-list.ts'
import { ToolStream } from './tool-stream.ts'
import { type Watch, Watched } from './watched.ts'

export interface Prepared {
  readonly ok: true
  readonly path: string
  /** Flat, Host and Content-Length included. */
  readonly headers: string[]
  /** The whole body where it was judged; null where the client's own bytes are passed on. */
  readonly body: Buffer | null
  /** What reads the response on its way; null where nobody does. */
  readonly answered: Answered | null
}

interface Unprepared {
  readonly ok: false
  readonly code: ReasonCode
  readonly message: string
}

/** Content codings that the gate takes off a response, where it has to read it. */
const readable: ReadonlySet<string> = new Set(['gzip', 'deflate', 'br', 'identity'])

/** An admitted request. */
export interface Judging {
  readonly passage: Passage
  readonly judged: Judged
  /** What goes along as a capability token: empty where nothing does, null where it should and cannot. */
  readonly token: string | null
}

export function prepare(desk: Desk, intake: Intake, judging: Judging): Prepared | Unprepared {
  const { facts, head, target } = intake
  const { judged, passage } = judging
  judged.decided()
  const { classification } = passage
  const run = runOf(desk, judging)
  let { body } = judged
  let isChanged = judged.headers !== null
  if (run !== null) {
    body = body === null ? null : run.bound(body)
    isChanged ||= body !== judged.body
    if (body === null) {
      const message = 'The budget does not cover a single token of an answer.'
      return { ok: false, code: 'budget-exhausted', message }
    }
  }
  const own = judged.headers ?? head.headers
  let outgoing: Outgoing = { headers: isChanged ? withoutDigests(own) : own, query: facts.query }
  if (run !== null) outgoing = { ...outgoing, headers: readably(outgoing.headers) }
  // What is sent a credential may echo it, and the agent must not read it.
  const looks = classification.inject.length > 0 || readsBack(classification.payload)
  const tools = toolsOf(desk, intake, judged)
  if (looks || tools !== null) outgoing = { ...outgoing, headers: plainly(outgoing.headers) }
  if (classification.inject.length > 0) {
    if (facts.scheme !== 'https') return inTheClear
    const { inject } = classification
    const injected = desk.context.sight.inject(inject, outgoing, passage.policy)
    if (!injected.ok) return { ok: false, ...injected.reason }
    outgoing = injected.outgoing
  }
  const { token } = judging
  if (token === null) return unsigned
  const signed = token === '' ? [] : ['Haltgate-Capability', token]
  const portImplied = facts.scheme === 'https' ? 443 : 80
  const headers = [
    'Host',
    writeHost(facts.host, facts.port, portImplied),
    ...outgoing.headers,
    ...signed,
  ]
  const length = body?.length ?? head.length
  if (length !== null && (head.lengthGiven || length > 0)) {
    headers.push('Content-Length', String(length))
  }
  const asItCame = outgoing.query === facts.query
  const path = asItCame ? target.origin : `${facts.path}?${outgoing.query}`
  const watch = looks ? watchOf(desk, classification.payload) : null
  const answered = answeredBy({ run, tools }, watch)
  return { ok: true, path, headers, body: head.length === 0 ? null : body, answered }
}

const readsBack = (terms: readonly PayloadTerms[]): boolean =>
  terms.some(({ responses }) => responses)

function watchOf(desk: Desk, terms: readonly PayloadTerms[]): Watch | null {
  const { inspector } = desk.context.sight
  return inspector === null ? null : { inspector, terms }
}

/** What reads the answer; null where nobody has to. */
function answeredBy(readers: Omit<Readers, 'stream'>, watch: Watch | null): Answered | null {
  if (watch !== null) {
    const { inspector, terms } = watch
    const stream = inspector.openStream({ place: 'response-body', terms })
    return new Watched({ ...readers, stream }, watch)
  }
  if (readers.run === null && readers.tools === null) return null
  return new Answered({ ...readers, stream: null })
}

function toolsOf(desk: Desk, { facts }: Intake, { content }: Judged): Readers['tools'] {
  if (content?.decoder !== 'mcp') return null
  const method = content.facts['mcp_method']
  // A server may send again there what it answered before.
  if (method === 'stream') return new ToolStream(desk, facts)
  return method === 'tools/list' ? new ToolList(desk, facts) : null
}

const inTheClear: Unprepared = {
  ok: false,
  code: 'inspection-required',
  message: 'A credential is set inside TLS only: ask by https.',
}

const unsigned: Unprepared = {
  ok: false,
  code: 'policy-unavailable',
  message: 'The token that goes along with this request cannot be signed: tell an operator.',
}

function runOf(desk: Desk, { judged, passage }: Judging): ModelRun | null {
  const { classification, limits } = passage
  const { price } = classification
  const model = judged.content?.model ?? null
  if (model === null || price === null) return null
  const { hashKey } = desk.context.sight
  return new ModelRun({ model, price, limits, hashKey, room: roomOf(desk) })
}

/** As it is, and all of it: what comes in ranges could be read by parts that no detector sees together. */
function plainly(headers: readonly string[]): readonly string[] {
  const kept = without(without(headers, 'accept-encoding'), 'range')
  return [...kept, 'Accept-Encoding', 'identity']
}

/** Accept-Encoding with nothing in it that the gate could not read; what the client did not ask for is not added. */
function readably(headers: readonly string[]): readonly string[] {
  const asked = headerOf(headers, 'accept-encoding')
  if (asked === '') return headers
  const kept = asked
    .split(',')
    .map((one) => one.trim())
    .filter((one) => readable.has(one.split(';', 1)[0]?.trim().toLowerCase() ?? ''))
  const value = kept.length === 0 ? 'identity' : kept.join(', ')
  return [...without(headers, 'accept-encoding'), 'Accept-Encoding', value]
}
