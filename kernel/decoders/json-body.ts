/** A request's body as JSON, with the checks that every decoder of JSON makes first. */
import type { Json, Undecoded } from '../content.ts'
import { type JsonText, readJson } from './json-text.ts'
import { isJsonType, mediaTypeOf } from './media-type.ts'
import { type JsonObject, misspelled, objectOf } from './member.ts'
import { malformed, type Refusal, refused } from './outcome.ts'

/** The body's text and value, or the refusal. */
export type JsonBody = JsonText | Refusal

/** Reads the body as JSON if its type says so: what a server would read as a form is not judged as JSON. */
export function jsonBody({ contentType, body }: Undecoded): JsonBody {
  if (!isJsonType(mediaTypeOf(contentType))) {
    return refused('The decoder reads JSON: send Content-Type: application/json, in UTF-8.')
  }
  const read = readJson(body)
  return read.ok ? read : malformed(read.problem)
}

/** A body that is one JSON object in which the names that are read are spelled in one way. */
export type ObjectBody =
  | { readonly ok: true; readonly object: JsonObject; readonly body: Json }
  | Refusal

/** Reads the body as a JSON object whose members `names` are read by the decoder. */
export function objectBody(undecoded: Undecoded, names: readonly string[]): ObjectBody {
  const read = jsonBody(undecoded)
  if (!read.ok) return read
  const object = objectOf(read.value)
  if (object === null) return refused('The body is not one JSON object; batches are not read.')
  const wrong = misspelled(object, names)
  if (wrong !== null) return refused(`A member is called "${wrong}" but for its case.`)
  return { ok: true, object, body: read.value }
}
