/** Manifests as plain JSON: what the parts of injection read and make, and the decoders for it. */
import { isDeepStrictEqual } from 'node:util'

export type Json = null | boolean | number | string | readonly Json[] | Fields

export interface Fields {
  readonly [name: string]: Json
}

export const isFields = (value: Json | undefined): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** An object that may be missing; what is of another kind counts as missing, and the API server refuses it. */
export const fieldsOf = (value: Json | undefined): Fields => (isFields(value) ? value : {})

export const listOf = (value: Json | undefined): readonly Json[] =>
  Array.isArray(value) ? value : []

/** The objects of a list; nothing else stands in the lists of a pod. */
export const eachOf = (value: Json | undefined): readonly Fields[] => listOf(value).filter(isFields)

export const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '')

export const same = (left: Json | undefined, right: Json | undefined): boolean =>
  isDeepStrictEqual(left, right)

/** Reads JSON; null where the text is none. */
export function jsonOf(text: string): Json | undefined {
  try {
    const value: Json = JSON.parse(text)
    return value
  } catch {
    return undefined
  }
}
