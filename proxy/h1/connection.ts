/** One HTTP/1.1 connection to an upstream, with one request on it at a time, and what is told of its response. */
import type { Socket } from 'node:net'
import type { Source } from '../inlet.ts'
import type { Ticking } from '../ticker.ts'
import { UpstreamError } from '../tls/upstream-error.ts'
import type { Carrier, UpstreamHandler, UpstreamRequest } from '../upstream-call.ts'
import { RequestBody } from './request-body.ts'
import { requestText } from './request-text.ts'
import { ResponseReader } from './response-reader.ts'

/** A request and whoever sends it. */
export interface Flight {
  readonly request: UpstreamRequest
  readonly handler: UpstreamHandler
}

/** A connection that stands. */
export interface Reached {
  /** What is read; its socket is what is written to. */
  readonly source: Source
  /** What a halt has to sever: the connection under TLS, where there is that. */
  readonly raw: Socket
}

/** Each in ticks of the pool's clock. */
export interface Patience {
  readonly headTicks: number
  readonly bodyTicks: number
  readonly idleTicks: number
  readonly tickMs: number
}

export interface ConnectionOptions {
  readonly patience: Patience
  readonly headBytesMax: number
  /** It has nothing to do: another request may be sent, or it may be kept. */
  onFree(connection: H1Connection): void
  /** It is gone, or will be: nothing more may be sent. Told once. */
  onClosed(connection: H1Connection): void
}

/** An upstream that keeps an idle connection for so long may close it that much earlier than we hear of it. */
const keepAliveMarginMs = 2_000

export class H1Connection implements Carrier, Ticking {
  place = -1
  readonly #options: ConnectionOptions
  readonly #reader: ResponseReader
  #reached: Reached | null = null
  #flight: Flight | null = null
  #body: RequestBody | null = null
  /** Bytes may have left. */
  #sent = false
  #answered = false
  #running = false
  #paused = false
  #resumed = false
  #ended = false
  #closed = false
  /** Ticks without progress. */
  #quiet = 0
  #idleTicks: number

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#reader = new ResponseReader(options.headBytesMax)
    this.#idleTicks = options.patience.idleTicks
  }

  get socket(): Socket | null {
    return this.#reached?.raw ?? null
  }

  /** Connected: from here on it reads, and closes with its socket. */
  attach(reached: Reached): void {
    const { socket } = reached.source
    this.#reached = reached
    if (this.#closed) {
      socket.destroy()
      return
    }
    socket.on('error', ignore)
    socket.once('end', () => this.#end())
    socket.once('close', () => this.#lost())
    reached.source.start((piece) => this.#take(piece))
    if (socket.destroyed) this.#lost()
  }

  /** Sends one request; false where nothing was sent after all, and the connection is free as before. */
  send(flight: Flight): boolean {
    const socket = this.#reached?.source.socket
    const { handler, request } = flight
    if (socket === undefined || this.#closed) {
      handler.onError(brokenOff())
      return false
    }
    this.#flight = flight
    this.#sent = false
    this.#answered = false
    this.#paused = false
    this.#quiet = 0
    handler.carriedBy?.(this)
    handler.onConnect((error) => this.#abort(flight, error ?? broken('The exchange was aborted.')))
    if (this.#flight !== flight) return false
    const head = requestText(request)
    if (head === null) {
      this.#fail(broken('The request cannot be written as HTTP/1.1.'))
      return false
    }
    this.#sent = true
    this.#reader.begin(request.method)
    const { body } = request
    if (body === null) socket.write(`${head.text}\r\n`, 'latin1')
    else {
      const told = {
        written: () => this.#written(),
        broken: () => this.#fail(broken('The request broke off.')),
      }
      this.#body = new RequestBody(socket, body, { head, told })
    }
    return true
  }

  /** Ends it now, and what is under way on it. */
  destroy(error: Error): void {
    if (this.#flight !== null) this.#fail(error)
    else this.#close()
  }

  tick(): void {
    const { patience } = this.#options
    const flight = this.#flight
    this.#quiet += 1
    if (flight === null) {
      if (this.#quiet > this.#idleTicks) this.#close()
      return
    }
    // It is the client that keeps it waiting: whoever serves the client looks after that.
    if (this.#paused || this.#body?.waitsForMore === true) this.#quiet = 0
    if (this.#quiet <= (this.#answered ? patience.bodyTicks : patience.headTicks)) return
    const message = this.#answered
      ? 'The upstream stopped in the middle of its answer.'
      : 'The upstream did not answer in time.'
    this.#fail(new UpstreamError({ code: 'upstream-timeout', message }))
  }

  #written(): void {
    this.#body = null
    this.#quiet = 0
  }

  #take(piece: Buffer): boolean {
    if (this.#flight === null || !this.#sent) {
      // Nothing was asked: whatever it is, the next request would take it for its answer.
      this.#close()
      return false
    }
    if (this.#answered) this.#quiet = 0
    this.#reader.feed(piece)
    return this.#run()
  }

  /** Tells of what was read, as far as somebody takes it; false where the upstream has to wait. */
  #run(): boolean {
    const flight = this.#flight
    this.#running = true
    while (flight !== null && this.#flight === flight && !this.#paused) {
      const step = this.#reader.step()
      if (step === 'starved') break
      this.#resumed = false
      if (step === 'head') {
        this.#answered = true
        const { headers, phrase, status } = this.#reader.head
        this.#pauseUnless(flight.handler.onHeaders(status, headers, this.#resume, phrase))
      } else if (step === 'data') this.#pauseUnless(flight.handler.onData(this.#reader.data))
      else if (step === 'end') this.#complete(flight)
      else this.#fail(broken(this.#reader.fault))
    }
    this.#running = false
    if (this.#ended && !this.#paused) this.#end()
    return !this.#paused && !this.#closed
  }

  #pauseUnless(goesOn: boolean): void {
    if (!goesOn && !this.#resumed) this.#paused = true
  }

  readonly #resume = (): void => {
    this.#resumed = true
    if (!this.#paused) return
    this.#paused = false
    this.#quiet = 0
    if (this.#running) return
    if (this.#run()) this.#reached?.source.socket.resume()
  }

  #complete({ handler }: Flight): void {
    const reader = this.#reader
    const keeps = reader.keepsAlive && reader.left === 0 && this.#body === null && !this.#ended
    this.#letGo()
    this.#sent = false
    this.#quiet = 0
    if (!keeps || !this.#keepFor(reader.keepAliveMs)) this.#close()
    handler.onComplete(reader.trailers)
    if (!this.#closed) this.#options.onFree(this)
  }

  /** False where the upstream keeps it no longer. */
  #keepFor(keepAliveMs: number): boolean {
    const { idleTicks, tickMs } = this.#options.patience
    const ticks = Math.floor((keepAliveMs - keepAliveMarginMs) / tickMs)
    this.#idleTicks = Math.min(idleTicks, ticks)
    return ticks > 0
  }

  /** The upstream has said all that it will. */
  #end(): void {
    this.#ended = true
    const flight = this.#flight
    // What is held back comes first.
    if (this.#paused || this.#running) return
    if (flight === null) this.#close()
    else if (this.#sent && this.#reader.finish()) this.#complete(flight)
    else this.#fail(brokenOff())
  }

  #lost(): void {
    // What is held back comes first.
    if (this.#ended && this.#paused) return
    if (this.#flight === null) this.#close()
    else this.#fail(brokenOff())
  }

  #abort(flight: Flight, error: Error): void {
    if (this.#flight !== flight) return
    if (this.#sent) {
      this.#fail(error)
      return
    }
    this.#letGo()
    flight.handler.onError(error)
  }

  #fail(error: Error): void {
    const flight = this.#flight
    this.#letGo()
    this.#close()
    flight?.handler.onError(error)
  }

  #letGo(): void {
    this.#flight = null
    this.#body?.detach()
    this.#body = null
    this.#paused = false
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#reached?.source.socket.destroy()
    this.#options.onClosed(this)
  }
}

const broken = (message: string): UpstreamError =>
  new UpstreamError({ code: 'upstream-protocol', message })

const brokenOff = (): UpstreamError => broken('The upstream closed before it had answered.')

function ignore(): void {}
