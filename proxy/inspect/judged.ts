/**
 * The body of one request as it is judged: read whole, its coding taken off, what detectors object to taken out, and
 * decoded. What comes out of here is what is forwarded (I12).
 */

import { createHash } from 'node:crypto'
import type { Needed, Read, Reading } from '../../gate/ports.ts'
import type { Content } from '../../kernel/content.ts'
import { decoderOf } from '../../kernel/decoders/index.ts'
import type { PayloadFinding, PayloadJudgement } from '../../kernel/payload.ts'
import type { Classification } from '../../kernel/policy.ts'
import type { ReasonCode } from '../../kernel/reasons.ts'
import type { RequestFacts } from '../../kernel/request.ts'
import type { Desk } from '../desk.ts'
import type { Messages } from '../h2/message.ts'
import type { Intake } from '../intake.ts'
import { uncode } from './coding.ts'
import { headerOf, without } from './header.ts'
import { lookThrough, sliceBytes } from './slices.ts'
import { crowded, readWhole } from './whole-body.ts'

export class Judged {
  /** What is forwarded in place of the client's own bytes; null where nobody had to see them. */
  body: Buffer | null = null
  /** What the last decoder made of it. */
  content: Content | null = null
  /** End-to-end headers that go with it; null where they are the client's own. */
  headers: readonly string[] | null = null
  /** Looked at by the gate when it decides. */
  readonly findings: PayloadFinding[] = []
  readonly #desk: Desk
  readonly #messages: Messages
  readonly #intake: Intake
  /** As it came, or without its coding once anybody looked into it. */
  #raw: Promise<Buffer | Reading> | null = null
  #isPlain = false
  /** The headers that go with it without its coding; null where it had none. */
  #plain: readonly string[] | null = null
  /** Of what all connections may judge together. */
  #bytes = 0
  /** Of these, what a decoder's values take until the gate has decided. */
  #tree = 0
  #isReading = false
  #continued = false

  constructor(desk: Desk, messages: Messages, intake: Intake) {
    this.#desk = desk
    this.#messages = messages
    this.#intake = intake
  }

  /** See Read: any number of times, of one body. */
  readonly read: Read = async (needed) => {
    this.#raw ??= this.#take()
    // Where own secrets are guarded it is looked into all the same.
    const opaque = isOpaque(needed) && !this.#desk.context.sight.guards
    if (!opaque && !this.#isPlain) {
      this.#isPlain = true
      this.#raw = this.#raw.then((whole) => this.#uncoded(whole))
    }
    const raw = await this.#raw
    if (!Buffer.isBuffer(raw)) return raw
    const { facts, head } = this.#intake
    this.headers = this.#plain
    const looked = await this.#look(raw, needed.payload)
    if (!looked.ok) return looked
    const { body } = looked
    this.body = body
    if (needed.decoder === '') return bound(body, { ok: true, content: null })
    this.decided()
    const tree = treeBytesOf(body)
    if (!this.#reserve(tree)) return crowded
    this.#tree = tree
    const contentType = headerOf(head.headers, 'content-type')
    const { method, path, query } = facts
    const decoded = decoderOf(needed.decoder)({ method, path, query, contentType, body })
    // Without the tree of values: it takes seventy times the bytes, and a request may be long in coming to its end.
    this.content = decoded.ok ? { ...decoded.content, body: null } : null
    return decoded.ok ? bound(body, decoded) : decoded
  }

  /** Whether its client still has to send it. */
  get waits(): boolean {
    return this.#isReading
  }

  /** Whether the client was told to send what it asked about. */
  get continued(): boolean {
    return this.#continued
  }

  /** Tells a client that waits for it to send its body, once. */
  proceed(): void {
    if (!this.#intake.head.expects || this.#continued) return
    this.#continued = true
    this.#messages.response.writeContinue()
  }

  /** The gate has judged it, and keeps nothing of what a decoder made of it. */
  decided(): void {
    this.#keep(this.#bytes - this.#tree)
    this.#tree = 0
  }

  /** Nothing is kept of it any more. */
  free(): void {
    this.#keep(0)
    this.#tree = 0
  }

  #keep(bytes: number): void {
    this.#desk.judging += bytes - this.#bytes
    this.#bytes = bytes
  }

  /** Room for so many bytes more; false where all connections together judge too much already. */
  #reserve(bytes: number): boolean {
    if (!this.#fits(bytes)) return false
    this.#keep(this.#bytes + bytes)
    return true
  }

  #fits(bytes: number): boolean {
    const { context, judging } = this.#desk
    return judging + bytes <= context.limits.judgingBytesMax
  }

  async #take(): Promise<Buffer | Reading> {
    const { context } = this.#desk
    const { head } = this.#intake
    const { request, response } = this.#messages
    if (head.length === 0) return Buffer.alloc(0)
    const { judgedBytesMax } = context.limits
    if (head.length === null || head.length <= judgedBytesMax) {
      if (!this.#fits(head.length ?? 1)) return crowded
      this.proceed()
    }
    this.#isReading = true
    const whole = await readWhole(request, {
      context,
      length: head.length,
      bytesMax: judgedBytesMax,
      // As it comes: whoever says how much will come, or does not, takes no room by it.
      reserve: (bytes) => this.#reserve(bytes),
      left: (gone) => response.once('close', gone),
    })
    this.#isReading = false
    if (!whole.ok) return failed(whole.code, whole.message)
    this.#keep(whole.body.length)
    return whole.body
  }

  /** Without its coding; while that is taken off, it may be as large as any. */
  async #uncoded(body: Buffer | Reading): Promise<Buffer | Reading> {
    if (!Buffer.isBuffer(body)) return body
    const { headers } = this.#intake.head
    const { judgedBytesMax } = this.#desk.context.limits
    const kept = without(headers, 'content-encoding')
    if (kept.length === headers.length) return body
    if (!this.#reserve(judgedBytesMax)) return crowded
    const uncoded = await uncode(body, headerOf(headers, 'content-encoding'), judgedBytesMax)
    if (!uncoded.ok) return failed(uncoded.code, uncoded.message)
    this.#keep(uncoded.body.length)
    this.#plain = kept
    return uncoded.body
  }

  async #look(raw: Buffer, terms: Classification['payload']): Promise<Looked> {
    const { facts, head } = this.#intake
    const { inspector } = this.#desk.context.sight
    if (inspector === null) {
      if (terms.length === 0) return { ok: true, body: raw }
      return failed('policy-unavailable', 'The detectors that a rule names are not there.')
    }
    const headers = this.headers ?? head.headers
    const isLong = raw.length > sliceBytes
    const payload = { url: urlOf(facts), headers, body: isLong ? null : raw, terms }
    const judgement = inspector.request(payload)
    this.findings.splice(0, this.findings.length, ...judgement.findings)
    if (judgement.verdict === 'block') return failed(...objectionOf(judgement))
    const { redacted } = judgement
    if (redacted !== null) this.headers = redacted.headers
    const cleaned = redacted?.body ?? null
    if (!isLong) return { ok: true, body: cleaned === null ? raw : Buffer.from(cleaned) }
    const looked = await lookThrough(inspector, raw, terms)
    this.findings.push(...looked.findings)
    return looked.ok ? looked : failed(...objectionOf(looked.step))
  }
}

type Looked = { readonly ok: true; readonly body: Buffer } | (Reading & { readonly ok: false })

/** True where nobody looks into it: it is known by its hash alone, and forwarded as it came, its coding included. */
function isOpaque({ decoder, hash, payload }: Needed): boolean {
  return hash === true && decoder === '' && payload.length === 0
}

/** A reading with the bytes that will be forwarded, and their hash, made when it is asked for. */
function bound(body: Buffer, reading: Extract<Reading, { readonly ok: true }>): Reading {
  let hash: string | null = null
  return {
    ...reading,
    bodyBytes: body,
    get bodyHash(): string {
      hash ??= createHash('sha256').update(body).digest('hex')
      return hash
    },
  }
}

/** Bytes that a small value takes for each mark before it, measured on lists of empty objects (2026-11). */
const markBytes = 100

/** Marks that are not worth counting: those of small bodies. */
const marksFree = 1024

/** About what the values of a body take in memory beside its text: each but the first follows one of three marks. */
function treeBytesOf(body: Buffer): number {
  let marks = 0
  for (const byte of body) if (byte === 0x2c || byte === 0x5b || byte === 0x7b) marks += 1
  return Math.max(0, marks - marksFree) * markBytes
}

/** Why a payload may not pass, in a sentence that names no value. */
export function objectionOf({
  code,
  detector,
  rule,
}: Pick<PayloadJudgement, 'code' | 'detector' | 'rule'>): [ReasonCode, string] {
  const what =
    detector === 'own-secrets' ? 'a secret of the gate' : `what ${detector ?? 'it'} finds`
  const who = rule === '' ? '' : ` (rule ${rule})`
  return [code ?? 'payload-secret', `The payload holds ${what}${who}: take it out.`]
}

/** As the agent wrote it, for detectors: path and query. */
export function urlOf({ path, query }: RequestFacts): string {
  return query === '' ? path : `${path}?${query}`
}

function failed(code: ReasonCode, message: string): Reading & { readonly ok: false } {
  return { ok: false, code, message }
}
