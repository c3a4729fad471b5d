/** A signed ledger written byte by byte from docs/ledger.md, sharing nothing with haltgate's writer or its notes. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'

/** SHA-256 of parts, lower-case hex. */
export function sha256(...parts: readonly (string | Uint8Array)[]): string {
  const digest = createHash('sha256')
  for (const part of parts) digest.update(part)
  return digest.digest('hex')
}

/** A key that signs, and its form as auditors pin it. */
export interface Key {
  readonly vkey: string
  readonly name: string
  readonly id: string
  readonly key: KeyObject
}

/** The key of a name, from a private one. */
export function keyOf(name: string, key: KeyObject): Key {
  const raw = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32)
  const typed = Buffer.concat([Buffer.of(1), raw])
  const id = sha256(`${name}\n`, typed).slice(0, 8)
  return { name, id, key, vkey: `${name}+${id}+${typed.toString('base64')}` }
}

/** A key that anybody can make again: its 32 secret bytes are all the same. */
export function fixedKey(name: string, byte: number): Key {
  const der = Buffer.concat([
    Buffer.from('302e020100300506032b657004220420', 'hex'),
    Buffer.alloc(32, byte),
  ])
  return keyOf(name, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
}

/** A note: its text, a blank line, one signature. */
export function signed(
  key: Key,
  head: { readonly size: number; readonly root: string; readonly origin?: string },
  extensions: readonly string[] = [],
): string {
  const root = Buffer.from(head.root, 'hex').toString('base64')
  const text = `${[head.origin ?? key.name, head.size, root, ...extensions].join('\n')}\n`
  const signature = Buffer.concat([
    Buffer.from(key.id, 'hex'),
    sign(null, Buffer.from(text), key.key),
  ])
  return `${text}\n\u2014 ${key.name} ${signature.toString('base64')}\n`
}

/** MTH, PATH and SUBPROOF as RFC 6962 sections 2.1 to 2.1.2 define them, by recursion. */
export function treeHash(leaves: readonly string[]): string {
  const [only = sha256('')] = leaves
  if (leaves.length <= 1) return only
  const split = splitOf(leaves.length)
  return node(treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)))
}

/** Hashes from the sibling of a leaf up to below the root. */
export function inclusionPath(index: number, leaves: readonly string[]): string[] {
  if (leaves.length <= 1) return []
  const split = splitOf(leaves.length)
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)]
  return index < split
    ? [...inclusionPath(index, left), treeHash(right)]
    : [...inclusionPath(index - split, right), treeHash(left)]
}

/** That the tree of the first `size` leaves is a beginning of the whole one. */
export function consistencyPath(size: number, leaves: readonly string[], whole = true): string[] {
  if (size === leaves.length) return whole ? [] : [treeHash(leaves)]
  const split = splitOf(leaves.length)
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)]
  return size <= split
    ? [...consistencyPath(size, left, whole), treeHash(right)]
    : [...consistencyPath(size - split, right, false), treeHash(left)]
}

/** Roots of the perfect subtrees, the largest first. */
export function frontierOf(leaves: readonly string[]): string[] {
  const roots: string[] = []
  for (let width = 2 ** 30, at = 0; width >= 1; width /= 2) {
    if (leaves.length - at < width) continue
    roots.push(treeHash(leaves.slice(at, at + width)))
    at += width
  }
  return roots
}

function node(left: string, right: string): string {
  return sha256(Buffer.of(1), Buffer.from(left, 'hex'), Buffer.from(right, 'hex'))
}

function splitOf(size: number): number {
  let split = 1
  while (split * 2 < size) split *= 2
  return split
}

/** What an entry says, without its place in the chain. */
export interface Told {
  readonly kind: string
  readonly data: object
  readonly actor?: object
  readonly boot: string
  readonly ts: string
}

/** Entries one after the other, each bound to the one before. */
export class Chain {
  readonly leaves: string[] = []
  readonly lines: Buffer[] = []

  get size(): number {
    return this.leaves.length
  }

  get root(): string {
    return treeHash(this.leaves)
  }

  /** Members of `told` ascend already; answers the line with its LF. */
  push({ actor = {}, boot, data, kind, ts }: Told): Buffer {
    const prev = this.leaves.at(-1) ?? '0'.repeat(64)
    const body = JSON.stringify({ actor, boot, data, kind, prev, seq: this.size, ts, v: 1 })
    const hash = sha256(Buffer.of(0), body)
    const line = Buffer.from(`${body.slice(0, -1)},"hash":"${hash}"}\n`)
    this.leaves.push(hash)
    this.lines.push(line)
    return line
  }
}

/** The name of the segment, or the snapshot, that begins with an entry. */
export function fileName(kind: 'ledger' | 'snapshot', first: number): string {
  return `${kind}-${String(first).padStart(15, '0')}.json${kind === 'ledger' ? 'l' : ''}`
}
