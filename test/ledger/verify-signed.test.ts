/** Checkpoints, keys and anchors as a verification judges them: each finding, its exit, and the level that is reached. */
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { verifyLedger } from '../../ledger/verify.ts'
import { Checkpoints } from '../../ledger/verify-checkpoints.ts'
import { type Finding, Findings, type Report } from '../../ledger/verify-report.ts'
import { Author, origin } from './verify-signed.ts'
import { forged, one, sound, stored, three, two, usual } from './verify-signed-cases.ts'

const codesOf = ({ findings }: Report): string =>
  [...new Set(findings.map(({ code }) => code))].sort().join()

for (const { list, title } of [
  { title: 'a ledger is signed where all its notes are right', list: sound },
  { title: 'a note that is not what it should be is found', list: forged },
  { title: 'the file checkpoint and the pinned key are held against the ledger', list: stored },
]) {
  test(title, async (t) => {
    const parent = t.testdir()
    for (const [index, { codes, exit, level, make, name, options, require }] of list.entries()) {
      const [author, note] = make()
      const directory = author.write(join(parent, String(index)), note)
      const report = await verifyLedger({ directory, require: require ?? 'signed', ...options })
      const messages = report.findings.map(({ message }) => message).join(' ')
      t.equal(report.exit, exit, `the exit of ${name}: ${report.message} ${messages}`)
      t.equal(codesOf(report), codes, `the codes of ${name}`)
      t.equal(report.level, level, `the level of ${name}: ${report.message}`)
    }
  })
}

test('the report names the keys, what is covered, and whose word the first key is', async (t) => {
  const author = usual()
  const size = author.size + 1
  const directory = author.write(t.testdir(), author.close())
  const free = await verifyLedger({ directory, require: 'signed' })
  const checkpoints = { verified: 5, last_size: size, uncovered: 0, keys: [one.vkey, two.vkey] }
  t.same(free.checkpoints, { ...checkpoints, pinned: false })
  t.match(free.message, /taken from the ledger itself/)
  const pinned = await verifyLedger({ directory, require: 'signed', key: one.vkey })
  t.same(pinned.checkpoints, { ...checkpoints, pinned: true })
  t.match(pinned.message, /under the key that was given/)
  const range = await verifyLedger({ directory, from: 28, require: 'signed' })
  t.match(range, { exit: 3, level: 'chain', findings: [] })
  t.match(range.message, /needs the first entry/)
  const begin = await verifyLedger({ directory, to: 25, require: 'chain' })
  t.match(begin, { exit: 0, level: 'chain', findings: [], checkpoints: { uncovered: 3 } })
})

test('behind a break signatures are judged, and roots are not', async (t) => {
  const author = usual((one) => {
    one.segment()
    one.checkpoint({ root: 'b'.repeat(64) })
    one.checkpoint({ by: three })
  })
  const directory = author.write(t.testdir(), author.close())
  const path = join(directory, 'ledger-000000000000000.jsonl')
  writeFileSync(path, readFileSync(path, 'latin1').replace('"amount":9', '"amount":8'), 'latin1')
  const report = await verifyLedger({ directory })
  t.equal(report.exit, 1)
  t.equal(codesOf(report), 'CP_SIG,HASH_MISMATCH,SEGMENT_LINK')
  t.equal(report.checkpoints.verified, 1)
})

/** What is found of a note that lies in the file `checkpoint`, or in an entry. */
function foundOf(author: Author, note: string, place: 'file' | 'entry'): readonly Finding[] {
  const findings = new Findings()
  const checkpoints = new Checkpoints({
    findings,
    pinned: one.vkey,
    required: true,
    anchors: false,
  })
  const at = { segment: 'ledger-000000000000000.jsonl', offset: 0, seq: 0 }
  checkpoints.tell({ kind: 'first', genesis: true, at, origin, vkey: one.vkey })
  const [size, root] = [author.size, author.root()]
  if (place === 'file') checkpoints.end(note, { size, root, cut: false, live: true })
  else {
    const ts = '2026-11-21T12:00:00.000Z'
    const entry = { ts, note, vkey: '', root, looked: null }
    checkpoints.tell({ kind: 'checkpoint', at: { ...at, seq: size }, ...entry })
  }
  return findings.list
}

test('each bit of a note is worth a finding, wherever the note lies', async (t) => {
  const author = new Author(one)
  author.decide(9)
  const bytes = Buffer.from(author.note())
  for (const place of ['file', 'entry'] as const) {
    t.same(foundOf(author, bytes.toString(), place), [], `it is right in the ${place}`)
    let silent = 0
    for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const found = foundOf(author, flipped.toString('utf8'), place)
      if (!found.some(({ code, severity }) => code.startsWith('CP_') && severity === 'error')) {
        silent += 1
      }
    }
    t.equal(silent, 0, `${8 * bytes.length} bits in the ${place}`)
  }
})

test('a torn tail and a missing file leave a signed ledger incomplete', async (t) => {
  const author = usual()
  const directory = author.write(t.testdir(), author.close())
  const path = join(directory, author.files.at(-1)?.name ?? '')
  appendFileSync(path, '{"actor"')
  t.match(await verifyLedger({ directory, require: 'signed' }), { exit: 3, level: 'none' })
  writeFileSync(path, Buffer.concat(author.files.at(-1)?.lines ?? []))
  rmSync(join(directory, 'checkpoint'))
  const report = await verifyLedger({ directory, require: 'signed' })
  t.match(report, { exit: 3, level: 'chain', findings: [{ code: 'CP_GAP', severity: 'warning' }] })
  t.match(report.findings[0]?.message, /No checkpoint covers the last 2 entries/)
})
