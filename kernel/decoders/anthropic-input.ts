/** What an Anthropic call says to the model, block by block: text, images, and what has no bound. */
import type { Json } from '../content.ts'
import { isNone, type JsonObject, listOf, objectOf, stringOf } from './member.ts'
import { imageOf, joined, noParts, type Parts } from './model-call.ts'

const textBlocks: ReadonlySet<string> = new Set([
  'text',
  'thinking',
  'redacted_thinking',
  'tool_use',
  'search_result',
])

const unbounded =
  'A block of the content is neither text nor an image, so its tokens have no bound.'

function documentOf(source: JsonObject | null): Parts | string {
  if (source?.['type'] === 'text') return noParts
  return source?.['type'] === 'content' ? contentOf(source['content']) : unbounded
}

function blockOf(value: Json): Parts | string {
  const block = objectOf(value)
  const type = stringOf(block?.['type'])
  if (block === null || type === null) return 'A block of the content has no type.'
  if (textBlocks.has(type)) return noParts
  const source = objectOf(block['source'])
  switch (type) {
    case 'image':
      return imageOf(source?.['type'] === 'base64' ? (stringOf(source['data']) ?? '') : '')
    case 'tool_result':
      return contentOf(block['content'])
    case 'document':
      return documentOf(source)
    default:
      return unbounded
  }
}

/** The parts of a content: nothing, a text, or a list of blocks. Blocks nest no deeper than the JSON reader lets them. */
export function contentOf(value: Json | undefined): Parts | string {
  if (isNone(value) || typeof value === 'string') return noParts
  const blocks = listOf(value)
  return blocks === null ? 'A content is neither a text nor a list.' : joined(blocks.map(blockOf))
}

/** The parts of the messages. */
export function messagesOf(messages: readonly Json[]): Parts | string {
  return joined(
    messages.map((value) => {
      const message = objectOf(value)
      return message === null ? 'A message is not an object.' : contentOf(message['content'])
    }),
  )
}

/** Tools that the client runs by itself have these beginnings; the end is a date. */
const clientTools = /^(?:bash|text_editor|computer|memory)_\d{8}$/

/** The name of a tool on offer; null for a tool that the provider would run. */
export function toolNameOf(value: Json): string | null {
  const tool = objectOf(value)
  if (tool === null) return null
  const type = isNone(tool['type']) ? 'custom' : tool['type']
  const isClients = type === 'custom' || (typeof type === 'string' && clientTools.test(type))
  return isClients ? stringOf(tool['name']) : null
}
