/** Keeps what a client sends before it may, within a bound, and notices when it leaves meanwhile. */
import type { Socket } from 'node:net'

/** A client that keeps to RFC 6455 4.1 sends nothing before the answer; one read of a socket is let be. */
const earlyBytesMax = 65_536

export class Early {
  readonly #socket: Socket
  readonly #chunks: Buffer[]
  #length: number
  #left: () => void = () => {}
  #gone = false
  readonly #onData = (chunk: Buffer): void => {
    this.#chunks.push(chunk)
    this.#length += chunk.length
    if (this.#length >= earlyBytesMax) this.#socket.pause()
  }
  readonly #onEnd = (): void => {
    this.#gone = true
    this.#left()
  }

  /** head  what was read behind the request's head. */
  constructor(socket: Socket, head: Buffer) {
    this.#socket = socket
    this.#chunks = [head]
    this.#length = head.length
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
  }

  /** Called in this turn where the client has ended its side already. */
  onLeave(left: () => void): void {
    this.#left = left
    if (this.#gone) left()
  }

  /** Stops listening and gives what came; the socket stays paused. */
  stop(): Buffer {
    this.#socket.removeListener('data', this.#onData)
    this.#socket.removeListener('end', this.#onEnd)
    this.#socket.pause()
    return Buffer.concat(this.#chunks)
  }
}
