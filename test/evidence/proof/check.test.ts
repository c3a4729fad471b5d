/** Proofs as an auditor gets them: the documented text, the keys that vouch, and everything that is no proof. */
import fc from 'fast-check'
import { test } from 'tap'
import { checkProof, type ProofAnswer } from '../../../evidence/proof/check.ts'
import { proveEntry } from '../../../evidence/proof/prove.ts'
import { parseTlogProof, writeTlogProof } from '../../../evidence/proof/tlog-proof.ts'
import { noteText, parseVkey, signNote } from '../../../ledger/note.ts'
import '../../kernel/seed.ts'
import { rootOf } from './naive-tree.ts'
import { begin, checked, keyOf, placesOf, proof, publish } from './proving.ts'
import { origin, signer } from './signed-ledger.ts'

test('a key that was pinned at the beginning vouches through every rotation', async (t) => {
  for (const named of [true, false]) {
    const ledger = begin(t, { rotate: true, named })
    t.equal(ledger.vkeys.length, 6)
    const made = await proof(ledger, 7)
    const text = writeTlogProof(made.proof)
    const asked = (key: number): ProofAnswer =>
      checkProof(text, { line: made.line, key: keyOf(ledger, key) })
    t.equal(asked(0).exit, 0, 'the first key')
    t.equal(asked(3).exit, 0, 'a later one')
    t.equal(asked(5).exit, 0, 'the one that signed')
    const stranger = checkProof(text, { line: made.line, key: parseVkey(signer(9).vkey) })
    t.match(stranger, { exit: 1, sentence: /neither the pinned key/ })
    const early = await proof(ledger, 7, 80)
    t.equal(checked(ledger, early).exit, 0, 'a checkpoint of the first key')
    const late = { line: early.line, key: keyOf(ledger, 2) }
    t.equal(checkProof(writeTlogProof(early.proof), late).exit, 1, 'signed before its time')
    const without = writeTlogProof({ ...made.proof, extra: {} })
    t.equal(checkProof(without, { line: made.line, key: keyOf(ledger, 0) }).exit, 1)
  }
})

test('a note that an old key signs after it handed over is not believed', async (t) => {
  const ledger = begin(t, { rotate: true }, null)
  // The first key signs the whole tree rightly, though five others came after it.
  const root = rootOf(ledger.leaves).toString('hex')
  publish(ledger, signNote(noteText({ origin, size: 500, root }), signer(0)))
  const made = await proof(ledger, 7)
  t.equal(made.head.size, 480, 'the newest note of the key in force')
})

test('a proof is the documented text, and no bit of it can change', async (t) => {
  const ledger = begin(t, { rotate: true })
  const made = await proof(ledger, 123)
  const text = writeTlogProof({ ...made.proof, extra: {} })
  const lines = text.split('\n')
  t.equal(lines[0], 'c2sp.org/tlog-proof@v1')
  t.equal(lines[1], 'index 123')
  t.equal(lines.indexOf(''), 2 + made.proof.hashes.length)
  t.ok(text.endsWith(`\n\n${ledger.noteOf(500)}`))
  const read = parseTlogProof(text)
  t.match(read, { index: 123, hashes: made.proof.hashes, note: made.proof.note, extra: {} })
  const key = keyOf(ledger, 5)
  t.equal(checkProof(text, { line: made.line, key }).exit, 0)
  const bytes = Buffer.from(text)
  let passed = 0
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ 1
    if (checkProof(changed.toString('utf8'), { line: made.line, key }).exit !== 1) passed += 1
  }
  t.equal(passed, 0, 'a bit of each byte was flipped')
  for (let at = 0; at < made.line.length; at += 1) {
    const line = `${made.line.slice(0, at)}${made.line[at] === 'a' ? 'b' : 'a'}${made.line.slice(at + 1)}`
    if (line !== made.line && checkProof(text, { line, key }).exit !== 1) passed += 1
  }
  t.equal(passed, 0, 'each character of the line was changed')
})

test('a proof with its line needs no other, and one without a key says that nobody vouches', async (t) => {
  const ledger = begin(t)
  const made = await proveEntry(placesOf(ledger), { seq: 17, withLine: true })
  if (!made.proven) return t.fail(made.sentence)
  const text = writeTlogProof(made.proof)
  t.match(checkProof(text, { line: null, key: keyOf(ledger, 0) }), { exit: 0, index: 17 })
  t.match(checkProof(text, { line: null, key: null }), { exit: 3, sentence: /pin the log's key/ })
  const bare = writeTlogProof({ ...made.proof, extra: {} })
  t.match(checkProof(bare, { line: null, key: null }), { exit: 1, sentence: /--line FILE/ })
  const other = { line: ledger.lines[18] ?? '', key: null }
  t.match(checkProof(bare, other), { exit: 1, sentence: /the line is entry 18/ })
  return t.end()
})

test('nothing that claims to be a proof ends the check with anything but an answer', async (t) => {
  const ledger = begin(t)
  const text = writeTlogProof((await proof(ledger, 123)).proof)
  const note = ledger.noteOf(500)
  const head = 'c2sp.org/tlog-proof@v1\n'
  for (const wrong of [
    '',
    '\n\n',
    head,
    `${head}\n${note}`,
    `${head}index 01\n\n${note}`,
    `${head}index -1\n\n${note}`,
    `${head}index 1\nAAAA\n\n${note}`,
    `${head}extra !\nindex 1\n\n`,
    `${head}extra bnVsbA==\nindex 1\n\n${note}`,
    `${head}index 1\n${`${Buffer.alloc(32).toString('base64')}\n`.repeat(60)}\n${note}`,
    text.replace('index', 'Index'),
    'x'.repeat(17_000_000),
  ]) {
    t.equal(checkProof(wrong, { line: ledger.lines[1] ?? '', key: null }).exit, 1)
  }
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.string(), (any, line) => {
      const answers = [
        checkProof(any, { line, key: null }),
        checkProof(`${head}${any}`, { line, key: null }),
      ]
      return answers.every(({ exit }) => exit === 1)
    }),
    { numRuns: 300 },
  )
})
