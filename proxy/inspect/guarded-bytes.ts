/** The body of an upload that nobody judges whole, searched on its way for the gate's own secrets. */
import type { PayloadStream } from '../../kernel/payload.ts'
import type { Sight } from '../sight.ts'
import type { Bytes } from '../upload.ts'
import { takenOf } from './answered.ts'
import type { Objection } from './objection.ts'

class GuardedBytes implements Bytes {
  readonly #bytes: Bytes
  readonly #stream: PayloadStream
  readonly #object: (objection: Objection) => void
  #taker: ((chunk: Buffer) => void) | null = null
  #ender: (() => void) | null = null

  /** object  ends the request: what was found has not left, and nothing more will. */
  constructor(bytes: Bytes, stream: PayloadStream, object: (objection: Objection) => void) {
    this.#bytes = bytes
    this.#stream = stream
    this.#object = object
  }

  on(event: 'data', listener: (chunk: Buffer) => void): this
  on(event: 'end', listener: () => void): this
  on(event: 'data' | 'end', listener: (chunk: Buffer) => void): this {
    if (event === 'data') {
      this.#taker = listener
      this.#bytes.on('data', this.#onData)
    } else {
      this.#ender = listener as () => void
      this.#bytes.on('end', this.#onEnd)
    }
    return this
  }

  off(event: 'data', listener: (chunk: Buffer) => void): this
  off(event: 'end', listener: () => void): this
  off(event: 'data' | 'end'): this {
    if (event === 'data') this.#bytes.off('data', this.#onData)
    else this.#bytes.off('end', this.#onEnd)
    return this
  }

  pause(): this {
    this.#bytes.pause()
    return this
  }

  resume(): this {
    this.#bytes.resume()
    return this
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#pass(this.#stream.push(chunk))
  }

  readonly #onEnd = (): void => {
    if (this.#pass(this.#stream.end())) this.#ender?.()
  }

  #pass(step: ReturnType<PayloadStream['push']>): boolean {
    const { bytes, objection } = takenOf(step)
    if (objection !== null) {
      this.#object(objection)
      return false
    }
    if (bytes.length > 0) this.#taker?.(bytes)
    return true
  }
}

/** The bytes, looked at on the way where the gate has secrets to keep. */
export function guardedBytes(
  { guards, inspector }: Pick<Sight, 'guards' | 'inspector'>,
  bytes: Bytes,
  object: (objection: Objection) => void,
): Bytes {
  if (!guards || inspector === null) return bytes
  const stream = inspector.openStream({ place: 'request-body', terms: [] })
  return new GuardedBytes(bytes, stream, object)
}
