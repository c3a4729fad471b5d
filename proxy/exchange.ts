/**
 * One request from its admission to its settlement: dials a judged address, forwards through the meter, and settles
 * exactly once on whichever way it ends (I2).
 *
 * admit → dial, address by address → open (dispatched, in the turn of the first byte) → head → body → settle
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import type { Passage } from '../gate/passage.ts'
import type { Refusal } from '../gate/refusal.ts'
import type { ReasonCode } from '../kernel/reasons.ts'
import { answerRequest, linger } from './answer-request.ts'
import type { Busy, Client } from './client.ts'
import type { Desk } from './desk.ts'
import { writeHost } from './host.ts'
import { type Intake, takeIn } from './intake.ts'
import { firstAsk, Meter, type Metered, type MeterOptions } from './meter.ts'
import { failureOf, receiptText } from './refuse.ts'
import { type ResponseHead, readResponseHead, readTrailers } from './response-head.ts'
import { troubleOf } from './trouble.ts'
import { Upload, type UploadSource } from './upload.ts'

const gone = new Error('the exchange has ended')

/** A response's head that waits for room in the hold. */
interface PendingHead {
  readonly status: number
  readonly phrase: string
  readonly head: ResponseHead
}

export class Exchange
  implements Busy, Dispatcher.DispatchHandler, Metered, MeterOptions, UploadSource
{
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly #desk: Desk
  readonly #client: Client
  #intake: Intake | null = null
  #passage: Passage | null = null
  #meter: Meter | null = null
  #upload: Upload | null = null
  /** Index of the judged address that is tried. */
  #attempt = 0
  #opened = false
  #unfit = false
  /** Settled, or refused, or given up: nothing more is done for it. */
  #ended = false
  #abort: ((error?: Error) => void) | null = null
  #resume: (() => void) | null = null
  #pending: PendingHead | null = null
  #held: Buffer | null = null
  /** Body bytes still to come; -1 where the length is unknown. */
  #left = -1
  #watchesDrain = false
  headBytes = 0
  upExact = true

  constructor(
    desk: Desk,
    client: Client,
    exchange: { request: IncomingMessage; response: ServerResponse },
  ) {
    this.#desk = desk
    this.#client = client
    this.request = exchange.request
    this.response = exchange.response
  }

  /** Judges the request and forwards it, or answers why not. */
  async run(): Promise<void> {
    const { context } = this.#desk
    const intake = takeIn(this.#desk, this.#client, { raw: this.request, kind: 'request' })
    if (!intake.ok) {
      this.#unfit = true
      const { code, message, principal, status } = intake
      const { listener } = this.#client
      this.#refuse(await context.gate.reject({ code, message, principal, status, listener }))
      return
    }
    this.#intake = intake
    const { head } = intake
    this.headBytes = head.bytes
    this.upExact = head.length !== null
    const charge = head.length === null ? {} : { bytes_up: head.bytes + head.length }
    const ask = firstAsk(context.limits, head.length === null)
    const answer = await context.gate.admit(intake.facts, { charge, ask }, context.resolve)
    if (answer.refused) {
      this.#refuse(answer)
      return
    }
    this.#passage = answer
    if (this.#ended) {
      answer.settle({ outcome: 'voided', actual: {}, status: 0, cut: '' })
      return
    }
    this.#meter = new Meter(context, answer, this)
    if (head.length !== 0) this.#upload = new Upload(this.request, this)
    this.#dispatch(intake, answer)
  }

  abandon(): void {
    const { response } = this
    this.#end('', response.headersSent ? response.statusCode : 0)
    this.#ended = true
  }

  get unfit(): boolean {
    return this.#unfit
  }

  get waitsForClient(): boolean {
    if (this.response.writableNeedDrain) return true
    return this.#upload !== null && !this.request.complete && this.#held === null
  }

  /** The gate, or the meter, ends it: the client's socket and the upstream's, in this same turn. */
  readonly cut = (refusal: Refusal): void => {
    if (this.#ended) return
    const { response } = this
    const answered = response.headersSent
    this.#end(refusal.code, answered ? response.statusCode : refusal.status)
    if (answered) response.destroy()
    else this.#answer(refusal)
  }

  /** There is room in the hold again. */
  wake(): void {
    this.#upload?.resumeUpload()
    const pending = this.#pending
    if (pending !== null) {
      this.#pending = null
      if (!this.#startResponse(pending)) return
    }
    const held = this.#held
    if (held !== null) {
      this.#held = null
      if (!this.onData(held)) return
    }
    if (pending !== null || held !== null) this.#resume?.()
  }

  takeUp(wanted: number): number {
    return this.#meter?.takeUp(wanted) ?? 0
  }

  #dispatch(intake: Intake, passage: Passage): void {
    const { facts, head, target } = intake
    const address = passage.addresses[this.#attempt] ?? ''
    const headers = ['Host', writeHost(facts.host, facts.port, 80), ...head.headers]
    if (head.length !== null && head.lengthGiven)
      headers.push('Content-Length', String(head.length))
    const pool = this.#desk.pools.at({ host: facts.host, port: facts.port, address })
    const { method } = facts
    pool.dispatch({ path: target.origin, method, headers, body: this.#upload }, this)
  }

  /** undici: connected, and about to write. From here on bytes may have left (I1). */
  onConnect(abort: (error?: Error) => void): void {
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
    if (this.#intake?.head.expects === true && this.#upload !== null) this.response.writeContinue()
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void, phrase: string): boolean {
    if (this.#ended) return false
    if (status < 200 && status !== 101) return true
    this.#resume = resume
    const head = readResponseHead(this.#desk.names, { status, phrase }, raw)
    if (!head.ok) {
      this.#fail('upstream-protocol', head.message)
      return false
    }
    return this.#startResponse({ status, phrase, head })
  }

  onData(chunk: Buffer): boolean {
    if (this.#ended) return false
    const taken = this.#meter?.takeDown(chunk.length) ?? 0
    if (taken === chunk.length) return this.#write(chunk)
    this.#held = chunk.subarray(taken)
    if (taken > 0) this.#write(chunk.subarray(0, taken))
    return false
  }

  onComplete(raw: string[] | Buffer[] | null): void {
    if (this.#ended) return
    const { response } = this
    this.#end('', response.statusCode)
    if (response.writableEnded) return
    const trailers = readTrailers(this.#desk.names, (raw ?? []) as readonly Buffer[])
    if (trailers.length > 0) response.addTrailers(trailers)
    this.#finishResponse(null)
  }

  onError(error: Error): void {
    if (this.#ended) return
    const passage = this.#passage
    const { code, message } = troubleOf(error, this.#opened)
    if (!this.#opened && passage !== null && this.#intake !== null) {
      this.#attempt += 1
      if (this.#attempt < passage.addresses.length) {
        this.#dispatch(this.#intake, passage)
        return
      }
    }
    this.#fail(code, message)
  }

  #startResponse(pending: PendingHead): boolean {
    const { head, phrase, status } = pending
    if (this.#meter?.takeDownWhole(head.bytes) !== true) {
      this.#pending = pending
      return false
    }
    const { request, response } = this
    const { headers, length, trailer } = head
    const bodiless = request.method === 'HEAD' || status === 204 || status === 304
    if (!bodiless) this.#left = length
    if (trailer !== null && !bodiless && length < 0 && request.httpVersion === '1.1') {
      headers.push('Trailer', trailer)
    }
    this.#pushOurs(headers)
    if (this.#desk.ending || !(this.#upload === null || request.complete)) {
      response.shouldKeepAlive = false
    }
    response.sendDate = false
    response.writeHead(status, phrase, headers)
    if (bodiless && length > 0 && request.method !== 'HEAD') {
      // The length of what a 304 stands for; undici 7 would wait for such a body and call its absence an error.
      this.#end('', status)
      response.end()
      return false
    }
    // Sent at once where the body may be long in coming: an event stream's client waits for it.
    if (length < 0 && !bodiless) response.flushHeaders()
    return true
  }

  #pushOurs(headers: string[]): void {
    const passage = this.#passage
    if (passage === null) return
    const { observed, policy, receipt, verdict } = passage
    headers.push('Haltgate-Decision', observed ? 'allow' : verdict, 'Haltgate-Policy', policy)
    headers.push('Haltgate-Receipt', receiptText(receipt))
    if (observed) headers.push('Haltgate-Observed', verdict)
  }

  /** False where the client is slower than the upstream: the upstream waits until it has drained. */
  #write(chunk: Buffer): boolean {
    const { response } = this
    if (this.#left > 0) {
      this.#left -= chunk.length
      if (this.#left === 0) {
        this.#finishResponse(chunk)
        return true
      }
    }
    if (response.write(chunk)) return true
    if (!this.#watchesDrain) {
      this.#watchesDrain = true
      response.on('drain', () => {
        if (!this.#ended && this.#held === null && this.#pending === null) this.#resume?.()
      })
    }
    return false
  }

  #finishResponse(chunk: Buffer | null): void {
    const { request, response } = this
    if (this.#upload === null || request.complete) {
      if (chunk === null) response.end()
      else response.end(chunk)
      return
    }
    if (chunk === null) {
      response.end()
      return
    }
    response.write(chunk)
    linger(this.#desk, this)
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
    else this.#answer(refusal)
  }

  /** Settles and lets go of the upstream. */
  #end(cut: string, status: number): void {
    if (this.#ended) return
    const passage = this.#passage
    if (passage === null) return
    this.#ended = true
    const actual = this.#meter?.stop() ?? {}
    if (this.#opened) passage.settle({ outcome: 'settled', actual, status, cut })
    else passage.settle({ outcome: 'voided', actual: {}, status, cut })
    this.#abort?.(gone)
    if (this.#upload !== null && !this.#upload.destroyed) {
      this.#upload.on('error', ignore)
      this.#upload.destroy()
    }
  }

  #refuse(refusal: Refusal): void {
    if (this.#ended) return
    this.#ended = true
    this.#answer(refusal)
  }

  #answer(refusal: Refusal): void {
    answerRequest(this.#desk, refusal, this)
  }
}

function ignore(): void {}
