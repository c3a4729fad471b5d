/** The bytes of a payload as they stand, and with escapes taken off, each byte knowing where it came from. */
import { Decoder, type Escaping, joined, type Piece } from './decoder.ts'
import { escapeDepthMax } from './lens.ts'
import type { Range } from './shape.ts'

const escapings: readonly Escaping[] = ['json', 'percent']

function decoded(piece: Piece, escaping: Escaping): Piece | null {
  const decoder = new Decoder(escaping)
  if (!decoder.touches(piece)) return null
  const view = joined(decoder.feed(piece), decoder.end())
  return view.bytes.length === piece.bytes.length ? null : view
}

/** All views, the bytes themselves first, one after the other; those in which nothing was escaped are left out. */
export function* viewsOf(piece: Piece, level = 0): Generator<Piece> {
  yield piece
  if (level === escapeDepthMax) return
  for (const escaping of escapings) {
    const view = decoded(piece, escaping)
    if (view !== null) yield* viewsOf(view, level + 1)
  }
}

/** What a range of a view is in the payload: whole escapes. */
export function rawRange({ at }: Piece, { start, end }: Range, length: number): Range {
  if (at === null) return { start, end }
  return { start: at[start] ?? length, end: at[end] ?? length }
}
