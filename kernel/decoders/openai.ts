/**
 * Reads calls in OpenAI's formats, which many providers speak: chat completions, responses, completions, embeddings.
 *
 * source  platform.openai.com, API reference, read in November 2026.
 */
import type { Decoded, Json, ModelWire, Undecoded } from '../content.ts'
import { objectBody } from './json-body.ts'
import { isNone, type JsonObject, listOf, objectOf } from './member.ts'
import {
  brokenTerm,
  choicesMax,
  choicesOf,
  countOf,
  modelNameOf,
  noParts,
  type Parts,
  switchOf,
  type Terms,
  tokensInMax,
  toolList,
} from './model-call.ts'
import { inputOf, messagesOf, toolNameOf } from './openai-input.ts'
import { read, refused } from './outcome.ts'

const names = [
  'model',
  'messages',
  'input',
  'instructions',
  'prompt',
  'stream',
  'stream_options',
  'n',
  'best_of',
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'tools',
  'functions',
  'modalities',
  'audio',
  'service_tier',
  'background',
  'conversation',
  'previous_response_id',
]

/** What would make a call cost more than its bound, or than the price list says. */
const everywhere: Terms = [
  ['service_tier', ['auto', 'default', 'flex', 'standard'], 'the prices are of the standard tier'],
]

const ofChat: Terms = [
  ...everywhere,
  ['audio', null, 'audio has prices of its own'],
  ['web_search_options', null, 'what the provider reads by itself has no bound'],
  // Of Azure, xAI and OpenRouter.
  ['data_sources', null, 'what the provider reads by itself has no bound'],
  ['search_parameters', null, 'what the provider reads by itself has no bound'],
  ['plugins', null, 'what the provider runs by itself has no bound'],
  ['models', null, 'a call is of one model, which has a price'],
  ['fallbacks', null, 'a call is of one model, which has a price'],
  ['prediction', null, 'what is predicted wrongly is paid for as output, beside its bound'],
]

const ofCompletions: Terms = [...everywhere, ['messages', null, 'a completion has a prompt']]

const ofResponses: Terms = [
  ...everywhere,
  ['background', [false], 'nobody sees what such a call used'],
  ['conversation', null, 'send the whole input: what the provider keeps has no bound'],
  ['previous_response_id', null, 'send the whole input: what the provider keeps has no bound'],
  ['prompt', null, 'send the whole input: what the provider keeps has no bound'],
  ['context_management', null, 'what the provider writes by itself has no bound'],
]

/** One of the four kinds of call, as far as they differ. */
interface Form {
  readonly wire: ModelWire
  readonly terms: Terms
  /** Members that bound the output. Where several are set, the largest is the bound. */
  readonly bounds: readonly string[]
  /** What it says to the model, or a sentence. */
  readonly partsOf: (call: JsonObject) => Parts | string
  readonly messageCount: (call: JsonObject) => number
  /** How often the bound counts; null where nobody can tell. */
  readonly choices: (call: JsonObject) => number | null
}

const lengthOf = (value: Json | undefined): number => listOf(value)?.length ?? 1

const chat: Form = {
  wire: 'openai-chat',
  terms: ofChat,
  bounds: ['max_tokens', 'max_completion_tokens'],
  partsOf: ({ messages, modalities }) => {
    const list = listOf(messages)
    if (list === null) return 'A chat has a list of messages.'
    const kinds = isNone(modalities) ? ['text'] : listOf(modalities)
    if (kinds?.every((kind) => kind === 'text') !== true) return 'Only text may be asked for.'
    return messagesOf(list)
  },
  messageCount: ({ messages }) => lengthOf(messages),
  choices: ({ n }) => choicesOf(n),
}

const responses: Form = {
  wire: 'openai-responses',
  terms: ofResponses,
  bounds: ['max_output_tokens'],
  partsOf: ({ input }) => inputOf(input),
  messageCount: ({ input }) => lengthOf(input),
  choices: () => 1,
}

const isText = (value: Json): boolean => typeof value === 'string'

const isTokens = (value: Json): boolean =>
  listOf(value)?.every((token) => typeof token === 'number') === true

/** How many texts or lists of tokens are given; 0 where something else is among them. */
function textsIn(value: Json | undefined): number {
  if (value === undefined) return 0
  if (isText(value) || isTokens(value)) return 1
  const isRead = listOf(value)?.every((item) => isText(item) || isTokens(item)) === true
  return isRead ? lengthOf(value) : 0
}

const onlyText = (value: Json | undefined): Parts | string =>
  textsIn(value) === 0 ? 'Only texts and lists of tokens are read here.' : noParts

const completions: Form = {
  wire: 'openai-chat',
  terms: ofCompletions,
  bounds: ['max_tokens'],
  partsOf: ({ prompt }) => onlyText(prompt),
  messageCount: ({ prompt }) => textsIn(prompt),
  // `best_of` answers are made and paid for, of which `n` come back; and so for each prompt.
  choices: ({ n, best_of: bestOf, prompt }) => {
    const asked = choicesOf(n)
    const made = choicesOf(bestOf)
    if (asked === null || made === null) return null
    const choices = Math.max(asked, made) * textsIn(prompt)
    return choices > choicesMax ? null : choices
  },
}

const embeddings: Form = {
  wire: 'openai-chat',
  terms: everywhere,
  bounds: [],
  partsOf: ({ input }) => onlyText(input),
  messageCount: ({ input }) => textsIn(input),
  choices: () => 1,
}

/** Longer endings first: each path is of the first form whose ending it has. */
const forms: readonly (readonly [ending: string, form: Form])[] = [
  ['/chat/completions', chat],
  ['/completions', completions],
  ['/responses', responses],
  ['/embeddings', embeddings],
]

/** Output tokens at most for each answer: the largest bound; undefined where none is set, null where one is none. */
function boundOf(call: JsonObject, bounds: readonly string[]): number | null | undefined {
  let largest: number | undefined
  for (const name of bounds) {
    const bound = countOf(call[name])
    if (bound === null) return null
    if (bound !== undefined) largest = Math.max(bound, largest ?? 0)
  }
  return largest
}

/** Tools on offer, functions of the older format among them; null where the provider would run one. */
function toolsOf(call: JsonObject): readonly (string | null)[] | null {
  const tools = isNone(call['tools']) ? [] : listOf(call['tools'])
  const functions = isNone(call['functions']) ? [] : listOf(call['functions'])
  if (tools === null || functions === null) return null
  const older = functions.map((one) => toolNameOf({ type: 'function', function: one }))
  return [...tools.map(toolNameOf), ...older]
}

/** Azure names the model in the path, and does not look at the body's. */
function modelOf(path: string, call: JsonObject): string | null {
  const [, deployment] = /\/deployments\/([^/]+)\//.exec(path) ?? []
  return modelNameOf(deployment ?? call['model'])
}

function totalOf(form: Form, bound: number | undefined, choices: number): number | null {
  if (form === embeddings) return 0
  return bound === undefined ? null : Math.min(bound * choices, Number.MAX_SAFE_INTEGER)
}

function decodeCall(form: Form, undecoded: Undecoded, call: JsonObject): Decoded {
  const { wire } = form
  const model = modelOf(undecoded.path, call)
  if (model === null) return refused('The call does not name its model.')
  const broken = brokenTerm(call, form.terms)
  if (broken !== null) return refused(broken)
  const parts = form.partsOf(call)
  if (typeof parts === 'string') return refused(parts)
  const offered = toolsOf(call)
  const tools = offered === null ? null : toolList(offered)
  if (offered === null || tools === null) {
    return refused('A tool on offer has no name, or is run by the provider, which has no bound.')
  }
  const streams = switchOf(call['stream'])
  const choices = form.choices(call)
  const bound = boundOf(call, form.bounds)
  const options = call['stream_options']
  if (streams === null || choices === null || bound === null) {
    return refused('stream, n or a bound of tokens has no value that it may have.')
  }
  if (!isNone(options) && objectOf(options) === null) return refused('stream_options is an object.')
  const facts = { model, streams, tools, message_count: form.messageCount(call) }
  const tokensOutMax = totalOf(form, bound, choices)
  const most = tokensInMax(undecoded.body.length, offered.length, parts)
  return read({
    decoder: 'openai',
    body: call,
    facts,
    model: { wire, model, streams, tokensInMax: most, tokensOutMax, choices },
  })
}

export function decodeOpenAi(undecoded: Undecoded): Decoded {
  const found = forms.find(([ending]) => undecoded.path.endsWith(ending))
  if (found === undefined || undecoded.method !== 'POST') {
    return refused(
      'Of OpenAI, POST to chat/completions, responses, completions and embeddings is read.',
    )
  }
  const json = objectBody(undecoded, names)
  return json.ok ? decodeCall(found[1], undecoded, json.object) : json
}
