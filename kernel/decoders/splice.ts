/** Edits of a JSON text that leave every other character as it came (I12). */
import { present } from '../contract.ts'
import type { JsonText } from './json-text.ts'

/** The text with another value for a member that its outermost object has. */
export function replaceMember(read: JsonText, name: string, value: string): string {
  const { from, to } = present(read.members.get(name), 'the member that is replaced is there')
  return read.text.slice(0, from) + value + read.text.slice(to)
}

/** The text with one member more in its outermost object, before the others; the object has none of that name. */
export function insertMember(read: JsonText, name: string, value: string): string {
  // Blanks before the first brace are all that can stand before it.
  const inside = read.text.indexOf('{') + 1
  const comma = read.members.size === 0 ? '' : ','
  const member = `${JSON.stringify(name)}:${value}${comma}`
  return read.text.slice(0, inside) + member + read.text.slice(inside)
}

/** Replaces the member where the object has it, and inserts it where it has none. */
export function setMember(read: JsonText, name: string, value: string): string {
  return read.members.has(name) ? replaceMember(read, name, value) : insertMember(read, name, value)
}
