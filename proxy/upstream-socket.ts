/** A socket to an upstream as undici reads it: without what its parser would take for the end of the connection. */
import { Socket, type SocketConstructorOpts } from 'node:net'

const lineEnd = Buffer.from('\r\n\r\n')
/** `HTTP/1.1 100` and the byte behind it. */
const interimPattern = /^HTTP\/1\.[01] 100[ \r]/
const interimBytes = 13
/** Of one interim response; a longer one is left to undici, which refuses it. */
const interimBytesMax = 8192

export class UpstreamSocket extends Socket {
  /** What came of a response of which it is not known yet whether it is the final one; null while that is known. */
  #early: Buffer | null = null

  constructor(options: SocketConstructorOpts) {
    super(options)
  }

  /**
   * The next bytes begin a response. A 100 that nobody asked for (RFC 9110 section 15.2 says: ignore it) is taken
   * out, because undici 7 destroys the connection over it.
   */
  awaitResponse(): void {
    this.#early ??= Buffer.alloc(0)
  }

  override push(chunk: Buffer | null, encoding?: BufferEncoding): boolean {
    const early = this.#early
    if (early === null) return super.push(chunk, encoding)
    if (chunk === null) {
      this.#early = null
      if (early.length > 0) super.push(early)
      return super.push(null)
    }
    const rest = withoutInterim(early.length === 0 ? chunk : Buffer.concat([early, chunk]))
    if (rest.known) this.#early = null
    else this.#early = rest.bytes
    return rest.known ? super.push(rest.bytes) : true
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    super._destroy(closingError(error), callback)
  }
}

/** known  whether the bytes begin a final response, or whatever else is not ours to judge. */
function withoutInterim(bytes: Buffer): { readonly known: boolean; readonly bytes: Buffer } {
  let at = 0
  for (;;) {
    const start = bytes.toString('latin1', at, at + interimBytes)
    if (start.length < interimBytes) {
      return {
        known: !'HTTP/1.1 100 '.startsWith(start.replace('/1.0', '/1.1')),
        bytes: bytes.subarray(at),
      }
    }
    if (!interimPattern.test(start)) return { known: true, bytes: bytes.subarray(at) }
    const end = bytes.indexOf(lineEnd, at + interimBytes - 1)
    if (end < 0) return { known: bytes.length - at > interimBytesMax, bytes: bytes.subarray(at) }
    at = end + lineEnd.length
  }
}

const aborted = (message: string): Error =>
  Object.assign(new Error(message), { code: 'ECONNABORTED' })

/**
 * The error that a socket under undici 7 is destroyed with, in words from which it draws no wrong conclusion; never
 * none: undici would take a socket that is severed in the middle for one that ended, and ends the process where it has
 * paused the response (client-h1.js).
 */
export function closingError(error: (Error & { code?: string }) | null): Error {
  if (error === null) return aborted('the connection was severed')
  // Taken for the end of a body that has no length: to the client a clean end of half an answer.
  if (error.code === 'ECONNRESET') error.code = 'ECONNABORTED'
  // Of our own abort; taken for something to try again, on a new connection that nobody asked for.
  if (error.code === 'UND_ERR_INFO' && error.message === 'aborted') {
    return aborted('the exchange was aborted')
  }
  return error
}
