/**
 * Canonical JSON: one text for one value, so that a hash of it means the value.
 *
 * source  RFC 8785: keys by UTF-16 code units, strings and numbers as ECMAScript writes them, no blanks.
 */
import { assert } from './contract.ts'

/** Levels of nesting that are written; a cycle ends here too. */
export const depthMax = 128

// With the u flag a surrogate that is half of a pair does not match: only a lone one, which RFC 8785 forbids.
const loneSurrogate = /\p{Surrogate}/u

function text(value: string): string {
  assert(!loneSurrogate.test(value), 'a string of canonical JSON is well-formed')
  return JSON.stringify(value)
}

function write(value: unknown, depth: number): string {
  assert(depth <= depthMax, 'canonical JSON is not deeper than its limit')
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return text(value)
  if (typeof value === 'number') {
    assert(Number.isFinite(value), 'a number of canonical JSON is finite')
    return JSON.stringify(value)
  }
  assert(typeof value === 'object', 'canonical JSON has no undefined, function, symbol or bigint')
  if (Array.isArray(value)) {
    return `[${Array.from(value, (item: unknown) => write(item, depth + 1)).join(',')}]`
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  assert(
    prototype === Object.prototype || prototype === null,
    'an object of canonical JSON is plain',
  )
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1))
  return `{${entries.map(([key, item]) => `${text(key)}:${write(item, depth + 1)}`).join(',')}}`
}

/** The RFC 8785 text of a value of plain objects, arrays, strings, finite numbers, booleans and null; asserts it. */
export function canonical(value: unknown): string {
  return write(value, 0)
}
