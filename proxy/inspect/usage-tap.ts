/**
 * Reads what a model call used out of its response while that passes by; the response itself goes on untouched. What
 * cannot be read leaves the usage unknown, and an unknown usage costs the whole hold.
 */

import type { Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { createParser, type EventSourceParser } from 'eventsource-parser'
import type { ModelWire } from '../../kernel/content.ts'
import type { Usage } from '../../kernel/price.ts'
import { openUsage, type UsageFold } from '../../kernel/usage/fold.ts'
import { readUsage } from '../../kernel/usage/read.ts'
import { appended } from './whole-body.ts'

/** Bytes of a response that is no event stream, its coding taken off; of a longer one the usage stays unknown. */
const wholeBytesMax = 32 * 1024 * 1024

/** Bytes of one event; a stream with a longer one is read no further. */
const eventBytesMax = 8 * 1024 * 1024

/** Bytes of a whole event stream, its coding taken off: a bomb is left unread. */
const streamBytesMax = 1024 * 1024 * 1024

/** Bytes that wait for their coding to be taken off; the response itself waits for nobody. */
const waitingBytesMax = 32 * 1024 * 1024

export interface TapHead {
  readonly contentType: string
  readonly contentEncoding: string
}

/** One response of a model call; made when its head is known. */
export class UsageTap {
  readonly #wire: ModelWire
  readonly #fold: UsageFold | null
  readonly #parser: EventSourceParser | null
  readonly #unfold: Transform | null
  readonly #text = new TextDecoder()
  #whole: Buffer = Buffer.alloc(0)
  #bytes = 0
  #sinceEvent = 0
  /** Text behind the last line end: the parser would walk over it again with each piece. */
  #rest: string[] = []
  /** Nothing more is read: too long, undecodable. */
  #blind = false
  #ended: Promise<void> | null = null

  constructor(wire: ModelWire, head: TapHead) {
    this.#wire = wire
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
    this.#unfold = this.#open(head.contentEncoding.trim().toLowerCase())
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
    if (!whole || this.#blind) return null
    return readUsage(this.#wire, this.#whole.subarray(0, this.#bytes))
  }

  #open(coding: string): Transform | null {
    const unfold = this.#unfolderOf(coding)
    if (unfold === null) return null
    unfold.on('data', (chunk: Buffer) => this.#read(chunk))
    unfold.on('error', () => {
      this.#blind = true
    })
    return unfold
  }

  #unfolderOf(coding: string): Transform | null {
    switch (coding) {
      case '':
      case 'identity':
        return null
      case 'gzip':
      case 'x-gzip':
        return createGunzip()
      case 'deflate':
        return createInflate()
      case 'br':
        return createBrotliDecompress()
      default:
        this.#blind = true
        return null
    }
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
      if (this.#bytes > wholeBytesMax) this.#close()
      else this.#whole = appended(this.#whole, all)
      return
    }
    this.#sinceEvent += chunk.length
    if (this.#sinceEvent > eventBytesMax || this.#bytes > streamBytesMax) {
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
    this.#rest = []
    this.#unfold?.destroy()
  }
}
