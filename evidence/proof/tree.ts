/** The arithmetic of a Merkle tree (RFC 9162 section 2.1): which nodes a proof is made of, and how they fold. */
import { hash } from 'node:crypto'
import { assert } from '../../kernel/contract.ts'

/** Leaves from `from` to before `to`. */
export interface Range {
  readonly from: number
  readonly to: number
}

/** A perfect subtree: the leaves from index * 2^level on, 2^level of them. */
export interface NodeName {
  readonly level: number
  readonly index: number
}

/** Whatever knows the perfect subtrees of a tree: tiles, or the segments themselves. */
export interface NodeSource {
  /**
   * Their roots, in the order of the names; all at once, so that files are read once.
   *
   * errors  Failure where it does not have one.
   */
  nodes(names: readonly NodeName[]): readonly Buffer[]
}

const interior = Buffer.of(0x01)

/** Hash of an interior node (RFC 9162 section 2.1.1). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([interior, left, right]), 'buffer')
}

/** Root of the tree without a leaf. */
export const emptyRoot = hash('sha256', '', 'buffer')

/**
 * Subtrees whose roots prove that a leaf is in the tree of a size: the leaf's sibling first.
 *
 * asserts  the leaf is in it.
 * source   RFC 9162 section 2.1.3.1.
 */
export function inclusionRanges(index: number, size: number): readonly Range[] {
  assert(isCount(index) && isCount(size) && index < size, 'a proof is of a leaf in the tree')
  const ranges: Range[] = []
  let [from, to] = [0, size]
  while (to - from > 1) {
    const middle = from + powerBelow(to - from)
    if (index < middle) {
      ranges.push({ from: middle, to })
      to = middle
    } else {
      ranges.push({ from, to: middle })
      from = middle
    }
  }
  return ranges.reverse()
}

/**
 * Subtrees whose roots prove that the tree of the larger size goes on from that of the smaller one. None where both
 * are the same, or the smaller one is empty.
 *
 * asserts  the sizes ascend.
 * source   RFC 9162 section 2.1.4.1.
 */
export function consistencyRanges({ from: smaller, to: size }: Range): readonly Range[] {
  assert(isCount(smaller) && isCount(size) && smaller <= size, 'sizes of a proof ascend')
  if (smaller === 0) return []
  const ranges: Range[] = []
  let [from, to] = [0, size]
  while (to !== smaller) {
    const middle = from + powerBelow(to - from)
    if (smaller <= middle) {
      ranges.push({ from: middle, to })
      to = middle
    } else {
      ranges.push({ from, to: middle })
      from = middle
    }
  }
  // The verifier has the root of the smaller tree: what is that tree itself is left out.
  if (from > 0) ranges.push({ from, to })
  return ranges.reverse()
}

/** The perfect subtrees of a subtree that a tree of this kind has, the largest first. */
export function perfectNodes(range: Range): readonly NodeName[] {
  const names: NodeName[] = []
  let { from } = range
  while (from < range.to) {
    const level = levelBelow(range.to - from)
    const width = 2 ** level
    assert(from % width === 0, 'a subtree begins at a multiple of its width')
    names.push({ level, index: from / width })
    from += width
  }
  return names
}

/** The leaves of a perfect subtree. */
export function rangeOf({ index, level }: NodeName): Range {
  const width = 2 ** level
  return { from: index * width, to: (index + 1) * width }
}

/** Roots of subtrees, each asked of the source once; of one without a leaf the hash of nothing. */
export function rootsOf(source: NodeSource, ranges: readonly Range[]): readonly Buffer[] {
  const names = ranges.map(perfectNodes)
  const wanted = new Map(names.flat().map((name) => [keyOf(name), name]))
  const hashes = source.nodes([...wanted.values()])
  const known = new Map([...wanted.keys()].map((key, at) => [key, hashes[at]]))
  return names.map((parts) => folded(parts.map((name) => known.get(keyOf(name)))))
}

/** A name as a key of a map. */
export function keyOf({ index, level }: NodeName): string {
  return `${level}/${index}`
}

function folded(parts: readonly (Buffer | undefined)[]): Buffer {
  const last = parts.at(-1)
  if (last === undefined) return emptyRoot
  return parts.slice(0, -1).reduceRight<Buffer>((right, left) => {
    assert(left !== undefined, 'a source answers each name')
    return nodeHash(left, right)
  }, last)
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/** The largest level whose width is at most this many leaves. */
function levelBelow(count: number): number {
  let level = 0
  while (2 ** (level + 1) <= count) level += 1
  return level
}

/** The largest power of two below a number of leaves: where a tree parts. */
function powerBelow(count: number): number {
  return 2 ** levelBelow(count - 1)
}
