/** One view of a stream, raw or with escapes taken off, in which the secrets are searched for. */
import type { Automaton } from './automaton.ts'
import { Decoder, type Escaping, type Piece } from './decoder.ts'

/** Escapes are taken off this often in a row: JSON inside JSON, percent signs inside JSON, and so on. */
export const escapeDepthMax = 2

/** A beginning of a secret shorter than this is let go at the end of a chunk, so that no message stalls for it. */
const beginningBytesMin = 4

/** What all lenses of a stream have together. */
export interface Search {
  readonly automaton: Automaton
  /** Told of each pattern that is found, by its number. */
  readonly found: (pattern: number) => void
  /** Bytes of the stream before the present chunk. */
  passed: number
}

interface Branch {
  readonly decoder: Decoder
  /** Null as long as there was nothing to decode: what it would show is what this lens shows. */
  lens: Lens | null
}

/** The ways of escaping that are undone below a lens. Blanks come last: nothing stands below them. */
function escapingsAt(level: number): readonly Escaping[] {
  if (level > escapeDepthMax) return []
  return level === escapeDepthMax ? ['blanks'] : ['json', 'percent', 'blanks']
}

export class Lens {
  readonly #search: Search
  readonly #level: number
  #branches: readonly Branch[]
  #state = 0
  /** Where in the stream the last bytes came from: as many as may begin a secret, from `#from` on. */
  #places: number[] = []
  #from = 0

  /** level  how many escapings are undone above it; 0 for the stream as it is. */
  constructor(search: Search, level: number) {
    this.#search = search
    this.#level = level
    this.#branches = escapingsAt(level).map((kind) => ({ decoder: new Decoder(kind), lens: null }))
  }

  /** Searches a piece in this view and in those below it. */
  feed(piece: Piece): void {
    for (const branch of this.#branches) {
      if (branch.lens !== null || !branch.decoder.touches(piece)) continue
      const { escaping } = branch.decoder
      // It has seen so far what this lens has seen, and so have those below it.
      branch.lens = this.#copy(escaping === 'blanks' ? escapeDepthMax + 1 : this.#level + 1)
    }
    for (const { decoder, lens } of this.#branches) lens?.feed(decoder.feed(piece))
    this.#advance(piece)
  }

  /** Searches what cut escapes left at the end of the stream. */
  end(): void {
    for (const { decoder, lens } of this.#branches) {
      if (lens === null) continue
      const rest = decoder.end()
      if (rest.bytes.length > 0) lens.feed(rest)
      lens.end()
    }
  }

  /** Tells the decoders that the chunk is over. */
  pass(chunkBytes: number): void {
    for (const { decoder, lens } of this.#branches) {
      decoder.pass(chunkBytes)
      lens?.pass(chunkBytes)
    }
  }

  /** Where in the stream the first byte stands that may begin a secret here or below; Infinity where none does. */
  heldFrom(): number {
    let from = this.#depth() < beginningBytesMin ? Infinity : (this.#places[this.#from] ?? Infinity)
    for (const { lens } of this.#branches) {
      if (lens !== null) from = Math.min(from, lens.heldFrom())
    }
    return from
  }

  #depth(): number {
    return this.#search.automaton.depths[this.#state] ?? 0
  }

  #advance({ bytes, at }: Piece): void {
    const { automaton, found, passed } = this.#search
    const { rows, rowBits, classes, denseCount, speaks } = automaton
    let state = this.#state
    for (let index = 0; index < bytes.length; index += 1) {
      const byte = bytes[index] ?? 0
      if (state >= denseCount) state = automaton.step(state, byte)
      else state = rows[(state << rowBits) | (classes[byte] ?? 0)] ?? 0
      if (speaks[state] === 1) {
        for (const pattern of automaton.outputs[state] ?? []) found(pattern)
      }
    }
    this.#state = state
    const depth = this.#depth()
    if (depth <= bytes.length) {
      this.#places = []
      this.#from = 0
    }
    const first = Math.max(0, bytes.length - depth)
    for (let index = first; index < bytes.length; index += 1) {
      this.#places.push(passed + (at === null ? index : (at[index] ?? 0)))
    }
    this.#from = this.#places.length - depth
    this.#compact()
  }

  /** Drops what no secret begins with any more, once it is the greater part: each place is moved once or twice. */
  #compact(): void {
    if (this.#from * 2 <= this.#places.length) return
    this.#places = this.#places.slice(this.#from)
    this.#from = 0
  }

  /** A lens that has seen what this one has, with as many below it as its level allows. */
  #copy(level: number): Lens {
    const copy = new Lens(this.#search, level)
    copy.#state = this.#state
    copy.#places = [...this.#places]
    copy.#from = this.#from
    copy.#branches = copy.#branches.map((branch) => {
      const own = this.#branches.find(({ decoder }) => decoder.escaping === branch.decoder.escaping)
      if (own === undefined || own.lens === null) return branch
      const below = own.decoder.escaping === 'blanks' ? escapeDepthMax + 1 : level + 1
      return { decoder: own.decoder.clone(), lens: own.lens.#copy(below) }
    })
    return copy
  }
}
