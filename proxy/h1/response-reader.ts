/**
 * Reads the responses on one connection, piece by piece, and more strictly than most do: whatever two readers could
 * read in two ways is a fault (RFC 9112). It holds no more than one header section, and no byte of a body.
 */
import { ChunkLine } from './chunk-line.ts'
import { type Framing, framingOf } from './framing.ts'
import { fieldsIn, malformedSection, Section, unended } from './section.ts'

/**
 * starved: the piece is used up. head, data, end: one of these can be read off the members. fault: this is no
 * response, and nothing on this connection will be one.
 */
export type Step = 'starved' | 'head' | 'data' | 'end' | 'fault'

export interface ResponseStart {
  readonly status: number
  readonly phrase: string
  /** Flat name and value, as they came. */
  readonly headers: readonly string[]
}

/** Informational responses before the final one. */
const interimMax = 64

const startPattern = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: (.*))?$/

const letterH = 0x48

const noResponse = 'The upstream did not answer in valid HTTP/1.1.'

const nothing: Buffer = Buffer.alloc(0)
const noHead: ResponseStart = { status: 0, phrase: '', headers: [] }
const noBody: Framing = { kind: 'none', length: 0, keepsAlive: false, keepAliveMs: 0 }

type State = 'head' | 'length' | 'close' | 'size' | 'chunk' | 'trailers' | 'ended' | 'fault'

export class ResponseReader {
  readonly #section: Section
  readonly #chunkLine = new ChunkLine()
  #piece = nothing
  #at = 0
  #state: State = 'ended'
  #method = ''
  #interim = 0
  /** Of a body of known length, or of a chunk. */
  #left = 0
  #framing = noBody
  head = noHead
  data = nothing
  /** Why it is no response: a sentence. */
  fault = noResponse
  /** Flat. */
  trailers: readonly string[] = []

  constructor(headBytesMax: number) {
    this.#section = new Section(headBytesMax)
  }

  /** What comes next answers such a request. */
  begin(method: string): void {
    this.#method = method
    this.#state = 'head'
    this.#interim = 0
    this.trailers = []
  }

  /** Gives it the bytes that came; the ones before were used up. */
  feed(piece: Buffer): void {
    this.#piece = piece
    this.#at = 0
  }

  /** Bytes of the piece that are not read yet. */
  get left(): number {
    return this.#piece.length - this.#at
  }

  /** Of the response that has ended: whether another one may follow, and how long the upstream waits for it. */
  get keepsAlive(): boolean {
    return this.#framing.keepsAlive
  }

  get keepAliveMs(): number {
    return this.#framing.keepAliveMs
  }

  /** The connection has ended; true where that is the end of the response. */
  finish(): boolean {
    const whole = this.#state === 'close'
    this.#state = whole ? 'ended' : 'fault'
    return whole
  }

  step(): Step {
    for (;;) {
      const step = this.#next()
      if (step !== null) return step
    }
  }

  /** Null where another state was reached, and nothing is to be told. */
  #next(): Step | null {
    switch (this.#state) {
      case 'head':
        return this.#readHead()
      case 'length':
      case 'chunk':
        return this.#readData()
      case 'close':
        if (this.left === 0) return 'starved'
        this.#takeData(this.left)
        return 'data'
      case 'size':
        return this.#readSize()
      case 'trailers':
        return this.#readTrailers()
      case 'ended':
        return 'end'
      case 'fault':
        return 'fault'
    }
  }

  #fail(why = noResponse): 'fault' {
    this.#state = 'fault'
    this.fault = why
    return 'fault'
  }

  #readHead(): Step | null {
    if (this.left === 0) return 'starved'
    // Noise without a line would otherwise be waited for.
    if (this.#section.isEmpty && this.#piece[this.#at] !== letterH) return this.#fail()
    const end = this.#section.take(this.#piece, this.#at)
    if (end === malformedSection) return this.#fail()
    this.#at = end === unended ? this.#piece.length : end
    if (end === unended) return 'starved'
    const { text } = this.#section
    const line = text.indexOf('\r\n')
    const start = startPattern.exec(text.slice(0, line))
    const headers = fieldsIn(text, line + 2)
    if (start === null || headers === null) return this.#fail()
    const [, minor = '', code = '', phrase = ''] = start
    const status = Number(code)
    if (status < 200 && status !== 101) {
      this.#interim += 1
      return this.#interim > interimMax ? this.#fail() : null
    }
    const version = minor === '1' ? '1.1' : '1.0'
    const framing = framingOf({ method: this.#method, status, version, headers })
    if (typeof framing === 'string') return this.#fail(framing)
    this.head = { status, phrase, headers }
    this.#frame(framing)
    return 'head'
  }

  #frame(framing: Framing): void {
    this.#framing = framing
    this.#left = framing.length
    if (framing.kind === 'chunked') {
      this.#chunkLine.begin()
      this.#state = 'size'
    } else if (framing.kind === 'close') this.#state = 'close'
    else this.#state = framing.length === 0 ? 'ended' : 'length'
  }

  #readData(): Step {
    const count = Math.min(this.#left, this.left)
    if (count === 0) return 'starved'
    this.#takeData(count)
    this.#left -= count
    if (this.#left > 0) return 'data'
    if (this.#state === 'length') this.#state = 'ended'
    else {
      this.#chunkLine.beginBehind()
      this.#state = 'size'
    }
    return 'data'
  }

  #takeData(count: number): void {
    const piece = this.#piece
    const at = this.#at
    this.data = count === piece.length ? piece : piece.subarray(at, at + count)
    this.#at = at + count
  }

  #readSize(): Step | null {
    const end = this.#chunkLine.take(this.#piece, this.#at)
    if (end === malformedSection) return this.#fail()
    this.#at = end === unended ? this.#piece.length : end
    if (end === unended) return 'starved'
    this.#left = this.#chunkLine.size
    this.#state = this.#left > 0 ? 'chunk' : 'trailers'
    return null
  }

  #readTrailers(): Step | null {
    const end = this.#section.take(this.#piece, this.#at)
    if (end === malformedSection) return this.#fail()
    this.#at = end === unended ? this.#piece.length : end
    if (end === unended) return 'starved'
    const trailers = fieldsIn(this.#section.text, 0)
    if (trailers === null) return this.#fail()
    this.trailers = trailers
    this.#state = 'ended'
    return null
  }
}
