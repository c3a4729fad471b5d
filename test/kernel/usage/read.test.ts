/** What whole responses say that they used, of each wire format, and what that costs. */
import { test } from 'tap'
import type { ModelWire } from '../../../kernel/content.ts'
import { bytesOf } from '../../../kernel/decoders/utf8.ts'
import { costOf, dearestInput } from '../../../kernel/price.ts'
import { readUsage } from '../../../kernel/usage/read.ts'
import { type Short, short } from './short.ts'

const chat = (usage: unknown): unknown => ({ object: 'chat.completion', choices: [], usage })
const message = (usage: unknown): unknown => ({ type: 'message', content: [], usage })
const gemini = (usageMetadata: unknown): unknown => ({ candidates: [], usageMetadata })
const details = { reasoning_tokens: 1024, accepted_prediction_tokens: 0 }

const whole: readonly (readonly [wire: ModelWire, response: unknown, usage: Short])[] = [
  [
    'openai-chat',
    chat({
      prompt_tokens: 2006,
      completion_tokens: 1100,
      total_tokens: 3106,
      prompt_tokens_details: { cached_tokens: 1920, audio_tokens: 0 },
      completion_tokens_details: details,
    }),
    [2006, 1920, 0, 1100],
  ],
  [
    'openai-chat',
    { object: 'list', data: [], usage: { prompt_tokens: 8, total_tokens: 8 } },
    [8, 0, 0, 0],
  ],
  // xAI counts reasoning in the total only.
  [
    'openai-chat',
    chat({ prompt_tokens: 10, completion_tokens: 5, total_tokens: 115 }),
    [10, 0, 0, 105],
  ],
  // DeepSeek names what its cache gave.
  [
    'openai-chat',
    chat({ prompt_tokens: 10, completion_tokens: 5, prompt_cache_hit_tokens: 4 }),
    [10, 4, 0, 5],
  ],
  [
    'openai-responses',
    {
      usage: {
        input_tokens: 36,
        input_tokens_details: { cached_tokens: 6, cache_write_tokens: 3 },
        output_tokens: 87,
        output_tokens_details: { reasoning_tokens: 50 },
        total_tokens: 123,
      },
    },
    [36, 6, 3, 87],
  ],
  ['openai-chat', chat(null), null],
  ['openai-chat', chat({ completion_tokens: 5 }), null],
  ['openai-chat', chat({ prompt_tokens: 5 }), null],
  ['openai-chat', chat({ prompt_tokens: 5, completion_tokens: -1 }), null],
  ['openai-chat', chat({ prompt_tokens: 1.5, completion_tokens: 1 }), null],
  ['openai-chat', chat({ prompt_tokens: '5', completion_tokens: 1 }), null],
  ['openai-chat', chat({ prompt_tokens: 1e12, completion_tokens: 1 }), null],
  ['openai-chat', chat({ prompt_tokens: 5, completion_tokens: 1, prompt_tokens_details: 7 }), null],
  [
    'openai-chat',
    chat({ prompt_tokens: 5, completion_tokens: 1, prompt_tokens_details: { cached_tokens: -1 } }),
    null,
  ],
  ['openai-chat', [], null],
  [
    'anthropic',
    message({
      input_tokens: 21,
      cache_creation_input_tokens: 188086,
      cache_read_input_tokens: 100,
      output_tokens: 393,
    }),
    [188207, 100, 188086, 393],
  ],
  [
    'anthropic',
    message({ input_tokens: 5, cache_creation_input_tokens: null, output_tokens: 3 }),
    [5, 0, 0, 3],
  ],
  ['anthropic', { input_tokens: 2095 }, [0, 0, 0, 0]],
  ['anthropic', { type: 'message', input_tokens: 2095 }, null],
  ['anthropic', message({ output_tokens: 5 }), null],
  ['anthropic', message({ input_tokens: 5 }), null],
  ['anthropic', message({ input_tokens: 5, output_tokens: 2.5 }), null],
  ['anthropic', { type: 'error', error: {} }, null],
  ['anthropic', 'text', null],
  [
    'gemini',
    gemini({
      promptTokenCount: 4,
      candidatesTokenCount: 10,
      thoughtsTokenCount: 20,
      cachedContentTokenCount: 2,
      toolUsePromptTokenCount: 3,
      totalTokenCount: 37,
    }),
    [7, 2, 0, 30],
  ],
  ['gemini', gemini({ promptTokenCount: 4 }), [4, 0, 0, 0]],
  [
    'gemini',
    [
      gemini({ promptTokenCount: 4, candidatesTokenCount: 1 }),
      {},
      5,
      gemini({ promptTokenCount: 4, candidatesTokenCount: 9 }),
    ],
    [4, 0, 0, 9],
  ],
  ['gemini', { totalTokens: 31 }, [0, 0, 0, 0]],
  ['gemini', gemini({ candidatesTokenCount: 4 }), null],
  ['gemini', gemini({ promptTokenCount: 4, thoughtsTokenCount: -4 }), null],
  ['gemini', gemini(5), null],
  ['gemini', {}, null],
  ['gemini', 5, null],
]

test('a whole response states its usage, or nobody knows it', async (t) => {
  for (const [wire, response, usage] of whole) {
    const text = JSON.stringify(response)
    t.same(short(readUsage(wire, bytesOf(text))), usage, `${wire} ${text}`)
  }
  t.equal(readUsage('openai-chat', bytesOf('{"usage":1,"usage":2}')), null)
  t.equal(readUsage('openai-chat', bytesOf('')), null)
})

test('a usage beyond what was held is kept as it is', async (t) => {
  t.same(
    short(
      readUsage(
        'anthropic',
        bytesOf(JSON.stringify(message({ input_tokens: 1e9, output_tokens: 1e9 }))),
      ),
    ),
    [1e9, 0, 0, 1e9],
  )
})

test('a cost is exact, rounded up, and never beyond what a number holds', async (t) => {
  const price = {
    input: 3_000_000,
    cachedInput: 300_000,
    cacheWrite: 6_000_001,
    output: 15_000_000,
  }
  const usage = { input: 10, cachedInput: 4, cacheWrite: 5, output: 2 }
  t.equal(
    costOf(price, usage),
    Math.ceil((3_000_000 + 4 * 300_000 + 5 * 6_000_001 + 2 * 15_000_000) / 1000),
  )
  t.equal(
    costOf(price, { ...usage, cachedInput: 20, cacheWrite: 20 }),
    Math.ceil((10 * 300_000 + 30_000_000) / 1000),
  )
  t.equal(
    costOf(
      { ...price, output: 600_000_001 },
      { input: 0, cachedInput: 0, cacheWrite: 0, output: 1e9 },
    ),
    600_000_001_000_000,
  )
  t.equal(
    costOf({ ...price, output: 2 ** 53 - 1 }, { ...usage, output: 1e9 }),
    Number.MAX_SAFE_INTEGER,
  )
  t.equal(dearestInput(price), 6_000_001)
})
