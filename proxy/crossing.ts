/** One admitted passage on raw sockets: its sockets, timers and meter, and its one settlement (I2). */
import { type OnReadOpts, Socket } from 'node:net'
import type { Passage } from '../gate/passage.ts'
import type { Refusal } from '../gate/refusal.ts'
import type { PayloadFinding } from '../kernel/payload.ts'
import type { ReasonCode } from '../kernel/reasons.ts'
import { answerRefusal } from './answer.ts'
import { wayOf } from './chain.ts'
import type { ProxyContext } from './context.ts'
import { type Destined, dial } from './dial.ts'
import { readByEvents, type Source } from './inlet.ts'
import { Meter } from './meter.ts'
import { pump } from './pump.ts'
import { failureOf } from './refuse.ts'
import { sever } from './sever.ts'
import type { SecurePools } from './tls/secure-pools.ts'

type Direction = 'up' | 'down'

interface Reaching {
  /** Where what comes is to be read into; by events where it is absent. */
  readonly onread?: OnReadOpts
  /** By which the upstream is spoken to by TLS; absent or null where it is not. */
  readonly secure?: SecurePools | null
}

export class Crossing {
  readonly passage: Passage
  /** What the client was answered; 0 until then, and as long a refusal can still be. */
  status = 0
  /** What detectors found in what crossed, asked for when it settles. */
  found: () => readonly PayloadFinding[] = () => []
  readonly #context: ProxyContext
  readonly #client: Socket
  readonly #meter: Meter
  readonly #sockets = new Set<Socket>()
  readonly #cancels = new Set<() => void>()
  readonly #onClientClose = (): void => this.cut('')
  #waiting: (() => void)[] = []
  #opened = false
  #ended = false

  constructor(context: ProxyContext, passage: Passage, client: Socket) {
    this.#context = context
    this.passage = passage
    this.#client = client
    this.#meter = new Meter(context, passage, {
      upExact: false,
      headBytes: 0,
      wake: () => this.#wake(),
      cut: (refusal) => this.#refuse(refusal),
    })
  }

  get ended(): boolean {
    return this.#ended
  }

  /**
   * Dispatches; from here on a halt severs every socket that is owned, and the client's departure ends all.
   *
   * returns  false where the passage has ended already: a client that left, a refusal that was answered.
   */
  open(): boolean {
    if (this.#ended) return false
    if (this.#client.destroyed) {
      this.finish()
      return false
    }
    const refusal = this.passage.open((halt) => this.#refuse(halt))
    if (refusal !== null) {
      this.#refuse(refusal)
      return false
    }
    this.#opened = true
    this.#client.once('close', this.#onClientClose)
    this.own(this.#client)
    this.#meter.start()
    return true
  }

  /** Severs the socket with the passage; one that comes too late is severed at once. */
  own(socket: Socket & { readonly wire?: unknown }): void {
    if (this.#ended) {
      sever([socket])
      return
    }
    // A TLS socket takes the connection under it along; ended first, that would tell of the end before its cause is known.
    if (socket.wire instanceof Socket) this.#sockets.delete(socket.wire)
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }

  /**
   * Connects to a judged address, by the way that the policy says.
   *
   * returns  null where the passage has ended meanwhile, or no address was reached: that was answered.
   */
  async dial(target: Destined, { onread, secure = null }: Reaching = {}): Promise<Socket | null> {
    const { after, limits, sight } = this.#context
    const { addresses, classification } = this.passage
    const proxy = wayOf(sight, classification.upstreamProxy)
    if (proxy !== null && 'code' in proxy) {
      this.fail(proxy.code, proxy.message)
      return null
    }
    const upstream = await dial({
      ...{ addresses, after, proxy, secure, target },
      timeoutMs: limits.dialTimeoutMs,
      ...(onread === undefined ? {} : { onread }),
      own: (dialled) => this.own(dialled),
      ended: () => this.#ended,
    })
    if (this.#ended) return null
    if (!('code' in upstream)) return upstream
    this.fail(upstream.code, upstream.message)
    return null
  }

  /** A timer that ends with the passage; the answer cancels it. */
  after(delayMs: number, callback: () => void): () => void {
    const cancel = this.#context.after(delayMs, () => {
      this.#cancels.delete(cancel)
      callback()
    })
    this.#cancels.add(cancel)
    return () => {
      this.#cancels.delete(cancel)
      cancel()
    }
  }

  /** Takes as many bytes as may pass now; where that is less than wanted, `more` is called once. */
  take(direction: Direction, wanted: number, more: () => void): number {
    if (this.#ended) return 0
    const taken = direction === 'up' ? this.#meter.takeUp(wanted) : this.#meter.takeDown(wanted)
    if (taken < wanted) this.#waiting.push(more)
    return taken
  }

  /** Takes all of an amount, however long that takes; never calls back once the passage has ended. */
  spend(direction: Direction, amount: number, done: () => void): void {
    let left = amount
    const go = (): void => {
      left -= this.take(direction, left, go)
      if (left === 0) done()
    }
    go()
  }

  /** Ends every socket in this turn, and settles. */
  cut(code: ReasonCode | ''): void {
    const sockets = [...this.#sockets]
    this.#sockets.clear()
    sever(sockets)
    this.finish(code)
  }

  /** Ends what goes upstream, settles, and leaves the client's socket to be answered; false if it ended before. */
  abandon(code: ReasonCode | ''): boolean {
    if (this.#ended) return false
    this.#sockets.delete(this.#client)
    this.cut(code)
    return true
  }

  /** Answers a failure of the upstream, which the settlement records. */
  fail(code: ReasonCode, message: string): void {
    const refusal = failureOf(this.passage, code, message)
    if (this.status === 0) this.status = refusal.status
    if (this.abandon(code)) answerRefusal(this.#context, this.#client, refusal)
  }

  /** Settles, once; sockets that are left end by themselves. Safe to call on every way out. */
  finish(cut: ReasonCode | '' = ''): void {
    if (this.#ended) return
    this.#ended = true
    this.#client.removeListener('close', this.#onClientClose)
    for (const cancel of this.#cancels) cancel()
    this.#cancels.clear()
    this.#waiting = []
    const actual = this.#meter.stop()
    const outcome = this.#opened ? 'settled' : 'voided'
    const findings = this.found()
    this.passage.settle({ outcome, actual, status: this.status, cut, findings })
  }

  /**
   * Joins client and upstream until both have closed; what each still has to send is sent before that.
   *
   * early  what the client sent before, and was kept back.
   * from   the client, where somebody stands between it and its upstream.
   */
  join(source: Source, early: Buffer, from: Source = readByEvents(this.#client)): void {
    const client = this.#client
    const upstream = source.socket
    const { idleTimeoutMs, tunnelLifetimeMs } = this.#context.limits
    client.removeListener('close', this.#onClientClose)
    if (client.destroyed || upstream.destroyed) {
      this.cut('')
      return
    }
    let open = 2
    const closed = (socket: Socket, other: Socket): void => {
      open -= 1
      if (open === 0) this.finish()
      // Whoever left without ending properly takes the other along.
      else if (!socket.readableEnded || !socket.writableFinished) this.cut('')
      else other.setTimeout(idleTimeoutMs, () => this.cut('upstream-timeout'))
    }
    client.once('close', () => closed(client, upstream))
    upstream.once('close', () => closed(upstream, client))
    // Bytes of either direction touch the client's socket, which therefore idles only when the tunnel does.
    client.setTimeout(idleTimeoutMs, () => this.cut('upstream-timeout'))
    this.after(tunnelLifetimeMs, () => this.cut('upstream-timeout'))
    const up = (wanted: number, more: () => void): number => this.take('up', wanted, more)
    const down = (wanted: number, more: () => void): number => this.take('down', wanted, more)
    pump(from, upstream, { take: up, first: early })
    pump(source, client, { take: down })
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const more of waiting) more()
  }

  /** A halt, or the end of a budget: answered where the client has had no answer yet. */
  #refuse(refusal: Refusal): void {
    if (this.status !== 0) {
      this.cut(refusal.code)
      return
    }
    this.status = refusal.status
    if (this.abandon(refusal.code)) answerRefusal(this.#context, this.#client, refusal)
  }
}
