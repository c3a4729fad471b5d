/** The event that ends a stream which the gate cuts, in the stream's own format, so that its client sees an error. */

import type { ModelWire } from '../content.ts'
import type { ReasonCode } from '../reasons.ts'

const framed = (name: string, event: object): string =>
  `${name === '' ? '' : `event: ${name}\n`}data: ${JSON.stringify(event)}\n\n`

const formats: Readonly<Record<ModelWire, (code: ReasonCode, message: string) => string>> = {
  'openai-chat': (code, message) =>
    framed('', { error: { message, type: 'haltgate', param: null, code } }),
  'openai-responses': (code, message) =>
    framed('error', { type: 'error', code, message, param: null }),
  anthropic: (code, message) =>
    framed('error', {
      type: 'error',
      error: { type: 'permission_error', message: `${code}: ${message}` },
    }),
  gemini: (code, message) =>
    framed('', {
      error: { code: 403, message: `${code}: ${message}`, status: 'PERMISSION_DENIED' },
    }),
}

/** A server-sent event that says why: its client's library raises it as an error of the provider's. */
export function cutEvent(wire: ModelWire, code: ReasonCode, message: string): string {
  return formats[wire](code, message)
}
