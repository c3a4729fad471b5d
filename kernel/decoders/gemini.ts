/**
 * Reads calls of Gemini: generateContent, streamGenerateContent and countTokens, at Google AI and at Vertex AI.
 *
 * source  ai.google.dev, Gemini API reference, read in November 2026.
 */
import type { Decoded, Json, ModelCall, Undecoded } from '../content.ts'
import { camelMembers } from './camel.ts'
import { formOf } from './form-text.ts'
import { objectBody } from './json-body.ts'
import { isNone, type JsonObject, listOf, objectOf, stringOf } from './member.ts'
import {
  choicesOf,
  countOf,
  imageOf,
  joined,
  modelNameOf,
  noParts,
  type Parts,
  tokensInMax,
  toolList,
} from './model-call.ts'
import { read, refused } from './outcome.ts'

const names = ['contents', 'systemInstruction', 'tools', 'generationConfig', 'cachedContent']

const boundNames = ['maxOutputTokens', 'candidateCount', 'responseModalities']

/** What a part may have beside the one member that says what it is. */
const textMembers: ReadonlySet<string> = new Set([
  'text',
  'thought',
  'thoughtSignature',
  'functionCall',
  'executableCode',
  'codeExecutionResult',
  'mediaResolution',
])

const unbounded =
  'A part of the contents is neither text nor an image, so its tokens have no bound.'

function inlineOf(value: Json): Parts | string {
  const inline = camelMembers(objectOf(value) ?? {}, ['mimeType', 'data'])
  const type = stringOf(inline?.['mimeType'])
  return type?.startsWith('image/') === true ? imageOf(stringOf(inline?.['data']) ?? '') : unbounded
}

function partOf(value: Json): Parts | string {
  const part = camelMembers(objectOf(value) ?? {}, [])
  if (part === null) return unbounded
  return joined(
    Object.entries(part).map(([name, inside]) => {
      if (textMembers.has(name)) return noParts
      if (name === 'inlineData') return inlineOf(inside)
      if (name === 'functionResponse') return partsIn(inside)
      return unbounded
    }),
  )
}

/** The parts of a content, an instruction or a function's response. */
function partsIn(value: Json | undefined): Parts | string {
  if (isNone(value)) return noParts
  const holder = camelMembers(objectOf(value) ?? {}, ['parts'])
  const parts = isNone(holder?.['parts']) ? [] : listOf(holder['parts'])
  return parts === null ? 'The parts of a content are no list.' : joined(parts.map(partOf))
}

/** Names of the functions on offer; null where a tool is another than functions, and so is run by the provider. */
function functionsOf(tools: Json | undefined): readonly (string | null)[] | null {
  const list = isNone(tools) ? [] : listOf(tools)
  if (list === null) return null
  const found: (string | null)[] = []
  for (const tool of list) {
    const members = camelMembers(objectOf(tool) ?? {}, ['functionDeclarations'])
    const functions = listOf(members?.['functionDeclarations'])
    if (members === null || functions === null || Object.keys(members).length !== 1) return null
    for (const one of functions) found.push(stringOf(objectOf(one)?.['name']))
  }
  return found
}

/** The bound of each answer, and how many there are; a sentence where they cannot be read. */
function boundsOf(
  config: Json | undefined,
): { readonly bound: number | undefined; readonly choices: number } | string {
  const object = isNone(config) ? {} : objectOf(config)
  const members = object === null ? null : camelMembers(object, boundNames)
  if (members === null) return 'generationConfig cannot be read in one way.'
  const bound = countOf(members['maxOutputTokens'])
  const choices = choicesOf(members['candidateCount'])
  if (bound === null || choices === null) return 'generationConfig has a bound that is no count.'
  const kinds = isNone(members['responseModalities']) ? [] : listOf(members['responseModalities'])
  if (kinds?.every((kind) => kind === 'TEXT') !== true) return 'Only text may be asked for.'
  return { bound, choices }
}

/** What the path asks for. */
interface Action {
  readonly model: string
  readonly name: string
  /** Whether the answer comes as events: without `alt=sse` it is one JSON list. */
  readonly streams: boolean
}

function actionOf({ path, query }: Undecoded): Action | null {
  const [, model, name] = /\/models\/([^/:]+):(\w+)$/.exec(path) ?? []
  const known = modelNameOf(model)
  const pairs = formOf(query)
  if (name === undefined || known === null || typeof pairs === 'string') return null
  if (!['generateContent', 'streamGenerateContent', 'countTokens'].includes(name)) return null
  return {
    model: known,
    name,
    streams: name === 'streamGenerateContent' && pairs['alt'] === 'sse',
  }
}

function decodeCall(undecoded: Undecoded, action: Action, call: JsonObject): Decoded {
  const { model, name, streams } = action
  const contents = isNone(call['contents']) ? [] : listOf(call['contents'])
  if (contents === null) return refused('The contents are no list.')
  const counts = name === 'countTokens'
  if (!isNone(call['cachedContent'])) return refused('What the provider keeps has no bound.')
  const bounds = boundsOf(call['generationConfig'])
  if (typeof bounds === 'string') return refused(bounds)
  const { bound, choices } = bounds
  if (name === 'streamGenerateContent' && choices > 1) {
    return refused(
      'Several candidates in one stream are not read: which usage is the last is unclear.',
    )
  }
  const parts = joined([partsIn(call['systemInstruction']), ...contents.map(partsIn)])
  if (typeof parts === 'string') return refused(parts)
  const functions = functionsOf(call['tools'])
  const tools = functions === null ? null : toolList(functions)
  if (functions === null || tools === null) {
    return refused('A tool on offer has no name, or is run by the provider, which has no bound.')
  }
  const most = bound === undefined ? null : Math.min(bound * choices, Number.MAX_SAFE_INTEGER)
  const cost: ModelCall = {
    wire: 'gemini',
    model,
    streams,
    tokensInMax: counts ? 0 : tokensInMax(undecoded.body.length, functions.length, parts),
    tokensOutMax: counts ? 0 : most,
    choices,
  }
  const facts = { model, streams, tools, message_count: contents.length }
  return read({ decoder: 'gemini', body: call, facts, model: cost })
}

export function decodeGemini(undecoded: Undecoded): Decoded {
  const action = actionOf(undecoded)
  if (action === null || undecoded.method !== 'POST') {
    return refused(
      'Of Gemini, POST to MODEL:generateContent, streamGenerateContent and countTokens is read.',
    )
  }
  const json = objectBody(undecoded, [])
  if (!json.ok) return json
  const members = camelMembers(json.object, names)
  if (members === null) return refused('A member comes in two spellings.')
  const decoded = decodeCall(undecoded, action, members)
  // What an expression sees is the body as it is spelled.
  return decoded.ok ? read({ ...decoded.content, body: json.body }) : decoded
}
