/** Reads a response on its way to the client: what a model used, and what detectors object to in it. */
import type { Passage } from '../../gate/passage.ts'
import type { Refusal } from '../../gate/refusal.ts'
import type { Vector } from '../../kernel/dimension.ts'
import type { PayloadFinding, PayloadStep, PayloadStream } from '../../kernel/payload.ts'
import { cutEvent } from '../../kernel/usage/cut.ts'
import type { ReadHead } from '../reply.ts'
import { headerOf, without, withoutDigests } from './header.ts'
import { objectionOf } from './judged.ts'
import type { ModelRun } from './model-run.ts'
import type { Objection, Taken } from './objection.ts'
import type { ToolList } from './tool-list.ts'
import { ToolStream } from './tool-stream.ts'

/** Those who read a response; null where one does not. */
export interface Readers {
  readonly run: ModelRun | null
  readonly stream: PayloadStream | null
  readonly tools: ToolList | ToolStream | null
}

/** The end of a response: what was held back until it was known, and its head where that was held back too. */
export interface Last extends Taken {
  readonly read: ReadHead | null
}

/** How an exchange ended. */
interface Ended {
  readonly actual: Vector
  readonly cut: string
  /** What the client was answered. */
  readonly status: number
  readonly whole: boolean
  /** Of what left, found on its way. */
  readonly findings?: readonly PayloadFinding[]
}

const nothing = Buffer.alloc(0)

const tooMuch: Objection = {
  code: 'budget-exhausted',
  message: 'The model answered more tokens than the budget holds for this call.',
}

const coded: Objection = {
  code: 'upstream-protocol',
  message: 'The upstream coded a response that the rules want read, although it was asked not to.',
}

export class Answered {
  readonly run: ModelRun | null
  readonly #stream: PayloadStream | null
  readonly #tools: ToolList | null
  readonly #events: ToolStream | null
  /** Whether the answer is a stream of events that are filtered. */
  #isFiltered = false
  #status = 0
  /** The head of an answer that is held until it is whole. */
  #held: ReadHead | null = null
  /** Whether the client was told how much will come. */
  #isMeasured = false

  constructor({ run, stream, tools }: Readers) {
    this.run = run
    this.#stream = stream
    this.#events = tools instanceof ToolStream ? tools : null
    this.#tools = tools instanceof ToolStream ? null : tools
  }

  /**
   * Reads the head; what is taken out of a body changes its length, which is then not told.
   *
   * bodiless  no body follows, whatever the head says of one.
   * returns   null where the head has to wait for the end.
   */
  begin(read: ReadHead, bodiless: boolean): ReadHead | Objection | null {
    const { headers, length } = read.head
    this.#status = read.status
    this.#isMeasured = length >= 0
    const contentEncoding = headerOf(headers, 'content-encoding')
    this.run?.begin({ contentType: headerOf(headers, 'content-type'), contentEncoding })
    const isHeld = this.#tools?.holds(read) === true
    this.#isFiltered = this.#events?.reads(read) === true
    if (bodiless || (this.#stream === null && !isHeld && !this.#isFiltered)) return read
    if (contentEncoding !== '' && contentEncoding.toLowerCase() !== 'identity') return coded
    if (isHeld) {
      this.#held = read
      return null
    }
    this.#isMeasured = false
    const kept = this.#isFiltered ? withoutDigests(headers) : headers
    const head = { ...read.head, headers: without(kept, 'content-length'), length: -1 }
    return { ...read, head }
  }

  take(piece: Buffer): Taken {
    const isCovered = this.run?.push(piece) !== false
    const stream = this.#stream
    const taken = this.#filter(stream === null ? passing(piece) : takenOf(stream.push(piece)))
    // What goes beyond the hold stays here, however much of it came at once (I3).
    if (!isCovered) return { bytes: nothing, objection: taken.objection ?? tooMuch }
    const { objection } = taken
    if (this.#held === null) return taken
    return { bytes: nothing, objection: objection ?? this.#tools?.take(taken.bytes) ?? null }
  }

  #filter(taken: Taken): Taken {
    const events = this.#isFiltered && taken.objection === null ? this.#events : null
    return events === null || taken.bytes.length === 0 ? taken : events.take(taken.bytes)
  }

  #last(taken: Taken): Taken {
    const { bytes, objection } = this.#filter(taken)
    const events = this.#isFiltered && objection === null ? this.#events : null
    if (events === null) return { bytes, objection }
    const rest = events.end()
    return { ...rest, bytes: Buffer.concat([bytes, rest.bytes]) }
  }

  /** The trailers that may go on, flat; none of them where one may not. */
  trailers(raw: readonly string[]): readonly string[] {
    return raw
  }

  end(): Last {
    const last = this.#last(this.#stream === null ? passing(nothing) : takenOf(this.#stream.end()))
    const [held, tools] = [this.#held, this.#tools]
    if (held === null || tools === null) return { ...last, read: null }
    const objection = last.objection ?? tools.take(last.bytes)
    if (objection !== null) return { bytes: nothing, objection, read: null }
    const filtered = tools.end(held)
    if ('code' in filtered) return { bytes: nothing, objection: filtered, read: null }
    return { bytes: filtered.body, objection: null, read: filtered.read }
  }

  /**
   * The event that tells a client of events why there are no more; null where it can be told nothing. It begins with
   * the end of the event that may have been cut through.
   */
  lastWord({ code, decision, reasons }: Refusal): string | null {
    const { run } = this
    if (run === null || decision === 'halt' || !run.speaksEvents || this.#isMeasured) return null
    return `\n\n${cutEvent(run.model.wire, code, reasons[0]?.message ?? code)}`
  }

  /** Settles, once all is known. Never rejects. */
  async settle(passage: Passage, ended: Ended): Promise<void> {
    const { actual, cut, status, whole } = ended
    const findings = [...(ended.findings ?? []), ...(this.#stream?.findings ?? [])]
    this.#tools?.free()
    this.#events?.free()
    const { run } = this
    if (run === null) {
      passage.settle({ outcome: 'settled', actual, status, cut, findings })
      return
    }
    const spent = await run.finish({ whole, status: this.#status })
    passage.settle({ ...spent, actual: { ...actual, ...spent.actual }, status, cut, findings })
  }
}

function passing(bytes: Buffer): Taken {
  return { bytes, objection: null }
}

/** What a step of the detectors lets through. */
export function takenOf(step: PayloadStep): Taken {
  const bytes = Buffer.from(step.bytes.buffer, step.bytes.byteOffset, step.bytes.byteLength)
  if (step.verdict === 'pass') return { bytes, objection: null }
  const [code, message] = objectionOf(step)
  return { bytes: nothing, objection: { code, message } }
}
