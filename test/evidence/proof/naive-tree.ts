/** The tree of RFC 9162 by its own definition: recursive, slow, and written only to be compared with. */
import { createHash } from 'node:crypto'

const sha256 = (...parts: readonly Uint8Array[]): Buffer =>
  createHash('sha256').update(Buffer.concat(parts)).digest()

/** Leaves that differ. */
export function leavesOf(count: number, salt = ''): Buffer[] {
  return Array.from({ length: count }, (_, index) =>
    sha256(Buffer.of(0), Buffer.from(`${salt}${index}`)),
  )
}

function parting(count: number): number {
  let power = 1
  while (power * 2 < count) power *= 2
  return power
}

/** MTH (section 2.1.1), over hashes of leaves. */
export function rootOf(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves
  if (only === undefined) return sha256()
  if (leaves.length === 1) return only
  const k = parting(leaves.length)
  return sha256(Buffer.of(1), rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)))
}

/** PATH (section 2.1.3.1). */
export function pathOf(index: number, leaves: readonly Buffer[]): Buffer[] {
  if (leaves.length <= 1) return []
  const k = parting(leaves.length)
  if (index < k) return [...pathOf(index, leaves.slice(0, k)), rootOf(leaves.slice(k))]
  return [...pathOf(index - k, leaves.slice(k)), rootOf(leaves.slice(0, k))]
}

/** SUBPROOF (section 2.1.4.1). */
export function consistencyOf(size: number, leaves: readonly Buffer[], whole = true): Buffer[] {
  if (size === leaves.length) return whole ? [] : [rootOf(leaves)]
  const k = parting(leaves.length)
  if (size <= k) {
    return [...consistencyOf(size, leaves.slice(0, k), whole), rootOf(leaves.slice(k))]
  }
  return [...consistencyOf(size - k, leaves.slice(k), false), rootOf(leaves.slice(0, k))]
}
