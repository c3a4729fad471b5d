/**
 * What the decoders of model calls have in common: names, counts, and the bound of input tokens.
 *
 * The bound: each token stands for at least one byte of UTF-8 (byte-level BPE, and SentencePiece with byte fallback), and
 * JSON never writes a text in fewer bytes than it has. So the bytes of the whole body bound the tokens of all text in it;
 * names of members and marks, at least 20 bytes a message, more than pay for the few tokens that a chat template adds to
 * each. What stands for more than its own bytes is added: tools, whose templates are not known, and images. What has no
 * bound (files, audio, references to what the provider keeps, tools that the provider runs) the decoders refuse.
 */
import type { Json } from '../content.ts'
import { isNone, type JsonObject, stringOf } from './member.ts'

/** Tokens that a provider may add to any call: system prompts of its own, say for the use of tools. */
export const callTokens = 1024

/** Tokens that a provider's template may add to each tool on offer. */
export const toolTokens = 1024

/**
 * Tokens of the dearest image: gpt-4o-mini counts 2,833 and 5,667 for each of at most 8 tiles, 48,169 in all. The largest
 * of others that are documented: about 14,400 (OpenAI, by patches), 4,784 (Anthropic), 2,240 (Gemini).
 *
 * source  the providers' guides to images and vision, read in November 2026.
 */
export const imageTokens = 50_000

/** Answers to one call: OpenAI's documentation allows 128. */
export const choicesMax = 128

/** Characters of a model's name. */
export const modelNameMax = 256

/** What a request holds beside text. */
export interface Parts {
  readonly images: number
  /** Characters of images that stand in the body itself: no text, so no tokens of text. */
  readonly imageCharacters: number
}

/** Text alone. */
export const noParts: Parts = { images: 0, imageCharacters: 0 }

/** An image; `inline` is its base64 where it stands in the body, and empty where it does not. */
export function imageOf(inline: string): Parts {
  return { images: 1, imageCharacters: inline.length }
}

/** The parts of all, or the first sentence. */
export function joined(all: readonly (Parts | string)[]): Parts | string {
  let images = 0
  let imageCharacters = 0
  for (const parts of all) {
    if (typeof parts === 'string') return parts
    images += parts.images
    imageCharacters += parts.imageCharacters
  }
  return { images, imageCharacters }
}

/** Input tokens at most of a body of so many bytes. */
export function tokensInMax(bodyBytes: number, tools: number, parts: Parts): number {
  const text = bodyBytes - parts.imageCharacters
  return callTokens + text + tools * toolTokens + parts.images * imageTokens
}

/** The name of a model; null where it is none. */
export function modelNameOf(value: Json | undefined): string | null {
  const name = stringOf(value)
  if (name === null || name.length > modelNameMax) return null
  return /^[\w.:/@+-]+$/.test(name) ? name : null
}

/** A count of 1 or more; undefined where it is left out, null where it is no such count. */
export function countOf(value: Json | undefined): number | null | undefined {
  if (isNone(value)) return undefined
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 ? value : null
}

/** How many answers are asked for: 1 where it is left out, null where it is no such count. */
export function choicesOf(value: Json | undefined): number | null {
  const count = countOf(value)
  if (count === undefined) return 1
  return count === null || count > choicesMax ? null : count
}

/** A switch: false where it is left out, null where it is none. */
export function switchOf(value: Json | undefined): boolean | null {
  if (isNone(value)) return false
  return typeof value === 'boolean' ? value : null
}

/** Names of tools as one fact: ascending, each once, joined by commas; null where a name cannot stand in a list. */
export function toolList(names: readonly (string | null)[]): string | null {
  if (names.some((name) => name === null || !/^[\w.:/-]{1,256}$/.test(name))) return null
  return [...new Set(names)].sort().join(',')
}

/** Members that a call may not set, or only to what leaves its cost bounded; null allows none at all. */
export type Terms = readonly (readonly [
  name: string,
  allowed: readonly Json[] | null,
  why: string,
])[]

/** The sentence of the first term that the call breaks; null where it keeps them all. */
export function brokenTerm(call: JsonObject, terms: Terms): string | null {
  for (const [name, allowed, why] of terms) {
    const value = call[name]
    if (!isNone(value) && !(allowed ?? []).includes(value)) return `"${name}" is refused: ${why}.`
  }
  return null
}
