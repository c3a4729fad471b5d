/**
 * Events of Gemini: each is a response of its own, whose counts are of the whole answer so far. One candidate only.
 *
 * source  ai.google.dev, Gemini API reference: streamGenerateContent and UsageMetadata; November 2026.
 */
import type { Json } from '../content.ts'
import { isNone, type JsonObject, listOf, objectOf, stringOf } from '../decoders/member.ts'
import type { Usage } from '../price.ts'
import { largerOf } from './count.ts'
import { geminiUsage } from './stated.ts'
import type { Told } from './told.ts'

function bearsContent(candidate: Json): boolean {
  const content = objectOf(objectOf(candidate)?.['content'])
  const parts = listOf(content?.['parts']) ?? []
  return parts.some((part) => {
    const members = objectOf(part) ?? {}
    return (stringOf(members['text']) ?? '') !== '' || !isNone(members['functionCall'])
  })
}

/** A part of an answer. The one that says why the answer ends has the last counts. */
export function geminiStream(_name: string, event: JsonObject, before: Usage | null): Told {
  if (!isNone(event['error'])) return { tokens: 0, ends: 'failure' }
  const candidates = listOf(event['candidates']) ?? []
  const tokens = candidates.some(bearsContent) ? 1 : 0
  const metadata = event['usageMetadata']
  const usage = isNone(metadata) ? undefined : geminiUsage(metadata)
  const isLast =
    !isNone(event['promptFeedback']) ||
    candidates.some((candidate) => !isNone(objectOf(candidate)?.['finishReason']))
  const isTold = usage !== undefined && usage !== null
  const stated = isTold ? largerOf(before, usage) : usage
  return {
    tokens,
    ...(stated === undefined ? {} : { usage: stated }),
    ...(isTold ? { output: usage.output } : {}),
    ...(isLast && isTold ? { ends: 'usage' as const } : {}),
  }
}
