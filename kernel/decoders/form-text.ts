/** Names and values of a form or a query string, each name once; percent-decoding is strict. */
import type { JsonObject } from './member.ts'

/** Pairs in one form. */
export const pairsMax = 10_000

/** A decoded component, `+` read as a blank; null where a percent sign begins no byte, or the bytes are not UTF-8. */
export function decodedComponent(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    // It throws URIError for exactly these two, and nothing else.
    return null
  }
}

/**
 * The pairs, as an object of strings without a prototype; a sentence where they have no reading that all servers share.
 *
 * source  URL Standard, application/x-www-form-urlencoded parsing, made strict: it replaces what it cannot decode.
 */
export function formOf(text: string): JsonObject | string {
  const pairs = Object.create(null) as Record<string, string>
  // Some servers still take it for the mark between pairs, as HTML 4.01 (B.2.2) asked them to.
  if (text.includes(';')) return 'A semicolon of a form must be written %3B.'
  const parts = text.split('&')
  if (parts.length > pairsMax) return `A form has more than ${pairsMax} pairs.`
  for (const part of parts) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const name = decodedComponent(equals < 0 ? part : part.slice(0, equals))
    const value = equals < 0 ? '' : decodedComponent(part.slice(equals + 1))
    if (name === null || value === null) return 'A form is not percent-encoded UTF-8.'
    if (name in pairs) return 'A form has a name twice.'
    pairs[name] = value
  }
  return pairs
}
