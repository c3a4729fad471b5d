/**
 * Events of Anthropic's Messages.
 *
 * source  docs.anthropic.com, streaming messages: the counts of `message_delta` are of the whole message; November 2026.
 */
import type { Json } from '../content.ts'
import { type JsonObject, objectOf, stringOf } from '../decoders/member.ts'
import type { Usage } from '../price.ts'
import { largerOf } from './count.ts'
import { anthropicUsage, isWhole } from './stated.ts'
import type { Told } from './told.ts'

/** The first statement must be whole; later ones may state the output only. */
function told(value: Json | undefined, before: Usage | null): Told {
  const usage = objectOf(value)
  if (usage === null || (before === null && !isWhole(usage))) return { tokens: 0, usage: null }
  const stated = anthropicUsage(usage)
  if (stated === null) return { tokens: 0, usage: null }
  return { tokens: 0, usage: largerOf(before, stated), output: stated.output }
}

function bearsContent(delta: JsonObject): boolean {
  return ['text', 'partial_json', 'thinking'].some((name) => (stringOf(delta[name]) ?? '') !== '')
}

/** An event of a message. */
export function anthropicStream(name: string, event: JsonObject, before: Usage | null): Told {
  switch (stringOf(event['type']) ?? name) {
    case 'message_start':
      return told(objectOf(event['message'])?.['usage'], before)
    case 'message_delta':
      return told(event['usage'], before)
    case 'content_block_delta':
      return { tokens: bearsContent(objectOf(event['delta']) ?? {}) ? 1 : 0 }
    case 'message_stop':
      return { tokens: 0, ends: before === null ? 'failure' : 'usage' }
    case 'error':
      return { tokens: 0, ends: 'failure' }
    default:
      return { tokens: 0 }
  }
}
