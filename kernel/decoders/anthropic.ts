/**
 * Reads calls of Anthropic's Messages API, and of its count of tokens, which costs nothing.
 *
 * source  docs.anthropic.com, Messages API, read in November 2026.
 */
import type { Decoded, Undecoded } from '../content.ts'
import { contentOf, messagesOf, toolNameOf } from './anthropic-input.ts'
import { objectBody } from './json-body.ts'
import { isNone, type JsonObject, listOf } from './member.ts'
import {
  brokenTerm,
  countOf,
  joined,
  modelNameOf,
  switchOf,
  type Terms,
  tokensInMax,
  toolList,
} from './model-call.ts'
import { read, refused } from './outcome.ts'

const names = [
  'model',
  'messages',
  'system',
  'max_tokens',
  'stream',
  'tools',
  'mcp_servers',
  'container',
  'service_tier',
  'speed',
  'inference_geo',
]

const terms: Terms = [
  ['mcp_servers', null, 'what the provider calls by itself has no bound'],
  ['container', null, 'what the provider runs by itself has no bound'],
  ['context_management', null, 'what the provider writes by itself has no bound'],
  ['speed', ['standard'], 'the prices are of the standard speed'],
  ['inference_geo', ['global'], 'other regions have prices of their own'],
]

/** What a call may do: the output bound, and whether it is a call that costs nothing. */
interface Kind {
  readonly counts: boolean
  readonly tokensOutMax: number
}

function kindOf(path: string, call: JsonObject): Kind | string {
  if (path.endsWith('/messages/count_tokens')) return { counts: true, tokensOutMax: 0 }
  const bound = countOf(call['max_tokens'])
  return isNone(bound)
    ? 'max_tokens is needed, a count of 1 or more.'
    : { counts: false, tokensOutMax: bound }
}

function decodeCall(undecoded: Undecoded, call: JsonObject): Decoded {
  const model = modelNameOf(call['model'])
  const messages = listOf(call['messages'])
  if (model === null || messages === null) return refused('The call has no model, or no messages.')
  const broken = brokenTerm(call, terms)
  if (broken !== null) return refused(broken)
  const kind = kindOf(undecoded.path, call)
  if (typeof kind === 'string') return refused(kind)
  const parts = joined([contentOf(call['system']), messagesOf(messages)])
  if (typeof parts === 'string') return refused(parts)
  const offered = isNone(call['tools']) ? [] : listOf(call['tools'])
  const tools = offered === null ? null : toolList(offered.map(toolNameOf))
  const streams = switchOf(call['stream'])
  if (offered === null || tools === null || streams === null) {
    return refused('stream is no switch, or a tool has no name or is run by the provider.')
  }
  const { counts, tokensOutMax } = kind
  const most = counts ? 0 : tokensInMax(undecoded.body.length, offered.length, parts)
  return read({
    decoder: 'anthropic',
    body: call,
    facts: { model, streams, tools, message_count: messages.length },
    model: { wire: 'anthropic', model, streams, tokensInMax: most, tokensOutMax, choices: 1 },
  })
}

export function decodeAnthropic(undecoded: Undecoded): Decoded {
  const { method, path } = undecoded
  if (method !== 'POST' || !/\/messages(?:\/count_tokens)?$/.test(path)) {
    return refused('Of Anthropic, POST to messages and messages/count_tokens is read.')
  }
  const json = objectBody(undecoded, names)
  return json.ok ? decodeCall(undecoded, json.object) : json
}
