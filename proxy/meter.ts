/**
 * Counts what passes for one request, and lets no more pass than its hold: it asks for more ahead of the need,
 * and says stop where there is no more.
 */
import type { Passage } from '../gate/passage.ts'
import type { Refusal } from '../gate/refusal.ts'
import type { Vector } from '../kernel/dimension.ts'
import type { ProxyContext } from './context.ts'
import { launch } from './launch.ts'
import { failureOf } from './refuse.ts'
import type { Ticking } from './ticker.ts'

/** The wanted hold doubles with each extension, up to so many steps: a long download asks seldom. */
const stepsMax = 32

/** What the meter calls; each may come at any time after `start` and until `stop`. */
export interface Metered {
  /** There is room again: try what was held back. */
  wake(): void
  /** There will be no more: end the request now. */
  cut(refusal: Refusal): void
}

export interface MeterOptions {
  /** True where bytes_up was charged exactly, so that more is never asked for. */
  readonly upExact: boolean
  /** Bytes that count before anything flows: the request's head. */
  readonly headBytes: number
}

export class Meter implements Ticking {
  place = -1
  readonly #context: ProxyContext
  readonly #passage: Passage
  readonly #metered: Metered
  readonly #upExact: boolean
  #up: number
  #down = 0
  #upLimit = Number.POSITIVE_INFINITY
  #downLimit = Number.POSITIVE_INFINITY
  #wallLimit = Number.POSITIVE_INFINITY
  /** Above these more is asked for ahead. Infinite where all that is left is held already: see `aheadOf`. */
  #upNext = Number.POSITIVE_INFINITY
  #downNext = Number.POSITIVE_INFINITY
  #wallNext = Number.POSITIVE_INFINITY
  #startedAt = -1
  #asking = false
  #stopped = false
  /** Somebody was told to wait. */
  #starved = false
  /** A response's head did not fit into what is left. */
  #wantsDown = false
  /** The answer to a question asked ahead; it cuts only when what is held is used up. */
  #refusal: Refusal | null = null
  #cancelDeadline: (() => void) | null = null

  constructor(context: ProxyContext, passage: Passage, metered: Metered & MeterOptions) {
    this.#context = context
    this.#passage = passage
    this.#metered = metered
    this.#upExact = metered.upExact
    this.#up = metered.headBytes
    this.#readLimits(firstAsk(context.limits, !metered.upExact))
  }

  /** Starts the wall clock: the first byte leaves now. */
  start(): void {
    this.#startedAt = this.#context.monotonic()
    if (this.#wallLimit === Number.POSITIVE_INFINITY) return
    this.#context.ticker.add(this)
    if (this.#wallLimit <= 2 * this.#context.ticker.tickMs) this.tick()
  }

  /** Bytes that may pass up now, `wanted` at most; they count as passed. Less than wanted: wait for `wake`. */
  takeUp(wanted: number): number {
    const room = this.#upLimit - this.#up
    const taken = wanted <= room ? wanted : Math.max(0, room)
    this.#up += taken
    if (taken < wanted) this.#starve()
    else if (this.#up > this.#upNext) this.#ask()
    return taken
  }

  /** Bytes that may pass down now; as takeUp. */
  takeDown(wanted: number): number {
    const room = this.#downLimit - this.#down
    const taken = wanted <= room ? wanted : Math.max(0, room)
    this.#down += taken
    if (taken < wanted) this.#starve()
    else if (this.#down > this.#downNext) this.#ask()
    return taken
  }

  /** As takeDown, all or nothing: a response's head is not sent in parts. */
  takeDownWhole(wanted: number): boolean {
    if (wanted > this.#downLimit - this.#down) {
      this.#wantsDown = true
      this.#starve()
      return false
    }
    return this.takeDown(wanted) === wanted
  }

  /** Looks at the wall clock: asks ahead, and stops at the hold. */
  tick(): void {
    if (this.#stopped) return
    const elapsed = this.#elapsed()
    const left = this.#wallLimit - elapsed
    if (left <= 0) {
      this.#starve()
      return
    }
    if (elapsed > this.#wallNext) this.#ask()
    if (left <= 2 * this.#context.ticker.tickMs && this.#cancelDeadline === null) {
      this.#cancelDeadline = this.#context.after(Math.ceil(left), () => {
        this.#cancelDeadline = null
        this.tick()
      })
    }
  }

  /**
   * Ends the metering and says what passed. Wall time stops at the hold, because nothing passes after it.
   */
  stop(): Vector {
    this.#stopped = true
    this.#cancelDeadline?.()
    this.#cancelDeadline = null
    if (this.#wallLimit !== Number.POSITIVE_INFINITY) this.#context.ticker.remove(this)
    const wall = this.#startedAt < 0 ? 0 : Math.min(Math.ceil(this.#elapsed()), this.#wallLimit)
    return { bytes_down: this.#down, bytes_up: this.#up, wall }
  }

  #elapsed(): number {
    return this.#context.monotonic() - this.#startedAt
  }

  /** asked  what was asked for last, by dimension. */
  #readLimits(asked: Vector): void {
    const { limits } = this.#passage
    const up = limits['bytes_up'] ?? Number.POSITIVE_INFINITY
    const down = limits['bytes_down'] ?? Number.POSITIVE_INFINITY
    const wall = limits['wall'] ?? Number.POSITIVE_INFINITY
    this.#upNext = aheadOf(this.#upLimit, up, asked['bytes_up'])
    this.#downNext = aheadOf(this.#downLimit, down, asked['bytes_down'])
    this.#wallNext = aheadOf(this.#wallLimit, wall, asked['wall'])
    this.#upLimit = up
    this.#downLimit = down
    this.#wallLimit = wall
  }

  #starve(): void {
    const refusal = this.#refusal
    if (refusal !== null) {
      // Not in this turn: the caller may stand in the middle of the upstream's parser.
      queueMicrotask(() => this.#cut(refusal))
      return
    }
    this.#starved = true
    this.#ask()
  }

  #failure(): Refusal {
    return failureOf(this.#passage, 'ledger-unavailable', 'The gate could not give more.')
  }

  #cut(refusal: Refusal): void {
    if (this.#stopped) return
    this.#metered.cut(refusal)
  }

  #ask(): void {
    if (this.#asking || this.#stopped || this.#refusal !== null) return
    const { holdBytesStep, holdWallStepMs } = this.#context.limits
    const ask: Record<string, number> = {}
    if (!this.#upExact && this.#needs(this.#up, this.#upLimit, this.#upNext)) {
      ask['bytes_up'] = stepOf(holdBytesStep, this.#upLimit)
    }
    if (this.#wantsDown || this.#needs(this.#down, this.#downLimit, this.#downNext)) {
      ask['bytes_down'] = stepOf(holdBytesStep, this.#downLimit)
    }
    if (this.#startedAt >= 0 && this.#needs(this.#elapsed(), this.#wallLimit, this.#wallNext)) {
      ask['wall'] = holdWallStepMs + 1
    }
    this.#wantsDown = false
    this.#asking = true
    launch(this.#context.log, this.#extend(ask), () => this.#cut(this.#failure()))
  }

  #needs(used: number, ...[limit, next]: [number, number]): boolean {
    return used > next || used >= limit
  }

  async #extend(ask: Vector): Promise<void> {
    const refusal = await this.#passage.extend(ask)
    this.#asking = false
    if (this.#stopped) return
    if (refusal !== null) {
      this.#refusal = refusal
      const patient = refusal.decision === 'deny' || refusal.decision === 'queue'
      if (!patient || this.#starved) this.#cut(refusal)
      return
    }
    this.#readLimits(ask)
    if (!this.#starved) return
    this.#starved = false
    this.#metered.wake()
  }
}

/**
 * What a request asks to hold at first. One more than the round step: budgets are round numbers, so a hold that came
 * out smaller than asked tells that it is all there is.
 *
 * up  whether the length of the request is unknown.
 */
export function firstAsk(limits: ProxyContext['limits'], up: boolean): Vector {
  const bytes = limits.holdBytesStep + 1
  const wall = limits.holdWallStepMs + 1
  return up ? { bytes_down: bytes, bytes_up: bytes, wall } : { bytes_down: bytes, wall }
}

/**
 * From which use on more is asked for, ahead of the need: half of what came last. Never, where less was given than
 * asked: all that is left is held, and asking would trip the budget's limit before it is reached.
 */
function aheadOf(before: number, now: number, asked: number | undefined): number {
  if (now === Number.POSITIVE_INFINITY) return now
  const base = before === Number.POSITIVE_INFINITY ? 0 : before
  const given = now - base
  if (asked !== undefined && given < asked) return Number.POSITIVE_INFINITY
  return now - Math.floor(given / 2)
}

function stepOf(step: number, limit: number): number {
  return Math.max(step, Math.min(limit, step * stepsMax)) + 1
}
