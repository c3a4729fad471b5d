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
