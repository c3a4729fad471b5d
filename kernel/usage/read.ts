/** What a whole response says that its call used. */

import type { Json, ModelWire } from '../content.ts'
import { readJson } from '../decoders/json-text.ts'
import { listOf, objectOf } from '../decoders/member.ts'
import type { Usage } from '../price.ts'
import { largerOf } from './count.ts'
import { anthropicUsage, geminiUsage, isWhole, openAiUsage } from './stated.ts'

/** A count of tokens costs nothing. */
const nothing: Usage = { input: 0, cachedInput: 0, cacheWrite: 0, output: 0 }

function ofAnthropic(value: Json): Usage | null {
  const response = objectOf(value) ?? {}
  const isCount = typeof response['input_tokens'] === 'number' && response['type'] === undefined
  if (isCount) return nothing
  const usage = objectOf(response['usage'])
  return usage !== null && isWhole(usage) ? anthropicUsage(usage) : null
}

/** A stream that was not asked for as events is one list of what would have been events. */
function ofGemini(value: Json): Usage | null {
  let usage: Usage | null = null
  for (const item of listOf(value) ?? [value]) {
    const response = objectOf(item)
    if (response?.['usageMetadata'] === undefined) continue
    const stated = geminiUsage(response['usageMetadata'])
    if (stated === null) return null
    usage = largerOf(usage, stated)
  }
  const isCount = typeof objectOf(value)?.['totalTokens'] === 'number'
  return usage === null && isCount ? nothing : usage
}

const ofOpenAi = (value: Json): Usage | null => openAiUsage(objectOf(value)?.['usage'])

const readers: Readonly<Record<ModelWire, (value: Json) => Usage | null>> = {
  'openai-chat': ofOpenAi,
  'openai-responses': ofOpenAi,
  anthropic: ofAnthropic,
  gemini: ofGemini,
}

/**
 * The usage that a whole response states.
 *
 * body     all of it, content codings taken off.
 * returns  null where it states none that can be believed: then the whole hold is forfeited.
 */
export function readUsage(wire: ModelWire, body: Uint8Array): Usage | null {
  const read = readJson(body)
  if (!read.ok) return null
  return readers[wire](read.value)
}
