/**
 * Reads what a model call used out of its response while that passes by; the response itself goes on untouched. What
 * cannot be read leaves the usage unknown, and an unknown usage costs the whole hold.
 */

import type { Transform } from 'node:stream'
import { createParser, type EventSourceParser } from 'eventsource-parser'
import type { ModelWire } from '../../kernel/content.ts'
import type { Usage } from '../../kernel/price.ts'
import { openUsage, type UsageFold } from '../../kernel/usage/fold.ts'
import { readUsage } from '../../kernel/usage/read.ts'
import { endless, type Room } from './room.ts'
import { unfolderOf } from './unfolding.ts'
import { appended } from './whole-body.ts'

/** Bytes of a response that is no event stream, its coding taken off; of a longer one the usage stays unknown. */
const wholeBytesMax = 32 * 1024 * 1024

/** Bytes of one event; a stream with a longer one is read no further. */
const eventBytesMax = 8 * 1024 * 1024

/** Bytes of a whole event stream. */
const streamBytesMax = 1024 * 1024 * 1024

/**
 * Bytes of one whose coding is taken off, which can be a thousand for each that came: as many as its hold could stand for,
 * and no more. A token is an event of 200 to 400 bytes, and of 4 KiB with the most that is told of its likelihood
 * (OpenAI's top_logprobs, 2026-11).
 */
const unfolded = { free: 16 * 1024 * 1024, perToken: 8 * 1024, max: 256 * 1024 * 1024 } as const

/** Bytes that wait for their coding to be taken off; the response itself waits for nobody. */
const waitingBytesMax = 32 * 1024 * 1024

export interface TapHead {
  readonly contentType: string
  readonly contentEncoding: string
}

export interface TapTerms {
  /** Output tokens that the hold covers; Infinity where nothing bounds them. */
  readonly outputMax: number
  /** For what is kept of an answer that is no stream. */
  readonly room: Room
}

const unbound: TapTerms = { outputMax: Number.POSITIVE_INFINITY, room: endless }

/** One response of a model call; made when its head is known. */
export class UsageTap {
  readonly #wire: ModelWire
  readonly #fold: UsageFold | null
  readonly #parser: EventSourceParser | null
  readonly #unfold: Transform | null
  readonly #text = new TextDecoder()
  readonly #room: Room
  readonly #streamBytesMax: number
  #whole: Buffer = Buffer.alloc(0)
  #bytes = 0
  /** Of the room, for what is kept. */
  #taken = 0
  #sinceEvent = 0
  /** Text behind the last line end: the parser would walk over it again with each piece. */
  #rest: string[] = []
  /** Nothing more is read: too long, undecodable. */
  #blind = false
  #ended: Promise<void> | null = null

  constructor(wire: ModelWire, head: TapHead, { outputMax, room }: TapTerms = unbound) {
    this.#wire = wire
    this.#room = room
    const streams = /^text\/event-stream\b/i.test(head.contentType.trim())
    this.#fold = streams ? openUsage(wire) : null
    this.#parser = streams
      ? createParser({
          onEvent: (event) => {
            this.#sinceEvent = 0
            this.#fold?.event(event.event ?? '', event.data)
          },
        })
      : null
    this.#unfold = this.#open(head.contentEncoding)
    const { free, max, perToken } = unfolded
    const isFolded = this.#unfold !== null
    this.#streamBytesMax = isFolded ? Math.min(max, free + perToken * outputMax) : streamBytesMax
  }

  /** True where the response is an event stream that the gate may end with an event of its own. */
  get speaksEvents(): boolean {
    return this.#fold !== null && this.#unfold === null
  }

  /** Output tokens that passed so far, at least. */
  get outputSoFar(): number {
    return this.#fold?.outputSoFar ?? 0
  }

  push(chunk: Buffer): void {
    if (this.#blind) return
    const unfold = this.#unfold
    if (unfold === null) this.#read(chunk)
    else if (unfold.writableLength > waitingBytesMax) this.#close()
    else unfold.write(chunk)
  }

  /** Nothing of the response matters any more. */
  drop(): void {
    this.#close()
  }

  /**
   * The response is over, or broken off.
   *
   * whole    whether its end was reached; a body that is cut off says nothing.
   * returns  null where nobody can know.
   */
  async end(whole: boolean): Promise<Usage | null> {
    if (this.#unfold !== null) await this.#drain(this.#unfold)
    // A line end of CR alone, that the parser holds until it knows what follows, is one where nothing does.
    if (whole && !this.#blind) this.#parser?.feed(`${this.#rest.join('')}\n`)
    if (this.#fold !== null) return this.#fold.usage
    const usage = whole && !this.#blind ? this.#readWhole() : null
    this.#close()
    return usage
  }

  #readWhole(): Usage | null {
    return readUsage(this.#wire, this.#whole.subarray(0, this.#bytes))
  }

  #open(coding: string): Transform | null {
    const unfold = unfolderOf(coding)
    if (unfold === null) {
      this.#blind = !/^(?:identity)?$/i.test(coding.trim())
      return null
    }
    unfold.on('data', (chunk: Buffer) => this.#read(chunk))
    unfold.on('error', () => {
      this.#blind = true
    })
    return unfold
  }

  #drain(unfold: Transform): Promise<void> {
    this.#ended ??= new Promise((resolve) => {
      if (this.#blind) {
        unfold.destroy()
        resolve()
        return
      }
      unfold.once('close', () => resolve())
      unfold.once('error', () => resolve())
      unfold.once('end', () => resolve())
      unfold.end()
    })
    return this.#ended
  }

  #read(chunk: Buffer): void {
    if (this.#blind) return
    this.#bytes += chunk.length
    if (this.#parser === null) {
      const all = { piece: chunk, bytes: this.#bytes, bytesMax: wholeBytesMax }
      if (this.#bytes > wholeBytesMax || !this.#room.take(chunk.length)) this.#close()
      else {
        this.#taken += chunk.length
        this.#whole = appended(this.#whole, all)
      }
      return
    }
    this.#sinceEvent += chunk.length
    if (this.#sinceEvent > eventBytesMax || this.#bytes > this.#streamBytesMax) {
      this.#close()
      return
    }
    this.#feed(this.#parser, this.#text.decode(chunk, { stream: true }))
  }

  #feed(parser: EventSourceParser, text: string): void {
    const end = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r')) + 1
    if (end > 0) {
      parser.feed(this.#rest.join('') + text.slice(0, end))
      this.#rest = []
    }
    if (end < text.length) this.#rest.push(text.slice(end))
  }

  #close(): void {
    this.#blind = true
    this.#whole = Buffer.alloc(0)
    this.#room.give(this.#taken)
    this.#taken = 0
    this.#rest = []
    this.#unfold?.destroy()
  }
}
