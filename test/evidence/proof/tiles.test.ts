/** Tiles in SQLite: the same nodes as the tree has, however they came there, and gone again when they are taken away. */
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { type Test, test } from 'tap'
import { Tiles } from '../../../evidence/proof/tiles.ts'
import { inclusionRanges, rangeOf, rootsOf } from '../../../evidence/proof/tree.ts'
import { verifyInclusion } from '../../../evidence/proof/verify.ts'
import '../../kernel/seed.ts'
import { leavesOf, rootOf } from './naive-tree.ts'

const leaves = leavesOf(70_000)

function open(t?: Test): { readonly database: Database.Database; readonly tiles: Tiles } {
  const database = new Database(':memory:')
  t?.teardown(() => database.close())
  Tiles.create(database)
  return { database, tiles: new Tiles(database) }
}

const rows = (database: Database.Database): readonly string[] =>
  database
    .prepare<[], { level: number; position: number; hashes: Buffer }>('SELECT * FROM tile')
    .all()
    .map(({ hashes, level, position }) => `${level} ${position} ${hashes.toString('base64')}`)

test('a tree of 70,000 leaves has the tiles that c2sp.org/tlog-tiles counts', async (t) => {
  const { database, tiles } = open(t)
  for (let at = 0; at < leaves.length; at += 999) tiles.append(leaves.slice(at, at + 999))
  t.equal(tiles.size, 70_000)
  const counted = database
    .prepare(
      'SELECT level, count(*) AS tiles, min(length(hashes)) / 32 AS least FROM tile GROUP BY level',
    )
    .all()
  t.same(counted, [
    { level: 0, tiles: 274, least: 112 },
    { level: 1, tiles: 2, least: 17 },
    { level: 2, tiles: 1, least: 1 },
  ])
  for (const name of [
    { level: 0, index: 69_999 },
    { level: 3, index: 8_749 },
    { level: 7, index: 3 },
    { level: 8, index: 272 },
    { level: 12, index: 16 },
    { level: 16, index: 0 },
  ]) {
    const { from, to } = rangeOf(name)
    t.same(tiles.node(name.level, name.index), rootOf(leaves.slice(from, to)), JSON.stringify(name))
  }
  t.throws(() => tiles.node(16, 1), { code: 'ledger-unavailable' })
  t.throws(() => tiles.node(4, 4_375), { code: 'ledger-unavailable' })
  const size = 70_000
  const root = rootOf(leaves)
  for (const index of [0, 255, 256, 65_535, 65_536, 69_999]) {
    const hashes = rootsOf(tiles, inclusionRanges(index, size))
    t.ok(verifyInclusion({ index, size, leaf: leaves[index] ?? root, root, hashes }))
  }
})

test('tiles are the same however the leaves were added, and after any of them was cut off', async (t) => {
  const cuts = fc.array(fc.nat({ max: 1_500 }), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(cuts, fc.nat(), (lengths, cut) => {
      const [one, other] = [open(), open()]
      let size = 0
      for (const length of lengths) {
        one.tiles.append(leaves.slice(size, size + length))
        size += length
      }
      const kept = cut % (size + 1)
      one.tiles.truncate(kept)
      other.tiles.append(leaves.slice(0, kept))
      const same = rows(one.database).join() === rows(other.database).join()
      one.tiles.append(leaves.slice(kept, size))
      other.tiles.truncate(0)
      other.tiles.append(leaves.slice(0, size))
      const again = rows(one.database).join() === rows(other.database).join()
      const counted = one.tiles.size === size
      one.database.close()
      other.database.close()
      return same && again && counted
    }),
    { numRuns: 60 },
  )
  t.pass()
})

test('a transaction that is rolled back takes its leaves with it', async (t) => {
  const { database, tiles } = open(t)
  tiles.append(leaves.slice(0, 300))
  const before = rows(database)
  t.throws(() =>
    database.transaction(() => {
      tiles.append(leaves.slice(300, 900))
      t.equal(tiles.size, 900)
      throw new Error('given up')
    })(),
  )
  t.equal(tiles.size, 300)
  t.same(rows(database), before)
  tiles.append(leaves.slice(300, 512))
  t.same(tiles.node(9, 0), rootOf(leaves.slice(0, 512)))
})

test('what is no hash is not taken, and a size that was never there is a bug', async (t) => {
  const { tiles } = open(t)
  t.throws(() => tiles.append([Buffer.alloc(31)]), { name: 'ContractError' })
  t.throws(() => tiles.truncate(1), { name: 'ContractError' })
  t.equal(tiles.size, 0)
})
