/** Finds any of many byte strings in one pass over the bytes, whatever the bytes are (Aho and Corasick, 1975). */

/** So many states, the shallowest, have a row of all their steps: 2,048 rows of 64 classes are half a megabyte. */
const denseStatesMax = 2_048

export class Automaton {
  /** Patterns that end in a state, their own and those that are its suffixes. */
  readonly outputs: readonly (readonly number[])[]
  /** How many of the last bytes are the beginning of a pattern. */
  readonly depths: Int32Array
  /** States below this number have a row in `rows`: the next state is at `(state << rowBits) | classes[byte]`. */
  readonly denseCount: number
  readonly rows: Int32Array
  readonly rowBits: number
  /** Bytes that stand in no pattern are all of class 0. */
  readonly classes: Uint8Array
  /** 1 where `outputs` has something. */
  readonly speaks: Uint8Array
  readonly #edges: ReadonlyMap<number, number>
  readonly #fallback: Int32Array

  /** Empty patterns are never found. */
  constructor(patterns: readonly Uint8Array[]) {
    const trie = plant(patterns)
    this.#edges = trie.edges
    this.depths = trie.depths
    this.#fallback = fallbacks(trie)
    this.outputs = outputsOf(trie, this.#fallback)
    this.speaks = Uint8Array.from(this.outputs, (found) => (found.length > 0 ? 1 : 0))
    this.denseCount = Math.min(denseStatesMax, this.depths.length)
    const letters = new Set([...trie.bytes.subarray(1)])
    this.classes = new Uint8Array(256)
    for (const [index, byte] of [...letters].entries()) this.classes[byte] = (index + 1) & 255
    this.rowBits = Math.min(8, Math.ceil(Math.log2(letters.size + 1)))
    this.rows = new Int32Array(this.denseCount << this.rowBits)
    for (let state = 0; state < this.denseCount; state += 1) {
      // What a state falls back to is not as deep, so its row is there already.
      const below = this.#fallback[state] ?? 0
      for (const byte of letters) {
        const otherwise = state === 0 ? 0 : this.step(below, byte)
        const at = (state << this.rowBits) | (this.classes[byte] ?? 0)
        this.rows[at] = trie.edges.get(state * 256 + byte) ?? otherwise
      }
    }
  }

  /** The state after one byte more. Falls back as often as it went forward at most: linear, whatever the bytes are. */
  step(state: number, byte: number): number {
    let from = state
    while (from >= this.denseCount) {
      const next = this.#edges.get(from * 256 + byte)
      if (next !== undefined) return next
      from = this.#fallback[from] ?? 0
    }
    return this.rows[(from << this.rowBits) | (this.classes[byte] ?? 0)] ?? 0
  }
}

interface Trie {
  /** From state × 256 + byte. States are numbered by depth, the root is 0. */
  readonly edges: ReadonlyMap<number, number>
  readonly depths: Int32Array
  readonly parents: Int32Array
  readonly bytes: Uint8Array
  readonly ends: readonly (readonly number[])[]
}

/** Level by level, so that the numbers of states rise with their depth. */
function plant(patterns: readonly Uint8Array[]): Trie {
  const edges = new Map<number, number>()
  const depths = [0]
  const parents = [0]
  const letters = [0]
  const ends: number[][] = [[]]
  let level = patterns.map((pattern, id) => ({ pattern, id, state: 0 }))
  for (let depth = 1; level.length > 0; depth += 1) {
    level = level.filter(({ pattern }) => pattern.length >= depth)
    for (const walker of level) {
      const byte = walker.pattern[depth - 1] ?? 0
      const edge = walker.state * 256 + byte
      const known = edges.get(edge) ?? depths.length
      if (known === depths.length) {
        edges.set(edge, known)
        depths.push(depth)
        parents.push(walker.state)
        letters.push(byte)
        ends.push([])
      }
      walker.state = known
      if (walker.pattern.length === depth) ends[known]?.push(walker.id)
    }
  }
  return {
    edges,
    depths: Int32Array.from(depths),
    parents: Int32Array.from(parents),
    bytes: Uint8Array.from(letters),
    ends,
  }
}

/** For each state, the longest other one whose bytes are its suffix. */
function fallbacks({ edges, parents, bytes, depths }: Trie): Int32Array {
  const fallback = new Int32Array(depths.length)
  for (let state = 1; state < depths.length; state += 1) {
    if ((depths[state] ?? 0) < 2) continue
    const byte = bytes[state] ?? 0
    let from = fallback[parents[state] ?? 0] ?? 0
    while (from !== 0 && !edges.has(from * 256 + byte)) from = fallback[from] ?? 0
    fallback[state] = edges.get(from * 256 + byte) ?? 0
  }
  return fallback
}

function outputsOf({ ends, depths }: Trie, fallback: Int32Array): readonly (readonly number[])[] {
  const outputs: (readonly number[])[] = []
  for (let state = 0; state < depths.length; state += 1) {
    const inherited = outputs[fallback[state] ?? 0] ?? []
    const own = ends[state] ?? []
    if (own.length === 0) outputs.push(inherited)
    else outputs.push(inherited.length === 0 ? own : [...own, ...inherited])
  }
  return outputs
}
