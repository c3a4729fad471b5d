/** The thread of a gate's index: it follows the ledger, answers, and whatever becomes of it the gate goes on. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { type Test, test } from 'tap'
import { IndexFeeder } from '../../evidence/index/feeder.ts'
import { Failure } from '../../kernel/reasons.ts'
import { formatLine, noHash } from '../../ledger/line.ts'
import { segmentName } from '../../ledger/segment.ts'
import { entriesOf, makePlace, type Place } from '../ledger/open-ledger.ts'
import { ask, called, callMany, indexOf, seqsOf } from './index-world.ts'

interface Fed {
  readonly feeder: IndexFeeder
  readonly said: string[]
  /** Waits until the index has all of the ledger. */
  fresh(): Promise<void>
}

function feederOf(t: Test, place: Place, head = (): number => entriesOf(place).length - 1): Fed {
  const said: string[] = []
  const feeder = new IndexFeeder({
    ...{ directory: place.directory, databaseFile: indexOf(place), now: () => 7, head },
    after: (delayMs, callback) => {
      const timer = setTimeout(callback, Math.min(delayMs, 20))
      return () => clearTimeout(timer)
    },
    log: (level, fields, message) =>
      void said.push(`${level} ${message} ${JSON.stringify(fields)}`),
  })
  t.teardown(() => feeder.close())
  const fresh = async (): Promise<void> => {
    for (let turn = 0; turn < 500 && (feeder.freshTo === null || feeder.lag > 0); turn += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  feeder.start()
  return { feeder, said, fresh }
}

test('it feeds what is there and what comes, and answers questions meanwhile', async (t) => {
  const world = await called(t)
  const { feeder, fresh, said } = feederOf(t, world.place)
  await fresh()
  t.equal(feeder.lag, 0)
  t.equal(feeder.freshTo, entriesOf(world.place).length - 1)
  const ledger = await world.open()
  await callMany(world, ledger, 500, 2)
  await ledger.close()
  t.ok(feeder.lag > 0 || feeder.freshTo === entriesOf(world.place).length - 1)
  await fresh()
  const page = await feeder.page(ask({ request: 'request-500' }))
  t.equal(seqsOf(page.hits).length, 2)
  t.equal(page.hits[0]?.entry.actor.agent, 'agent2', 'entries come whole from the thread')
  const runs = await feeder.records({ ...ask(), view: 'runs' })
  t.ok(runs.records.length > 5)
  t.same(said, [], 'nothing was to be said')
})

test('the first question of all is answered from everything that is there', async (t) => {
  const { place } = await called(t)
  const { feeder } = feederOf(t, place)
  const page = await feeder.page(ask())
  t.equal(page.hits.length, entriesOf(place).length)
})

/** More entries than one question waits for. */
function longLedger(t: Test): Place {
  const place = makePlace()
  t.teardown(place.remove)
  mkdirSync(place.directory)
  const lines: Buffer[] = []
  let prev = noHash
  for (let seq = 0; seq < 25_000; seq += 1) {
    const at = { boot: '01M7Y7GCHPWMGXEHM4FYR2V7XA', ts: '2026-11-21T12:00:00.000Z' }
    const made = formatLine({ actor: {}, data: { seq }, kind: 'incident', prev, seq, ...at })
    lines.push(made.line)
    prev = made.hash
  }
  writeFileSync(`${place.directory}/${segmentName(0)}`, Buffer.concat(lines))
  return place
}

test('while the index is far behind a question fails and says how far it is, and is answered later', async (t) => {
  const { feeder, fresh } = feederOf(t, longLedger(t), () => 24_999)
  await t.rejects(feeder.page(ask()), { message: /is being made, and is at entry \d+; ask again/ })
  await fresh()
  t.equal((await feeder.page(ask({}, { order: 'newest', limit: 1 }))).hits[0]?.entry.seq, 24_999)
})

test('where the index cannot be, it says so once, answers with a failure, and ends in order', async (t) => {
  const { place } = await called(t, 5)
  mkdirSync(indexOf(place))
  const { feeder, said } = feederOf(t, place)
  await t.rejects(feeder.page(ask()), Failure)
  await t.rejects(feeder.page(ask()), { code: 'ledger-unavailable' })
  t.equal(said.filter((one) => one.startsWith('warn')).length, 1, said.join('\n'))
  rmSync(indexOf(place), { recursive: true })
  for (let turn = 0; turn < 500 && feeder.freshTo === null; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  t.ok((await feeder.page(ask())).hits.length > 5, 'it is tried again, and works when it can')
})

test('more questions than may wait are refused, and none is left without an answer', async (t) => {
  const { place } = await called(t)
  const { feeder, fresh } = feederOf(t, place)
  await fresh()
  const asked = Array.from({ length: 80 }, () => feeder.page(ask({ agent: 'agent1' })))
  const answers = await Promise.allSettled(asked)
  const refused = answers.filter(({ status }) => status === 'rejected')
  t.ok(refused.length > 0 && refused.length < 80, `${refused.length} of 80 refused`)
  t.ok(refused.every((one) => 'reason' in one && one.reason instanceof Failure))
})

test('what is asked of one that is closed is a failure', async (t) => {
  const { place } = await called(t, 5)
  const { feeder, fresh } = feederOf(t, place)
  await fresh()
  await feeder.close()
  await feeder.close()
  await t.rejects(feeder.page(ask()), Failure)
})

test('one that is closed while it feeds leaves an index that the next one goes on with', async (t) => {
  const { place } = await called(t)
  const first = feederOf(t, place)
  await first.feeder.close()
  const second = feederOf(t, place)
  await second.fresh()
  t.equal(second.feeder.lag, 0)
  t.notMatch(second.said.join('\n'), /made anew/)
})
