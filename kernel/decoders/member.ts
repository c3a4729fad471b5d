/** Looks into JSON values, as every decoder does: own members only, and never two spellings of one name. */
import type { Json } from '../content.ts'

/** An object of JSON. */
export interface JsonObject {
  readonly [name: string]: Json
}

/** The value as an object; null where it is none. */
export function objectOf(value: Json | undefined): JsonObject | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  // Array.isArray does not narrow a readonly list away.
  return value as JsonObject
}

/** The value as a list; null where it is none. */
export function listOf(value: Json | undefined): readonly Json[] | null {
  return Array.isArray(value) ? value : null
}

/** The value as a string; null where it is none. */
export function stringOf(value: Json | undefined): string | null {
  return typeof value === 'string' ? value : null
}

/** Whether a member is left out: absent or null, which the wire formats here treat alike. */
export function isNone(value: Json | undefined): value is null | undefined {
  return value === undefined || value === null
}

/** A name as a parser takes it that ignores case: Go's folds the Kelvin sign to k and the long s to s. */
const folded = (name: string): string => name.toUpperCase().toLowerCase()

/**
 * A member that is one of the names but for its case; null where there is none.
 * Some servers ignore case in names, and the last one wins there: what was judged would not be what is done.
 */
export function misspelled(object: JsonObject, names: readonly string[]): string | null {
  const known = new Map(names.map((name) => [folded(name), name]))
  for (const name of Object.keys(object)) {
    const right = known.get(folded(name))
    if (right !== undefined && right !== name && !names.includes(name)) return right
  }
  return null
}
