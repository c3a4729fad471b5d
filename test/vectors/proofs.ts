/** Proofs over the sound ledger of the vectors, right ones and wrong ones. */
import { consistencyPath, fixedKey, inclusionPath, signed, treeHash } from './chain.ts'
import { build, keys, origin } from './ledgers.ts'

/** A proof that an entry lies in a checkpoint's tree, as c2sp.org/tlog-proof@v1 writes it. */
export interface InclusionCase {
  readonly name: string
  readonly what: string
  readonly proof: string
  /** The entry's line, with its LF. */
  readonly line: Buffer
  readonly key: string
  readonly good: boolean
}

/** A proof that one tree is a beginning of another. */
export interface ConsistencyCase {
  readonly name: string
  readonly from: number
  readonly to: number
  readonly from_root: string
  readonly to_root: string
  readonly proof: readonly string[]
  readonly good: boolean
}

const base64 = (hash: string): string => Buffer.from(hash, 'hex').toString('base64')

const proofText = (index: number, path: readonly string[], note: string): string =>
  `${['c2sp.org/tlog-proof@v1', `index ${index}`, ...path.map(base64)].join('\n')}\n\n${note}`

/** One right proof for each entry and note; then what may be wrong with one of them. */
export function inclusionCases(): readonly InclusionCase[] {
  const { chain, notes } = build()
  const right: InclusionCase[] = []
  const sized = [...notes].filter(([size]) => [7, 12, 16].includes(size))
  for (const [size, note] of sized) {
    const key = size <= 9 ? keys.first.vkey : keys.second.vkey
    const leaves = chain.leaves.slice(0, size)
    for (const index of [0, 3, size - 1]) {
      const line = chain.lines[index] ?? Buffer.alloc(0)
      const proof = proofText(index, inclusionPath(index, leaves), note)
      const what = `entry ${index} in the tree of ${size}`
      right.push({ name: `${index}-of-${size}`, what, proof, line, key, good: true })
    }
  }
  const [, base] = right
  if (base === undefined) return right
  const path = inclusionPath(3, chain.leaves.slice(0, 7))
  const note = notes.get(7) ?? ''
  const wrong = (name: string, what: string, change: Partial<InclusionCase>): InclusionCase => ({
    ...base,
    ...change,
    name,
    what,
    good: false,
  })
  const [first = '', ...rest] = path
  const stranger = fixedKey(origin, 3)
  const root = treeHash(chain.leaves.slice(0, 7))
  return [
    ...right,
    wrong('wrong-index', 'the index is 2', { proof: proofText(2, path, note) }),
    wrong('beyond', 'the index is 7, and the tree has 7 entries', {
      proof: proofText(7, path, note),
    }),
    wrong('swapped-hashes', 'two hashes stand in each other’s place', {
      proof: proofText(3, [...rest.slice(0, 1), first, ...rest.slice(1)], note),
    }),
    wrong('short', 'a hash is missing', { proof: proofText(3, path.slice(0, -1), note) }),
    wrong('long', 'a hash too many', { proof: proofText(3, [...path, first], note) }),
    wrong('other-line', 'the line is that of seq 4', { line: chain.lines[4] ?? Buffer.alloc(0) }),
    wrong('other-tree', 'the checkpoint is of 12 entries', {
      proof: proofText(3, path, notes.get(12) ?? ''),
      key: keys.second.vkey,
    }),
    wrong('strange-signature', 'another key signed the checkpoint', {
      proof: proofText(3, path, signed(stranger, { size: 7, root })),
    }),
    wrong('other-key', 'the pinned key is another', { key: keys.second.vkey }),
  ]
}

/** From every size to every later one, and some that do not hold. */
export function consistencyCases(): readonly ConsistencyCase[] {
  const { leaves } = build().chain
  const cases: ConsistencyCase[] = []
  const rootAt = (size: number): string => treeHash(leaves.slice(0, size))
  for (let to = 1; to <= leaves.length; to += 1) {
    for (let from = 1; from <= to; from += 1) {
      const proof = consistencyPath(from, leaves.slice(0, to))
      const roots = { from_root: rootAt(from), to_root: rootAt(to) }
      cases.push({ name: `${from}-to-${to}`, from, to, ...roots, proof, good: true })
    }
  }
  const base = cases.find(({ name }) => name === '6-to-13')
  if (base === undefined) return cases
  const [first = '', second = '', ...rest] = base.proof
  const wrong = (name: string, change: Partial<ConsistencyCase>): ConsistencyCase => ({
    ...base,
    ...change,
    name,
    good: false,
  })
  return [
    ...cases,
    wrong('other-beginning', { from_root: rootAt(5) }),
    wrong('other-end', { to_root: rootAt(12) }),
    wrong('other-size', { from: 7 }),
    wrong('swapped-hashes', { proof: [second, first, ...rest] }),
    wrong('short', { proof: base.proof.slice(0, -1) }),
    wrong('long', { proof: [...base.proof, first] }),
    wrong('backward', { from: base.to, to: base.from }),
    wrong('empty', { proof: [] }),
    wrong('same-size-other-root', { from: 13, proof: [] }),
  ]
}
