/** What an OpenAI call says to the model, part by part: text, images, and what has no bound. */
import type { Json } from '../content.ts'
import { isNone, type JsonObject, listOf, objectOf, stringOf } from './member.ts'
import { imageOf, joined, noParts, type Parts } from './model-call.ts'

/** Parts that are text and nothing else, of both formats; Mistral's `thinking` and `reference` among them. */
const textParts: ReadonlySet<string> = new Set([
  'text',
  'refusal',
  'thinking',
  'reference',
  'input_text',
  'output_text',
  'summary_text',
  'reasoning_text',
])

/** Items of a Responses input that are text and nothing else. */
const textItems: ReadonlySet<string> = new Set([
  'function_call',
  'custom_tool_call',
  'reasoning',
  'local_shell_call',
  'local_shell_call_output',
  'apply_patch_call',
  'apply_patch_call_output',
  'computer_call',
])

/** An image by its URL: a data URL stands in the body, any other is fetched by the provider. */
function imageAt(url: Json | undefined): Parts {
  const text = stringOf(url) ?? ''
  return imageOf(text.startsWith('data:image/') ? text : '')
}

function partOf(value: Json): Parts | string {
  const part = objectOf(value)
  const type = stringOf(part?.['type'])
  if (part === null || type === null) return 'A part of the content has no type.'
  if (textParts.has(type)) return noParts
  if (type === 'image_url')
    return imageAt(objectOf(part['image_url'])?.['url'] ?? part['image_url'])
  if (type === 'input_image' || type === 'computer_screenshot') return imageAt(part['image_url'])
  return 'A part of the content is neither text nor an image, so its tokens have no bound.'
}

function contentOf(value: Json | undefined): Parts | string {
  if (isNone(value) || typeof value === 'string') return noParts
  const parts = listOf(value)
  return parts === null
    ? 'A content is neither a text nor a list of parts.'
    : joined(parts.map(partOf))
}

function messageOf(value: Json): Parts | string {
  const message = objectOf(value)
  if (message === null) return 'A message is not an object.'
  if (!isNone(message['audio'])) return 'A message refers to audio, whose tokens have no bound.'
  return contentOf(message['content'])
}

/** The parts of a chat's messages. */
export function messagesOf(messages: readonly Json[]): Parts | string {
  return joined(messages.map(messageOf))
}

function itemOf(value: Json): Parts | string {
  const item = objectOf(value)
  if (item === null) return 'An item of the input is not an object.'
  const type = isNone(item['type']) ? 'message' : item['type']
  if (type === 'message') return contentOf(item['content'])
  if (type === 'function_call_output' || type === 'custom_tool_call_output') {
    return contentOf(item['output'])
  }
  if (type === 'computer_call_output') return partOf(item['output'] ?? null)
  if (typeof type === 'string' && textItems.has(type)) return noParts
  return 'An item of the input stands for more than its text, so its tokens have no bound.'
}

/** The parts of a Responses input: a text or a list of items. */
export function inputOf(input: Json | undefined): Parts | string {
  if (isNone(input) || typeof input === 'string') return noParts
  const items = listOf(input)
  return items === null ? 'The input is neither a text nor a list.' : joined(items.map(itemOf))
}

/** Tools that the client runs by itself, by type: their names are their types. */
const clientTools: ReadonlySet<string> = new Set([
  'local_shell',
  'apply_patch',
  'computer_use_preview',
])

/** The name of a tool on offer, in either format; null for a tool that the provider would run. */
export function toolNameOf(value: Json): string | null {
  const tool = objectOf(value)
  const type = stringOf(tool?.['type'])
  if (tool === null || type === null) return null
  if (type === 'function' || type === 'custom') {
    const inside: JsonObject = objectOf(tool[type]) ?? tool
    return stringOf(inside['name'])
  }
  return clientTools.has(type) ? type : null
}
