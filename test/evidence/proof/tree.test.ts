/** Proofs of inclusion and consistency: made from perfect subtrees, compared with RFC 9162's own recursion, verified. */
import fc from 'fast-check'
import { test } from 'tap'
import {
  consistencyRanges,
  inclusionRanges,
  type NodeName,
  type NodeSource,
  rangeOf,
  rootsOf,
} from '../../../evidence/proof/tree.ts'
import { verifyConsistency, verifyInclusion } from '../../../evidence/proof/verify.ts'
import '../../kernel/seed.ts'
import { consistencyOf, leavesOf, pathOf, rootOf } from './naive-tree.ts'

const leaves = leavesOf(2_000)

/** Knows perfect subtrees by recursion, each once. */
class NaiveNodes implements NodeSource {
  readonly #known = new Map<string, Buffer>()

  nodes(names: readonly NodeName[]): readonly Buffer[] {
    return names.map((name) => {
      const key = `${name.level}/${name.index}`
      const { from, to } = rangeOf(name)
      const root = this.#known.get(key) ?? rootOf(leaves.slice(from, to))
      this.#known.set(key, root)
      return root
    })
  }
}

const source = new NaiveNodes()

const roots = Array.from({ length: 301 }, (_, size) => rootOf(leaves.slice(0, size)))
const root = (size: number): Buffer => roots[size] ?? rootOf(leaves.slice(0, size))
const leaf = (index: number): Buffer => leaves[index] ?? Buffer.alloc(0)

const hexes = (hashes: readonly Buffer[]): readonly string[] =>
  hashes.map((hash) => hash.toString('hex'))

test('every leaf of every tree up to 300 leaves is proven, and by no other index', async (t) => {
  let wrong = 0
  let forged = 0
  for (let size = 1; size <= 300; size += 1) {
    for (let index = 0; index < size; index += 1) {
      const hashes = rootsOf(source, inclusionRanges(index, size))
      const claim = { index, size, leaf: leaf(index), root: root(size), hashes }
      if (!verifyInclusion(claim)) wrong += 1
      if (size > 40 && (index + size) % 7 > 0) continue
      if (verifyInclusion({ ...claim, index: (index + 1) % size }) && size > 1) forged += 1
      if (verifyInclusion({ ...claim, leaf: leaf(index + 1) })) forged += 1
      if (verifyInclusion({ ...claim, hashes: [...hashes, leaf(0)] })) forged += 1
      if (hashes.length > 0 && verifyInclusion({ ...claim, hashes: hashes.slice(1) })) forged += 1
    }
  }
  t.equal(wrong, 0)
  t.equal(forged, 0)
})

test('the proof of a leaf is PATH of RFC 9162, hash by hash', async (t) => {
  const wrong: string[] = []
  for (let size = 1; size <= 300; size += size < 40 ? 1 : 37) {
    for (let index = 0; index < size; index += 1) {
      const made = hexes(rootsOf(source, inclusionRanges(index, size)))
      const asked = hexes(pathOf(index, leaves.slice(0, size)))
      if (made.join() !== asked.join()) wrong.push(`${index} of ${size}`)
    }
  }
  t.same(wrong, [])
})

test('each tree up to 300 leaves goes on from each smaller one, and from no other', async (t) => {
  let wrong = 0
  let forged = 0
  for (let to = 1; to <= 300; to += 1) {
    for (let from = 0; from <= to; from += 1) {
      const hashes = rootsOf(source, consistencyRanges({ from, to }))
      const claim = { from, to, fromRoot: root(from), toRoot: root(to), hashes }
      if (!verifyConsistency(claim)) wrong += 1
      if (to > 40 && (from + to) % 7 > 0) continue
      if (from > 0 && verifyConsistency({ ...claim, fromRoot: leaf(1_999) })) forged += 1
      if (from > 0 && verifyConsistency({ ...claim, toRoot: leaf(1_999) })) forged += 1
      if (verifyConsistency({ ...claim, hashes: [...hashes, leaf(0)] })) forged += 1
    }
  }
  t.equal(wrong, 0)
  t.equal(forged, 0)
})

test('the proof between two trees is SUBPROOF of RFC 9162, hash by hash', async (t) => {
  const wrong: string[] = []
  for (let to = 1; to <= 300; to += to < 40 ? 1 : 37) {
    for (let from = 1; from <= to; from += 1) {
      const made = hexes(rootsOf(source, consistencyRanges({ from, to })))
      const asked = hexes(consistencyOf(from, leaves.slice(0, to)))
      if (made.join() !== asked.join()) wrong.push(`${from} to ${to}`)
    }
  }
  t.same(wrong, [])
})

test('larger trees are proven at random places, and one bit changed in a proof is found', async (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 301, max: 2_000 }),
      fc.nat(),
      fc.nat(),
      fc.nat(),
      (size, one, other, bit) => {
        const index = one % size
        const path = rootsOf(source, inclusionRanges(index, size))
        const inclusion = { index, size, leaf: leaf(index), root: root(size), hashes: path }
        const from = 1 + (other % (size - 1))
        const hashes = rootsOf(source, consistencyRanges({ from, to: size }))
        const [fromRoot, toRoot] = [root(from), root(size)]
        const consistency = { from, to: size, fromRoot, toRoot, hashes }
        return (
          verifyInclusion(inclusion) &&
          verifyConsistency(consistency) &&
          !verifyInclusion({ ...inclusion, hashes: flipped(path, bit) }) &&
          !verifyConsistency({ ...consistency, hashes: flipped(hashes, bit) })
        )
      },
    ),
    { numRuns: 60 },
  )
  t.pass()
})

function flipped(hashes: readonly Buffer[], bit: number): Buffer[] {
  const copies = hashes.map((hash) => Buffer.from(hash))
  const at = bit % (copies.length * 256)
  const hash = copies[Math.floor(at / 256)] ?? Buffer.alloc(32)
  const byte = Math.floor((at % 256) / 8)
  hash[byte] = (hash[byte] ?? 0) ^ (1 << (at % 8))
  return copies
}

test('an example of the ledger’s document: three leaves', async (t) => {
  const hashes = [
    '1a000265e76ac72d1783de19220e4fd01c29bd25e57f7e0e7c0c7d46ea72d972',
    '917abdc621dabca825fd2327c88f070a35aefa03589982bf05321c9e48f5448e',
    '8241abb9a06ad58db27ca5ac23cb76457a8e342c30cf82f34368201e45b0cdcd',
  ].map((hex) => Buffer.from(hex, 'hex'))
  const [first = leaf(0), second = leaf(0), third = leaf(0)] = hashes
  const documented = 'ef32d3afc16f0f60c93739d8bdf7e6a64ca782dcd5450aad072f3f7dfaa4de2b'
  const claim = { index: 1, size: 3, leaf: second, root: Buffer.from(documented, 'hex') }
  t.ok(verifyInclusion({ ...claim, hashes: [first, third] }))
  t.notOk(verifyInclusion({ ...claim, hashes: [third, first] }))
})

test('claims that no tree can bear out are refused, whatever numbers they hold', async (t) => {
  const hash = leaf(0)
  const inclusion = { index: 0, size: 1, leaf: hash, root: hash, hashes: [] }
  t.ok(verifyInclusion(inclusion))
  for (const wrong of [
    { index: 1 },
    { index: -1 },
    { size: 0 },
    { size: 1.5 },
    { index: Number.NaN },
    { size: 2 ** 60 },
    { leaf: Buffer.alloc(31) },
    { hashes: Array.from({ length: 100 }, () => hash) },
  ]) {
    t.notOk(verifyInclusion({ ...inclusion, ...wrong }), Object.keys(wrong).join())
  }
  const consistency = { from: 1, to: 2, fromRoot: hash, toRoot: root(2), hashes: [leaf(1)] }
  t.ok(verifyConsistency(consistency))
  for (const wrong of [
    { from: 2, to: 1 },
    { from: 0 },
    { from: 2 },
    { to: 3 },
    { hashes: [] },
    { from: 0.5 },
    { fromRoot: root(2) },
  ]) {
    t.notOk(verifyConsistency({ ...consistency, ...wrong }), Object.keys(wrong).join())
  }
  t.ok(verifyConsistency({ ...consistency, from: 0, fromRoot: root(0), hashes: [] }))
})
