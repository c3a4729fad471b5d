/** The decoders of Anthropic's and Gemini's calls: their bounds hold, and what has no bound is refused. */
import { test } from 'tap'
import { imageTokens, toolTokens } from '../../../kernel/decoders/model-call.ts'
import { added, callOf, contentOf, messages, type Row, refusedCode } from './model-world.ts'
import { factsOr, request } from './request.ts'

const claude = { model: 'claude-opus-4-5', max_tokens: 50, messages }
const messagesPath = '/v1/messages'

const anthropicCalls: readonly Row[] = [
  [messagesPath, claude, ['anthropic', 'claude-opus-4-5', false, 1, 50]],
  [
    messagesPath,
    { ...claude, stream: true, system: 'x' },
    ['anthropic', 'claude-opus-4-5', true, 1, 50],
  ],
  [
    `${messagesPath}/count_tokens`,
    { ...claude, max_tokens: null },
    ['anthropic', 'claude-opus-4-5', false, 1, 0],
  ],
  [messagesPath, { ...claude, max_tokens: undefined }, refusedCode],
  [messagesPath, { ...claude, max_tokens: 0 }, refusedCode],
  [messagesPath, { ...claude, stream: 1 }, refusedCode],
  [messagesPath, { ...claude, model: 5 }, refusedCode],
  [messagesPath, { ...claude, messages: 'x' }, refusedCode],
  [messagesPath, { ...claude, mcp_servers: [] }, refusedCode],
  [messagesPath, { ...claude, speed: 'fast' }, refusedCode],
  [messagesPath, { ...claude, inference_geo: 'us' }, refusedCode],
  [messagesPath, { ...claude, tools: 'x' }, refusedCode],
  [
    messagesPath,
    { ...claude, tools: [{ type: 'web_search_20250305', name: 'web_search' }] },
    refusedCode,
  ],
  [messagesPath, { ...claude, tools: [{ type: 5, name: 'x' }] }, refusedCode],
  [messagesPath, { ...claude, tools: ['x'] }, refusedCode],
  [
    messagesPath,
    { ...claude, tools: [{ type: 'bash_20250124', name: 'bash' }, { name: 'a' }] },
    ['anthropic', 'claude-opus-4-5', false, 1, 50],
  ],
  [messagesPath, [claude], refusedCode],
  ['/v1/messages/batches', claude, refusedCode],
]

test('an Anthropic call is read with its bound, or refused', async (t) => {
  for (const [path, value, call] of anthropicCalls) {
    t.same(callOf('anthropic', path, value), call, `${path} ${JSON.stringify(value)}`)
  }
  t.equal(factsOr('anthropic', request({ method: 'GET', path: messagesPath })), refusedCode)
  const counts = contentOf('anthropic', `${messagesPath}/count_tokens`, claude)
  t.match(counts, { model: { tokensInMax: 0 }, facts: { message_count: 1, tools: '' } })
})

const blocks: readonly (readonly [block: unknown, added: number | string])[] = [
  [{ type: 'text', text: 'x' }, 0],
  [{ type: 'tool_use', input: { type: 'image' } }, 0],
  [{ type: 'image', source: { type: 'base64', data: 'AAAA' } }, imageTokens - 4],
  [{ type: 'image', source: { type: 'base64' } }, imageTokens],
  [{ type: 'image', source: { type: 'url', url: 'https://x.example' } }, imageTokens],
  [{ type: 'tool_result', content: 'x' }, 0],
  [
    { type: 'tool_result', content: [{ type: 'image', source: { type: 'base64', data: 'AA' } }] },
    imageTokens - 2,
  ],
  [{ type: 'document', source: { type: 'text', data: 'x' } }, 0],
  [{ type: 'document', source: { type: 'content', content: [{ type: 'image' }] } }, imageTokens],
  [{ type: 'document', source: { type: 'base64', data: 'x' } }, refusedCode],
  [{ type: 'document' }, refusedCode],
  [{ type: 'web_search_tool_result' }, refusedCode],
  [{ text: 'x' }, refusedCode],
  ['x', refusedCode],
]

test('a block of an Anthropic content counts, or is refused', async (t) => {
  for (const [block, expected] of blocks) {
    const value = { ...claude, messages: [{ role: 'user', content: [block] }] }
    t.equal(
      added(contentOf('anthropic', messagesPath, value), value),
      expected,
      JSON.stringify(block),
    )
  }
  for (const change of [{ messages: [5] }, { messages: [{ content: 5 }] }, { system: 5 }]) {
    t.equal(callOf('anthropic', messagesPath, { ...claude, ...change }), refusedCode)
  }
})

const geminiPath = '/v1beta/models/gemini-2.5-pro:generateContent'
const streamPath = '/v1beta/models/gemini-2.5-pro:streamGenerateContent'
const contents = [{ role: 'user', parts: [{ text: 'hi' }] }]

const geminiCalls: readonly Row[] = [
  [geminiPath, { contents }, ['gemini', 'gemini-2.5-pro', false, 1, null]],
  [geminiPath, {}, ['gemini', 'gemini-2.5-pro', false, 1, null]],
  [
    geminiPath,
    { contents, generationConfig: { maxOutputTokens: 5, candidateCount: 2 } },
    ['gemini', 'gemini-2.5-pro', false, 2, 10],
  ],
  [
    geminiPath,
    { contents, generation_config: { max_output_tokens: 5 } },
    ['gemini', 'gemini-2.5-pro', false, 1, 5],
  ],
  [
    '/v1/projects/p/locations/l/publishers/google/models/g:countTokens',
    { contents },
    ['gemini', 'g', false, 1, 0],
  ],
  [`${geminiPath}x`, { contents }, refusedCode],
  ['/v1beta/models/g:embedContent', { contents }, refusedCode],
  ['/v1beta/tunedModels/g:generateContent', { contents }, refusedCode],
  [geminiPath, [], refusedCode],
  [geminiPath, { contents: {} }, refusedCode],
  [
    geminiPath,
    { contents, generationConfig: { maxOutputTokens: 5 }, generation_config: {} },
    refusedCode,
  ],
  [
    geminiPath,
    { contents, generationConfig: { maxOutputTokens: 5, max_output_tokens: 6 } },
    refusedCode,
  ],
  [geminiPath, { contents, GenerationConfig: {} }, refusedCode],
  [geminiPath, { contents, generationConfig: { maxoutputtokens: 5 } }, refusedCode],
  [geminiPath, { contents, generationConfig: { max_outputTokens: 5 } }, refusedCode],
  [geminiPath, { contents, generationConfig: 5 }, refusedCode],
  [geminiPath, { contents, generationConfig: { maxOutputTokens: 0 } }, refusedCode],
  [geminiPath, { contents, generationConfig: { candidateCount: 0 } }, refusedCode],
  [
    geminiPath,
    { contents, generationConfig: { responseModalities: ['TEXT'] } },
    ['gemini', 'gemini-2.5-pro', false, 1, null],
  ],
  [geminiPath, { contents, generationConfig: { responseModalities: ['IMAGE'] } }, refusedCode],
  [geminiPath, { contents, generationConfig: { responseModalities: 5 } }, refusedCode],
  [geminiPath, { contents, cachedContent: 'x' }, refusedCode],
  [geminiPath, { contents, tools: [{ googleSearch: {} }] }, refusedCode],
  [geminiPath, { contents, tools: [{ functionDeclarations: [], codeExecution: {} }] }, refusedCode],
  [geminiPath, { contents, tools: [{ functionDeclarations: [{}] }] }, refusedCode],
  [geminiPath, { contents, tools: [5] }, refusedCode],
  [
    geminiPath,
    { contents, tools: [{ functionDeclarations: [], function_declarations: [] }] },
    refusedCode,
  ],
  [geminiPath, { contents, tools: 5 }, refusedCode],
  [streamPath, { contents }, ['gemini', 'gemini-2.5-pro', false, 1, null]],
  [streamPath, { contents, generationConfig: { candidateCount: 2 } }, refusedCode],
]

test('a Gemini call is read in either spelling, or refused', async (t) => {
  for (const [path, value, call] of geminiCalls) {
    t.same(callOf('gemini', path, value), call, `${path} ${JSON.stringify(value)}`)
  }
  t.same(callOf('gemini', streamPath, { contents }, 'alt=sse&key=k'), [
    'gemini',
    'gemini-2.5-pro',
    true,
    1,
    null,
  ])
  t.equal(callOf('gemini', streamPath, { contents }, 'alt=sse&alt=json'), refusedCode)
  t.equal(factsOr('gemini', request({ method: 'GET', path: geminiPath })), refusedCode)
  t.equal(factsOr('gemini', request({ path: geminiPath, text: '{' })), 'malformed-request')
  const value = {
    contents,
    system_instruction: { parts: [{ text: 'x' }] },
    tools: [{ function_declarations: [{ name: 'f' }] }],
  }
  const content = contentOf('gemini', geminiPath, value)
  t.match(content, { body: value, facts: { tools: 'f', message_count: 1 } })
  t.equal(added(content, value), toolTokens)
  t.match(contentOf('gemini', geminiPath.replace('generateContent', 'countTokens'), value), {
    model: { tokensInMax: 0 },
  })
})

const parts: readonly (readonly [part: unknown, added: number | string])[] = [
  [{ text: 'x', thought: true, thoughtSignature: 'AA' }, 0],
  [{ inline_data: { mime_type: 'image/png', data: 'AAAA' } }, imageTokens - 4],
  [{ inlineData: { mimeType: 'image/png' } }, imageTokens],
  [{ inlineData: { mimeType: 'application/pdf', data: 'AAAA' } }, refusedCode],
  [{ inlineData: 5 }, refusedCode],
  [{ inlineData: { mimeType: 'image/png', mime_type: 'video/mp4' } }, refusedCode],
  [{ fileData: { fileUri: 'x' } }, refusedCode],
  [{ functionCall: { name: 'f' } }, 0],
  [
    {
      functionResponse: {
        name: 'f',
        response: {},
        parts: [{ inlineData: { mimeType: 'image/png', data: 'AA' } }],
      },
    },
    imageTokens - 2,
  ],
  [{ functionResponse: null }, 0],
  [{ videoMetadata: {} }, refusedCode],
  [{ functionCall: {}, function_call: {} }, refusedCode],
  [5, 0],
]

test('a part of a Gemini content counts, or is refused', async (t) => {
  for (const [part, expected] of parts) {
    const value = { contents: [{ parts: [part] }] }
    t.equal(added(contentOf('gemini', geminiPath, value), value), expected, JSON.stringify(part))
  }
  t.equal(callOf('gemini', geminiPath, { contents: [{ parts: 5 }] }), refusedCode)
  t.match(callOf('gemini', geminiPath, { contents: [{}, 5, null] }), ['gemini'])
})
