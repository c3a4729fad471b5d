/** The body of a request on its way up: metered, with backpressure, and never the client's socket itself. */
import { Readable } from 'node:stream'
import type { PayloadFinding } from '../kernel/payload.ts'

export interface UploadSource {
  /** Bytes that may pass up now, `wanted` at most; less means that `resumeUpload` will be called. */
  takeUp(wanted: number): number
}

/** Where the body comes from: the client's request, or a body that was judged. */
export interface Bytes {
  /** What was found in them so far; absent where nobody looks. */
  readonly findings?: readonly PayloadFinding[]
  on(event: 'data', listener: (chunk: Buffer) => void): unknown
  on(event: 'end', listener: () => void): unknown
  off(event: 'data', listener: (chunk: Buffer) => void): unknown
  off(event: 'end', listener: () => void): unknown
  pause(): unknown
  resume(): unknown
}

export class Upload extends Readable {
  readonly #request: Bytes
  readonly #source: UploadSource
  /** Bytes that were read and may not pass yet. */
  #held: Buffer | null = null
  #ended = false

  constructor(request: Bytes, source: UploadSource) {
    super()
    this.#request = request
    this.#source = source
    request.on('data', this.#take)
    request.on('end', this.#end)
    request.pause()
  }

  /** What was found so far in what it carries. */
  get findings(): readonly PayloadFinding[] {
    return this.#request.findings ?? []
  }

  override _read(): void {
    if (this.#held === null) this.#request.resume()
  }

  /** Lets go of the client's request: what still comes of it is somebody else's to read or refuse. */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#request.off('data', this.#take)
    this.#request.off('end', this.#end)
    callback(error)
  }

  /** There is room again. */
  resumeUpload(): void {
    const held = this.#held
    if (held === null) return
    this.#held = null
    this.#take(held)
    if (this.#held === null && this.#ended) this.push(null)
  }

  readonly #take = (chunk: Buffer): void => {
    if (this.destroyed) return
    const taken = this.#source.takeUp(chunk.length)
    if (this.destroyed) return
    if (taken < chunk.length) {
      this.#held = chunk.subarray(taken)
      this.#request.pause()
      if (taken > 0) this.push(chunk.subarray(0, taken))
      return
    }
    if (!this.push(chunk)) this.#request.pause()
  }

  readonly #end = (): void => {
    this.#ended = true
    if (this.#held === null) this.push(null)
  }
}
