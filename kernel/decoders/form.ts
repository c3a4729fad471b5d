/** Reads application/x-www-form-urlencoded: `body` is an object of strings. */
import type { Decoded, Undecoded } from '../content.ts'
import { formOf } from './form-text.ts'
import { mediaTypeOf } from './media-type.ts'
import { malformed, read, refused } from './outcome.ts'
import { textOf } from './utf8.ts'

export function decodeForm({ contentType, body }: Undecoded): Decoded {
  if (mediaTypeOf(contentType) !== 'application/x-www-form-urlencoded') {
    return refused('The decoder reads forms: send Content-Type: application/x-www-form-urlencoded.')
  }
  const text = textOf(body)
  if (text === null) return malformed('The form is not UTF-8.')
  const pairs = formOf(text)
  if (typeof pairs === 'string') return malformed(pairs)
  return read({ decoder: 'form', body: pairs, facts: {}, model: null })
}
