/** The body of a request under judgement: asked for once, and then part of the facts. */
import type { RequestFacts } from '../kernel/request.ts'
import type { Clock, Needed, Read, Reading } from './ports.ts'

/**
 * A body that was read is there for the policy that comes next and asks the same of it. No older reading is: whoever
 * reads it forwards what came out the last time (I12).
 */
export class Body {
  /** How long it took to arrive. */
  waitedMs = 0
  readonly #clock: Clock
  readonly #read: Read
  #last: { readonly asked: string; readonly reading: Reading } | null = null

  constructor(clock: Clock, read: Read) {
    this.#clock = clock
    this.#read = read
  }

  async read(needed: Needed): Promise<Reading> {
    const asked = `${needed.decoder} ${JSON.stringify(needed.payload)}`
    if (this.#last?.asked === asked) return this.#last.reading
    const fromMs = this.#clock.monotonicMs()
    const reading = await this.#read(needed)
    this.waitedMs += this.#clock.monotonicMs() - fromMs
    this.#last = { asked, reading }
    return reading
  }
}

/** The facts of a request with what its body holds; the headers stay as lazy as they were. */
export class ReadFacts implements RequestFacts {
  readonly id: string
  readonly principal: RequestFacts['principal']
  readonly kind: RequestFacts['kind']
  readonly method: string
  readonly scheme: RequestFacts['scheme']
  readonly host: string
  readonly port: number
  readonly path: string
  readonly query: string
  readonly content: RequestFacts['content']
  readonly #facts: RequestFacts

  constructor(facts: RequestFacts, content: RequestFacts['content']) {
    this.id = facts.id
    this.principal = facts.principal
    this.kind = facts.kind
    this.method = facts.method
    this.scheme = facts.scheme
    this.host = facts.host
    this.port = facts.port
    this.path = facts.path
    this.query = facts.query
    this.content = content
    this.#facts = facts
  }

  get headers(): RequestFacts['headers'] {
    return this.#facts.headers
  }
}
