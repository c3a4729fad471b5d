/**
 * A coded body on its way, searched as it is without its coding. A piece goes on once everything that it unfolds to has
 * been seen, and none of that may be the beginning of a secret: what somebody could read of it was read here before.
 */
import type { Transform } from 'node:stream'
import type { PayloadFinding, PayloadStep, PayloadStream } from '../../kernel/payload.ts'
import { takenOf } from './answered.ts'
import type { Objection } from './objection.ts'
import { isBomb } from './unfolding.ts'

/** Bytes that wait for what they unfold to; what needs more says next to nothing in them. */
const waitingBytesMax = 1024 * 1024

interface Uncovering {
  readonly unfolder: Transform
  readonly stream: PayloadStream
  /** Takes what goes on. */
  pass(piece: Buffer): void
  ended(): void
  object(objection: Objection): void
  /** More may come. */
  ready(): void
}

interface Held {
  readonly piece: Buffer
  /** Of what is unfolded, how much must have been found clean. */
  readonly until: number
}

export class Uncovered {
  readonly #uncovering: Uncovering
  #came = 0
  #unfolded = 0
  /** Of what was unfolded, what holds no beginning of a secret. */
  #clean = 0
  /** Not unfolded yet; the first of them is under way where `#isUnder`. */
  #pending: Buffer[] = []
  #isUnder = false
  #held: Held[] = []
  #waitingBytes = 0
  /** No more pieces come. */
  #isEnding = false
  /** Behind the end of its coding nothing is unfolded any more. */
  #isWhole = false
  #isOver = false

  constructor(uncovering: Uncovering) {
    this.#uncovering = uncovering
    const { stream, unfolder } = uncovering
    unfolder.on('data', (bytes: Buffer) => {
      this.#unfolded += bytes.length
      this.#look(stream.push(bytes))
      if (isBomb(this.#unfolded, this.#came)) this.#object(bomb)
    })
    unfolder.on('error', () => this.#object(unreadable))
    unfolder.once('end', () => this.#whole())
  }

  get findings(): readonly PayloadFinding[] {
    return this.#uncovering.stream.findings
  }

  /** Whether it takes more now; where not, `ready` follows. */
  push(piece: Buffer): boolean {
    if (this.#isOver) return true
    this.#came += piece.length
    this.#waitingBytes += piece.length
    if (this.#waitingBytes > waitingBytesMax) {
      this.#object(unreadable)
      return true
    }
    this.#pending.push(piece)
    this.#unfold()
    return !this.#isUnder
  }

  /** No more pieces come; `ended` follows the last one that goes on. */
  end(): void {
    this.#isEnding = true
    this.#unfold()
  }

  /** Nothing more of it matters. */
  drop(): void {
    this.#isOver = true
    this.#pending = []
    this.#held = []
    this.#uncovering.unfolder.destroy()
  }

  /** Unfolds the next piece, or ends what is unfolded, unless another one is under way. */
  #unfold(): void {
    if (this.#isOver || this.#isUnder) return
    if (this.#isWhole) {
      while (this.#pending.length > 0) this.#hold()
      this.#release()
    }
    const [next] = this.#pending
    if (next !== undefined) {
      this.#isUnder = true
      this.#uncovering.unfolder.write(next, () => this.#unfoldedOne())
    } else if (this.#isEnding) {
      if (this.#isWhole || this.#came === 0) this.#finish()
      else this.#uncovering.unfolder.end()
    }
  }

  #unfoldedOne(): void {
    if (this.#isOver || !this.#isUnder) return
    this.#isUnder = false
    this.#hold()
    this.#release()
    this.#unfold()
    if (!this.#isUnder) this.#uncovering.ready()
  }

  /** Its coding has ended; of a piece with bytes behind that end nothing else tells (zlib.js of Node 20 to 24). */
  #whole(): void {
    if (this.#isOver) return
    this.#look(this.#uncovering.stream.end())
    this.#isWhole = true
    this.#isUnder = false
    this.#unfold()
    this.#uncovering.ready()
  }

  #finish(): void {
    this.#clean = Number.POSITIVE_INFINITY
    this.#release()
    if (this.#isOver) return
    this.#isOver = true
    this.#uncovering.ended()
  }

  #look(step: PayloadStep): void {
    if (this.#isOver) return
    const { bytes, objection } = takenOf(step)
    this.#clean += bytes.length
    if (objection !== null) this.#object(objection)
  }

  #hold(): void {
    const piece = this.#pending.shift()
    if (piece !== undefined) this.#held.push({ piece, until: this.#unfolded })
  }

  #release(): void {
    let count = 0
    for (const { piece, until } of this.#held) {
      if (this.#isOver || until > this.#clean) break
      count += 1
      this.#waitingBytes -= piece.length
      this.#uncovering.pass(piece)
    }
    this.#held.splice(0, count)
  }

  #object(objection: Objection): void {
    if (this.#isOver) return
    this.drop()
    this.#uncovering.object(objection)
  }
}

const unreadable: Objection = {
  code: 'malformed-request',
  message: 'The body does not have the content coding that its head says.',
}

const bomb: Objection = {
  code: 'request-too-large',
  message: 'The body unfolds to more than the gate will read.',
}
