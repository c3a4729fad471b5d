/** The index says what the ledger says, or is made anew: after loss, damage, forgery, and whatever is fed meanwhile. */
import { appendFileSync, mkdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import { test } from 'tap'
import { checkIndex } from '../../evidence/index/check.ts'
import { RenewedFailure } from '../../evidence/index/desk.ts'
import { Tiles } from '../../evidence/proof/tiles.ts'
import { Failure } from '../../kernel/reasons.ts'
import { entriesOf, type Place, segments, World } from '../ledger/open-ledger.ts'
import { copyOf, edit, flip, linesOf, pathOf } from '../ledger/stored-ledger.ts'
import { all, ask, call, called, callMany, desk, indexOf, seqsOf } from './index-world.ts'

/** Changes a database behind the back of whoever fed it. */
function alter(place: Place, sql: string): void {
  const database = new Database(indexOf(place))
  const { changes } = database.prepare(sql).run()
  database.close()
  if (changes === 0) throw new Error(`nothing was altered: ${sql}`)
}

const checked = ({ directory, ...place }: Place): ReturnType<typeof checkIndex> =>
  checkIndex({ directory, databaseFile: indexOf({ directory, ...place }) })

test('an index has every entry of all segments, and agrees with the ledger in each', async (t) => {
  const { place } = await called(t)
  t.ok(segments(place).length > 2, 'there are several segments')
  const index = desk(t, place)
  const entries = entriesOf(place)
  t.match(await index.feedAll(), { broken: null, renewed: null, freshTo: entries.length - 1 })
  t.same(
    await all(index, ask()),
    entries.map(({ seq }) => seq),
  )
  t.match(await checked(place), { total: 0, rows: entries.length })
  const database = new Database(indexOf(place), { readonly: true })
  t.equal(new Tiles(database).size, entries.length, 'and its tree has a leaf of each')
  database.close()
  t.equal(statSync(indexOf(place)).mode & 0o777, 0o600, 'nobody else may read it')
})

test('the ledger opens and verifies beside an index as without one', async (t) => {
  const world = await called(t)
  const index = desk(t, world.place)
  await index.feedAll()
  const ledger = await world.open()
  await callMany(world, ledger, 100, 5)
  await ledger.close()
  await index.feedAll()
  t.match(await checked(world.place), { total: 0, rows: entriesOf(world.place).length })
})

test('what is written while it is open is found by the next question', async (t) => {
  const world = await called(t)
  const index = desk(t, world.place)
  await index.feedAll()
  const ledger = await world.open()
  for (const [draft] of [call(200)]) if (draft !== undefined) await ledger.append(draft)
  await index.feedAll()
  const { hits } = await index.page(ask({ request: 'request-200' }))
  t.equal(hits.length, 1)
  await ledger.close()
})

/** Each line: what happened to the file, and how. */
const losses: readonly (readonly [string, (file: string) => void])[] = [
  ['it was removed', (file) => rmSync(file)],
  ['it is no database', (file) => writeFileSync(file, 'x'.repeat(9_000))],
  ['it is empty', (file) => writeFileSync(file, '')],
  ['it was cut in half', (file) => truncateSync(file, Math.floor(statSync(file).size / 2))],
  ['its first page was overwritten', (file) => flipAt(file, 20)],
  ['a page in it was overwritten', (file) => overwrite(file, 4_096, 40_960)],
]

function flipAt(file: string, at: number): void {
  flip(file, at)
}

function overwrite(file: string, from: number, bytes: number): void {
  const database = new Database(file)
  database.pragma('wal_checkpoint(TRUNCATE)')
  database.close()
  const size = statSync(file).size
  for (let at = from; at < Math.min(size, from + bytes); at += 64) flip(file, at)
}

for (const [what, damage] of losses) {
  test(`where ${what}, it is made anew and answers the same`, async (t) => {
    const { place } = await called(t)
    const first = desk(t, place)
    await first.feedAll()
    const expected = await all(first, ask({ agent: 'agent1' }))
    first.close()
    damage(indexOf(place))
    const second = desk(t, place)
    await second.feedAll()
    const answer = await all(second, ask({ agent: 'agent1' })).catch(async (error: unknown) => {
      // The damage lies where nobody looked when it was opened.
      if (!(error instanceof RenewedFailure)) throw error
      await second.feedAll()
      return all(second, ask({ agent: 'agent1' }))
    })
    t.same(answer, expected)
  })
}

test('a directory in its place is said, and nothing else is touched', async (t) => {
  const { place } = await called(t)
  mkdirSync(indexOf(place))
  await t.rejects(desk(t, place).feedAll(), Failure)
})

test('where the ledger is a shorter copy, the index is made anew and ends where it ends', async (t) => {
  const { place } = await called(t)
  const first = desk(t, place)
  await first.feedAll()
  first.close()
  edit(pathOf(place, -1), (lines) => lines.slice(0, 2))
  const left = entriesOf(place).length
  const second = desk(t, place)
  t.match(await second.feedAll(), { renewed: String, freshTo: left - 1 })
  t.match(await checked(place), { total: 0, rows: left })
})

test('where the ledger is another one, no row of the old one is left', async (t) => {
  const [one, other] = [await called(t, 30), await called(t, 40)]
  const first = desk(t, one.place)
  await first.feedAll()
  first.close()
  const copy = copyOf(t, other.place)
  for (const name of segments(one.place)) rmSync(`${one.place.directory}/${name}`)
  for (const name of segments(copy)) {
    writeFileSync(`${one.place.directory}/${name}`, linesOf(`${copy.directory}/${name}`).join(''))
  }
  const second = desk(t, one.place)
  await second.feedAll()
  t.match(await checked(one.place), { total: 0, rows: entriesOf(other.place).length })
})

/** Each line: what was altered, the statement, and what the finding says. */
const forgeries: readonly (readonly [string, string, RegExp])[] = [
  ['a verdict', "UPDATE entry SET verdict = 'allow' WHERE seq = 12", /another verdict of entry 12/],
  ['a host', "UPDATE entry SET host = 'x' WHERE seq = 3", /another host of entry 3/],
  ['a hash', 'UPDATE entry SET hash = zeroblob(32) WHERE seq = 5', /another hash of entry 5/],
  ['a place', 'UPDATE entry SET offset = 0 WHERE seq = 7', /another offset of entry 7/],
  ['a row that is gone', 'DELETE FROM entry WHERE seq = 9', /no row of entry 9/],
  ['a row before the first', 'INSERT INTO entry(seq) VALUES (-4)', /an entry -4/],
  ['a row behind the last', 'INSERT INTO entry(seq) VALUES (999999)', /the ledger ends before/],
  ['a sum', 'UPDATE run SET cost = cost + 1 WHERE rowid_hidden IS NULL', /sums the run/],
  ['a sum that is gone', "DELETE FROM run WHERE agent = 'agent1'", /no sums of the run/],
  ['a leaf', 'UPDATE tile SET hashes = zeroblob(length(hashes)) WHERE level = 0', /another leaf/],
]

for (const [what, sql, says] of forgeries) {
  test(`a comparison with the ledger finds ${what}`, async (t) => {
    const { place } = await called(t)
    const index = desk(t, place)
    await index.feedAll()
    index.close()
    alter(place, sql.replace(' WHERE rowid_hidden IS NULL', ''))
    const { findings, total } = await checked(place)
    t.ok(total > 0 && findings.length > 0, `${total} findings`)
    t.match(findings[0], { code: 'INDEX_MISMATCH', severity: 'warning' })
    t.ok(
      findings.some(({ message }) => says.test(message)),
      String(findings[0]?.message),
    )
  })
}

test('a comparison says that a broken file is one, and that a missing one is missing', async (t) => {
  const { place } = await called(t)
  const index = desk(t, place)
  await index.feedAll()
  index.close()
  overwrite(indexOf(place), 8_192, 40_960)
  t.match(await checked(place), { total: Number, findings: [{ code: 'INDEX_MISMATCH' }] })
  writeFileSync(indexOf(place), 'x'.repeat(9_000))
  t.match(await checked(place), { total: 1, findings: [{ message: /cannot be read/ }] })
  rmSync(indexOf(place))
  await t.rejects(checked(place), Failure)
})

test('a row that lies about its entry is never given out: the index is made anew, and answers right', async (t) => {
  const { place } = await called(t)
  const index = desk(t, place)
  await index.feedAll()
  const [refused] = (await index.page(ask({ verdict: 'deny' }))).hits
  const seq = refused?.entry.seq ?? -1
  alter(place, `UPDATE entry SET verdict = 'allow' WHERE seq = ${seq}`)
  await t.rejects(index.page(ask({ kind: 'decision' })), RenewedFailure)
  t.match(await index.feedAll(), { renewed: /another verdict/ })
  const again = await index.page(ask({ verdict: 'deny' }))
  t.ok(seqsOf(again.hits).includes(seq))
  t.match(await checked(place), { total: 0 })
})

test('a last row that lies is found when the index is opened', async (t) => {
  const { place } = await called(t)
  const first = desk(t, place)
  const { freshTo } = await first.feedAll()
  first.close()
  alter(place, `UPDATE entry SET hash = zeroblob(32) WHERE seq = ${freshTo}`)
  t.match(await desk(t, place).feedAll(), { renewed: /another hash/, freshTo })
  t.match(await checked(place), { total: 0 })
})

test('a torn tail is passed over where the next segment goes on, and waited at where none does', async (t) => {
  const world = await called(t)
  const { place } = world
  const before = entriesOf(place).length
  appendFileSync(pathOf(place, -1), '{"actor":{},"boot"')
  const index = desk(t, place)
  t.match(await index.feedAll(), { broken: null, freshTo: before - 1 })
  const ledger = await world.open()
  await callMany(world, ledger, 300, 3)
  await ledger.close()
  const after = entriesOf(place).length
  t.ok(after > before)
  t.match(await index.feedAll(), { broken: null, freshTo: after - 1 })
  t.match(await checked(place), { total: 0 })
})

test('where the ledger is damaged, the index ends before it and says where', async (t) => {
  const { place } = await called(t)
  const path = pathOf(place, 1)
  const [first] = linesOf(path)
  flip(path, (first?.length ?? 0) + 40)
  const index = desk(t, place)
  const { broken, freshTo } = await index.feedAll()
  const name = segments(place)[1] ?? ''
  t.match(broken, { segment: name, offset: first?.length, seq: (freshTo ?? 0) + 1 })
  t.match(broken?.message, /hash does not match/)
})

test('an entry that does not follow the one before it is not taken in', async (t) => {
  const { place } = await called(t)
  edit(pathOf(place, 0), (lines) => lines.filter((_, at) => at !== 3))
  const { broken, freshTo } = await desk(t, place).feedAll()
  t.match(broken, { seq: 3, message: 'entry 4 stands where 3 belongs' })
  t.equal(freshTo, 2)
})

test('two that feed one index keep each entry once', async (t) => {
  const { place } = await called(t)
  const [one, other] = [desk(t, place, 1), desk(t, place, 2)]
  for (let turn = 0; turn < 100; turn += 1) {
    const [left, right] = [await one.feed(3), await other.feed(2)]
    if (!left.more && !right.more) break
  }
  t.match(await checked(place), { total: 0, rows: entriesOf(place).length })
})

test('while another one writes the index, a question waits for nothing and nothing breaks', async (t) => {
  const world = await called(t)
  const index = desk(t, world.place)
  await index.feedAll()
  const ledger = await world.open()
  await callMany(world, ledger, 400, 1)
  const writer = new Database(indexOf(world.place))
  writer.exec('BEGIN IMMEDIATE')
  const { freshTo, rows } = await index.feed()
  t.equal(rows, 0, 'it is fed by nobody meanwhile')
  const page = await index.page(ask({ agent: 'agent1' }))
  t.equal(page.freshTo, freshTo, 'and says how far it is')
  writer.exec('ROLLBACK')
  writer.close()
  t.ok((await index.feedAll()).freshTo !== freshTo)
  await ledger.close()
})

test('a ledger that has not begun has an index without a row', async (t) => {
  const { place } = await called(t, 1)
  const empty = new World({ ...place, directory: `${place.data}/none` })
  mkdirSync(empty.place.directory)
  t.match(await desk(t, empty.place).feedAll(), { freshTo: null, broken: null })
})
