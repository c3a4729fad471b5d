/** Reads the usage of a model call out of its events while they pass: a lower bound meanwhile, the truth at the end. */
import type { ModelWire } from '../content.ts'
import { readJsonText } from '../decoders/json-text.ts'
import { objectOf } from '../decoders/member.ts'
import type { Usage } from '../price.ts'
import { anthropicStream } from './stream-anthropic.ts'
import { geminiStream } from './stream-gemini.ts'
import { chatStream, responsesStream } from './stream-openai.ts'
import type { ReadEvent, Told } from './told.ts'

const readers: Readonly<Record<ModelWire, ReadEvent>> = {
  'openai-chat': chatStream,
  'openai-responses': responsesStream,
  anthropic: anthropicStream,
  gemini: geminiStream,
}

/** One stream of events. */
export interface UsageFold {
  /** An event's name, empty where it has none, and its lines of `data` joined. */
  event(name: string, text: string): void
  /** What the call used, all told; null until that is known, and for good where it cannot be. */
  readonly usage: Usage | null
  /** Output tokens so far, at least: as stated, or one for each event that bears content. */
  readonly outputSoFar: number
  /** Whether the answer is over, well or not. */
  readonly done: boolean
}

class Fold implements UsageFold {
  readonly #read: ReadEvent
  #stated: Usage | null = null
  #counted = 0
  #output = 0
  #isKnown = false
  #isLying = false
  #isDone = false

  constructor(read: ReadEvent) {
    this.#read = read
  }

  get usage(): Usage | null {
    return this.#isKnown && !this.#isLying ? this.#stated : null
  }

  get outputSoFar(): number {
    return Math.max(this.#counted, this.#output)
  }

  get done(): boolean {
    return this.#isDone
  }

  event(name: string, text: string): void {
    // OpenAI's last word is no JSON.
    if (text.trim() === '[DONE]') {
      this.#end('usage')
      return
    }
    const json = readJsonText(text)
    const event = json.ok ? objectOf(json.value) : null
    // What cannot be read may have been the usage.
    if (event === null) this.#isLying = true
    else this.#take(this.#read(name, event, this.#stated))
  }

  #take({ usage, tokens, output, ends }: Told): void {
    this.#counted += tokens
    if (output !== undefined) this.#output = Math.max(this.#output, output)
    if (usage === null) this.#isLying = true
    else if (usage !== undefined) this.#stated = usage
    if (ends !== undefined) this.#end(ends)
  }

  #end(how: 'usage' | 'failure'): void {
    this.#isDone = true
    this.#isKnown = how === 'usage'
  }
}

/** Begins to read a stream of this format. */
export function openUsage(wire: ModelWire): UsageFold {
  return new Fold(readers[wire])
}
