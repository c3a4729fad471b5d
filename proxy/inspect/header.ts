/** Reads flat lists of headers by a name in lower case. */

/** The value of a header, empty where there is none; of several all, so that no peer reads one that the gate did not. */
export function headerOf(headers: readonly string[], name: string): string {
  const values: string[] = []
  for (let index = 0; index + 1 < headers.length; index += 2) {
    if (headers[index]?.toLowerCase() === name) values.push(headers[index + 1] ?? '')
  }
  return values.join(', ')
}

/** The headers but those of that name. */
export function without(headers: readonly string[], name: string): string[] {
  const kept: string[] = []
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const spelling = headers[index] ?? ''
    if (spelling.toLowerCase() !== name) kept.push(spelling, headers[index + 1] ?? '')
  }
  return kept
}

/**
 * What is true of a body byte for byte, and no more of one that the gate has changed: digests (RFC 9530, and those before
 * it), and a validator of the very bytes.
 */
const ofBytes: ReadonlySet<string> = new Set([
  'content-digest',
  'repr-digest',
  'digest',
  'content-md5',
  'etag',
])

/** The headers but those that a changed body would belie. */
export function withoutDigests(headers: readonly string[]): string[] {
  return headers.filter((_, index) => !ofBytes.has((headers[index & ~1] ?? '').toLowerCase()))
}
