/** A segment that cannot be opened for want of descriptors: the one before is whole, so that nothing is broken. */
import { readdirSync } from 'node:fs'
import { test } from 'tap'
import type { Failure } from '../../kernel/reasons.ts'
import { type Files, realFiles } from '../../ledger/files.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import { Timers } from './held-disk.ts'
import { decision, entriesOf, segments, World } from './open-ledger.ts'
import { begin, unavailable } from './stored-ledger.ts'

/** Files whose n-th open from now on fails, and every later one until there is room again. */
class ScarceFiles {
  readonly files: Files
  /** How many opens still succeed. */
  left = Number.POSITIVE_INFINITY
  failed = 0

  constructor(code: string) {
    this.files = {
      ...realFiles,
      open: (path, how) => {
        if (this.left > 0) {
          this.left -= 1
          return realFiles.open(path, how)
        }
        this.failed += 1
        throw Object.assign(new Error(`${code}: too many open files, open '${path}'`), { code })
      },
    }
  }
}

/** The opens of a segment: directory and file of the snapshot, then of the segment itself. */
const opens = [0, 1, 2, 3]

test('with no descriptor left at a rotation the ledger refuses, and goes on when there is one', async (t) => {
  for (const code of ['EMFILE', 'ENFILE']) {
    for (const left of opens) {
      const world = begin(t)
      const timers = new Timers()
      const scarce = new ScarceFiles(code)
      const failures: Failure[] = []
      const ledger = await world.open({
        files: scarce.files,
        after: timers.after,
        segmentBytesMax: 1,
        onPoison: (failure) => failures.push(failure),
      })
      scarce.left = left
      t.equal((await world.decide(ledger, 1)).seq, 2, 'it waited for the segment before')
      await t.rejects(world.decide(ledger, 2), { ...unavailable, message: /open files/ })
      t.match(ledger.obstacle, { ...unavailable, message: /segment.*open files/ }, 'nothing new')
      const noted = t.rejects(world.note(ledger, 3), unavailable)
      const { failed } = scarce
      for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate)
      t.equal(scarce.failed, failed, 'a note does not try again')
      timers.expire()
      await noted
      t.ok(scarce.failed > failed, 'time tries again')
      scarce.left = Number.POSITIVE_INFINITY
      timers.expire()
      while (ledger.obstacle !== null) await new Promise(setImmediate)
      t.equal((await world.decide(ledger, 4)).seq, 6, 'what was refused is recorded')
      await ledger.close()
      t.same([ledger.poisoned, failures], [null, []])
      t.equal(segments(world.place)[1], 'ledger-000000000000003.jsonl')
      t.notOk(readdirSync(world.place.directory).some((name) => name.endsWith('.new')))
      t.equal((await verifyLedger({ directory: world.place.directory })).exit, 0)
      const again = new World(world.place)
      await (await again.open()).close()
      t.same(again.state, world.state)
    }
  }
})

test('with no descriptor left a close ends without the next segment, and a start goes on', async (t) => {
  const world = begin(t)
  const scarce = new ScarceFiles('EMFILE')
  const ledger = await world.open({
    files: scarce.files,
    after: new Timers().after,
    segmentBytesMax: 1,
  })
  scarce.left = 0
  const acknowledged = await world.decide(ledger, 1)
  await t.rejects(ledger.append(decision(2)), unavailable)
  await ledger.close()
  t.match(ledger.poisoned, unavailable)
  t.equal(entriesOf(world.place).at(-1)?.hash, acknowledged.hash)
  const again = new World(world.place)
  await (await again.open()).close()
  t.same(again.state, world.state)
})
