/** Fuzzes the edits of model calls: a clamped call is the same call within its bound, and no other byte has changed. */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import type { Content, ModelCall } from '../../kernel/content.ts'
import { askForUsage, clampModel } from '../../kernel/decoders/clamp.ts'
import { decoderOf } from '../../kernel/decoders/index.ts'
import { type JsonText, readJsonText, type Span } from '../../kernel/decoders/json-text.ts'
import { request } from '../kernel/decoders/request.ts'
import { ensure, type Fuzzed, type Reached } from './fuzzed.ts'
import { anthropicCall, geminiCall, type MadeCall, openAiCall } from './model-calls.ts'
import { timely } from './timely.ts'

const boundNames: ReadonlySet<string> = new Set([
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'maxOutputTokens',
])
const configNames: ReadonlySet<string> = new Set(['generationConfig', 'generation_config'])

/** The content that a call of this text has; null where it is refused. */
function contentOf({ decoder, path, query }: MadeCall, body: Uint8Array): Content | null {
  const answer = decoderOf(decoder)(request({ path, query, body }))
  return answer.ok ? answer.content : null
}

function objectIn(text: string): JsonText {
  const read = readJsonText(text)
  ensure(read.ok, 'what is edited is JSON')
  return read
}

const sliceOf = ({ text }: JsonText, { from, to }: Span): string => text.slice(from, to)

/** The text with `#` for each bound; bounds of Gemini stand one object deeper. */
function skeleton(text: string): string {
  const read = objectIn(text)
  let answer = ''
  let copied = 0
  for (const [name, span] of read.members) {
    const isBound = boundNames.has(name)
    if (!isBound && !configNames.has(name)) continue
    const inside = sliceOf(read, span)
    const deeper = inside.startsWith('{') ? skeleton(inside) : inside
    answer += read.text.slice(copied, span.from) + (isBound ? '#' : deeper)
    copied = span.to
  }
  return answer + read.text.slice(copied)
}

/** Takes one bound out of the very beginning of the object, where the clamp puts one that was missing. */
function withoutInserted(text: string): string {
  const inserted = /\{"(?:max_\w+|maxOutputTokens)":#,?/
  return text
    .replace(/\{"generationConfig":\{"maxOutputTokens":#\},?/, '{')
    .replace(/("generation_?[cC]onfig"\s*:\s*)\{"maxOutputTokens":#\}/, '$1null')
    .replace(inserted, '{')
}

/** Nothing but bounds differs: their values, or one that was put in. */
function checkBytes(before: string, after: string): void {
  const [left, right] = [skeleton(before), skeleton(after)]
  if (left === right) return
  const emptied = left.replace(/("generation_?[cC]onfig"\s*:\s*)\{\}/, '$1null')
  const bare = withoutInserted(right)
  ensure(bare === left || bare === emptied, `more than a bound changed: ${after}`)
}

/** A model call without what a clamp may change: its bound, and what its own length adds. */
const otherwise = ({ tokensInMax: _in, tokensOutMax: _out, ...rest }: ModelCall): object => rest

function checkClamp(call: MadeCall, content: Content, wanted: number): string {
  const { model } = content
  ensure(model !== null, 'it is a model call')
  const body = Buffer.from(call.text, 'utf8')
  const clamped = timely(body.length, () => clampModel(body, model, wanted))
  if (clamped === null) {
    ensure(wanted < model.choices, 'a call is given up only where no token is left for a choice')
    return 'given up'
  }
  const again = contentOf(call, clamped)
  ensure(
    again?.model !== null && again !== null,
    `a clamped call is read again: ${Buffer.from(clamped)}`,
  )
  const bound = again.model.tokensOutMax
  ensure(
    bound !== null && bound <= wanted,
    `a clamped call is within its bound: ${Buffer.from(clamped)}`,
  )
  ensure(isDeepStrictEqual(otherwise(again.model), otherwise(model)), 'it is the same call')
  ensure(isDeepStrictEqual(again.facts, content.facts), 'its facts are the same')
  const text = Buffer.from(clamped).toString('utf8')
  if (model.tokensOutMax !== null && model.tokensOutMax <= wanted) {
    const [before, after] = [skeleton(call.text), skeleton(text)]
    const isDoubled = after.replace(/\{"max_tokens":#,?/, '{') === before
    ensure(after === before || isDoubled, 'a call within its bound says it twice at most')
    return 'within its bound'
  }
  checkBytes(call.text, text)
  return 'clamped'
}

function checkUsage(call: MadeCall, content: Content): string {
  const { model } = content
  ensure(model !== null, 'it is a model call')
  const body = Buffer.from(call.text, 'utf8')
  const asked = askForUsage(body, model)
  ensure(asked !== null, 'a call that was read can be asked for its usage')
  if (asked === body) return 'not asked'
  const again = contentOf(call, asked)
  ensure(again?.model !== null && again !== null, 'a call that is asked is read again')
  ensure(isDeepStrictEqual(again.facts, content.facts), 'its facts are the same')
  const [before, after] = [JSON.parse(call.text), JSON.parse(Buffer.from(asked).toString('utf8'))]
  const options = { ...before.stream_options, include_usage: true }
  ensure(
    isDeepStrictEqual(after, { ...before, stream_options: options }),
    'only usage is asked for',
  )
  return 'asked for usage'
}

function judge(call: MadeCall, wanted: number, reached: Reached): void {
  const content = contentOf(call, Buffer.from(call.text, 'utf8'))
  if (content === null) {
    reached('refused')
    return
  }
  reached(checkClamp(call, content, wanted))
  reached(checkUsage(call, content))
}

export const clamps: Fuzzed = {
  name: 'clamps',
  share: 5,
  roundRuns: 300,
  reaches: ['clamped', 'within its bound', 'given up', 'asked for usage', 'refused'],
  open: async (reached) => {
    const call = fc.oneof({ weight: 3, arbitrary: openAiCall }, anthropicCall, {
      weight: 2,
      arbitrary: geminiCall,
    })
    const wanted = fc.oneof(fc.nat(20), fc.nat(10_000), fc.constantFrom(Number.MAX_SAFE_INTEGER))
    return fc.property(call, wanted, (each, most) => judge(each, most, reached))
  },
}
