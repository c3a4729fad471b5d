/**
 * A persistent map from strings: each change makes a new table that shares all but a path with the old one.
 *
 * source  Bagwell, Ideal Hash Trees (2001): 32-way branches over a 32-bit hash, equal hashes in a list. A crowd of
 *         equal hashes is bounded by the runs that an agent may name, and costs a scan of that list at worst.
 */

interface Leaf<V> {
  readonly kind: 'leaf'
  readonly hash: number
  readonly key: string
  readonly value: V
}

/** Two or more leaves whose 32-bit hashes are equal. */
interface Clash<V> {
  readonly kind: 'clash'
  readonly hash: number
  readonly leaves: readonly Leaf<V>[]
}

interface Branch<V> {
  readonly kind: 'branch'
  readonly bitmap: number
  readonly children: readonly Node<V>[]
}

type Node<V> = Leaf<V> | Clash<V> | Branch<V>

const bitsPerLevel = 5

/** FNV-1a with the final mix of MurmurHash3, so that near keys part at the first level. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

function slotOf(hash: number, shift: number): number {
  return (hash >>> shift) & 31
}

/** Number of bits set below a slot: the index of its child (Hacker's Delight, figure 5-2). */
function rankOf(bitmap: number, slot: number): number {
  let bits = bitmap & ((1 << slot) - 1)
  bits -= (bits >>> 1) & 0x55555555
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333)
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

function branch<V>(bitmap: number, children: readonly Node<V>[]): Branch<V> {
  return { kind: 'branch', bitmap, children }
}

function find<V>(root: Node<V>, hash: number, key: string): V | undefined {
  let node: Node<V> | undefined = root
  for (let shift = 0; node?.kind === 'branch'; shift += bitsPerLevel) {
    const slot = slotOf(hash, shift)
    node = (node.bitmap >>> slot) & 1 ? node.children[rankOf(node.bitmap, slot)] : undefined
  }
  if (node?.kind === 'leaf') return node.key === key ? node.value : undefined
  return node?.leaves.find((leaf) => leaf.key === key)?.value
}

/** Parts two nodes that met at one place of the tree. */
function part<V>(old: Leaf<V> | Clash<V>, fresh: Leaf<V>, shift: number): Node<V> {
  if (old.kind === 'leaf' && old.hash === fresh.hash) {
    return { kind: 'clash', hash: old.hash, leaves: [old, fresh] }
  }
  const left = slotOf(old.hash, shift)
  const right = slotOf(fresh.hash, shift)
  if (left === right) return branch(1 << left, [part(old, fresh, shift + bitsPerLevel)])
  return branch((1 << left) | (1 << right), left < right ? [old, fresh] : [fresh, old])
}

function put<V>(node: Node<V>, fresh: Leaf<V>, shift: number): Node<V> {
  if (node.kind === 'leaf') return node.key === fresh.key ? fresh : part(node, fresh, shift)
  if (node.kind === 'clash') {
    if (node.hash !== fresh.hash) return part(node, fresh, shift)
    const others = node.leaves.filter((leaf) => leaf.key !== fresh.key)
    return { kind: 'clash', hash: node.hash, leaves: [...others, fresh] }
  }
  const slot = slotOf(fresh.hash, shift)
  const index = rankOf(node.bitmap, slot)
  const children = node.children.slice()
  const child = (node.bitmap >>> slot) & 1 ? children[index] : undefined
  if (child === undefined) {
    children.splice(index, 0, fresh)
    return branch(node.bitmap | (1 << slot), children)
  }
  children[index] = put(child, fresh, shift + bitsPerLevel)
  return branch(node.bitmap, children)
}

/** Takes a key that is there; keeps the tree in the one shape that its keys have. */
function take<V>(
  node: Node<V>,
  gone: { hash: number; key: string },
  shift: number,
): Node<V> | null {
  if (node.kind === 'leaf') return null
  if (node.kind === 'clash') {
    const rest = node.leaves.filter((leaf) => leaf.key !== gone.key)
    const [only] = rest
    return rest.length === 1 && only ? only : { kind: 'clash', hash: node.hash, leaves: rest }
  }
  const slot = slotOf(gone.hash, shift)
  const index = rankOf(node.bitmap, slot)
  const children = node.children.slice()
  const rest = children.splice(index, 1).map((child) => take(child, gone, shift + bitsPerLevel))
  const [left] = rest
  if (left) children.splice(index, 0, left)
  const [first] = children
  if (children.length === 1 && first && first.kind !== 'branch') return first
  return branch(left ? node.bitmap : node.bitmap & ~(1 << slot), children)
}

function* walk<V>(node: Node<V>): Generator<readonly [string, V]> {
  if (node.kind === 'leaf') yield [node.key, node.value]
  else if (node.kind === 'clash') for (const leaf of node.leaves) yield [leaf.key, leaf.value]
  else for (const child of node.children) yield* walk(child)
}

/** Immutable; the order of iteration is any, that of `sorted` is by UTF-16 code units. */
export class Table<V> {
  readonly size: number
  readonly #root: Node<V> | null
  /** The key that was asked for last, and its hash: a step looks a key up, checks the change, and makes it. */
  #key: string | null = null
  #hash = 0

  private constructor(root: Node<V> | null, size: number) {
    this.#root = root
    this.size = size
  }

  static empty<V>(): Table<V> {
    return new Table<V>(null, 0)
  }

  get(key: string): V | undefined {
    return this.#root === null ? undefined : find(this.#root, this.#hashOf(key), key)
  }

  #hashOf(key: string): number {
    if (key === this.#key) return this.#hash
    this.#hash = hashOf(key)
    this.#key = key
    return this.#hash
  }

  has(key: string): boolean {
    return this.get(key) !== undefined
  }

  set(key: string, value: V): Table<V> {
    const leaf: Leaf<V> = { kind: 'leaf', hash: this.#hashOf(key), key, value }
    if (this.#root === null) return new Table<V>(leaf, 1)
    const known = find(this.#root, leaf.hash, key) !== undefined
    return new Table(put(this.#root, leaf, 0), known ? this.size : this.size + 1)
  }

  delete(key: string): Table<V> {
    const hash = this.#hashOf(key)
    if (this.#root === null || find(this.#root, hash, key) === undefined) return this
    return new Table(take(this.#root, { hash, key }, 0), this.size - 1)
  }

  *[Symbol.iterator](): Generator<readonly [string, V]> {
    if (this.#root !== null) yield* walk(this.#root)
  }

  *values(): Generator<V> {
    for (const [, value] of this) yield value
  }

  sorted(): readonly (readonly [string, V])[] {
    return [...this].sort(([left], [right]) => (left < right ? -1 : 1))
  }
}
