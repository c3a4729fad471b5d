/** The Merkle tree of RFC 6962 as a compact range: the roots of its perfect subtrees, and nothing below them. */
import { hash } from 'node:crypto'
import { assert } from '../kernel/contract.ts'

/** Preimage of a node: 0x01, the left root, the right root (RFC 6962 section 2.1). */
const preimage = Buffer.alloc(65, 0x01)

function nodeOf(left: string, right: string): string {
  preimage.write(left, 1, 'hex')
  preimage.write(right, 33, 'hex')
  return hash('sha256', preimage, 'hex')
}

/** Grows by one leaf at a time, one node hash each on average; at most 53 hashes in memory. */
export class Frontier {
  #size: number
  readonly #roots: string[]

  /** asserts  one root to each bit that is set in the size. */
  constructor(size: number, roots: readonly string[]) {
    assert(bitsOf(size) === roots.length, 'a frontier has one root to each set bit of its size')
    this.#size = size
    this.#roots = [...roots]
  }

  /** Number of leaves. */
  get size(): number {
    return this.#size
  }

  /** Roots of the perfect subtrees, the largest first. */
  get roots(): readonly string[] {
    return [...this.#roots]
  }

  /** leaf  an entry's hash: 64 lower-case hex digits. */
  push(leaf: string): void {
    let root = leaf
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) {
      const left = this.#roots.pop()
      assert(left !== undefined, 'a set bit of the size has its root')
      root = nodeOf(left, root)
    }
    this.#roots.push(root)
    this.#size += 1
  }

  /** MTH of all leaves: the subtrees folded from the right; asserts that there is a leaf. */
  root(): string {
    const roots = this.roots
    const last = roots.at(-1)
    assert(last !== undefined, 'an empty tree has no leaf to answer for')
    return roots.slice(0, -1).reduceRight((right, left) => nodeOf(left, right), last)
  }
}

function bitsOf(size: number): number {
  assert(Number.isSafeInteger(size) && size >= 0, 'a size is a count')
  let bits = 0
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2
  return bits
}
