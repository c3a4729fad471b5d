/** JSON Web Tokens (RFC 7519): signed, unsigned or encrypted, known by a header that says its algorithm. */
import { alphabets, isIn, runEnd } from './alphabet.ts'
import type { Range } from './shape.ts'

/** What the base64 of `{"` begins with. */
export const jwtStart = 'eyJ'

/** Headers are short; what is longer is not read as one. */
const headerBytesMax = 8 * 1024

const dot = 0x2e

function hasAlgorithm(bytes: Uint8Array, { start, end }: Range): boolean {
  if (end - start > headerBytesMax) return false
  const base64 = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
  const json = Buffer.from(base64, 'base64url').toString('utf8')
  let header: unknown
  try {
    header = JSON.parse(json)
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
  if (typeof header !== 'object' || header === null || !('alg' in header)) return false
  return typeof header.alg === 'string'
}

/** The token whose first part begins at `start`. A token begins at no word's inside: each byte is read three times at most. */
export function matchJwt(bytes: Uint8Array, start: number): Range | null {
  const limit = bytes.length
  if (isIn(alphabets.dotted, bytes[start - 1])) return null
  const header = { start, end: runEnd(bytes, alphabets.token, { from: start, limit }) }
  if (bytes[header.end] !== dot) return null
  const claims = runEnd(bytes, alphabets.token, { from: header.end + 1, limit })
  if (bytes[claims] !== dot) return null
  let end = runEnd(bytes, alphabets.token, { from: claims + 1, limit })
  // An encrypted one has five parts (RFC 7516).
  for (let part = 4; part <= 5 && bytes[end] === dot; part += 1) {
    const next = runEnd(bytes, alphabets.token, { from: end + 1, limit })
    if (next === end + 1) break
    end = next
  }
  return hasAlgorithm(bytes, header) ? { start, end } : null
}
