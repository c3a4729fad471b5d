/** Bytes to text and back, so that nothing is lost between: what is not UTF-8 is no text, and a mark of order stays. */

/** The text of the bytes; null where they are not UTF-8. Encoding it gives the same bytes again. */
export function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    // Fatal decoding throws where the bytes are not UTF-8, or longer than a string may be: no text either way.
    return null
  }
}

/** The UTF-8 of a text without lone surrogates. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
