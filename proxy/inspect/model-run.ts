/** One call of a model from its admission to its settlement: bounded before, measured while it answers, settled by truth. */
import { createHmac, type Hmac } from 'node:crypto'
import type { Settlement } from '../../gate/passage.ts'
import type { ModelCall } from '../../kernel/content.ts'
import { askForUsage, clampModel } from '../../kernel/decoders/clamp.ts'
import type { Vector } from '../../kernel/dimension.ts'
import type { Price } from '../../kernel/price.ts'
import { outputRoom, spentOf } from './clamp.ts'
import { endless, type Room } from './room.ts'
import { type TapHead, UsageTap } from './usage-tap.ts'

export interface ModelRunOptions {
  readonly model: ModelCall
  readonly price: Price
  /** Of the passage: what its hold covers. */
  readonly limits: Vector
  readonly hashKey: Uint8Array
  /** For what is kept of an answer; as much as it takes where absent. */
  readonly room?: Room
}

/** How a call ended. */
interface Ending {
  /** Whether the last byte of the response was read. */
  readonly whole: boolean
  /** Status that the upstream answered; 0 where it did not. */
  readonly status: number
}

const nothing: Vector = { cost_usd: 0, tokens: 0, tokens_in: 0, tokens_out: 0 }

export class ModelRun {
  readonly #options: ModelRunOptions
  readonly #room: number
  readonly #response: Hmac
  #prompt = ''
  #tap: UsageTap | null = null

  constructor(options: ModelRunOptions) {
    this.#options = options
    this.#room = outputRoom(options.limits, options.model, options.price)
    this.#response = createHmac('sha256', options.hashKey)
  }

  get model(): ModelCall {
    return this.#options.model
  }

  /** True where the client may be sent an event that says why its stream ends. */
  get speaksEvents(): boolean {
    return this.#tap?.speaksEvents === true
  }

  /** The body that cannot answer more than is held; null where nothing is left, or the body is not that call. */
  bound(body: Buffer): Buffer | null {
    const { hashKey, model } = this.#options
    const clamped = clampModel(body, model, this.#room)
    const asked = clamped === null ? null : askForUsage(clamped, model)
    if (asked === null) return null
    const bytes = Buffer.isBuffer(asked) ? asked : Buffer.from(asked)
    this.#prompt = createHmac('sha256', hashKey).update(bytes).digest('hex')
    return bytes
  }

  begin(head: TapHead): void {
    const { model, room = endless } = this.#options
    this.#tap = new UsageTap(model.wire, head, { outputMax: this.#room, room })
  }

  /** Reads a piece of the response; false where more was answered than is held. */
  push(piece: Buffer): boolean {
    const tap = this.#tap
    if (tap === null) return true
    this.#response.update(piece)
    tap.push(piece)
    return tap.outputSoFar <= this.#room
  }

  /** What it cost; where nobody can know, all that is held. Never rejects. */
  async finish(ending: Ending): Promise<Omit<Settlement, 'cut' | 'status'>> {
    const tap = this.#tap
    const hashes = this.#hashes()
    // An error that was told in full is not charged for by any provider.
    if (ending.whole && ending.status >= 400) {
      tap?.drop()
      return { outcome: 'settled', actual: nothing, hashes, usage_source: 'response' }
    }
    const usage = tap === null ? null : await tap.end(ending.whole)
    if (usage === null) {
      return { outcome: 'settled', actual: this.#held(), hashes, usage_source: 'forfeit' }
    }
    const actual = spentOf(this.#options.price, usage)
    return { outcome: 'settled', actual, hashes, usage_source: 'response' }
  }

  /** All that is held of what only the provider could tell; bytes and time are known, and stay what they are. */
  #held(): Vector {
    const held: Record<string, number> = {}
    for (const dimension of Object.keys(nothing)) {
      const amount = this.#options.limits[dimension]
      if (amount !== undefined) held[dimension] = amount
    }
    return held
  }

  #hashes(): NonNullable<Settlement['hashes']> {
    const prompt = `hmac-sha256:${this.#prompt}`
    if (this.#tap === null) return { prompt }
    return { prompt, response: `hmac-sha256:${this.#response.digest('hex')}` }
  }
}
