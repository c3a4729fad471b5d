/** Members of protobuf's JSON, which may be called `maxOutputTokens` or `max_output_tokens`: one reading of both. */
import type { Json } from '../content.ts'
import { type JsonObject, misspelled } from './member.ts'

/** The lowerCamelCase of a name, as protobuf makes it. */
export function camel(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

/** The original name of a member, as its definition has it. */
function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/**
 * The members by their lowerCamelCase names; null where a name comes in both spellings, in a mixture of them, or in
 * another case.
 *
 * source  protobuf.dev, ProtoJSON: parsers accept the lowerCamelCase name and the original one.
 */
export function camelMembers(object: JsonObject, names: readonly string[]): JsonObject | null {
  const members = Object.create(null) as Record<string, Json>
  for (const [name, value] of Object.entries(object)) {
    const known = camel(name)
    const isMixed = names.includes(known) && name !== known && name !== snake(known)
    if (known in members || isMixed) return null
    members[known] = value
  }
  return misspelled(members, names) === null ? members : null
}
