/** Proofs of a ledger that the real writer writes: while it is open, after it was closed, and after it was opened again. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { checkProof } from '../../../evidence/proof/check.ts'
import { proveContinuation, proveGrowth } from '../../../evidence/proof/consistency.ts'
import { keptNote } from '../../../evidence/proof/notes.ts'
import { type ProofPlaces, proveEntry } from '../../../evidence/proof/prove.ts'
import { writeTlogProof } from '../../../evidence/proof/tlog-proof.ts'
import type { Ledger } from '../../../ledger/ledger.ts'
import { parseVkey, type VerifyingKey } from '../../../ledger/note.ts'
import { entriesOf, makePlace, World } from '../../ledger/open-ledger.ts'
import { unsynced } from '../../ledger/stored-ledger.ts'

interface Live {
  readonly world: World
  readonly places: ProofPlaces
  open(): Promise<Ledger>
  /** Of `log.genesis`. */
  key(): VerifyingKey | null
}

function begin(t: Test): Live {
  const place = makePlace()
  t.teardown(place.remove)
  const world = new World(place)
  const trouble = (error: unknown): void => {
    t.fail(String(error))
  }
  const checkpoints = { directory: join(place.data, 'keys'), trouble }
  return {
    world,
    places: { directory: place.directory, indexFile: null },
    open: () => world.open({ segmentBytesMax: 40_000, checkpoints, files: unsynced }),
    key: () => {
      const { vkey } = entriesOf(place)[0]?.data ?? {}
      return typeof vkey === 'string' ? parseVkey(vkey) : null
    },
  }
}

test('each entry that a checkpoint covers is proven by the key of the genesis, while the ledger is open', async (t) => {
  const { key, open, places, world } = begin(t)
  const ledger = await open()
  t.teardown(() => ledger.close())
  for (let amount = 0; amount < 1_500; amount += 1) await world.decide(ledger, amount)
  const entries = entriesOf(world.place)
  const segments = entries.filter(({ kind }) => kind === 'segment.open').length
  t.ok(segments > 5, `${segments} segments, each with a key of its own`)
  let proven = 0
  for (let seq = 0; seq < entries.length; seq += 37) {
    const made = await proveEntry(places, { seq })
    if (!made.proven) {
      t.equal(made.exit, 3, made.sentence)
      continue
    }
    const answer = checkProof(writeTlogProof(made.proof), { line: made.line, key: key() })
    t.match(answer, { exit: 0, index: seq, hash: entries[seq]?.hash })
    proven += 1
  }
  t.ok(proven > 20, `${proven} were covered`)
})

test('a closed ledger proves all of it, and goes on from there when it is opened again', async (t) => {
  const { key, open, places, world } = begin(t)
  const ledger = await open()
  for (let amount = 0; amount < 300; amount += 1) await world.decide(ledger, amount)
  await ledger.close()
  const { length } = entriesOf(world.place)
  const made = await proveEntry(places, { seq: length - 1 })
  if (!made.proven) return t.fail(made.sentence)
  t.equal(made.head.size, length, 'boot.close is covered, too')
  t.equal(checkProof(writeTlogProof(made.proof), { line: made.line, key: key() }).exit, 0)
  const kept = join(world.place.data, 'kept.note')
  writeFileSync(kept, readFileSync(join(places.directory, 'checkpoint')))
  const again = await open()
  for (let amount = 0; amount < 300; amount += 1) await world.decide(again, amount)
  await again.close()
  const later = entriesOf(world.place).length
  const grown = await proveContinuation(places, keptNote(kept))
  t.match(grown, { proven: true, from: { size: length }, to: { size: later }, signedBy: later })
  const same = await proveGrowth(places, { from: length, to: later })
  if (!grown.proven || !same.proven) return t.fail('it did not grow')
  t.same(same.hashes, grown.hashes)
  return t.end()
})
