/** Collects the roots of named subtrees, whichever and however many, while the leaves go by once in their order. */
import { assert } from '../../kernel/contract.ts'
import {
  inclusionRanges,
  keyOf,
  type NodeName,
  type NodeSource,
  nodeHash,
  perfectNodes,
} from '../proof/tree.ts'

export class CollectedNodes implements NodeSource {
  readonly #wanted: Map<string, Buffer | null>
  /** Roots of the perfect subtrees so far, by level; null where none waits. */
  readonly #levels: (Buffer | null)[] = []
  #size = 0

  constructor(names: readonly NodeName[]) {
    this.#wanted = new Map(names.map((name) => [keyOf(name), null]))
  }

  /** For the proofs of these leaves in the tree of a size. */
  static forProofs(seqs: readonly number[], size: number): CollectedNodes {
    return new CollectedNodes(
      seqs.flatMap((seq) => inclusionRanges(seq, size).flatMap(perfectNodes)),
    )
  }

  /** Leaves so far. */
  get size(): number {
    return this.#size
  }

  /** leaf  64 lower-case hex digits. */
  push(leaf: string): void {
    let root: Buffer = Buffer.from(leaf, 'hex')
    let index = this.#size
    let level = 0
    this.#keep(level, index, root)
    while (index % 2 === 1) {
      const left = this.#levels[level]
      assert(left !== undefined && left !== null, 'a left subtree waits for its right one')
      root = nodeHash(left, root)
      this.#levels[level] = null
      level += 1
      index = (index - 1) / 2
      this.#keep(level, index, root)
    }
    this.#levels[level] = root
    this.#size += 1
  }

  /** asserts  each was named at the beginning, and its leaves have gone by. */
  nodes(names: readonly NodeName[]): readonly Buffer[] {
    return names.map((name) => {
      const root = this.#wanted.get(keyOf(name))
      assert(root !== undefined && root !== null, 'a node is collected before it is asked for')
      return root
    })
  }

  #keep(level: number, index: number, root: Buffer): void {
    const key = keyOf({ level, index })
    if (this.#wanted.has(key)) this.#wanted.set(key, root)
  }
}
