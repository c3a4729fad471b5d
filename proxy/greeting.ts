/** Listens to a client until its ClientHello is whole, keeps every byte, and lets none of them through. */
import type { Socket } from 'node:net'
import { type ClientHello, readClientHello } from './client-hello.ts'

export type Heard =
  | Exclude<ClientHello, { kind: 'need-more' }>
  /** The time for it was over. */
  | { readonly kind: 'stalled' }
  /** The client closed, or ended its side, before it was whole. */
  | { readonly kind: 'left' }

const startBytes = 2_048

/** TLS alert 49, access_denied (RFC 8446 6.2), fatal: the one refusal that a TLS client can read. */
export const accessDenied = Buffer.from([21, 3, 3, 0, 2, 2, 49])

export class Greeting {
  readonly heard: Promise<Heard>
  readonly #socket: Socket
  #kept: Buffer = Buffer.alloc(startBytes)
  #length = 0
  /** With fewer bytes than this there is nothing to read: a hello that comes byte by byte is not read each time. */
  #needed = 1
  #conclude: (heard: Heard) => void = () => {}
  #concluded = false
  readonly #onData = (chunk: Buffer): void => this.#add(chunk)
  readonly #onLeave = (): void => this.#end({ kind: 'left' })

  /** head  what was read behind the CONNECT: a client need not wait for the answer. */
  constructor(socket: Socket, head: Buffer) {
    this.#socket = socket
    this.heard = new Promise((resolve) => {
      this.#conclude = resolve
    })
    socket.on('data', this.#onData)
    socket.on('end', this.#onLeave)
    socket.on('close', this.#onLeave)
    if (head.length > 0) this.#add(head)
    if (!this.#concluded) socket.resume()
  }

  /** What was heard so far. */
  get bytes(): Buffer {
    return this.#kept.subarray(0, this.#length)
  }

  /** The refusal that the client may understand: an alert where it began to speak TLS, nothing otherwise. */
  get denial(): Buffer {
    const speaksTls = this.#length > 0 && readClientHello(this.bytes).kind !== 'not-tls'
    return speaksTls ? accessDenied : Buffer.alloc(0)
  }

  /** Listens no longer: the time is over, or nobody wants to know. */
  stop(): void {
    this.#end({ kind: 'stalled' })
  }

  #add(chunk: Buffer): void {
    const length = this.#length + chunk.length
    if (length > this.#kept.length) {
      // Doubled, so that a hello that comes byte by byte is copied a few times and not each time.
      const larger = Buffer.alloc(Math.max(length, this.#kept.length * 2))
      this.#kept.copy(larger, 0, 0, this.#length)
      this.#kept = larger
    }
    chunk.copy(this.#kept, this.#length)
    this.#length = length
    if (length < this.#needed) return
    const hello = readClientHello(this.bytes)
    if (hello.kind === 'need-more') this.#needed = hello.bytes
    else this.#end(hello)
  }

  #end(heard: Heard): void {
    if (this.#concluded) return
    this.#concluded = true
    this.#socket.removeListener('data', this.#onData)
    this.#socket.removeListener('end', this.#onLeave)
    this.#socket.removeListener('close', this.#onLeave)
    this.#socket.pause()
    this.#conclude(heard)
  }
}
