/** An auditor with sh, tar, sha256sum, Python and openssl can follow a bundle's README to its end. */
import { createPrivateKey } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import type { Scope } from '../../evidence/bundle/choose.ts'
import { everything, noFlaws, selectedLines } from '../../evidence/export/select.ts'
import type { AnchorReading } from '../../ledger/anchor.ts'
import { realFiles } from '../../ledger/files.ts'
import { noteText, parseNote, signerOf, signNote } from '../../ledger/note.ts'
import { World } from '../ledger/open-ledger.ts'
import { begin } from '../ledger/stored-ledger.ts'
import { writeLedger } from '../ledger/verify-ledgers.ts'
import { bundled, follow, type Made, run } from './bundle-unpacked.ts'
import { decided, type Filled, filledLedger, opened, policyDigest } from './export-ledgers.ts'

test('a README of a whole signed ledger can be followed to OK with five programs', async (t) => {
  const filled = await filledLedger(t)
  const made = await bundled(t, filled, { scope: { kind: 'all' } })
  const ran = follow(t, made)
  t.equal(ran.length, 5)
  t.same(
    ran.map(({ status }) => status),
    [0, 0, 0, 0, 0],
    ran.map(({ output }) => output).join('\n'),
  )
  for (const { output } of ran.slice(2)) t.match(output, /^OK$/m)
  t.ok(readdirSync(join(made.directory, 'ledger')).length > 3, 'several segments are in it')
  t.ok(readdirSync(join(made.directory, 'handovers')).length > 1, 'the key was handed over')
  t.ok(existsSync(join(made.directory, 'policy', `${policyDigest}.json`)))
})

test('a README of a part of a ledger can be followed to OK', async (t) => {
  const filled = await filledLedger(t)
  const made = await bundled(t, filled, { scope: { kind: 'range', from: 70, to: 75 } })
  const ran = follow(t, made)
  t.same(
    ran.map(({ status }) => status),
    [0, 0, 0, 0],
    ran.map(({ output }) => output).join('\n'),
  )
  t.match(ran[2]?.output ?? '', /^signed {6}entries \d+ to \d+$/m)
  const segments = readdirSync(join(made.directory, 'ledger')).filter((name) =>
    name.endsWith('.jsonl'),
  )
  t.notOk(segments.includes('ledger-000000000000000.jsonl'), 'the first segment is left out')
  t.same(
    readdirSync(join(made.directory, 'proofs')).sort(),
    [70, 71, 72, 73, 74, 75].map((seq) => `${seq}.tlog-proof`),
  )
})

test('a bundle of a ledger that nobody signs says so', async (t) => {
  const filled = await filledLedger(t, { signed: false })
  const made = await bundled(t, filled, { scope: { kind: 'all' } })
  const ran = follow(t, made)
  t.same(
    ran.map(({ status }) => status),
    [0, 3, 0],
    ran.map(({ output }) => output).join('\n'),
  )
  t.match(ran[1]?.output ?? '', /^UNSIGNED$/m)
})

test('a bundle of one run has a proof of each of its entries and of no other', async (t) => {
  const filled = await filledLedger(t)
  const made = await bundled(t, filled, { scope: { kind: 'run', agent: 'odd', run: 'r1' } })
  const proofs = readdirSync(join(made.directory, 'proofs'))
  t.equal(proofs.length, 10)
  for (const name of proofs) {
    const { output, status } = run(made, `python3 check-proof.py --show --proof proofs/${name}`)
    t.equal(status, 0, output)
    t.match(output, /"agent": "odd"/)
    t.match(output, /"run": "r1"/)
  }
})

test('the same ledger gives the same bytes', async (t) => {
  const filled = await filledLedger(t)
  const scope: Scope = { kind: 'all' }
  const [one, other] = [await bundled(t, filled, { scope }), await bundled(t, filled, { scope })]
  t.equal(one.sha256, other.sha256)
})

test('anchors are packed and compared with the tree', async (t) => {
  const filled = await filledLedger(t)
  const note = readFileSync(join(filled.world.place.directory, 'checkpoint'), 'utf8')
  const slot = { slot: 0, note, versions: 1, deleted: false, heldUntil: null, compliance: false }
  const anchors: AnchorReading = { store: 'dir:', slots: [slot] }
  const made = await bundled(t, filled, { scope: { kind: 'all' }, anchors })
  const { output, status } = run(made, 'python3 check-proof.py .')
  t.equal(status, 0, output)
  t.match(output, /^anchors {5}1$/m)
  const forked = { ...slot, note: forkedNote(filled, note) }
  const other = await bundled(t, filled, {
    scope: { kind: 'all' },
    anchors: { store: 'dir:', slots: [forked] },
  })
  const refused = run(other, 'python3 check-proof.py .')
  t.equal(refused.status, 1)
  t.match(refused.output, /anchors\/0000000000\.note: it is of another tree/)
})

/** What whoever holds the key could have signed: another tree of the same size. */
function forkedNote({ world }: Filled, note: string): string {
  const directory = join(world.place.data, 'checkpoint-keys')
  const read = parseNote(note)
  if (typeof read === 'string') throw new Error(read)
  // Keys that were handed over may lie there a moment longer.
  const key = createPrivateKey(readFileSync(join(directory, `${read.signatures[0]?.id}.pem`)))
  const { origin, size } = read
  return signNote(noteText({ origin, size, root: 'ab'.repeat(32) }), signerOf(origin, key))
}

test('a bundle of a running gate is sound, and says what came behind the checkpoint', async (t) => {
  const world = begin(t)
  const ledger = await opened(world, true)
  for (let index = 0; index < 20; index += 1) await ledger.append(decided(index))
  const scope: Scope = { kind: 'all' }
  const made = await bundled(t, { world, policies: join(world.place.data, 'none') }, { scope })
  await ledger.close()
  const ran = follow(t, made)
  t.same(
    ran.map(({ status }) => status),
    [0, 0, 0, 0, 3],
    ran.map(({ output }) => output).join('\n'),
  )
  const readme = readFileSync(join(made.directory, 'README.md'), 'utf8')
  t.match(readme, /came behind the checkpoint: they are chained, and not signed yet/)
  t.match(readme, /The last line is `INCOMPLETE`/)
  t.match(readme, /Missing, since the gate no longer keeps them/)
})

test('nothing is packed of a ledger that is broken, rolled back or empty of what is asked', async (t) => {
  const filled = await filledLedger(t)
  const { directory } = filled.world.place
  const attempt = (scope: Scope): Promise<Made> => bundled(t, filled, { scope })
  await t.rejects(attempt({ kind: 'run', agent: 'nobody', run: 'r1' }), { message: /no entry/ })
  const names = readdirSync(directory)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
  const last = join(directory, names.at(-1) ?? '')
  const bytes = readFileSync(last)
  writeFileSync(last, bytes.subarray(0, bytes.lastIndexOf(0x0a, bytes.length - 2) + 1))
  await t.rejects(attempt({ kind: 'all' }), { message: /rolled back/ })
  writeFileSync(last, bytes)
  const first = join(directory, names[0] ?? '')
  writeFileSync(first, readFileSync(first, 'latin1').replace('too loud', 'too nice'), 'latin1')
  await t.rejects(attempt({ kind: 'all' }), { message: /broken|does not follow/ })
  t.ok(realFiles.list(tmpdir()).every((name) => !name.endsWith('.part')))
})

test('what a crash left at the end of an earlier file stays there, and is nothing broken', async (t) => {
  const { place } = begin(t)
  const torn = { 0: '{"actor":{},"boot":"01JD' }
  const { lines } = writeLedger(place.directory, { segments: [9, 7, 8], torn })
  const filled = { world: new World(place), policies: join(place.data, 'none') }
  const made = await bundled(t, filled, { scope: { kind: 'all' } })
  const ran = follow(t, made)
  t.same(
    ran.map(({ status }) => status),
    [0, 3, 0],
    ran.map(({ output }) => output).join('\n'),
  )
  const flaws = noFlaws()
  const found = [...selectedLines(place.directory, everything, flaws)]
  t.same(flaws, { broken: 0, torn: 0 })
  t.equal(found.length, lines.length)
})
