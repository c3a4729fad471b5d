/** What a decoder answers: a content, or one of two refusals. */
import type { Content, Decoded } from '../content.ts'

export type Refusal = Extract<Decoded, { readonly ok: false }>

/** The body was read. */
export function read(content: Content): Decoded {
  return { ok: true, content }
}

/** The bytes are not what their format asks for: nobody could read them in one way only. */
export function malformed(message: string): Refusal {
  return { ok: false, code: 'malformed-request', message }
}

/** The bytes are well-formed, and say what this decoder does not know, or cannot bound. */
export function refused(message: string): Refusal {
  return { ok: false, code: 'validator-refused', message }
}
