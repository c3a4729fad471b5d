/** What a key looks like: a fixed beginning, then runs of bytes of known sets; read forward once, never back. */
import { alphabets, isIn, runEnd, runStart } from './alphabet.ts'

/** A run takes as many bytes of its set as there are, up to `max`. */
export type Part =
  | { readonly kind: 'run'; readonly alphabet: number; readonly min: number; readonly max: number }
  | { readonly kind: 'text'; readonly text: string }

export interface Shape {
  readonly provider: string
  /** Any of these begins it. */
  readonly starts: readonly string[]
  /** What stands before the start and belongs to the key. */
  readonly before: { readonly alphabet: number; readonly min: number; readonly max: number } | null
  readonly parts: readonly Part[]
  /** How many parts, the start counted, are a name that is not secret. */
  readonly openParts: number
}

/** Where something was found: from `start` to before `end`. */
export interface Range {
  readonly start: number
  readonly end: number
}

/** As many bytes of a set as `min`, or any number up to `max`. */
export function run(alphabet: number, min: number, max: number = min): Part {
  return { kind: 'run', alphabet, min, max }
}

/** These bytes and no others. */
export function text(bytes: string): Part {
  return { kind: 'text', text: bytes }
}

function isTextAt(bytes: Uint8Array, at: number, expected: string): boolean {
  for (let index = 0; index < expected.length; index += 1) {
    if (bytes[at + index] !== expected.charCodeAt(index)) return false
  }
  return true
}

/** Where the key that begins with a start at `at` stands, or null. Costs the sum of the runs' `max` at most. */
export function matchShape(
  bytes: Uint8Array,
  shape: Shape,
  start: { readonly at: number; readonly bytes: number },
): Range | null {
  const { before, parts, openParts } = shape
  let from = start.at
  if (before !== null) {
    from = runStart(bytes, before.alphabet, { until: start.at, max: before.max })
    if (start.at - from < before.min) return null
  }
  // A key is not the inside of a longer word.
  if (isIn(alphabets.alnum, bytes[from - 1])) return null
  let at = start.at + start.bytes
  let last = 0
  for (const [index, part] of parts.entries()) {
    if (index + 1 === openParts) from = at
    if (part.kind === 'text') {
      if (!isTextAt(bytes, at, part.text)) return null
      at += part.text.length
      last = 0
    } else {
      const end = runEnd(bytes, part.alphabet, { from: at, limit: at + part.max })
      if (end - at < part.min) return null
      at = end
      last = part.alphabet
    }
  }
  return isIn(last, bytes[at]) ? null : { start: from, end: at }
}
