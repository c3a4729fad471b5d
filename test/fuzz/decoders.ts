/** Fuzzes each decoder with what its format looks like, changed: it answers, in time, twice alike, and with its own facts. */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import {
  type Content,
  type DecoderName,
  decoderNames,
  type Undecoded,
} from '../../kernel/content.ts'
import { factTypes } from '../../kernel/decoders/facts.ts'
import { decoderOf } from '../../kernel/decoders/index.ts'
import { formText, graphQlText, mcpText, rpcText, sqlText, vectorCall } from './body-texts.ts'
import { ensure, type Fuzzed, type Reached } from './fuzzed.ts'
import { jsonPieces, jsonText, objectText } from './json-text.ts'
import { sameJson } from './json-texts.ts'
import { anthropicCall, geminiCall, type MadeCall, openAiCall } from './model-calls.ts'
import { mutated } from './mutation.ts'
import { timely } from './timely.ts'

const asText = (text: fc.Arbitrary<string>): fc.Arbitrary<Buffer> =>
  text.map((each) => Buffer.from(each, 'utf8'))

const contentType = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.constantFrom('application/json', 'application/json; charset=utf-8', ''),
  },
  fc.constantFrom(
    'application/x-www-form-urlencoded',
    'application/graphql',
    'text/plain',
    'application/vnd.api+json',
    'application/json; charset=utf-16',
    'application/json, text/plain',
    'APPLICATION/JSON;charset="utf-8"',
  ),
)

const method = fc.oneof(
  { weight: 8, arbitrary: fc.constant('POST') },
  fc.constantFrom('GET', 'DELETE', 'PUT'),
)

const query = fc.oneof({ weight: 6, arbitrary: fc.constant('') }, formText)

type Parts = Partial<{ [Name in keyof Undecoded]: fc.Arbitrary<Undecoded[Name]> }>

function requestOf(body: fc.Arbitrary<Buffer>, parts: Parts = {}): fc.Arbitrary<Undecoded> {
  return fc.record({ method, path: fc.constant('/'), query, contentType, ...parts, body })
}

const inJson = (name: string, text: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(text, jsonText, fc.boolean())
    .map(([inside, other, isAlone]) =>
      objectText([
        [name, JSON.stringify(inside)],
        ...(isAlone ? [] : ([['variables', other]] as const)),
      ]),
    )

function ofModel(call: fc.Arbitrary<MadeCall>): fc.Arbitrary<Undecoded> {
  return call.chain(({ path, query: asked, text }) =>
    requestOf(mutated(fc.constant(Buffer.from(text, 'utf8')), jsonPieces), {
      path: fc.constant(path),
      query: fc.constant(asked),
      contentType: fc.constant('application/json'),
    }),
  )
}

const sqlPieces = [
  "'",
  '"',
  '`',
  '--',
  '-- ',
  '/*',
  '*/',
  '/*!',
  '$$',
  '$a$',
  ';',
  '(',
  ')',
  '[',
  ']',
  '\\',
  '#',
  '\n',
]
const graphQlPieces = [
  '{',
  '}',
  '(',
  ')',
  '"',
  '"""',
  '\\',
  '...',
  '@a',
  '#',
  '\n',
  '$',
  ':',
  'on',
  'fragment',
]
const formPieces = ['&', '=', '%', '%4', '%41', '%ff', '+', ';', '&&', 'a=1', '__proto__=1']

const requests: Readonly<Record<DecoderName, fc.Arbitrary<Undecoded>>> = {
  json: requestOf(mutated(asText(jsonText), jsonPieces)),
  form: requestOf(mutated(asText(formText), formPieces), {
    contentType: fc.constantFrom(
      'application/x-www-form-urlencoded',
      'application/x-www-form-urlencoded;charset=UTF-8',
      '',
    ),
  }),
  graphql: fc.oneof(
    requestOf(mutated(asText(inJson('query', graphQlText)), [...jsonPieces, ...graphQlPieces])),
    requestOf(mutated(asText(graphQlText), graphQlPieces), {
      contentType: fc.constant('application/graphql'),
    }),
    requestOf(fc.constant(Buffer.alloc(0)), {
      method: fc.constant('GET'),
      query: graphQlText.map((text) => `query=${encodeURIComponent(text)}&variables=%7B%7D`),
    }),
  ),
  jsonrpc: requestOf(
    mutated(asText(rpcText), [...jsonPieces, '"method"', '"id":1', '"Method":""']),
  ),
  mcp: requestOf(mutated(asText(mcpText), [...jsonPieces, '"method"', 'tools/call', '"Name":"a"'])),
  openai: ofModel(openAiCall),
  anthropic: ofModel(anthropicCall),
  gemini: ofModel(geminiCall),
  sql: fc.oneof(
    requestOf(mutated(asText(sqlText), sqlPieces), {
      contentType: fc.constantFrom('text/plain', 'application/sql', ''),
    }),
    requestOf(mutated(asText(inJson('sql', sqlText)), [...jsonPieces, ...sqlPieces])),
    requestOf(fc.constant(Buffer.alloc(0)), {
      query: sqlText.map((text) => `query=${encodeURIComponent(text)}`),
    }),
  ),
  vector: vectorCall.chain(({ path, text }) =>
    requestOf(mutated(fc.constant(Buffer.from(text, 'utf8')), [...jsonPieces, 'topK', 'limit']), {
      path: fc.constant(path),
    }),
  ),
}

/** The facts that the decoder has, each of its type and exact. */
function checkFacts(decoder: DecoderName, { facts }: Content): void {
  const types = factTypes[decoder]
  ensure(
    isDeepStrictEqual(Object.keys(facts).sort(), Object.keys(types).sort()),
    'a decoder states all of its facts and no other',
  )
  for (const [name, type] of Object.entries(types)) {
    const fact = facts[name]
    const isOfType =
      type === 'int'
        ? Number.isSafeInteger(fact)
        : typeof fact === (type === 'bool' ? 'boolean' : type)
    ensure(isOfType, `${name} is of its type`)
  }
}

function checkModel({ model }: Content, isOfModels: boolean): void {
  ensure((model !== null) === isOfModels, 'exactly the decoders of models state a call')
  if (model === null) return
  const { choices, tokensInMax, tokensOutMax } = model
  ensure(Number.isSafeInteger(choices) && choices >= 1, 'choices are a count')
  ensure(Number.isSafeInteger(tokensInMax) && tokensInMax >= 0, 'input tokens are a count')
  ensure(
    tokensOutMax === null || (Number.isSafeInteger(tokensOutMax) && tokensOutMax >= 0),
    'output tokens are a count',
  )
}

/** Decoders whose body is always the JSON that was sent, by POST. */
const jsonBodied: ReadonlySet<DecoderName> = new Set([
  'json',
  'jsonrpc',
  'mcp',
  'openai',
  'anthropic',
  'gemini',
])

function judge(decoder: DecoderName, undecoded: Undecoded, reached: Reached): void {
  const decode = decoderOf(decoder)
  const answer = timely(undecoded.body.length, () => decode(undecoded))
  ensure(isDeepStrictEqual(answer, decode(undecoded)), 'the same request is read alike')
  reached(answer.ok ? 'read' : 'refused')
  if (!answer.ok) {
    const isRefusal = answer.code === 'malformed-request' || answer.code === 'validator-refused'
    ensure(isRefusal && answer.message.length < 200, 'a refusal has a code and a short sentence')
    return
  }
  const { content } = answer
  ensure(content.decoder === decoder, 'a content says which decoder made it')
  checkFacts(decoder, content)
  checkModel(content, 'model' in factTypes[decoder])
  if (jsonBodied.has(decoder) && undecoded.body.length > 0) {
    const text = Buffer.from(undecoded.body).toString('utf8')
    ensure(sameJson(content.body, JSON.parse(text)), 'the body is what JSON.parse reads')
  }
}

export const decoderTargets: readonly Fuzzed[] = decoderNames.map((decoder) => ({
  name: `decoder-${decoder}`,
  share: ['sql', 'graphql', 'openai', 'vector'].includes(decoder) ? 3 : 2,
  roundRuns: 300,
  reaches: ['read', 'refused'],
  open: async (reached) =>
    fc.property(requests[decoder], (undecoded) => judge(decoder, undecoded, reached)),
}))
