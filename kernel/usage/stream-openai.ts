/**
 * Events of OpenAI's two formats.
 *
 * source  platform.openai.com, API reference: chat completion chunks, and streaming events of Responses; November 2026.
 */
import type { Json } from '../content.ts'
import { isNone, type JsonObject, listOf, objectOf, stringOf } from '../decoders/member.ts'
import type { Usage } from '../price.ts'
import { largerOf } from './count.ts'
import { openAiUsage } from './stated.ts'
import type { Told } from './told.ts'

const isText = (value: Json | undefined): boolean => (stringOf(value) ?? '') !== ''

/** Whether a delta brings text, reasoning, or a part of a tool's arguments. */
function bearsContent(value: Json): boolean {
  const choice = objectOf(value)
  const delta = objectOf(choice?.['delta'])
  if (isText(choice?.['text'])) return true
  if (delta === null) return false
  const isSaid = ['content', 'refusal', 'reasoning_content', 'reasoning'].some((name) =>
    isText(delta[name]),
  )
  const calls = listOf(delta['tool_calls']) ?? []
  return (
    isSaid || calls.some((call) => isText(objectOf(objectOf(call)?.['function'])?.['arguments']))
  )
}

/** Usage that comes again and again grows, and stands for all of the call so far. */
function told(value: Json | undefined, before: Usage | null): Pick<Told, 'usage' | 'output'> {
  if (isNone(value)) return {}
  const usage = openAiUsage(value)
  if (usage === null) return { usage }
  return { usage: largerOf(before, usage), output: usage.output }
}

/** A chunk of a chat, or of a completion. */
export function chatStream(_name: string, event: JsonObject, before: Usage | null): Told {
  if (!isNone(event['error'])) return { tokens: 0, ends: 'failure' }
  const choices = listOf(event['choices']) ?? []
  const tokens = choices.filter(bearsContent).length
  const stated = told(event['usage'], before)
  // A chunk without choices is the last one, and its usage is of all of them.
  const isLast = choices.length === 0 && stated.usage !== undefined
  return isLast ? { ...stated, tokens, ends: 'usage' } : { ...stated, tokens }
}

const endings: ReadonlySet<string> = new Set([
  'response.completed',
  'response.incomplete',
  'response.failed',
])

/** An event of a response. */
export function responsesStream(name: string, event: JsonObject, before: Usage | null): Told {
  const type = stringOf(event['type']) ?? name
  if (type === 'error') return { tokens: 0, ends: 'failure' }
  if (!endings.has(type))
    return { tokens: type.endsWith('.delta') && isText(event['delta']) ? 1 : 0 }
  const stated = told(objectOf(event['response'])?.['usage'], before)
  return { ...stated, tokens: 0, ends: stated.usage === undefined ? 'failure' : 'usage' }
}
