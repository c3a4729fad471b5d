/** What a handler answers the gate that has no body to read: the request is refused, and nothing is guessed. */
import type { Read } from '../gate/ports.ts'

/** The answer of a handler that has no body to read. */
export const unreadable: Read = async () => ({
  ok: false,
  code: 'inspection-required',
  message: 'The rules need the body of this request, which cannot be read here.',
})
