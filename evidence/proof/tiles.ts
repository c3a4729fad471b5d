/**
 * The tree in SQLite: tiles of 256 hashes (c2sp.org/tlog-tiles), so that a proof needs a few rows and no reading of
 * segments. It is derived, and is never believed: whoever proves with it checks the proof.
 */
import { hash } from 'node:crypto'
import type { Database, Statement } from 'better-sqlite3'
import { assert } from '../../kernel/contract.ts'
import { Failure } from '../../kernel/reasons.ts'
import type { NodeName, NodeSource } from './tree.ts'

/** Levels of the tree in a tile: it holds 2^8 hashes of its lowest one. */
const tileHeight = 8
const tileHashes = 2 ** tileHeight
const hashBytes = 32
const tileBytes = tileHashes * hashBytes

interface Row {
  readonly position: number
  readonly hashes: Buffer
}

/**
 * Tiles of a database. The one at (level, position) holds the roots of perfect subtrees of 256^level leaves, from
 * position * 256 on; the last of a level is as long as there are such subtrees. Nothing is kept in memory between two
 * calls, so that a transaction that is rolled back takes its tiles with it.
 */
export class Tiles implements NodeSource {
  readonly #last: Statement<[number], Row>
  readonly #one: Statement<[number, number], Row>
  readonly #put: Statement<[number, number, Buffer]>
  readonly #cut: Statement<[number, number]>

  /** errors  those of SQLite where the table is missing. */
  constructor(database: Database) {
    const columns = 'SELECT position, hashes FROM tile'
    this.#last = database.prepare(`${columns} WHERE level = ? ORDER BY position DESC LIMIT 1`)
    this.#one = database.prepare(`${columns} WHERE level = ? AND position = ?`)
    this.#put = database.prepare('INSERT OR REPLACE INTO tile VALUES (?, ?, ?)')
    this.#cut = database.prepare('DELETE FROM tile WHERE level = ? AND position >= ?')
  }

  /** Makes the table where it is missing. */
  static create(database: Database): void {
    database.exec(
      'CREATE TABLE IF NOT EXISTS tile(level INTEGER, position INTEGER, hashes BLOB, PRIMARY KEY(level, position)) WITHOUT ROWID',
    )
  }

  /** Number of leaves. */
  get size(): number {
    return this.#count(0)
  }

  /**
   * Adds leaves behind those that are there; a thousand at a time cost least. The caller holds the transaction.
   *
   * asserts  each is 32 bytes.
   */
  append(leaves: readonly Buffer[]): void {
    for (const leaf of leaves) assert(leaf.length === hashBytes, 'a leaf is a hash of 32 bytes')
    let added: Buffer = Buffer.concat(leaves)
    for (let level = 0; added.length > 0; level += 1) added = this.#grow(level, added)
  }

  /** Takes all leaves from this size on away. asserts  there are so many. */
  truncate(size: number): void {
    assert(size >= 0 && size <= this.size, 'tiles are cut to a size that they had')
    let kept = size
    for (let level = 0; this.#count(level) > 0; level += 1) {
      const whole = Math.floor(kept / tileHashes)
      const rest = (kept % tileHashes) * hashBytes
      if (rest > 0) this.#put.run(level, whole, this.#tile(level, whole).subarray(0, rest))
      this.#cut.run(level, rest > 0 ? whole + 1 : whole)
      kept = whole
    }
  }

  /**
   * Root of the perfect subtree of 2^level leaves from index * 2^level on.
   *
   * errors  Failure where the tiles do not hold it.
   */
  node(level: number, index: number): Buffer {
    const inside = level % tileHeight
    const width = 2 ** inside
    const first = index * width
    const at = (first % tileHashes) * hashBytes
    const tile = this.#tile(Math.floor(level / tileHeight), Math.floor(first / tileHashes))
    const hashes = Buffer.from(tile.subarray(at, at + width * hashBytes))
    if (hashes.length < width * hashBytes) throw lacking(level, index)
    return rootIn(hashes)
  }

  nodes(names: readonly NodeName[]): readonly Buffer[] {
    return names.map(({ index, level }) => this.node(level, index))
  }

  /** Number of hashes of a level. */
  #count(level: number): number {
    const last = this.#last.get(level)
    if (last === undefined) return 0
    return last.position * tileHashes + hashesIn(last, level).length / hashBytes
  }

  #tile(level: number, position: number): Buffer {
    const row = this.#one.get(level, position)
    if (row === undefined) throw lacking(level * tileHeight, position * tileHashes)
    return hashesIn(row, level)
  }

  /** Adds hashes to a level; answers the roots of the tiles that they filled. */
  #grow(level: number, added: Buffer): Buffer {
    const last = this.#last.get(level)
    const isPartial = last !== undefined && hashesIn(last, level).length < tileBytes
    let position = last === undefined ? 0 : last.position + (isPartial ? 0 : 1)
    const hashes = isPartial ? Buffer.concat([last.hashes, added]) : added
    const roots: Buffer[] = []
    for (let at = 0; at < hashes.length; at += tileBytes) {
      const tile = hashes.subarray(at, at + tileBytes)
      this.#put.run(level, position, tile)
      position += 1
      if (tile.length === tileBytes) roots.push(rootIn(Buffer.from(tile)))
    }
    return Buffer.concat(roots)
  }
}

/** A file may hold anything: errors  Failure for a row that is no tile. */
function hashesIn({ hashes, position }: Row, level: number): Buffer {
  const isTile = Buffer.isBuffer(hashes) && hashes.length > 0 && hashes.length <= tileBytes
  if (isTile && hashes.length % hashBytes === 0) return hashes
  throw lacking(level * tileHeight, position * tileHashes)
}

/** Folds a power of two of hashes, in place. */
function rootIn(hashes: Buffer): Buffer {
  const preimage = Buffer.alloc(1 + 2 * hashBytes, 0x01)
  for (let length = hashes.length; length > hashBytes; length /= 2) {
    for (let at = 0; at < length; at += 2 * hashBytes) {
      hashes.copy(preimage, 1, at, at + 2 * hashBytes)
      const parent = hash('sha256', preimage, 'binary')
      const to = at / 2
      for (let index = 0; index < hashBytes; index += 1) {
        hashes[to + index] = parent.charCodeAt(index)
      }
    }
  }
  return hashes.subarray(0, hashBytes)
}

function lacking(level: number, index: number): Failure {
  return new Failure('ledger-unavailable', `the tiles of the index lack node ${level}/${index}`)
}
