/**
 * One request from its admission to its settlement: dials a judged address, forwards through the meter, and settles
 * exactly once on whichever way it ends (I2).
 *
 * admit → dial, address by address → open (dispatched, in the turn of the first byte) → head → body → settle
 */
import { Readable } from 'node:stream'
import type { Passage } from '../gate/passage.ts'
import type { Refusal } from '../gate/refusal.ts'
import type { ReasonCode } from '../kernel/reasons.ts'
import { answerRequest } from './answer-request.ts'
import type { Busy, Client } from './client.ts'
import type { Desk } from './desk.ts'
import type { Messages, RequestMessage, ResponseMessage } from './h2/message.ts'
import type { Answered, Last } from './inspect/answered.ts'
import { guarded } from './inspect/guard.ts'
import { guardedBytes } from './inspect/guarded-bytes.ts'
import { Judged } from './inspect/judged.ts'
import type { Objection } from './inspect/objection.ts'
import { type Judging, type Prepared, prepare } from './inspect/prepare.ts'
import { type Intake, takeIn } from './intake.ts'
import { firstAsk, Meter, type Metered, type MeterOptions } from './meter.ts'
import { failureOf } from './refuse.ts'
import { type ReadHead, Reply } from './reply.ts'
import { cleanPhrase, readResponseHead } from './response-head.ts'
import { send } from './send.ts'
import { doom, sever } from './sever.ts'
import { troubleOf } from './trouble.ts'
import { Upload, type UploadSource } from './upload.ts'
import type { Abort, Carrier, UpstreamHandler } from './upstream-call.ts'

const empty = Buffer.alloc(0)
const nothingMore: Last = { bytes: empty, objection: null, read: null }
const gone = new Error('the exchange has ended')

export class Exchange implements Busy, UpstreamHandler, Metered, MeterOptions, UploadSource {
  readonly request: RequestMessage
  readonly response: ResponseMessage
  readonly #desk: Desk
  readonly #client: Client
  readonly #reply: Reply
  #intake: Intake | null = null
  #judged: Judged | null = null
  #prepared: Prepared | null = null
  /** What reads the response on its way; null where nobody does. */
  #answered: Answered | null = null
  #passage: Passage | null = null
  #meter: Meter | null = null
  #upload: Upload | null = null
  /** Index of the judged address that is tried. */
  #attempt = 0
  #opened = false
  /** Settled, or refused, or given up: nothing more is done for it. */
  #ended = false
  #carrier: Carrier | null = null
  #abort: Abort | null = null
  #resume: (() => void) | null = null
  #pending: ReadHead | null = null
  #held: Buffer | null = null
  /** Trailers of a response that has ended, while its last bytes wait for room. */
  #last: readonly string[] | null = null
  unfit = false
  headBytes = 0
  upExact = true

  constructor(desk: Desk, client: Client, exchange: Messages) {
    this.#desk = desk
    this.#client = client
    this.request = exchange.request
    this.response = exchange.response
    this.#reply = new Reply(desk, this)
  }

  /** Judges the request and forwards it, or answers why not. */
  async run(): Promise<void> {
    const { context } = this.#desk
    const intake = takeIn(this.#desk, this.#client, { raw: this.request, kind: 'request' })
    if (!intake.ok) {
      this.unfit = true
      const { code, message, principal, status } = intake
      const { listener, principal: inside } = this.#client
      // Whoever opened this tunnel is not known any more: it carries nothing else.
      if (inside !== null && status === 407) this.response.shouldKeepAlive = false
      this.#refuse(await context.gate.reject({ code, message, principal, status, listener }))
      return
    }
    const { head, facts } = intake
    this.headBytes = head.bytes
    this.upExact = head.length !== null
    const charge = head.length === null ? {} : { bytes_up: head.bytes + head.length }
    const ask = firstAsk(context.limits, head.length === null)
    const judged = new Judged(this.#desk, this, intake)
    this.#judged = judged
    const amounts = guarded(context.sight, intake, { charge, ask, findings: judged.findings })
    const { resolve } = context
    const left = (gone: () => void): void => void this.response.once('close', gone)
    const answer = await context.gate.admit(facts, amounts, { resolve, read: judged.read, left })
    const signs = !answer.refused && answer.classification.capability === 'attach'
    const token = signs ? await context.sight.attest(answer) : ''
    if (answer.refused || this.#ended) judged.free()
    if (answer.refused) this.#refuse(answer)
    else if (this.#ended) answer.settle({ outcome: 'voided', actual: {}, status: 0, cut: '' })
    else this.#forward(intake, { judged, passage: answer, token })
  }

  abandon(): void {
    this.#end('', this.response.headersSent ? this.response.statusCode : 0)
    this.#ended = true
  }

  get waitsForClient(): boolean {
    if (this.response.writableNeedDrain || this.#judged?.waits === true) return true
    return this.#upload !== null && !this.request.complete && this.#held === null
  }

  get continued(): boolean {
    return this.#judged?.continued === true
  }

  get sending(): boolean {
    return this.#upload !== null && !this.request.complete
  }

  /**
   * The gate, or the meter, ends it: both sockets are severed first, in this same turn, and what the system still had
   * to send on them is lost. A client that has had no answer gets to read this one, and one that reads events an
   * event; on a connection with other streams only this one ends, unless all of them are halted.
   */
  readonly cut = (refusal: Refusal): void => {
    if (this.#ended) return
    const { response } = this
    const answered = response.headersSent
    const upstream = this.#opened ? (this.#carrier?.socket ?? null) : null
    if (upstream !== null) doom(upstream)
    const event = answered ? (this.#answered?.lastWord(refusal) ?? null) : null
    if (event !== null) response.end(event)
    else if (answered && (!this.#shares || refusal.decision === 'halt')) this.#client.sever()
    this.#end(refusal.code, answered ? response.statusCode : refusal.status)
    // Behind the TLS upon it, which may be reading: Node frees at once what lies on a dead connection.
    if (upstream !== null) sever([upstream])
    if (!answered) answerRequest(this.#desk, refusal, this)
    else if (event === null) response.destroy()
  }

  /** There is room in the hold again. */
  wake(): void {
    this.#upload?.resumeUpload()
    const [held, pending] = [this.#held, this.#pending]
    this.#pending = null
    if (pending !== null && !this.#begin(pending)) return
    this.#held = null
    const goesOn = held === null || this.#pass(held)
    if (this.#last === null) {
      if (goesOn && (pending !== null || held !== null)) this.#resume?.()
    } else if (this.#held === null && !this.#ended) {
      this.#end('', this.response.statusCode, true)
      this.#reply.finish(this.#last)
    }
  }

  takeUp(wanted: number): number {
    return this.#meter?.takeUp(wanted) ?? 0
  }

  /** The client reads again. */
  drained(): void {
    if (!this.#ended && this.#held === null && this.#pending === null) this.#resume?.()
  }

  carriedBy(carrier: Carrier): void {
    this.#carrier = carrier
  }

  /** Connected, and about to write. From here on bytes may have left (I1). */
  onConnect(abort: Abort): void {
    if (this.#ended || this.#opened || this.#passage === null) {
      abort(gone)
      return
    }
    this.#abort = abort
    const refusal = this.#passage.open(this.cut)
    if (refusal !== null) {
      this.cut(refusal)
      return
    }
    this.#opened = true
    this.#meter?.start()
    if (this.#upload !== null) this.#judged?.proceed()
  }

  onHeaders(status: number, raw: readonly string[], resume: () => void, phrase: string): boolean {
    if (this.#ended) return false
    this.#resume = resume
    const head = readResponseHead(this.#desk.names, { status, phrase }, raw)
    if (!head.ok) {
      this.#fail('upstream-protocol', head.message)
      return false
    }
    const read = { status, phrase: cleanPhrase(phrase), head }
    const answered = this.#answered
    const begun = answered === null ? read : answered.begin(read, this.#reply.isBodiless(status))
    if (begun === null) return true
    if ('head' in begun) return this.#begin(begun)
    this.#fail(begun.code, begun.message)
    return false
  }

  onData(chunk: Buffer): boolean {
    if (this.#ended) return false
    const answered = this.#answered
    if (answered === null) return this.#pass(chunk)
    const { bytes, objection } = answered.take(chunk)
    const goesOn = bytes.length === 0 || this.#pass(bytes)
    if (objection === null) return goesOn
    this.#object(objection)
    return false
  }

  onComplete(trailers: readonly string[]): void {
    if (this.#ended) return
    this.#last = this.#answered?.trailers(trailers) ?? trailers
    const { bytes, objection, read } = this.#answered?.end() ?? nothingMore
    if (objection !== null) this.#object(objection)
    // Whoever has that connection next is not severed for this one's sake.
    this.#carrier = null
    this.#pending ??= read
    if (bytes.length > 0) this.#held = Buffer.concat([this.#held ?? empty, bytes])
    if (!this.#ended) this.wake()
  }

  onError(error: Error): void {
    if (this.#ended) return
    const passage = this.#passage
    const { code, final, message } = troubleOf(error, this.#opened)
    if (!this.#opened && passage !== null) {
      this.#attempt += 1
      if (this.#attempt < passage.addresses.length && !final && code !== 'upstream-tls') {
        this.#dispatch(passage)
        return
      }
    }
    this.#fail(code, message)
  }

  /** Whether its connection carries other exchanges at the same time. */
  get #shares(): boolean {
    return this.request.httpVersion === 'h2'
  }

  #forward(intake: Intake, judging: Judging): void {
    const { passage } = judging
    this.#passage = passage
    const prepared = prepare(this.#desk, intake, judging)
    if (!prepared.ok) {
      this.#fail(prepared.code, prepared.message)
      return
    }
    this.#intake = intake
    this.#prepared = prepared
    const { answered, body } = prepared
    const { sight } = this.#desk.context
    this.#answered = answered
    if (body !== null && body.length > (intake.head.length ?? body.length)) this.upExact = false
    this.#meter = new Meter(this.#desk.context, passage, this)
    if (body !== null) this.#upload = new Upload(Readable.from([body]), this)
    else if (intake.head.length !== 0)
      this.#upload = new Upload(guardedBytes(sight, this.request, this.#object), this)
    this.#dispatch(passage)
  }

  #dispatch(passage: Passage): void {
    const [intake, prepared] = [this.#intake, this.#prepared]
    if (intake === null || prepared === null) return
    const address = passage.addresses[this.#attempt] ?? ''
    const protocol = this.#shares ? 'h2' : 'http/1.1'
    const { facts } = intake
    const sending = { address, body: this.#upload, facts, passage, prepared, protocol } as const
    const trouble = send(this.#desk, sending, this)
    if (trouble !== null) this.#fail(trouble.code, trouble.message)
  }

  #begin(read: ReadHead): boolean {
    const passage = this.#passage
    if (passage === null) return false
    if (this.#meter?.takeDownWhole(read.head.bytes) !== true) {
      this.#pending = read
      return false
    }
    if (this.#reply.begin(read, passage)) return true
    // The length of what a 304 stands for: nothing follows it.
    this.#end('', read.status, true)
    this.response.end()
    return false
  }

  /** Lets through what the hold covers; false where the upstream has to wait. */
  #pass(chunk: Buffer): boolean {
    const held = this.#held
    if (held !== null) {
      this.#held = Buffer.concat([held, chunk])
      return false
    }
    const taken = this.#meter?.takeDown(chunk.length) ?? 0
    if (taken === chunk.length) return this.#reply.write(chunk)
    this.#held = chunk.subarray(taken)
    if (taken > 0) this.#reply.write(chunk.subarray(0, taken))
    return false
  }

  readonly #object = ({ code, message }: Objection): void => {
    const passage = this.#passage
    if (passage !== null) this.cut(failureOf(passage, code, message))
  }

  /** Ended by the upstream: answered while that is possible, otherwise cut off so that it is never a clean end. */
  #fail(code: ReasonCode, message: string): void {
    const passage = this.#passage
    if (this.#ended || passage === null) return
    const { response } = this
    const answered = response.headersSent
    const refusal = failureOf(passage, code, message)
    this.#end(code, answered ? response.statusCode : refusal.status)
    if (answered) response.destroy()
    else answerRequest(this.#desk, refusal, this)
  }

  /** Settles and lets go of the upstream. */
  #end(cut: string, status: number, whole = false): void {
    if (this.#ended) return
    const passage = this.#passage
    if (passage === null) return
    this.#ended = true
    this.#judged?.free()
    const actual = this.#meter?.stop() ?? {}
    const end = { actual, cut, findings: this.#upload?.findings ?? [], status }
    if (!this.#opened) passage.settle({ ...end, outcome: 'voided', actual: {} })
    else if (this.#answered === null) passage.settle({ ...end, outcome: 'settled' })
    else void this.#answered.settle(passage, { ...end, whole })
    this.#abort?.(gone)
    if (this.#upload !== null && !this.#upload.destroyed) {
      this.#upload.on('error', () => {})
      this.#upload.destroy()
    }
  }

  #refuse(refusal: Refusal): void {
    if (!this.#ended) answerRequest(this.#desk, refusal, this)
    this.#ended = true
  }
}
