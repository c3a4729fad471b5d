/** What one event of a stream says of the usage of its call. */
import type { JsonObject } from '../decoders/member.ts'
import type { Usage } from '../price.ts'

/** What an event says, as far as usage is concerned. */
export interface Told {
  /** Usage that it states; undefined where it states none, null where what it states cannot be believed. */
  readonly usage?: Usage | null
  /** Tokens that it brings at least: it bears content. */
  readonly tokens: number
  /** Output tokens so far, where it states them. */
  readonly output?: number
  /** What it ends: `usage` the counting, all of it known; `failure` the answer, the usage staying unknown. */
  readonly ends?: 'usage' | 'failure'
}

/** The events of one format. State that events share is folded by whoever calls. */
export type ReadEvent = (name: string, event: JsonObject, before: Usage | null) => Told
