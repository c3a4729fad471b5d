/**
 * Verifies proofs of inclusion and consistency as RFC 9162 writes it down, walking up from the leaf. It shares no code
 * with what makes them, so that one mistake cannot be in both.
 */
import { hash } from 'node:crypto'

export interface Inclusion {
  readonly index: number
  readonly size: number
  /** Hash of the leaf. */
  readonly leaf: Buffer
  readonly root: Buffer
  /** From the leaf's sibling up. */
  readonly hashes: readonly Buffer[]
}

export interface Consistency {
  /** Sizes of the two trees. */
  readonly from: number
  readonly to: number
  readonly fromRoot: Buffer
  readonly toRoot: Buffer
  readonly hashes: readonly Buffer[]
}

/** A tree of 2^53 leaves has 53 levels, and one hash more stands in a proof of consistency. */
export const proofHashesMax = 54

/** True where the leaf is at its index in the tree of that root (RFC 9162 section 2.1.3.2). */
export function verifyInclusion({ hashes, index, leaf, root, size }: Inclusion): boolean {
  if (!isCount(index) || !isCount(size) || index >= size || !areHashes([leaf, root, ...hashes])) {
    return false
  }
  let at = index
  let last = size - 1
  let reached = leaf
  for (const sibling of hashes) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      reached = parentOf(sibling, reached)
      while (at % 2 === 0 && at !== 0) {
        at = half(at)
        last = half(last)
      }
    } else {
      reached = parentOf(reached, sibling)
    }
    at = half(at)
    last = half(last)
  }
  return last === 0 && reached.equals(root)
}

/**
 * True where the tree of `toRoot` begins with the leaves of the tree of `fromRoot` (RFC 9162 section 2.1.4.2). Of an
 * empty tree, and of a tree and itself, the proof is empty.
 */
export function verifyConsistency(claim: Consistency): boolean {
  const { from, fromRoot, hashes, to, toRoot } = claim
  if (!isCount(from) || !isCount(to) || from > to) return false
  if (!areHashes([fromRoot, toRoot, ...hashes])) return false
  if (from === to) return hashes.length === 0 && fromRoot.equals(toRoot)
  if (from === 0) return hashes.length === 0 && fromRoot.equals(hash('sha256', '', 'buffer'))
  const path = isPowerOfTwo(from) ? [fromRoot, ...hashes] : hashes
  const [first, ...rest] = path
  if (hashes.length === 0 || first === undefined) return false
  let at = from - 1
  let last = to - 1
  while (at % 2 === 1) {
    at = half(at)
    last = half(last)
  }
  let [smaller, larger] = [first, first]
  for (const sibling of rest) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      smaller = parentOf(sibling, smaller)
      larger = parentOf(sibling, larger)
      while (at % 2 === 0 && at !== 0) {
        at = half(at)
        last = half(last)
      }
    } else {
      larger = parentOf(larger, sibling)
    }
    at = half(at)
    last = half(last)
  }
  return last === 0 && smaller.equals(fromRoot) && larger.equals(toRoot)
}

function parentOf(left: Buffer, right: Buffer): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from([1]), left, right]), 'buffer')
}

const half = (value: number): number => Math.floor(value / 2)

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

function isPowerOfTwo(value: number): boolean {
  let rest = value
  while (rest % 2 === 0) rest /= 2
  return rest === 1
}

function areHashes(list: readonly Buffer[]): boolean {
  return list.length <= proofHashesMax + 2 && list.every((bytes) => bytes.length === 32)
}
