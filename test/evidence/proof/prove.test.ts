/** Proofs out of whole ledgers: from segments, from tiles, from broken tiles, from broken ledgers; checked offline. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'tap'
import { proveGrowth } from '../../../evidence/proof/consistency.ts'
import { proveEntry } from '../../../evidence/proof/prove.ts'
import { Segments } from '../../../evidence/proof/segments.ts'
import { formatLine } from '../../../ledger/line.ts'
import '../../kernel/seed.ts'
import { begin, checked, damaged, makeIndex, placesOf, proof } from './proving.ts'

test('every entry of a ledger is proven from its segments, by any checkpoint that covers it', async (t) => {
  const ledger = begin(t)
  const wrong: number[] = []
  for (let seq = 0; seq < 500; seq += 1) {
    const made = await proof(ledger, seq)
    const { exit, hash } = checked(ledger, made)
    if (exit !== 0 || hash !== ledger.leaves[seq]?.toString('hex')) wrong.push(seq)
    if (made.line !== ledger.lines[seq] || made.source !== 'segments') wrong.push(seq)
  }
  t.same(wrong, [])
  for (const [seq, size] of [
    [0, 40],
    [39, 40],
    [39, 80],
    [89, 480],
    [479, 480],
    [12, 500],
  ] as const) {
    const made = await proof(ledger, seq, size)
    t.equal(made.head.size, size)
    t.equal(checked(ledger, made).exit, 0, `entry ${seq} by the checkpoint of ${size}`)
  }
})

test('without the file the newest checkpoint among the entries is taken, and what none covers waits', async (t) => {
  const ledger = begin(t, {}, null)
  t.equal((await proof(ledger, 3)).head.size, 480)
  t.equal((await proof(ledger, 479)).head.size, 480)
  const made = await proveEntry(placesOf(ledger), { seq: 480 })
  t.match(made, { proven: false, exit: 3, sentence: /no checkpoint covers entry 480 of 500/ })
  const missing = await proveEntry(placesOf(ledger), { seq: 500 })
  t.match(missing, { proven: false, exit: 1, sentence: /no sound entry 500/ })
  const odd = await proveEntry(placesOf(ledger), { seq: 5, size: 41 })
  t.match(odd, { proven: false, exit: 1, sentence: /no checkpoint of size 41/ })
})

test('tiles give the same proof as segments, and read less', async (t) => {
  const ledger = begin(t, { paddingBytes: 2_000 })
  const slow = await proof(ledger, 100)
  makeIndex(ledger)
  const fast = await proof(ledger, 100)
  t.equal(fast.source, 'index')
  t.same(fast.proof, slow.proof)
  t.ok(fast.bytesRead < slow.bytesRead, `${fast.bytesRead} of ${slow.bytesRead}`)
})

test('an index that is wrong, stale, short or no index yields the segments’ proof', async (t) => {
  const ledger = begin(t)
  const { indexFile } = placesOf(ledger)
  const sure = await proof(ledger, 300)
  const other = ledger.leaves.map((leaf) => createHash('sha256').update(leaf).digest())
  const indices: Readonly<Record<string, () => void>> = {
    wrong: () => makeIndex(ledger, other),
    stale: () => makeIndex(ledger, ledger.leaves.slice(0, 450)),
    'one leaf wrong': () => makeIndex(ledger, ledger.leaves.with(301, Buffer.alloc(32))),
    'no database': () => writeFileSync(indexFile, 'this is not SQLite'.repeat(500)),
    empty: () => writeFileSync(indexFile, ''),
    'rows that are no tiles': () => damaged(ledger, "UPDATE tile SET hashes = 'text'"),
    'rows of nothing': () => damaged(ledger, 'UPDATE tile SET hashes = NULL'),
    'no rows above': () => damaged(ledger, 'DELETE FROM tile WHERE level = 1'),
    'another table': () => damaged(ledger, 'DROP TABLE tile; CREATE TABLE tile(odd)'),
    'a missing row': () => damaged(ledger, 'DELETE FROM tile WHERE level = 0 AND position = 1'),
  }
  for (const [name, make] of Object.entries(indices)) {
    rmSync(indexFile, { force: true })
    make()
    const made = await proof(ledger, 300)
    t.equal(made.source, 'segments', name)
    t.same(made.proof, sure.proof, name)
    const growth = await proveGrowth(placesOf(ledger), { from: 41, to: 333 })
    t.match(growth, { proven: true, source: 'segments' }, name)
  }
})

test('a ledger that lost entries behind its checkpoint is rolled back, exit 4', async (t) => {
  const ledger = begin(t)
  const names = readdirSync(ledger.directory).filter((name) => name.endsWith('.jsonl'))
  rmSync(join(ledger.directory, names.at(-1) ?? ''))
  const gone = await proveEntry(placesOf(ledger), { seq: 460 })
  t.match(gone, { exit: 4, sentence: /rolled back: its checkpoint covers 500 entries.* hold 450/ })
  const other = await proveEntry(placesOf(ledger), { seq: 3 })
  t.match(other, { exit: 4, sentence: /rolled back/ })
  makeIndex(ledger)
  t.equal((await proof(ledger, 3)).source, 'index', 'the tiles still lead to the signed root')
  const growth = await proveGrowth(placesOf(ledger), { from: 3, to: 480 })
  t.match(growth, { exit: 4, sentence: /rolled back/ })
})

test('a changed entry is not proven, nor is any beside it, exit 1', async (t) => {
  const ledger = begin(t)
  const path = join(ledger.directory, 'ledger-000000000000090.jsonl')
  const lines = readFileSync(path, 'utf8').split('\n')
  const { hash: _, ...entry } = JSON.parse(lines[10] ?? '') as Parameters<typeof formatLine>[0] & {
    hash: string
  }
  // Rewritten with a right hash of its own, so that only the tree tells.
  lines[10] = formatLine({ ...entry, data: { amount: 1 } })
    .line.toString()
    .trimEnd()
  writeFileSync(path, lines.join('\n'))
  t.match(await proveEntry(placesOf(ledger), { seq: 100 }), { exit: 1, sentence: /the root/ })
  t.match(await proveEntry(placesOf(ledger), { seq: 101 }), { exit: 1, sentence: /the root/ })
  lines[10] = (lines[10] ?? '').replace('"amount":1', '"amount":2')
  writeFileSync(path, lines.join('\n'))
  t.match(await proveEntry(placesOf(ledger), { seq: 100 }), { exit: 1, sentence: /no sound entry/ })
})

test('a torn tail and a line that is being written are no entries', async (t) => {
  const ledger = begin(t)
  const path = join(ledger.directory, 'ledger-000000000000450.jsonl')
  writeFileSync(path, `${ledger.lines[1]?.slice(0, 60)}`, { flag: 'a' })
  t.equal(new Segments(ledger).size, 500)
  t.equal((await proof(ledger, 499)).head.size, 500)
  writeFileSync(path, '\nbroken\n', { flag: 'a' })
  t.equal(new Segments(ledger).size, 500)
  const middle = join(ledger.directory, 'ledger-000000000000090.jsonl')
  writeFileSync(middle, `${ledger.lines[3]}\n`, { flag: 'a' })
  t.equal((await proof(ledger, 180)).source, 'segments', 'bytes behind a segment belong to none')
})

test('each byte is read at most once for the hashes of a proof, and a frontier spares the segments before it', async (t) => {
  const ledger = begin(t, { paddingBytes: 10_000 })
  const bytes = new Segments(ledger)
  for (const _ of bytes.lines({ from: 0, to: 500 }));
  const all = bytes.bytesRead
  const late = new Segments(ledger)
  const names = [
    { level: 8, index: 0 },
    { level: 7, index: 2 },
    { level: 6, index: 6 },
  ]
  late.nodes(names)
  t.ok(late.bytesRead < 0.5 * all, `${late.bytesRead} of ${all}`)
  const whole = new Segments(ledger)
  whole.nodes(Array.from({ length: 250 }, (_, index) => ({ level: 1, index })))
  const heads = 5 * 8_192
  t.ok(whole.bytesRead <= all + heads, `${whole.bytesRead} of ${all}`)
})

test('no damage to a ledger’s files ends a proof with anything but an answer', async (t) => {
  const ledger = begin(t, { entries: 120, segment: 50, rotate: true }, 120)
  const names = readdirSync(ledger.directory)
  const originals = new Map(names.map((name) => [name, readFileSync(join(ledger.directory, name))]))
  const damage = fc.record({
    name: fc.constantFrom(...names),
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    bit: fc.nat({ max: 7 }),
    cut: fc.boolean(),
    seq: fc.nat({ max: 119 }),
  })
  let answers = 0
  await fc.assert(
    fc.asyncProperty(damage, async ({ at, bit, cut, name, seq }) => {
      const path = join(ledger.directory, name)
      const bytes = Buffer.from(originals.get(name) ?? '')
      const place = Math.floor(at * bytes.length)
      bytes[place] = (bytes[place] ?? 0) ^ (1 << bit)
      writeFileSync(path, bytes)
      if (cut) truncateSync(path, place)
      const made = await proveEntry(placesOf(ledger), { seq })
      writeFileSync(path, originals.get(name) ?? '')
      answers += 1
      if (!made.proven) return [1, 3, 4].includes(made.exit)
      // Whatever was damaged: what is proven is the entry that was there.
      return made.line === ledger.lines[seq] && checked(ledger, made).exit === 0
    }),
    { numRuns: 250 },
  )
  t.equal(answers, 250)
})
