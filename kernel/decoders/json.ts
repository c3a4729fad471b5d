/** Reads any JSON: `body` is its value, and there are no facts beside it. */
import type { Decoded, Undecoded } from '../content.ts'
import { jsonBody } from './json-body.ts'
import { read } from './outcome.ts'

export function decodeJson(undecoded: Undecoded): Decoded {
  const json = jsonBody(undecoded)
  if (!json.ok) return json
  return read({ decoder: 'json', body: json.value, facts: {}, model: null })
}
