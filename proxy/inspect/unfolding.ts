/** Takes the content coding off a body that flows, so that it can be searched; the body itself goes on as it came. */
import type { Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'

/** What takes a coding off, by the name that Content-Encoding has for it; null where nobody can, or there is none. */
export function unfolderOf(coding: string): Transform | null {
  switch (coding.trim().toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip()
    case 'deflate':
      return createInflate()
    case 'br':
      return createBrotliDecompress()
    default:
      return null
  }
}

/** What a coding may unfold to at any size: as much as a body that is judged whole. */
const unfoldedBytesFree = 8 * 1024 * 1024

/** Beyond that, bytes for each one that came: text folds to a fifth or a tenth, and a bomb of gzip to a thousandth. */
const unfoldedRatioMax = 200

/** Whether so much has come out of so little that nobody has to read on. */
export function isBomb(unfolded: number, came: number): boolean {
  return unfolded > unfoldedBytesFree && unfolded > came * unfoldedRatioMax
}
