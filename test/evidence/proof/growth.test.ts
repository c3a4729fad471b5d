/** Consistency: between sizes of a ledger, and from a checkpoint that was kept elsewhere. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'tap'
import {
  proveContinuation,
  proveFromIndex,
  proveGrowth,
} from '../../../evidence/proof/consistency.ts'
import { keptNote } from '../../../evidence/proof/notes.ts'
import { verifyConsistency } from '../../../evidence/proof/verify.ts'
import { type Note, noteText, parseNote, signNote } from '../../../ledger/note.ts'
import '../../kernel/seed.ts'
import { rootOf } from './naive-tree.ts'
import { begin, makeIndex, placesOf, publish } from './proving.ts'
import { origin, type SignedLedger, signer } from './signed-ledger.ts'

test('any two sizes are proven consistent, with their checkpoints where they have some', async (t) => {
  const ledger = begin(t)
  const root = (size: number): string => rootOf(ledger.leaves.slice(0, size)).toString('hex')
  const sizes = fc.tuple(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 0, max: 500 }))
  for (const withIndex of [false, true]) {
    if (withIndex) makeIndex(ledger)
    await fc.assert(
      fc.asyncProperty(sizes, async ([one, other]) => {
        const [from, to] = [Math.min(one, other), Math.max(one, other)]
        const grown = await proveGrowth(placesOf(ledger), { from, to })
        if (!grown.proven) return false
        const [fromRoot, toRoot] = [grown.from.root, grown.to.root].map((hex) =>
          Buffer.from(hex, 'hex'),
        )
        if (fromRoot === undefined || toRoot === undefined) return false
        const right = grown.from.root === root(from) && grown.to.root === root(to)
        const { hashes } = grown
        return right && verifyConsistency({ from, to, fromRoot, toRoot, hashes })
      }),
      { numRuns: 60 },
    )
  }
  const grown = await proveGrowth(placesOf(ledger), { from: 80, to: 480 })
  t.match(grown, { proven: true, from: { note: /\n80\n/ }, to: { note: /\n480\n/ }, signedBy: 500 })
  const beyond = await proveGrowth(placesOf(ledger), { from: 80, to: 501 })
  t.match(beyond, { proven: false, exit: 1, sentence: /500 entries, and not 501/ })
})

test('beyond the last checkpoint consistency is proven from the bytes, and says that nobody signed', async (t) => {
  const ledger = begin(t, { checkpoint: 0 }, null)
  makeIndex(ledger, ledger.leaves.with(3, Buffer.alloc(32)))
  const grown = await proveGrowth(placesOf(ledger), { from: 100, to: 437 })
  const root = rootOf(ledger.leaves.slice(0, 437)).toString('hex')
  t.match(grown, { proven: true, signedBy: null, source: 'segments', to: { root, note: null } })
})

test('a ledger goes on from a checkpoint that was kept elsewhere, or is told to be a fork or rolled back', async (t) => {
  const ledger = begin(t, { entries: 300 }, 300)
  const kept = join(ledger.data, 'kept.note')
  const note = (from: SignedLedger, size: number): ReturnType<typeof keptNote> => {
    writeFileSync(kept, from.noteOf(size))
    return keptNote(kept)
  }
  const asked = async (size: number, from = ledger): Promise<object> =>
    await proveContinuation(placesOf(ledger), note(from, size))
  for (const size of [0, 1, 89, 90, 200, 300]) {
    t.match(await asked(size), { proven: true, from: { size }, to: { size: 300 } }, `${size}`)
  }
  const longer = begin(t)
  t.match(await asked(400, longer), { exit: 4, sentence: /rolled back: the checkpoint covers 400/ })
  const fork = begin(t, { entries: 300, forkAt: 150 }, 300)
  t.match(await asked(150, fork), { proven: true })
  t.match(await asked(152, fork), { exit: 4, sentence: /fork: its first 152 entries/ })
  writeFileSync(kept, ledger.noteOf(200).replace('example/log\n', 'example/other\n'))
  t.match(await proveContinuation(placesOf(ledger), keptNote(kept)), {
    exit: 4,
    sentence: /another ledger/,
  })
})

test('a rewritten beginning is found, though a frontier, a checkpoint and an index still say the old one', async (t) => {
  const ledger = begin(t, { entries: 300 }, 300)
  const fork = begin(t, { entries: 300, forkAt: 20 }, 300)
  makeIndex(ledger)
  const first = 'ledger-000000000000000.jsonl'
  writeFileSync(join(ledger.directory, first), readFileSync(join(fork.directory, first)))
  const kept = join(ledger.data, 'kept.note')
  writeFileSync(kept, ledger.noteOf(200))
  const answer = await proveContinuation(placesOf(ledger), keptNote(kept))
  t.match(answer, { exit: 4, sentence: /fork/ })
})

test('the index alone proves growth to a witness, and fails where it is behind or wrong', async (t) => {
  const ledger = begin(t)
  const { indexFile } = placesOf(ledger)
  const rootAt = (size: number): Buffer => rootOf(ledger.leaves.slice(0, size))
  const asked = (from: number, size: number): Promise<readonly Buffer[]> =>
    proveFromIndex(indexFile, from, { size, root: rootAt(size).toString('hex') })
  await t.rejects(asked(40, 480), { code: 'ledger-unavailable' }, 'there is none')
  makeIndex(ledger, ledger.leaves.slice(0, 400))
  await t.rejects(asked(40, 480), { code: 'ledger-unavailable' }, 'it is behind')
  for (const [from, to] of [
    [0, 400],
    [40, 400],
    [255, 256],
    [256, 399],
    [400, 400],
  ] as const) {
    const hashes = await asked(from, to)
    const claim = { from, to, fromRoot: rootAt(from), toRoot: rootAt(to), hashes }
    t.ok(verifyConsistency(claim), `${from} to ${to}`)
  }
  makeIndex(ledger, ledger.leaves.with(70, Buffer.alloc(32)))
  await t.rejects(asked(40, 480), { code: 'ledger-unavailable' }, 'it is wrong')
})

test('a checkpoint that says another root than the entries have is told, and proves nothing', async (t) => {
  const ledger = begin(t, { lieAt: 80 })
  const { directory } = ledger
  for (const sizes of [
    { from: 80, to: 200 },
    { from: 20, to: 80 },
  ]) {
    const told = await proveGrowth(placesOf(ledger), sizes)
    t.match(told, { exit: 1, sentence: /its checkpoint of 80 says the root e3b0c442/ })
  }
  t.match(await proveGrowth(placesOf(ledger), { from: 79, to: 81 }), { proven: true })
  publish(ledger, ledger.noteOf(500).replace(/^500$/m, '490'))
  t.match(await proveGrowth(placesOf(ledger), { from: 1, to: 5 }), { proven: true, signedBy: 480 })
  const { root } = parsed(ledger.noteOf(400))
  publish(ledger, signNote(noteText({ origin, size: 490, root }), signer(0)))
  const told = await proveGrowth(placesOf(ledger), { from: 1, to: 5 })
  t.match(told, { exit: 1, sentence: `${directory}: its entries do not have the root` })
})

const parsed = (text: string): Note => {
  const note = parseNote(text)
  if (typeof note === 'string') throw new Error(note)
  return note
}

test('a segment whose first line is broken is read, and what it hides is not asked for', async (t) => {
  const ledger = begin(t)
  const path = join(ledger.directory, 'ledger-000000000000180.jsonl')
  const text = readFileSync(path, 'utf8')
  writeFileSync(path, text.replace('"clean":true', '"clean":null'))
  const grown = await proveGrowth(placesOf(ledger), { from: 200, to: 300 })
  t.match(grown, { proven: true, source: 'segments' }, 'its hash is claimed, and the root agrees')
  const kept = join(ledger.data, 'kept.note')
  writeFileSync(kept, ledger.noteOf(300))
  const answer = await proveContinuation(placesOf(ledger), keptNote(kept))
  t.match(answer, { exit: 1, sentence: /no sound entry 180/ })
  const early = await proveContinuation(placesOf(ledger), keptNote(kept), 900)
  t.match(early, { exit: 1, sentence: /500 entries, and not 900/ })
})
