/** Takes the tools that are not allowed out of an answer to `tools/list`, and leaves every other byte as it came. */
import type { Json } from '../content.ts'
import { assert } from '../contract.ts'
import { type JsonText, readJson, readJsonText, type Span } from './json-text.ts'
import { type JsonObject, listOf, misspelled, objectOf, stringOf } from './member.ts'
import { replaceMember } from './splice.ts'
import { bytesOf } from './utf8.ts'

function inner({ text }: JsonText, { from, to }: Span): JsonText {
  const read = readJsonText(text.slice(from, to))
  assert(read.ok, 'a value of a text that was read is read alone too')
  return read
}

/** Whether a tool of this name may be seen. */
type Allow = (tool: string) => boolean

/** A member; undefined where there is none, or where a client that ignores case might take another one for it. */
function memberOf(object: JsonObject | null, name: string): Json | undefined {
  return object === null || misspelled(object, [name]) !== null ? undefined : object[name]
}

/** The list with the allowed elements only; null where an element does not say its name. */
function kept(list: JsonText, items: readonly Json[], allow: Allow): string | null {
  const texts: string[] = []
  for (const [index, span] of list.elements.entries()) {
    const name = stringOf(memberOf(objectOf(items[index]), 'name'))
    if (name === null) return null
    if (allow(name)) texts.push(list.text.slice(span.from, span.to))
  }
  return texts.length === list.elements.length ? list.text : `[${texts.join(',')}]`
}

/**
 * The answer with the allowed tools only. An error, or a message of the server's own, stays as it is.
 *
 * errors  null where the answer cannot be read, or is no answer to `tools/list`: it must not be passed on.
 */
export function filterTools(response: Uint8Array, allow: Allow): Uint8Array | null {
  const read = readJson(response)
  const message = read.ok ? objectOf(read.value) : null
  if (!read.ok || message === null || misspelled(message, ['result']) !== null) return null
  const resultSpan = read.members.get('result')
  if (resultSpan === undefined) {
    return read.members.has('error') || read.members.has('method') ? response : null
  }
  const result = inner(read, resultSpan)
  const toolsSpan = result.members.get('tools')
  const items = listOf(memberOf(objectOf(result.value), 'tools'))
  if (toolsSpan === undefined || items === null) return null
  const tools = inner(result, toolsSpan)
  const text = kept(tools, items, allow)
  if (text === null) return null
  return bytesOf(replaceMember(read, 'result', replaceMember(result, 'tools', text)))
}

/**
 * The same of any message of a stream, which may answer whatever was asked before: what has no list of tools is as it is.
 *
 * errors  null where it cannot be read, or its list cannot: it must not be passed on.
 */
export function filterToolsOfAny(message: Uint8Array, allow: Allow): Uint8Array | null {
  const read = readJson(message)
  const said = read.ok ? objectOf(read.value) : null
  if (said === null || misspelled(said, ['result']) !== null) return null
  const result = objectOf(said['result'])
  const lists = result !== null && ('tools' in result || misspelled(result, ['tools']) !== null)
  return lists ? filterTools(message, allow) : message
}
