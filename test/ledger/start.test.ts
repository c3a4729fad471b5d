/** Starts over what a crash leaves: all of it is recovered from, and nothing that was acknowledged is lost. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { ContractError } from '../../kernel/contract.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import { entriesOf, segments, World } from './open-ledger.ts'
import { begin, copyOf, filled, linesOf, pathOf, refusal, unsynced } from './stored-ledger.ts'

test('a tail torn at any byte of the last line is recorded, and nothing else is lost', async (t) => {
  const world = begin(t)
  const ledger = await world.open()
  for (let index = 1; index <= 3; index += 1) await world.decide(ledger, index)
  await ledger.close()
  const [name = ''] = segments(world.place)
  const path = join(world.place.directory, name)
  const whole = readFileSync(path)
  const last = linesOf(path).at(-1)?.length ?? 0
  for (let cut = 1; cut <= last; cut += 1) {
    for (const entry of readdirSync(world.place.directory)) {
      rmSync(join(world.place.directory, entry))
    }
    const torn = whole.subarray(0, whole.length - cut)
    writeFileSync(path, torn, { mode: 0o600 })
    const again = new World(world.place)
    await (await again.open({ files: unsynced })).close()
    const opening = entriesOf(world.place)[5]
    const bytes = last - cut
    const expected = bytes === 0 ? null : { bytes }
    const left = readFileSync(path).equals(torn)
    if (opening?.kind !== 'segment.open' || opening.data['clean'] !== false || !left) {
      t.fail(`cut by ${cut}: ${JSON.stringify(opening)}`)
    }
    if (cut % 50 === 1 || cut === last) {
      t.match(opening?.data['torn'], expected, `cut by ${cut}`)
      t.same(again.state, { count: 3, total: 6 })
      const report = await verifyLedger({ directory: world.place.directory })
      t.same(
        report.findings.filter(({ severity }) => severity === 'error'),
        [],
      )
      const third = new World(world.place)
      await (await third.open({ verifyAll: true })).close()
      t.same(third.state, { count: 3, total: 6 }, 'and so says the start after that')
    }
  }
})

test('tails that a crash leaves are recovered from, whatever is in them', async (t) => {
  const world = await filled(t)
  const tails: readonly (readonly [string, Buffer])[] = [
    ['zeros', Buffer.alloc(4_096)],
    ['a line of garbage', Buffer.from('{"actor":{}}\n')],
    ['several lines of garbage', Buffer.from('a\nb\n\nc')],
    ['one long line', Buffer.alloc(200_000, 'x')],
    ['an LF', Buffer.from('\n')],
  ]
  for (const [what, tail] of tails) {
    const place = copyOf(t, world.place)
    writeFileSync(pathOf(place, -1), tail, { flag: 'a' })
    const again = new World(place)
    await (await again.open()).close()
    t.same(again.state, world.state, what)
    const opening = entriesOf(place).findLast(({ kind }) => kind === 'segment.open')
    t.match(opening?.data, { clean: false, torn: { bytes: tail.length } }, what)
    await (await new World(place).open({ verifyAll: true })).close()
  }
  const place = copyOf(t, world.place)
  writeFileSync(pathOf(place, -1), Buffer.alloc(2 * 1024 * 1024 + 1), { flag: 'a' })
  t.match(await refusal(place), /more than a crash leaves/)
})

test('a lost snapshot is made good by folding from an older one', async (t) => {
  const world = await filled(t)
  const snapshots = readdirSync(world.place.directory).filter((name) => name.startsWith('snap'))
  t.ok(snapshots.length >= 3)
  for (const lost of [1, 2, snapshots.length]) {
    const place = copyOf(t, world.place)
    for (const name of snapshots.sort().slice(-lost)) {
      if (lost === 1) writeFileSync(join(place.directory, name), '{"count":0,"total":0}')
      else rmSync(join(place.directory, name))
    }
    const again = new World(place)
    await (await again.open()).close()
    t.same(again.state, world.state, `${lost} lost`)
    t.equal(again.restored.length, 1)
    t.equal(again.restored[0] === null, lost === snapshots.length)
  }
})

test('what a crash leaves of a file that is being made is put out of the way', async (t) => {
  const world = await filled(t)
  const next = `ledger-${String(entriesOf(world.place).length).padStart(15, '0')}.jsonl`
  const cases: readonly (readonly [string, string, string])[] = [
    ['an empty next segment', next, ''],
    ['half a segment.open', next, '{"actor":{},"boot":"01M'],
    ['a half-made segment', `${next}.new`, '{"actor":{},"boot":"01M'],
    ['a half-made snapshot', `snapshot-${next.slice(7, 22)}.json.new`, '{"co'],
    [
      'a snapshot without its segment',
      `snapshot-${next.slice(7, 22)}.json`,
      '{"count":99,"total":0}',
    ],
  ]
  for (const [what, name, content] of cases) {
    const place = copyOf(t, world.place)
    writeFileSync(join(place.directory, name), content)
    const again = new World(place)
    again.clock.now += 86_400_000
    await (await again.open()).close()
    t.same(again.state, world.state, what)
    t.notOk(existsSync(join(place.directory, `${name}.new`)))
    const boot = entriesOf(place).findLast(({ kind }) => kind === 'boot.open')
    const aside = readdirSync(place.directory).filter((file) => file.startsWith('aside-'))
    if (name === next) {
      t.match(boot?.data['set_aside'], { bytes: content.length, name: aside[0] }, what)
      t.equal(readFileSync(join(place.directory, aside[0] ?? ''), 'utf8'), content)
    } else {
      t.equal(boot?.data['set_aside'], null)
      t.same(aside, [])
    }
    const third = new World(place)
    await (await third.open({ verifyAll: true })).close()
    t.same(third.state, world.state)
    t.equal((await verifyLedger({ directory: place.directory })).exit, 0)
  }
  const place = copyOf(t, world.place)
  writeFileSync(join(place.directory, next), 'two\nlines')
  t.match(await refusal(place), /byte 0 \(seq \d+\): it does not end with a hash/)
})

test('a genesis that a crash left half made is made again', async (t) => {
  for (const name of ['ledger-000000000000000.jsonl', 'ledger-000000000000000.jsonl.new']) {
    for (const content of ['', '{"actor":{},"bo']) {
      const world = begin(t)
      mkdirSync(world.place.directory, { mode: 0o700 })
      writeFileSync(join(world.place.directory, name), content)
      const ledger = await world.open()
      await world.decide(ledger, 1)
      await ledger.close()
      t.equal(entriesOf(world.place).length, 4)
    }
  }
})

test('a fold that finds a bug is a bug, and the lock is free again', async (t) => {
  const world = await filled(t)
  const fold = (): void => {
    throw new ContractError('the state is broken')
  }
  await t.rejects(world.open({ fold }), ContractError)
  await (await world.open()).close()
})
