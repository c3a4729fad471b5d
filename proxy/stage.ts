/** Stands in for the client's socket while a handshake is answered: what is written passes the meter first. */
import { Socket } from 'node:net'

interface StageOptions {
  /** Passes a piece on; calls back when the next may come. */
  write(chunk: Buffer, done: () => void): void
  /** The answer is whole. */
  end(): void
  /** The answer broke off. */
  broken(): void
}

/** A socket without a connection: nothing can be read from it, and Node's own socket code is never reached. */
export class Stage extends Socket {
  readonly #options: StageOptions

  constructor(options: StageOptions) {
    super({ allowHalfOpen: true })
    this.#options = options
  }

  override _read(): void {}

  override _write(
    chunk: Buffer,
    _encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    this.#options.write(chunk, done)
  }

  override _writev(
    chunks: { chunk: Buffer; encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ): void {
    this.#options.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#options.end()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.writableFinished) this.#options.broken()
    done(error)
  }
}
