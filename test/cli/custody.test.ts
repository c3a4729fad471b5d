/** Custody beside the gate: a disk that does not answer for a moment is logged, and ends neither the gate nor what comes later. */
import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { test } from 'tap'
import { Custody } from '../../cli/custody.ts'
import { layoutOf, settingsOf } from '../../cli/settings.ts'
import { Ledger } from '../../ledger/ledger.ts'
import { storeText, until } from '../evidence/anchor-world.ts'
import { S3Store } from '../evidence/s3/server.ts'
import { VirtualClock } from '../gate/clock.ts'
import { makePlace, World } from '../ledger/open-ledger.ts'

test('a handover whose closed segments cannot be read now does not end the gate', async (t) => {
  const clock = new VirtualClock()
  const store = await S3Store.open({ now: () => clock.now() })
  t.teardown(() => store.close())
  for (const [name, value] of Object.entries(store.environment)) {
    const before = process.env[name]
    process.env[name] = value
    t.teardown(() => {
      if (before === undefined) delete process.env[name]
      else process.env[name] = before
    })
  }
  const data = mkdtempSync(join(tmpdir(), 'haltgate-custody-'))
  t.teardown(() => rmSync(data, { recursive: true, force: true }))
  const settings = settingsOf({ data, anchor: storeText }, {})
  const { ledger: directory } = layoutOf(settings.dataDirectory)
  const world = new World(makePlace())
  t.teardown(() => world.place.remove())
  const ledger = await Ledger.open({
    ...world.options({ checkpoints: { directory: join(data, 'keys') } }),
    ...{ directory, lockFile: join(data, 'ledger.lock') },
  })
  t.teardown(() => ledger.close())
  while (ledger.checkpoint === null) await new Promise((resolve) => setImmediate(resolve))
  const said: string[] = []
  const custody = new Custody({
    settings,
    clock,
    log: pino({ level: 'warn' }, { write: (line: string) => void said.push(line) }),
    heartbeat: null,
  })
  t.teardown(async () => {
    const closed = custody.close()
    await clock.pass(10_000)
    await closed
  })
  await custody.begin({
    log: ledger.genesis,
    ledger,
    anchored: () => undefined,
    shut: (message) => t.fail(message),
  })
  const aside = `${directory}.aside`
  renameSync(directory, aside)
  custody.published({ ...ledger.checkpoint, cause: 'rotate' })
  await until(() => said.some((line) => line.includes('closed segments are not copied yet')))
  renameSync(aside, directory)
  t.match(said.join(''), /reading the ledger for its closed segments: ENOENT/)
})
