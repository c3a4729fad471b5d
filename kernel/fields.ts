/** Decoders of plain JSON: each answers the value in its type, or asserts that it is of it. */
import { assert } from './contract.ts'

/** An object with exactly these members. */
export function fields(
  value: unknown,
  names: readonly string[],
): Readonly<Record<string, unknown>> {
  assert(typeof value === 'object' && value !== null && !Array.isArray(value), 'an object is read')
  const keys = Object.keys(value)
  assert(keys.length === names.length, 'an object has its members and no others')
  assert(
    names.every((name) => Object.hasOwn(value, name)),
    'an object has its members and no others',
  )
  return value as Readonly<Record<string, unknown>>
}

/** A list of anything. */
export function list(value: unknown): readonly unknown[] {
  assert(Array.isArray(value), 'a list is read')
  return value
}

/** A string. */
export function string(value: unknown): string {
  assert(typeof value === 'string', 'a string is read')
  return value
}

/** A non-negative safe integer. */
export function natural(value: unknown): number {
  assert(typeof value === 'number' && Number.isSafeInteger(value) && value >= 0, 'a count is read')
  return value
}

/** One of a closed list of words. */
export function oneOf<T extends string>(value: unknown, words: readonly T[]): T {
  const word = words.find((each) => each === value)
  assert(word !== undefined, 'a word of the list is read')
  return word
}
