/**
 * Recognises canonical JSON (RFC 8785, narrowed to what a line may hold) in bytes, without building a value.
 *
 * Each function is given where something begins and answers where it ends, or -1 where it is not in canonical
 * form. It may look at bytes behind the end of a text that is cut off: the caller compares the answer with it.
 */
import { depthMax } from './canonical.ts'

const quote = 0x22
const comma = 0x2c
const minus = 0x2d
const colon = 0x3a
const backslash = 0x5c

const setOf = (holds: (byte: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, byte) => (holds(byte) ? 1 : 0))

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39
const isLower = (byte: number): boolean => byte >= 0x61 && byte <= 0x7a

/** Bytes of a text whose letters are all below U+0100. */
export const latin = (text: string): Uint8Array =>
  Uint8Array.from(text, (letter) => letter.charCodeAt(0))

/** Letters of a key: `^[a-z][a-z0-9_]*$`. */
const inKey = setOf((byte) => isLower(byte) || isDigit(byte) || byte === 0x5f)

/** Bytes of a string that stand for themselves: U+0020 to U+007F without `"` and `\`. */
const plain = setOf((byte) => byte >= 0x20 && byte < 0x80 && byte !== quote && byte !== backslash)

/** Second letters of the escapes that RFC 8785 section 3.2.2.2 writes short. */
const short = setOf((byte) => '"\\bfnrt'.includes(String.fromCharCode(byte)))

const words = { yes: latin('true'), no: latin('false'), nothing: latin('null') }

/** End of a value that lies `depth` containers deep, itself counted if it is one. */
export function valueEnd(bytes: Uint8Array, at: number, depth: number): number {
  const byte = bytes[at] ?? 0
  if (byte === quote) return stringEnd(bytes, at + 1)
  if (byte === 0x7b) return depth > depthMax ? -1 : objectEnd(bytes, at + 1, depth)
  if (byte === 0x5b) return depth > depthMax ? -1 : arrayEnd(bytes, at + 1, depth)
  if (byte === minus || isDigit(byte)) return integerEnd(bytes, at)
  if (byte === 0x74) return literalEnd(bytes, at, words.yes)
  if (byte === 0x66) return literalEnd(bytes, at, words.no)
  return literalEnd(bytes, at, words.nothing)
}

/** End of exactly this text. */
export function literalEnd(bytes: Uint8Array, at: number, text: Uint8Array): number {
  for (let index = 0; index < text.length; index += 1) {
    if (bytes[at + index] !== text[index]) return -1
  }
  return at + text.length
}

/** End of a string, from behind its opening quote to behind the closing one. */
export function stringEnd(bytes: Uint8Array, from: number): number {
  let at = from
  for (;;) {
    let byte = bytes[at] ?? 0
    while (plain[byte] === 1) {
      at += 1
      byte = bytes[at] ?? 0
    }
    if (byte === quote) return at + 1
    const length = byte === backslash ? escapeLength(bytes, at) : sequenceLength(bytes, at)
    if (length === 0) return -1
    at += length
  }
}

/** End of a safe integer without a sign of zero, a leading zero, a fraction or an exponent. */
export function integerEnd(bytes: Uint8Array, from: number): number {
  const first = bytes[from] === minus ? from + 1 : from
  let at = first
  let value = 0
  for (let byte = bytes[at] ?? 0; isDigit(byte); byte = bytes[at] ?? 0) {
    value = value * 10 + (byte - 0x30)
    at += 1
  }
  const digits = at - first
  // Up to 2^53 sums are exact, and no sixteen digits above 2^53 - 1 are rounded down to it.
  if (digits === 0 || digits > 16 || value > Number.MAX_SAFE_INTEGER) return -1
  if (bytes[first] === 0x30 && (digits > 1 || first > from)) return -1
  return at
}

function objectEnd(bytes: Uint8Array, from: number, depth: number): number {
  if (bytes[from] === 0x7d) return from + 1
  let at = from
  let before = -1
  for (;;) {
    const key = at + 1
    at = memberEnd(bytes, at, depth)
    if (at < 0 || (before >= 0 && !ascends(bytes, before, key))) return -1
    if (bytes[at - 1] === 0x7d) return at
    before = key
  }
}

/** End of a member of an object that lies `depth` deep, with the comma or the closing brace behind it. */
export function memberEnd(bytes: Uint8Array, from: number, depth: number): number {
  if (bytes[from] !== quote || !isLower(bytes[from + 1] ?? 0)) return -1
  let at = from + 2
  while (inKey[bytes[at] ?? 0] === 1) at += 1
  if (bytes[at] !== quote || bytes[at + 1] !== colon) return -1
  at = valueEnd(bytes, at + 2, depth + 1)
  if (at < 0) return -1
  return bytes[at] === comma || bytes[at] === 0x7d ? at + 1 : -1
}

function arrayEnd(bytes: Uint8Array, from: number, depth: number): number {
  if (bytes[from] === 0x5d) return from + 1
  let at = from
  for (;;) {
    at = valueEnd(bytes, at, depth + 1)
    if (at < 0) return -1
    const byte = bytes[at]
    at += 1
    if (byte === 0x5d) return at
    if (byte !== comma) return -1
  }
}

/** Compares two keys that both end in a quote, which is less than any letter of a key. */
export function ascends(bytes: Uint8Array, before: number, key: number): boolean {
  let index = 0
  while (bytes[before + index] === bytes[key + index] && bytes[key + index] !== quote) index += 1
  return (bytes[before + index] ?? 0) < (bytes[key + index] ?? 0)
}

/** Bytes of the escape at `at`, or 0 where RFC 8785 would have written the character otherwise. */
function escapeLength(bytes: Uint8Array, at: number): number {
  const letter = bytes[at + 1] ?? 0
  if (short[letter] === 1) return 2
  if (letter !== 0x75 || bytes[at + 2] !== 0x30 || bytes[at + 3] !== 0x30) return 0
  const high = bytes[at + 4] ?? 0
  const low = bytes[at + 5] ?? 0
  if (high !== 0x30 && high !== 0x31) return 0
  if (!isDigit(low) && (low < 0x61 || low > 0x66)) return 0
  const code = (high - 0x30) * 16 + (low <= 0x39 ? low - 0x30 : low - 0x57)
  // 08, 09, 0a, 0c and 0d have a short form: \b \t \n \f \r.
  return code === 8 || code === 9 || code === 10 || code === 12 || code === 13 ? 0 : 6
}

/** Bytes of the UTF-8 sequence at `at`, or 0 where it is none (RFC 3629 section 4: no overlong form, no surrogate). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0
  const second = bytes[at + 1] ?? 0
  if (lead < 0xc2 || lead > 0xf4) return 0
  if (lead < 0xe0) return (second & 0xc0) === 0x80 ? 2 : 0
  if (lead < 0xf0) {
    const least = lead === 0xe0 ? 0xa0 : 0x80
    const most = lead === 0xed ? 0x9f : 0xbf
    if (second < least || second > most) return 0
    return ((bytes[at + 2] ?? 0) & 0xc0) === 0x80 ? 3 : 0
  }
  const least = lead === 0xf0 ? 0x90 : 0x80
  const most = lead === 0xf4 ? 0x8f : 0xbf
  if (second < least || second > most) return 0
  const tailed = ((bytes[at + 2] ?? 0) & 0xc0) === 0x80 && ((bytes[at + 3] ?? 0) & 0xc0) === 0x80
  return tailed ? 4 : 0
}
