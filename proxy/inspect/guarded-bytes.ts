/**
 * The body of an upload that nobody judges whole, searched on its way for the gate's own secrets: in its bytes as they
 * are, and with its content coding taken off where that is one that the gate knows.
 */
import type { PayloadFinding, PayloadStream } from '../../kernel/payload.ts'
import type { Sight } from '../sight.ts'
import type { Bytes } from '../upload.ts'
import { takenOf } from './answered.ts'
import { headerOf } from './header.ts'
import type { Objection } from './objection.ts'
import { Uncovered } from './uncovered.ts'
import { unfolderOf } from './unfolding.ts'

/** Bytes of a request, and the flat headers that say how they are coded. */
interface Coded extends Bytes {
  readonly rawHeaders?: readonly string[]
}

interface Guarded extends Bytes {
  /** What was found so far; absent where nobody looks. */
  readonly findings?: readonly PayloadFinding[]
}

class GuardedBytes implements Guarded {
  readonly #bytes: Bytes
  readonly #stream: PayloadStream
  readonly #object: (objection: Objection) => void
  /** Looks at it without its coding; null where it has none that is known. */
  readonly #later: Uncovered | null
  #taker: ((chunk: Buffer) => void) | null = null
  #ender: (() => void) | null = null
  /** The next step has to catch up. */
  #waits = false
  /** Whoever takes the bytes wants more. */
  #flows = false
  #isOver = false

  constructor(bytes: Bytes, { coding, object, open }: Guarding) {
    this.#bytes = bytes
    this.#stream = open()
    this.#object = (objection) => {
      if (this.#isOver) return
      this.#isOver = true
      object(objection)
    }
    const unfolder = unfolderOf(coding)
    this.#later =
      unfolder === null
        ? null
        : new Uncovered({
            unfolder,
            stream: open(),
            pass: (piece) => this.#taker?.(piece),
            ended: () => this.#ender?.(),
            object: this.#object,
            ready: () => this.#goOn(),
          })
  }

  get findings(): readonly PayloadFinding[] {
    return [...this.#stream.findings, ...(this.#later?.findings ?? [])]
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
    this.#isOver = true
    this.#later?.drop()
    return this
  }

  pause(): this {
    this.#flows = false
    this.#bytes.pause()
    return this
  }

  resume(): this {
    this.#flows = true
    if (!this.#waits) this.#bytes.resume()
    return this
  }

  #goOn(): void {
    if (!this.#waits) return
    this.#waits = false
    if (this.#flows && !this.#isOver) this.#bytes.resume()
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#pass(this.#stream.push(chunk))
  }

  readonly #onEnd = (): void => {
    if (!this.#pass(this.#stream.end())) return
    if (this.#later === null) this.#ender?.()
    else this.#later.end()
  }

  #pass(step: ReturnType<PayloadStream['push']>): boolean {
    const { bytes, objection } = takenOf(step)
    if (objection !== null) {
      this.#object(objection)
      return false
    }
    if (bytes.length === 0) return true
    if (this.#later === null) this.#taker?.(bytes)
    else if (!this.#later.push(bytes)) {
      this.#waits = true
      this.#bytes.pause()
    }
    return true
  }
}

interface Guarding {
  /** Value of Content-Encoding. */
  readonly coding: string
  readonly open: () => PayloadStream
  /** Ends the request: what was found has not left, and nothing more will. */
  readonly object: (objection: Objection) => void
}

/** The bytes, looked at on the way where the gate has secrets to keep. */
export function guardedBytes(
  { guards, inspector }: Pick<Sight, 'guards' | 'inspector'>,
  bytes: Coded,
  object: (objection: Objection) => void,
): Guarded {
  if (!guards || inspector === null) return bytes
  const open = (): PayloadStream => inspector.openStream({ place: 'request-body', terms: [] })
  const coding = headerOf(bytes.rawHeaders ?? [], 'content-encoding')
  return new GuardedBytes(bytes, { coding, object, open })
}
