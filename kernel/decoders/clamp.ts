/**
 * Lowers what a model call may answer, and asks a stream for its usage: the only edits that the gate makes to a body.
 * Every other byte stays as it came, and a call that is within its bound is not touched at all (I12).
 */
import type { ModelCall } from '../content.ts'
import { present } from '../contract.ts'
import { camel } from './camel.ts'
import { type JsonText, readJson, readJsonText } from './json-text.ts'
import { listOf, objectOf } from './member.ts'
import { setMember } from './splice.ts'
import { bytesOf } from './utf8.ts'

/** A text that is one JSON object, ready to be edited; null where it is none. */
function objectText(read: JsonText | { readonly ok: false }): JsonText | null {
  return read.ok && objectOf(read.value) !== null ? read : null
}

/** The value of a member as a text of its own: `{}` where it is left out; null where it is no object. */
function innerText(outer: JsonText, name: string): JsonText | null {
  const span = outer.members.get(name)
  const text = span === undefined ? 'null' : outer.text.slice(span.from, span.to)
  return objectText(readJsonText(text === 'null' ? '{}' : text))
}

/** OpenAI's own models take only this one, or both; other providers know only the older `max_tokens`. */
const takesCompletionTokens = /(?:^|[:/])(?:gpt-|o\d|chatgpt-|codex-)/

/** Whether a bound that the call has may be one that its provider does not know. */
const mayMiss = ({ model, wire }: ModelCall): boolean =>
  wire === 'openai-chat' && !takesCompletionTokens.test(model)

/** The members that may bound an answer, the one to set first where none does. */
function boundNames({ wire, model }: ModelCall, read: JsonText): readonly [string, ...string[]] {
  switch (wire) {
    case 'anthropic':
      return ['max_tokens']
    case 'openai-responses':
      return ['max_output_tokens']
    case 'gemini':
      return ['maxOutputTokens', 'max_output_tokens']
    case 'openai-chat': {
      // A completion knows the older name only, whatever else stands in its body.
      if (listOf(objectOf(read.value)?.['messages']) === null) return ['max_tokens']
      return takesCompletionTokens.test(model)
        ? ['max_completion_tokens', 'max_tokens']
        : ['max_tokens', 'max_completion_tokens']
    }
  }
}

/**
 * The text with the older bound beside the newer one. Some of those who copy OpenAI's format read the older one only, and
 * would take the newer one for nothing; OpenAI's own models take one of the two.
 */
function doubled(text: string, [first]: readonly string[]): string {
  const read = objectText(readJsonText(text))
  const values = read === null ? null : objectOf(read.value)
  if (read === null || first !== 'max_tokens' || typeof values?.['max_tokens'] === 'number') {
    return text
  }
  const newer = values?.['max_completion_tokens']
  return typeof newer === 'number' ? setMember(read, 'max_tokens', String(newer)) : text
}

/** The text with each of its bounds at most so high, and one of them there; the same text where that is so already. */
function bounded(read: JsonText, names: readonly [string, ...string[]], each: number): string {
  const values = present(objectOf(read.value), 'what is bounded is an object')
  const set = names.filter((name) => typeof values[name] === 'number')
  if (set.length === 0) {
    const spelled = names.find((name) => read.members.has(name)) ?? names[0]
    return setMember(read, spelled, String(each))
  }
  let now: JsonText = read
  for (const name of set) {
    if (Number(values[name]) <= each) continue
    const next = objectText(readJsonText(setMember(now, name, String(each))))
    now = present(next, 'a number for a number leaves an object')
  }
  return now.text
}

/** The generation config of Gemini's call bounded in its place, in whichever spelling it came. */
function boundedConfig(
  read: JsonText,
  names: readonly [string, ...string[]],
  each: number,
): string | null {
  const spelled = [...read.members.keys()].find((name) => camel(name) === 'generationConfig')
  const name = spelled ?? 'generationConfig'
  const config = innerText(read, name)
  return config === null ? null : setMember(read, name, bounded(config, names, each))
}

/**
 * The body whose call cannot answer more than `outMax` tokens, all choices together; Infinity bounds nothing.
 *
 * returns  the same bytes where the call is within the bound already.
 * errors   null where not one token is left for each choice, or where the body is not the call that was judged.
 */
export function clampModel(body: Uint8Array, model: ModelCall, outMax: number): Uint8Array | null {
  const { tokensOutMax, choices } = model
  if (outMax === Number.POSITIVE_INFINITY) return body
  const isWithin = tokensOutMax !== null && tokensOutMax <= outMax
  if (isWithin && !mayMiss(model)) return body
  const each = Math.floor(outMax / choices)
  const read = objectText(readJson(body))
  if (read === null || !(isWithin || each >= 1)) return null
  const names = boundNames(model, read)
  if (model.wire === 'gemini') {
    const text = boundedConfig(read, names, each)
    return text === null ? null : bytesOf(text)
  }
  const before = isWithin ? read.text : bounded(read, names, each)
  const text = names.length > 1 ? doubled(before, names) : before
  return text === read.text ? body : bytesOf(text)
}

/**
 * The body that asks an OpenAI stream to end with its usage, which it would not tell otherwise; other wires tell it.
 *
 * returns  the same bytes where it asks already, or need not.
 * errors   null where the body is not the call that was judged.
 */
export function askForUsage(body: Uint8Array, { wire, streams }: ModelCall): Uint8Array | null {
  if (wire !== 'openai-chat' || !streams) return body
  const read = objectText(readJson(body))
  const options = read === null ? null : innerText(read, 'stream_options')
  if (read === null || options === null) return null
  if (objectOf(options.value)?.['include_usage'] === true) return body
  const text = setMember(options, 'include_usage', 'true')
  return bytesOf(setMember(read, 'stream_options', text))
}
