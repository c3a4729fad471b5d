/** Fuzzes what reads usage out of answers: whatever a provider says, a usage is of counts, and nothing is taken back. */
import fc from 'fast-check'
import type { ModelWire } from '../../kernel/content.ts'
import { costOf, type Usage } from '../../kernel/price.ts'
import { openUsage, type UsageFold } from '../../kernel/usage/fold.ts'
import { readUsage } from '../../kernel/usage/read.ts'
import { ensure, type Fuzzed } from './fuzzed.ts'
import { jsonPieces, jsonText } from './json-text.ts'
import { mutated } from './mutation.ts'
import { timely } from './timely.ts'

const wires: readonly ModelWire[] = ['openai-chat', 'openai-responses', 'anthropic', 'gemini']

const count = fc.oneof(
  { weight: 40, arbitrary: fc.nat(5_000) },
  fc.constantFrom(0, -1, -0, 0.5, 1e9, 1e9 + 1, 2 ** 53, 1e308, null, '5', true, [], {}),
)

const usageNames = [
  'prompt_tokens',
  'completion_tokens',
  'total_tokens',
  'prompt_cache_hit_tokens',
  'input_tokens',
  'output_tokens',
  'cache_read_input_tokens',
  'cache_creation_input_tokens',
  'promptTokenCount',
  'toolUsePromptTokenCount',
  'cachedContentTokenCount',
  'candidatesTokenCount',
  'thoughtsTokenCount',
  'totalTokenCount',
]

const details = fc.record({ cached_tokens: count, cache_write_tokens: count }, { requiredKeys: [] })

const usage = fc
  .tuple(
    fc.dictionary(fc.constantFrom(...usageNames), count, { minKeys: 2, maxKeys: 9 }),
    fc.record(
      { input_tokens_details: details, prompt_tokens_details: details },
      { requiredKeys: [] },
    ),
  )
  .map(([counts, more]) => ({ ...counts, ...more }))

const anyUsage = fc.oneof({ weight: 6, arbitrary: usage }, fc.constantFrom(null, 5, [], {}))

const types = [
  'message_start',
  'message_delta',
  'content_block_delta',
  'message_stop',
  'error',
  'ping',
  'response.completed',
  'response.incomplete',
  'response.failed',
  'response.output_text.delta',
]

const text = fc.constantFrom('', 'a', 'abc')

/** An event of all formats at once: each reader takes what it knows. */
const event = fc.record(
  {
    type: fc.constantFrom(...types),
    usage: anyUsage,
    usageMetadata: anyUsage,
    message: fc.record({ usage: anyUsage }),
    response: fc.record({ usage: anyUsage }),
    delta: fc.oneof(text, fc.record({ text }), fc.record({ partial_json: text })),
    choices: fc.array(
      fc.record({ delta: fc.record({ content: text }), text }, { requiredKeys: [] }),
      { maxLength: 3 },
    ),
    candidates: fc.array(
      fc.record(
        { content: fc.record({ parts: fc.array(fc.record({ text })) }), finishReason: text },
        { requiredKeys: [] },
      ),
      { maxLength: 2 },
    ),
    promptFeedback: fc.constantFrom(null, {}),
    error: fc.constantFrom(null, {}),
    totalTokens: count,
    input_tokens: count,
  },
  { requiredKeys: [] },
)

const eventText = fc.oneof(
  { weight: 12, arbitrary: event.map((each) => JSON.stringify(each)) },
  { weight: 2, arbitrary: jsonText },
  fc.constantFrom('[DONE]', ' [DONE]\n', '', '{'),
)

const price = {
  input: 15_000_000,
  cachedInput: 1_500_000,
  cacheWrite: 18_750_000,
  output: 75_000_000,
}

function checkUsage(stated: Usage | null): void {
  if (stated === null) return
  for (const [name, tokens] of Object.entries(stated)) {
    ensure(Number.isSafeInteger(tokens) && tokens >= 0, `${name} is a count`)
  }
  const cost = costOf(price, stated)
  ensure(Number.isSafeInteger(cost) && cost >= 0, 'a cost is a count')
}

/** One event more: what was counted is never taken back, and an end is an end. */
function fold(stream: UsageFold, name: string, data: string): void {
  const { done, outputSoFar } = stream
  timely(data.length, () => stream.event(name, data))
  ensure(stream.outputSoFar >= outputSoFar, 'what was counted is not taken back')
  ensure(Number.isSafeInteger(stream.outputSoFar), 'what is counted is a count')
  ensure(stream.done || !done, 'what is over stays over')
  checkUsage(stream.usage)
}

export const usageFolds: Fuzzed = {
  name: 'usage-folds',
  share: 3,
  roundRuns: 200,
  reaches: ['a usage', 'done', 'no usage'],
  open: async (reached) => {
    const events = fc.array(fc.tuple(fc.constantFrom('', ...types), eventText), { maxLength: 8 })
    return fc.property(fc.constantFrom(...wires), events, (wire, all) => {
      const stream = openUsage(wire)
      for (const [name, each] of all) fold(stream, name, each)
      if (stream.done) reached('done')
      reached(stream.usage === null ? 'no usage' : 'a usage')
    })
  },
}

export const usageBodies: Fuzzed = {
  name: 'usage-bodies',
  share: 2,
  roundRuns: 300,
  reaches: ['a usage', 'no usage'],
  open: async (reached) => {
    const body = fc
      .oneof(event, fc.array(event, { maxLength: 3 }))
      .map((each) => JSON.stringify(each))
    const bytes = mutated(
      fc.oneof({ weight: 6, arbitrary: body }, jsonText).map((each) => Buffer.from(each, 'utf8')),
      [...jsonPieces, '"usage":', 'e9'],
    )
    return fc.property(fc.constantFrom(...wires), bytes, (wire, each) => {
      const stated = timely(each.length, () => readUsage(wire, each))
      checkUsage(stated)
      reached(stated === null ? 'no usage' : 'a usage')
    })
  },
}
