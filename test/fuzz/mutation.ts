/** Changes to bytes as fuzzers make them: flips, cuts, insertions of telling pieces, and pieces repeated very often. */
import fc from 'fast-check'

/** Applied in order; places are taken modulo the length. */
type Change =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'put'; readonly at: number; readonly remove: number; readonly piece: Buffer }
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'copy'; readonly from: number; readonly length: number; readonly at: number }
  | {
      readonly kind: 'pump'
      readonly from: number
      readonly length: number
      readonly bytes: number
    }

/** So long does a repeated piece become: enough for what is quadratic to be seen, and not too much for what is linear. */
const pumpedBytes = 48 * 1024

const place = fc.nat({ max: 1 << 20 })

function changeArbitrary(pieces: readonly string[]): fc.Arbitrary<Change> {
  const piece = fc.oneof(
    fc.constantFrom('', ...pieces).map((text) => Buffer.from(text, 'utf8')),
    fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes)),
  )
  return fc.oneof(
    { weight: 12, arbitrary: fc.record({ kind: fc.constant('flip'), at: place, bit: fc.nat(7) }) },
    {
      weight: 24,
      arbitrary: fc.record({ kind: fc.constant('put'), at: place, remove: fc.nat(4), piece }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('cut'), at: place }) },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('copy'),
        from: place,
        length: fc.nat(64),
        at: place,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('pump'),
        from: place,
        length: fc.integer({ min: 1, max: 12 }),
        bytes: fc.constantFrom(256, 4096, pumpedBytes),
      }),
    },
  ) as fc.Arbitrary<Change>
}

function changed(bytes: Buffer, change: Change): Buffer {
  const at = (place: number): number => place % (bytes.length + 1)
  switch (change.kind) {
    case 'flip': {
      const flipped = Buffer.from(bytes)
      const index = at(change.at)
      if (index < flipped.length) flipped[index] = (flipped[index] ?? 0) ^ (1 << change.bit)
      return flipped
    }
    case 'put': {
      const from = at(change.at)
      return Buffer.concat([
        bytes.subarray(0, from),
        change.piece,
        bytes.subarray(from + change.remove),
      ])
    }
    case 'cut':
      return bytes.subarray(0, at(change.at))
    case 'copy': {
      const from = at(change.from)
      const to = at(change.at)
      const copy = bytes.subarray(from, from + change.length)
      return Buffer.concat([bytes.subarray(0, to), copy, bytes.subarray(to)])
    }
    case 'pump': {
      const from = at(change.from)
      const piece = bytes.subarray(from, from + change.length)
      const times = piece.length === 0 ? 0 : Math.ceil(change.bytes / piece.length)
      const many = Array.from({ length: times }, () => piece)
      return Buffer.concat([bytes.subarray(0, from), ...many, bytes.subarray(from)])
    }
  }
}

/** The bytes as they are, or changed in a few places. */
export function mutated(
  source: fc.Arbitrary<Buffer>,
  pieces: readonly string[],
): fc.Arbitrary<Buffer> {
  const changes = fc.oneof(
    fc.constant([]),
    fc.array(changeArbitrary(pieces), { minLength: 1, maxLength: 4 }),
  )
  return fc.tuple(source, changes).map(([bytes, list]) => list.reduce(changed, bytes))
}

/** The same of a text whose characters are bytes. */
export function mutatedLatin(
  source: fc.Arbitrary<string>,
  pieces: readonly string[],
): fc.Arbitrary<string> {
  const bytes = source.map((text) => Buffer.from(text, 'latin1'))
  return mutated(bytes, pieces).map((changes) => changes.toString('latin1'))
}
