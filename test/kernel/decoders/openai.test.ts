/** The decoder of OpenAI's calls: its bounds hold, and what has no bound is refused. */
import { test } from 'tap'
import { imageTokens, toolTokens } from '../../../kernel/decoders/model-call.ts'
import { added, callOf, contentOf, messages, type Row, refusedCode } from './model-world.ts'
import { factsOr, json, request } from './request.ts'

const chatPath = '/v1/chat/completions'

const chat = { model: 'gpt-4o', messages }

const openAiCalls: readonly Row[] = [
  [chatPath, chat, ['openai-chat', 'gpt-4o', false, 1, null]],
  [
    chatPath,
    { ...chat, max_tokens: 10, n: 3, stream: true },
    ['openai-chat', 'gpt-4o', true, 3, 30],
  ],
  [
    chatPath,
    { ...chat, max_tokens: 10, max_completion_tokens: 5 },
    ['openai-chat', 'gpt-4o', false, 1, 10],
  ],
  [
    chatPath,
    { ...chat, max_completion_tokens: 2 ** 53 - 1, n: 2 },
    ['openai-chat', 'gpt-4o', false, 2, 2 ** 53 - 1],
  ],
  [
    chatPath,
    { ...chat, max_tokens: null, stream: null, n: null },
    ['openai-chat', 'gpt-4o', false, 1, null],
  ],
  [
    '/openai/deployments/mine/chat/completions',
    { messages },
    ['openai-chat', 'mine', false, 1, null],
  ],
  [
    '/v1/responses',
    { model: 'o3', input: 'hi', max_output_tokens: 9 },
    ['openai-responses', 'o3', false, 1, 9],
  ],
  [
    '/v1/completions',
    { model: 'm', prompt: ['a', 'b'], n: 2, best_of: 3, max_tokens: 5 },
    ['openai-chat', 'm', false, 6, 30],
  ],
  ['/v1/completions', { model: 'm', prompt: [1, 2] }, ['openai-chat', 'm', false, 1, null]],
  ['/v1/embeddings', { model: 'e', input: [[1], [2]] }, ['openai-chat', 'e', false, 1, 0]],
  ['/v1/embeddings', { model: 'e', input: 'a', max_tokens: 5 }, ['openai-chat', 'e', false, 1, 0]],
  ['/v1/audio/speech', chat, refusedCode],
  [chatPath, { messages }, refusedCode],
  [chatPath, { model: 'a b', messages }, refusedCode],
  [chatPath, { model: 'm'.repeat(257), messages }, refusedCode],
  [chatPath, { model: 'm' }, refusedCode],
  [chatPath, [chat], refusedCode],
  [chatPath, { ...chat, max_tokens: 0 }, refusedCode],
  [chatPath, { ...chat, max_tokens: -1 }, refusedCode],
  [chatPath, { ...chat, max_tokens: 1.5 }, refusedCode],
  [chatPath, { ...chat, max_tokens: 2 ** 53 }, refusedCode],
  [chatPath, { ...chat, max_tokens: '5' }, refusedCode],
  [chatPath, { ...chat, Max_Tokens: 5 }, refusedCode],
  [chatPath, { ...chat, n: 129 }, refusedCode],
  [chatPath, { ...chat, n: 0 }, refusedCode],
  [chatPath, { ...chat, stream: 'true' }, refusedCode],
  [chatPath, { ...chat, stream_options: true }, refusedCode],
  [chatPath, { ...chat, service_tier: 'priority' }, refusedCode],
  [chatPath, { ...chat, service_tier: 'flex' }, ['openai-chat', 'gpt-4o', false, 1, null]],
  [chatPath, { ...chat, modalities: ['text', 'audio'] }, refusedCode],
  [chatPath, { ...chat, modalities: 'audio' }, refusedCode],
  [chatPath, { ...chat, modalities: ['text'] }, ['openai-chat', 'gpt-4o', false, 1, null]],
  [chatPath, { ...chat, audio: { voice: 'x' } }, refusedCode],
  [chatPath, { ...chat, web_search_options: {} }, refusedCode],
  [chatPath, { ...chat, data_sources: [{}] }, refusedCode],
  [chatPath, { ...chat, search_parameters: {} }, refusedCode],
  [chatPath, { ...chat, plugins: [{ id: 'web' }] }, refusedCode],
  [chatPath, { ...chat, models: ['o1-pro'] }, refusedCode],
  [chatPath, { ...chat, fallbacks: ['o1-pro'] }, refusedCode],
  [chatPath, { ...chat, prediction: { type: 'content', content: 'x' } }, refusedCode],
  [chatPath, { ...chat, prediction: null }, ['openai-chat', 'gpt-4o', false, 1, null]],
  [chatPath, { ...chat, tools: {} }, refusedCode],
  [chatPath, { ...chat, functions: {} }, refusedCode],
  ['/v1/responses', { model: 'o3', input: 'x', background: true }, refusedCode],
  ['/v1/responses', { model: 'o3', input: 'x', previous_response_id: 'r' }, refusedCode],
  ['/v1/responses', { model: 'o3', input: 'x', conversation: 'c' }, refusedCode],
  ['/v1/responses', { model: 'o3', prompt: { id: 'p' } }, refusedCode],
  [
    '/v1/responses',
    { model: 'o3', input: 'x', background: false },
    ['openai-responses', 'o3', false, 1, null],
  ],
  ['/v1/completions', { model: 'm' }, refusedCode],
  ['/v1/completions', { model: 'm', prompt: [{}] }, refusedCode],
  ['/v1/completions', { model: 'm', prompt: 'a', messages: [] }, refusedCode],
  ['/v1/completions', { model: 'm', prompt: 'a', best_of: 0 }, refusedCode],
  ['/v1/completions', { model: 'm', prompt: 'a', n: 0 }, refusedCode],
  ['/v1/completions', { model: 'm', prompt: ['a', 'b'], n: 100 }, refusedCode],
  ['/v1/embeddings', { model: 'e', input: [{ image: 'x' }] }, refusedCode],
]

test('an OpenAI call is read with the bound of all its answers, or refused', async (t) => {
  for (const [path, value, call] of openAiCalls) {
    t.same(callOf('openai', path, value), call, `${path} ${JSON.stringify(value).slice(0, 99)}`)
  }
  t.equal(
    factsOr('openai', request({ method: 'GET', path: chatPath, body: json(chat) })),
    refusedCode,
  )
  t.equal(
    factsOr('openai', request({ path: chatPath, text: '{"n":1,"n":2}' })),
    'malformed-request',
  )
})

const image = 'data:image/png;base64,AAAABBBBCCCC'

/** What a part adds to the tokens of its text, or the code that refuses it. */
const chatParts: readonly (readonly [part: unknown, added: number | string])[] = [
  [{ type: 'text', text: 'x' }, 0],
  [{ type: 'refusal', refusal: 'x' }, 0],
  [{ type: 'image_url', image_url: { url: image } }, imageTokens - image.length],
  [{ type: 'image_url', image_url: 'https://x.example/y.png' }, imageTokens],
  [{ type: 'image_url' }, imageTokens],
  [{ type: 'input_audio', input_audio: {} }, refusedCode],
  [{ type: 'file', file: { file_id: 'f' } }, refusedCode],
  [{ text: 'x' }, refusedCode],
  ['x', refusedCode],
]

test('every byte of text counts as a token, and images as much as the dearest', async (t) => {
  for (const [part, expected] of chatParts) {
    const value = { model: 'm', messages: [{ role: 'user', content: [part] }] }
    t.equal(added(contentOf('openai', chatPath, value), value), expected, JSON.stringify(part))
  }
  for (const message of [
    7,
    { role: 'user', content: 7 },
    { role: 'assistant', audio: { id: 'a' } },
  ]) {
    t.equal(callOf('openai', chatPath, { model: 'm', messages: [message] }), refusedCode)
  }
  const calls = { model: 'm', messages: [{ role: 'assistant', content: null, tool_calls: [] }] }
  t.equal(added(contentOf('openai', chatPath, calls), calls), 0)
})

const items: readonly (readonly [item: unknown, added: number | string])[] = [
  [{ role: 'user', content: [{ type: 'input_text', text: 'x' }] }, 0],
  [
    { type: 'message', role: 'user', content: [{ type: 'input_image', image_url: image }] },
    imageTokens - image.length,
  ],
  [{ role: 'user', content: [{ type: 'input_image', file_id: 'f' }] }, imageTokens],
  [{ role: 'user', content: [{ type: 'input_file', file_id: 'f' }] }, refusedCode],
  [{ type: 'function_call', name: 'f', arguments: '{}' }, 0],
  [{ type: 'function_call_output', output: 'x' }, 0],
  [
    { type: 'custom_tool_call_output', output: [{ type: 'input_image', image_url: image }] },
    imageTokens - image.length,
  ],
  [
    { type: 'computer_call_output', output: { type: 'computer_screenshot', file_id: 'f' } },
    imageTokens,
  ],
  [{ type: 'computer_call_output' }, refusedCode],
  [{ type: 'reasoning', summary: [] }, 0],
  [{ type: 'item_reference', id: 'x' }, refusedCode],
  [{ type: 'web_search_call' }, refusedCode],
  [{ type: 7 }, refusedCode],
  ['x', refusedCode],
]

test('an item of a Responses input counts, or is refused', async (t) => {
  for (const [item, expected] of items) {
    const value = { model: 'm', input: [item] }
    t.equal(
      added(contentOf('openai', '/v1/responses', value), value),
      expected,
      JSON.stringify(item),
    )
  }
  t.equal(callOf('openai', '/v1/responses', { model: 'm', input: 7 }), refusedCode)
  t.match(callOf('openai', '/v1/responses', { model: 'm' }), ['openai-responses'])
})

const tools: readonly (readonly [tools: readonly unknown[], fact: string])[] = [
  [[], ''],
  [
    [
      { type: 'function', function: { name: 'b' } },
      { type: 'function', name: 'a' },
    ],
    'a,b',
  ],
  [[{ type: 'custom', custom: { name: 'c' } }, { type: 'local_shell' }], 'c,local_shell'],
  [
    [
      { type: 'function', name: 'a' },
      { type: 'function', name: 'a' },
    ],
    'a',
  ],
  [[{ type: 'function', name: 'a,b' }], refusedCode],
  [[{ type: 'function', function: {} }], refusedCode],
  [[{ type: 'web_search' }], refusedCode],
  [[{ type: 'mcp', server_url: 'x' }], refusedCode],
  [[{ name: 'a' }], refusedCode],
  [['a'], refusedCode],
]

test('tools on offer are named, and none is run by the provider', async (t) => {
  for (const [offered, expected] of tools) {
    const value = { ...chat, tools: offered }
    const facts = factsOr('openai', request({ path: chatPath, body: json(value) }))
    t.equal(typeof facts === 'string' ? facts : facts['tools'], expected, JSON.stringify(offered))
    const count = typeof facts === 'string' ? refusedCode : offered.length * toolTokens
    t.equal(added(contentOf('openai', chatPath, value), value), count)
  }
  const older = { ...chat, functions: [{ name: 'f' }] }
  t.match(factsOr('openai', request({ path: chatPath, body: json(older) })), {
    model: 'gpt-4o',
    streams: false,
    tools: 'f',
    message_count: 1,
  })
})
