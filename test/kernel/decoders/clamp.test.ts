/** The clamp: a call cannot answer more than it is given, and nothing else of its body changes. */
import fc from 'fast-check'
import { test } from 'tap'
import type { DecoderName, ModelCall } from '../../../kernel/content.ts'
import { askForUsage, clampModel } from '../../../kernel/decoders/clamp.ts'
import { decoderOf } from '../../../kernel/decoders/index.ts'
import { bytesOf, textOf } from '../../../kernel/decoders/utf8.ts'
import { seed, seedSentence } from '../seed.ts'
import { request } from './request.ts'

test(seedSentence, async (t) => t.ok(Number.isSafeInteger(seed)))

const paths: Readonly<Record<string, readonly [DecoderName, string]>> = {
  chat: ['openai', '/v1/chat/completions'],
  completions: ['openai', '/v1/completions'],
  responses: ['openai', '/v1/responses'],
  embeddings: ['openai', '/v1/embeddings'],
  anthropic: ['anthropic', '/v1/messages'],
  gemini: ['gemini', '/v1beta/models/g:generateContent'],
}

function modelOf(kind: string, text: string): ModelCall | null {
  const [name, path] = paths[kind] ?? ['json', '']
  const answer = decoderOf(name)(request({ path, text }))
  return answer.ok ? answer.content.model : null
}

function clamped(kind: string, text: string, outMax: number): string | null {
  const model = modelOf(kind, text)
  if (model === null) throw new Error(`no call: ${text}`)
  const bytes = clampModel(bytesOf(text), model, outMax)
  return bytes === null ? null : textOf(bytes)
}

const chat = (rest: string): string => `{ "model":"gpt-4o" ,"messages":[]${rest} }`
const open = (rest: string): string => `{"model":"mistral-large","messages":[]${rest}}`
const claude = (bound: string): string => `{"model":"c","messages":[],"max_tokens" : ${bound}}`

const rows: readonly (readonly [
  kind: string,
  text: string,
  outMax: number,
  result: string | null,
])[] = [
  ['chat', chat(''), 100, '{"max_completion_tokens":100, "model":"gpt-4o" ,"messages":[] }'],
  ['chat', open(''), 100, '{"max_tokens":100,"model":"mistral-large","messages":[]}'],
  [
    'chat',
    open(',"max_completion_tokens":500'),
    100,
    '{"max_tokens":100,"model":"mistral-large","messages":[],"max_completion_tokens":100}',
  ],
  [
    'chat',
    open(',"max_completion_tokens":70'),
    100,
    '{"max_tokens":70,"model":"mistral-large","messages":[],"max_completion_tokens":70}',
  ],
  [
    'chat',
    open(',"max_completion_tokens":70,"max_tokens":null'),
    100,
    open(',"max_completion_tokens":70,"max_tokens":70'),
  ],
  [
    'chat',
    open(',"max_completion_tokens":70,"max_tokens":500'),
    100,
    open(',"max_completion_tokens":70,"max_tokens":100'),
  ],
  ['chat', open(',"max_completion_tokens":70'), Infinity, open(',"max_completion_tokens":70')],
  ['chat', chat(',"max_completion_tokens":70'), 100, chat(',"max_completion_tokens":70')],
  ['chat', open(',"max_tokens":70'), 100, open(',"max_tokens":70')],
  ['chat', chat(',"max_tokens": 5e2'), 100, chat(',"max_tokens": 100')],
  ['chat', chat(',"max_tokens":50'), 100, chat(',"max_tokens":50')],
  [
    'chat',
    chat(',"max_tokens":500,"max_completion_tokens":70'),
    100,
    chat(',"max_tokens":100,"max_completion_tokens":70'),
  ],
  [
    'chat',
    chat(',"max_tokens":500,"max_completion_tokens":700'),
    100,
    chat(',"max_tokens":100,"max_completion_tokens":100'),
  ],
  ['chat', chat(',"max_tokens":null'), 100, chat(',"max_tokens":100')],
  [
    'chat',
    chat(',"n":3'),
    100,
    '{"max_completion_tokens":33, "model":"gpt-4o" ,"messages":[],"n":3 }',
  ],
  ['chat', chat(',"n":3'), 2, null],
  ['chat', chat(''), 0, null],
  ['chat', chat(''), Number.NaN, null],
  ['chat', chat(''), Number.POSITIVE_INFINITY, chat('')],
  [
    'completions',
    '{"model":"gpt-3.5-turbo-instruct","prompt":"a"}',
    9,
    '{"max_tokens":9,"model":"gpt-3.5-turbo-instruct","prompt":"a"}',
  ],
  [
    'completions',
    '{"model":"gpt-4o","prompt":"a","messages":null,"max_completion_tokens":5}',
    9,
    '{"max_tokens":9,"model":"gpt-4o","prompt":"a","messages":null,"max_completion_tokens":5}',
  ],
  [
    'responses',
    '{"model":"o3","input":"a"}',
    9,
    '{"max_output_tokens":9,"model":"o3","input":"a"}',
  ],
  ['embeddings', '{"model":"e","input":"a"}', 0, '{"model":"e","input":"a"}'],
  ['anthropic', claude('4096'), 1000, claude('1000')],
  ['anthropic', claude('10'), 1000, claude('10')],
  ['gemini', '{}', 7, '{"generationConfig":{"maxOutputTokens":7}}'],
  ['gemini', '{"generationConfig":null}', 7, '{"generationConfig":{"maxOutputTokens":7}}'],
  [
    'gemini',
    '{"generationConfig":{ "topK":1}}',
    7,
    '{"generationConfig":{"maxOutputTokens":7, "topK":1}}',
  ],
  [
    'gemini',
    '{"generation_config":{"max_output_tokens":9,"candidateCount":2}}',
    7,
    '{"generation_config":{"max_output_tokens":3,"candidateCount":2}}',
  ],
]

test('a call is bounded where it stands, and left alone where it is bounded already', async (t) => {
  for (const [kind, text, outMax, result] of rows) {
    t.equal(clamped(kind, text, outMax), result, `${kind} ${text} to ${outMax}`)
  }
})

test('a body that is not the judged call is not clamped', async (t) => {
  const model = modelOf('chat', chat(''))
  const gemini = modelOf('gemini', '{}')
  if (model === null || gemini === null) throw new Error('both are calls')
  for (const text of ['[]', '{', '5']) t.equal(clampModel(bytesOf(text), model, 5), null, text)
  t.equal(clampModel(bytesOf('{"generationConfig":5}'), gemini, 5), null)
  const streams = { ...model, streams: true }
  for (const text of ['[]', '{', '{"stream_options":5}']) {
    t.equal(askForUsage(bytesOf(text), streams), null, text)
  }
})

const asked: readonly (readonly [rest: string, result: string])[] = [
  [
    ',"stream":true',
    '{"stream_options":{"include_usage":true}, "model":"gpt-4o" ,"messages":[],"stream":true }',
  ],
  [
    ',"stream":true,"stream_options":null',
    chat(',"stream":true,"stream_options":{"include_usage":true}'),
  ],
  [
    ',"stream":true,"stream_options":{ "include_usage": false, "x":1}',
    chat(',"stream":true,"stream_options":{ "include_usage": true, "x":1}'),
  ],
  [
    ',"stream":true,"stream_options":{"x":1}',
    chat(',"stream":true,"stream_options":{"include_usage":true,"x":1}'),
  ],
  [
    ',"stream":true,"stream_options":{"include_usage":true}',
    chat(',"stream":true,"stream_options":{"include_usage":true}'),
  ],
  [',"stream":false', chat(',"stream":false')],
]

test('a stream of OpenAI is asked for its usage, and no other call', async (t) => {
  for (const [rest, result] of asked) {
    const model = modelOf('chat', chat(rest))
    const bytes = model === null ? null : askForUsage(bytesOf(chat(rest)), model)
    t.equal(bytes === null ? null : textOf(bytes), result, rest)
  }
  const text = '{"model":"c","messages":[],"max_tokens":5,"stream":true}'
  const model = modelOf('anthropic', text)
  const bytes = bytesOf(text)
  t.equal(model === null ? null : askForUsage(bytes, model), bytes)
})

test('what is clamped is the same call, but for its bound', async (t) => {
  const bound = fc.option(fc.integer({ min: 1, max: 5000 }), { nil: undefined })
  const extra = fc.dictionary(fc.constantFrom('seed', 'user', 'x', '__proto__'), fc.jsonValue())
  const call = fc.record({
    max_tokens: bound,
    max_completion_tokens: bound,
    n: fc.integer({ min: 1, max: 9 }),
    extra,
  })
  const property = fc.property(
    call,
    fc.integer({ min: 9, max: 6000 }),
    ({ extra: others, ...rest }, outMax) => {
      const text = JSON.stringify({ model: 'gpt-5', messages: [], ...rest, ...others }, null, 1)
      const before = modelOf('chat', text)
      if (before === null) return
      const after = modelOf('chat', clamped('chat', text, outMax) ?? '')
      t.ok(after !== null && after.tokensOutMax !== null && after.tokensOutMax <= outMax)
      t.match(after, { model: before.model, choices: before.choices, streams: before.streams })
      const names = ['max_tokens', 'max_completion_tokens']
      const without = (each: string): unknown =>
        Object.entries(JSON.parse(each)).filter(([name]) => !names.includes(name))
      t.same(without(clamped('chat', text, outMax) ?? '{}'), without(text))
    },
  )
  fc.assert(property, { seed, numRuns: 200 })
})
