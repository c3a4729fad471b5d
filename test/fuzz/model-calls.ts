/** Makes bodies of model calls in the four wire formats, most of which a decoder reads. */
import fc from 'fast-check'
import type { DecoderName } from '../../kernel/content.ts'
import { jsonString, jsonText, type Member, objectText } from './json-text.ts'

/** A call as a decoder is given it. */
export interface MadeCall {
  readonly decoder: DecoderName
  readonly path: string
  readonly query: string
  readonly text: string
}

const count = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 9_000 }).map(String) },
  { weight: 2, arbitrary: fc.constantFrom('null', '1e3', '9007199254740991', '1.0') },
  fc.constantFrom('0', '-1', '1.5', '"5"', '9007199254740993', '[]'),
)

const few = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 5 }).map(String) },
  fc.constantFrom('null', '128', '129', '0', '1e1'),
)

const toggle = fc.constantFrom('true', 'false', 'true', 'false', 'null', '1')

const image = '"data:image/png;base64,AAAA"'

const openAiPart = fc.oneof(
  jsonString.map((text) => `{"type":"text","text":${text}}`),
  fc.constantFrom(
    `{"type":"image_url","image_url":{"url":${image}}}`,
    `{"type":"input_image","image_url":${image}}`,
    '{"type":"input_text","text":"a"}',
    '{"type":"file","file":{}}',
    '{}',
  ),
)

const content = (part: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 3, arbitrary: jsonString },
    fc.array(part, { maxLength: 2 }).map((parts) => `[${parts.join()}]`),
    fc.constant('null'),
  )

const listOf = (item: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.array(item, { maxLength: 3 }).map((items) => `[${items.join(' , ')}]`)

const openAiMessages = listOf(
  content(openAiPart).map((each) => `{"role":"user","content":${each}}`),
)

const model = fc.constantFrom(
  '"gpt-4o"',
  '"gpt-5"',
  '"o3"',
  '"openai/gpt-4.1"',
  '"mistral-large"',
  '"claude-x"',
  '"gpt-3.5-turbo-instruct"',
)

const tools = fc.constantFrom(
  '[]',
  'null',
  '[{"type":"function","function":{"name":"f"}}]',
  '[{"type":"custom","name":"g"}]',
  '[{"name":"h"}]',
  '[{"type":"web_search"}]',
)

type Values = Readonly<Record<string, fc.Arbitrary<string>>>

const bounds: Values = {
  max_tokens: count,
  max_completion_tokens: count,
  max_output_tokens: count,
  n: few,
  best_of: few,
  stream: toggle,
  stream_options: fc.constantFrom(
    'null',
    '{}',
    '{"include_usage":false,"x":1}',
    '{ "include_usage":true}',
    '5',
  ),
  tools,
  prompt: fc.oneof(jsonString, fc.constantFrom('["a","b"]', '[[1,2],[3]]', '[1,2]', 'null')),
  messages: openAiMessages,
  input: fc.oneof(jsonString, openAiMessages),
  seed: jsonText,
  service_tier: fc.constantFrom('"auto"', '"default"', 'null', '"priority"'),
  user: jsonString,
  Max_Tokens: count,
  __proto__x: jsonText,
}

/** Some members of those, in any order, behind the ones that are needed. */
function membersOf(needed: Values, optional: Values): fc.Arbitrary<readonly Member[]> {
  const named = (values: Values): readonly fc.Arbitrary<Member>[] =>
    Object.entries(values).map(([name, value]) => value.map((text): Member => [name, text]))
  const kept = fc.tuple(...named(needed))
  const names = Object.keys(optional)
  const chosen = fc
    .subarray(names, { maxLength: 5 })
    .chain((some) => fc.tuple(...some.map((name) => member(name, optional))))
  return fc.tuple(kept, chosen).chain(([first, second]) => {
    const seen = new Set(first.map(([name]) => name))
    const all = [...first, ...second.filter(([name]) => !seen.has(name))]
    return fc.shuffledSubarray(all, { minLength: all.length })
  })
}

function member(name: string, values: Values): fc.Arbitrary<Member> {
  return (values[name] ?? fc.constant('null')).map((text): Member => [name, text])
}

const space = fc.constantFrom('', '', ' ', '\n  ')

function bodyOf(needed: Values, optional: Values): fc.Arbitrary<string> {
  return fc
    .tuple(membersOf(needed, optional), space)
    .map(([members, each]) => objectText(members, each))
}

function callOf(
  decoder: DecoderName,
  path: string,
  text: fc.Arbitrary<string>,
  query = '',
): fc.Arbitrary<MadeCall> {
  return text.map((each) => ({ decoder, path, query, text: each }))
}

export const openAiCall: fc.Arbitrary<MadeCall> = fc.oneof(
  callOf('openai', '/v1/chat/completions', bodyOf({ model, messages: openAiMessages }, bounds)),
  callOf('openai', '/v1/completions', bodyOf({ model, prompt: bounds['prompt'] ?? model }, bounds)),
  callOf('openai', '/v1/responses', bodyOf({ model }, bounds)),
  callOf('openai', '/v1/embeddings', bodyOf({ model, input: jsonString }, bounds)),
  callOf(
    'openai',
    '/openai/deployments/o3/chat/completions',
    bodyOf({ messages: openAiMessages }, bounds),
  ),
)

const block = fc.oneof(
  jsonString.map((text) => `{"type":"text","text":${text}}`),
  fc.constantFrom(
    '{"type":"image","source":{"type":"base64","data":"AAAA"}}',
    '{"type":"tool_result","content":[{"type":"text","text":"a"}]}',
    '{"type":"document","source":{"type":"url"}}',
  ),
)

const blocks = listOf(content(block).map((each) => `{"role":"user","content":${each}}`))

export const anthropicCall: fc.Arbitrary<MadeCall> = fc
  .constantFrom('/v1/messages', '/v1/messages', '/v1/messages/count_tokens')
  .chain((path) =>
    callOf(
      'anthropic',
      path,
      bodyOf(
        { model, messages: blocks, max_tokens: count },
        { ...bounds, system: content(block), speed: fc.constantFrom('"standard"', '"fast"') },
      ),
    ),
  )

/** Each spelling that protobuf's JSON has, and some that it has not. */
const spelled = (...names: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...names)

const config = fc
  .uniqueArray(
    fc.oneof(
      fc.tuple(
        spelled('maxOutputTokens', 'max_output_tokens', 'max_outputTokens', 'maxoutputtokens'),
        count,
      ),
      fc.tuple(spelled('candidateCount', 'candidate_count'), few),
      fc.tuple(spelled('topK', 'top_k', 'temperature'), fc.constantFrom('1', '0.5')),
      fc.tuple(
        spelled('responseModalities', 'response_modalities'),
        fc.constantFrom('["TEXT"]', '[]', '["IMAGE"]'),
      ),
    ),
    { maxLength: 4, selector: ([name]) => name },
  )
  .chain((members) => space.map((each) => objectText(members, each)))

const geminiPart = fc.oneof(
  jsonString.map((text) => `{"text":${text}}`),
  fc.constantFrom(
    '{"inlineData":{"mimeType":"image/png","data":"AAAA"}}',
    '{"inline_data":{"mime_type":"image/png","data":"AAAA"}}',
    '{"functionCall":{"name":"f"}}',
    '{"fileData":{}}',
  ),
)

const contents = listOf(listOf(geminiPart).map((parts) => `{"role":"user","parts":${parts}}`))

const geminiMembers = fc
  .tuple(
    contents.map((text): Member => ['contents', text]),
    fc.uniqueArray(
      fc.oneof(
        fc.tuple(
          spelled('generationConfig', 'generation_config'),
          fc.oneof({ weight: 5, arbitrary: config }, fc.constantFrom('null', '{}', '5')),
        ),
        fc.tuple(
          spelled('systemInstruction', 'system_instruction'),
          listOf(geminiPart).map((parts) => `{"parts":${parts}}`),
        ),
        fc.tuple(
          fc.constant('tools'),
          fc.constantFrom(
            '[]',
            '[{"functionDeclarations":[{"name":"f"}]}]',
            '[{"googleSearch":{}}]',
          ),
        ),
        fc.tuple(
          spelled('safetySettings', 'Contents', 'cachedContent'),
          fc.constantFrom('[]', 'null', '"a"'),
        ),
      ),
      { maxLength: 3, selector: ([name]) => name },
    ),
  )
  .map(([first, others]): readonly Member[] => [first, ...others])

export const geminiCall: fc.Arbitrary<MadeCall> = fc
  .tuple(
    fc.constantFrom(
      '/v1beta/models/gemini-2.5-pro:generateContent',
      '/v1beta/models/g:streamGenerateContent',
      '/v1beta/models/g:countTokens',
    ),
    fc.constantFrom('', 'alt=sse', 'key=1&alt=sse'),
    geminiMembers,
    space,
  )
  .map(([path, query, members, each]) => ({
    decoder: 'gemini',
    path,
    query,
    text: objectText(members, each),
  }))
