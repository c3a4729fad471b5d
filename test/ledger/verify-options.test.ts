/** What a verification is asked for: a head, a range, a level, entries, replay; and ledgers that the writer wrote. */
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import type { Entry } from '../../ledger/entry.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import type { Report } from '../../ledger/verify-report.ts'
import { makePlace, World } from './open-ledger.ts'
import { altered, three } from './verify-damage.ts'
import { nameOf, writeLedger } from './verify-ledgers.ts'

const codesOf = (report: Report): string => report.findings.map(({ code }) => code).join()

test('an expected head is met, or the ledger is a rollback or a fork', async (t) => {
  const { directory, lines } = writeLedger(t.testdir(), three)
  const hashOf = (seq: number): string => lines[seq]?.hash ?? ''
  for (const seq of [0, 20, 39]) {
    const report = await verifyLedger({ directory, expectHead: { seq, hash: hashOf(seq) } })
    t.equal(report.exit, 0, `seq ${seq} is as expected`)
  }
  const fork = await verifyLedger({ directory, expectHead: { seq: 20, hash: hashOf(21) } })
  t.equal(fork.exit, 4)
  t.match(fork.findings, [
    { code: 'EXPECT_MISMATCH', seq: 20, expected: hashOf(21), actual: hashOf(20) },
  ])
  const rollback = await verifyLedger({ directory, expectHead: { seq: 40, hash: hashOf(20) } })
  t.equal(rollback.exit, 4)
  t.match(rollback.findings[0]?.message, /last one is 39/)
  appendFileSync(join(directory, nameOf(27)), '{"actor"')
  t.equal(
    (await verifyLedger({ directory, expectHead: { seq: 40, hash: hashOf(1) } })).exit,
    4,
    'a rollback is worse than a torn tail',
  )
  writeFileSync(join(directory, nameOf(0)), 'x\n')
  t.equal(
    (await verifyLedger({ directory, expectHead: { seq: 40, hash: hashOf(1) } })).exit,
    1,
    'tampering is worse than a rollback',
  )
})

test('a range is verified by itself, and says what it was', async (t) => {
  const { directory, lines, root } = writeLedger(t.testdir(), three)
  const end = await verifyLedger({ directory, from: 30 })
  t.match(end, {
    exit: 0,
    range: { entries: 13, first_seq: 27, last_seq: 39, segments: 1 },
    log: null,
  })
  t.equal(end.tree?.root, root, 'the root grows from the recorded frontier')
  const begin = await verifyLedger({ directory, to: 20 })
  t.match(begin, { exit: 0, range: { entries: 21, first_seq: 0, last_seq: 20 }, tail: null })
  t.same(begin.head, { seq: 20, hash: lines[20]?.hash })
  const beyond = await verifyLedger({ directory, from: 500 })
  t.equal(beyond.range.first_seq, 27, 'a range behind the end begins with the last segment')
  rmSync(join(directory, nameOf(0)))
  t.equal(
    (await verifyLedger({ directory, from: 13 })).exit,
    0,
    'what lies before the range is not asked for',
  )
  t.equal(codesOf(await verifyLedger({ directory, from: 12 })), 'SEGMENT_MISSING')
})

test('a level that was not reached is incomplete and never OK', async (t) => {
  const { directory } = writeLedger(t.testdir(), three)
  for (const require of ['signed', 'anchored'] as const) {
    const report = await verifyLedger({ directory, require })
    t.match(report, { ok: false, exit: 3, level: 'chain', required: require })
    t.match(report.message, /needs checkpoints, and this ledger has none/)
  }
  writeFileSync(join(directory, nameOf(27)), 'x\ny\n')
  t.equal((await verifyLedger({ directory, require: 'signed' })).level, 'none')
})

test('a report of a sound ledger has every member that docs/ledger.md names', async (t) => {
  const { directory, lines, root } = writeLedger(t.testdir(), three)
  const head = { seq: 39, hash: lines[39]?.hash }
  t.same(await verifyLedger({ directory }), {
    spec: 'haltgate-ledger/1',
    ok: true,
    exit: 0,
    level: 'chain',
    required: 'chain',
    message: 'Every entry is whole and in its place.',
    log: { log_id: '0123456789abcdef0123456789abcdef', origin: 'gate.example.com/ledger' },
    range: { entries: 40, first_seq: 0, last_seq: 39, segments: 3 },
    head,
    tree: { size: 40, root },
    checkpoints: { verified: 0, last_size: 0, uncovered: 40, keys: [], pinned: false },
    anchor: null,
    tail: { state: 'clean', bytes: 0 },
    replay: null,
    findings: [],
    stats: { bytes: lines.reduce((sum, line) => sum + line.bytes.length, 0), findings: 0 },
  })
})

test('entries are handed over in order, and none behind a break', async (t) => {
  const { directory, lines } = writeLedger(t.testdir(), three)
  const seen: Entry[] = []
  const steps: number[] = []
  await verifyLedger({
    directory,
    from: 5,
    onEntry: (entry) => seen.push(entry),
    progress: (done, total) => steps.push(done / total),
  })
  t.same(
    seen.map(({ hash }) => hash),
    lines.slice(5).map(({ hash }) => hash),
  )
  t.match(seen[0], {
    v: 1,
    seq: 5,
    kind: 'settlement',
    actor: { agent: 'researcher' },
    prev: lines[4]?.hash,
  })
  t.equal(steps.at(-1), 1, 'progress ends at the end')
  t.same(
    steps,
    steps.toSorted((one, other) => one - other),
    'progress never goes back',
  )
  const path = join(directory, nameOf(13))
  writeFileSync(path, readFileSync(path, 'utf8').replace('"seq":18', '"seq":17'))
  seen.length = 0
  await verifyLedger({ directory, onEntry: (entry) => seen.push(entry) })
  t.equal(seen.at(-1)?.seq, 17)
})

test('what replay objects to is a finding at its entry', async (t) => {
  const { directory } = writeLedger(t.testdir(), three)
  const entry = ({ seq }: Entry): string | null =>
    seq === 21 ? 'the verdict does not follow' : null
  const report = await verifyLedger({ directory, replay: { entry, end: () => 'held is not 0' } })
  t.match(report, { exit: 1, replay: { entries: 40, mismatches: 2 } })
  t.match(report.findings, [
    {
      code: 'REPLAY_MISMATCH',
      seq: 21,
      segment: nameOf(13),
      message: 'the verdict does not follow',
    },
    { code: 'REPLAY_MISMATCH', seq: 39, message: 'held is not 0' },
  ])
  const sound = await verifyLedger({ directory, replay: { entry: () => null, end: () => null } })
  t.match(sound, { exit: 0, replay: { entries: 40, mismatches: 0 } })
})

test('a ledger that cannot be read is neither sound nor tampered with', async (t) => {
  const missing = await verifyLedger({ directory: join(t.testdir(), 'nowhere') })
  t.match(missing, { exit: 5, ok: false, level: 'none', message: /ENOENT/ })
  const { directory } = writeLedger(join(t.testdir(), 'ledger'), three)
  chmodSync(join(directory, nameOf(13)), 0)
  const root = process.getuid?.() === 0
  t.equal((await verifyLedger({ directory })).exit, root ? 0 : 5, 'root may read everything')
})

test('more findings than can be listed are counted, and their exit counts', async (t) => {
  const shape = {
    segments: [1_500, 500],
    alter: altered(0, 'x', 'x').alter ?? ((_: number, body: string) => body),
  }
  const { directory } = writeLedger(t.testdir(), shape)
  const path = join(directory, nameOf(0))
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll('"v":1,', '"v":3,'))
  const report = await verifyLedger({ directory })
  t.equal(report.exit, 1)
  t.equal(report.findings.length, 1_000)
  t.ok(report.stats.findings >= 1_500, `${report.stats.findings} findings`)
})

test('a verification writes nothing', async (t) => {
  const { directory } = writeLedger(t.testdir(), { ...three, torn: { 1: '{' } })
  const facts = (): unknown =>
    readdirSync(directory).map((name) => {
      const { ctimeMs, mtimeMs, size } = statSync(join(directory, name))
      return [name, ctimeMs, mtimeMs, size]
    })
  const before = facts()
  await verifyLedger({ directory })
  t.same(facts(), before)
})

/** The answer of docs/verify.py: exit, head, root. */
function python(directory: string): { readonly exit: number | null; readonly text: string } {
  const run = spawnSync('python3', ['docs/verify.py', directory], { encoding: 'utf8' })
  return { exit: run.status, text: run.stdout }
}

test('what the writer wrote is verified: open, rotated, crashed, closed', async (t) => {
  const place = makePlace()
  t.teardown(() => place.remove())
  const { directory, lockFile } = place
  const world = new World(place)
  const ledger = await world.open({ segmentBytesMax: 20_000 })
  for (let index = 0; index < 300; index += 1) await world.decide(ledger, index)
  const open = await verifyLedger({ directory, lockFile })
  t.match(open, { exit: 0, tail: { state: 'unclean', bytes: 0 } })
  t.same(open.head, ledger.head)
  t.ok(open.range.segments > 3, `${open.range.segments} segments`)

  const newest = join(
    directory,
    readdirSync(directory)
      .filter((name) => name.startsWith('ledger-'))
      .sort()
      .at(-1) ?? '',
  )
  const whole = readFileSync(newest)
  appendFileSync(newest, '{"actor":{"agent":"wor')
  const writing = await verifyLedger({ directory, lockFile })
  t.match(
    writing,
    { exit: 0, tail: { state: 'unclean', bytes: 22 } },
    'a line being written is no torn tail',
  )
  appendFileSync(newest, '"}}\n')
  t.equal(
    (await verifyLedger({ directory, lockFile })).exit,
    3,
    'a whole line that is none is one, lock or not',
  )
  writeFileSync(newest, whole)
  await ledger.close()
  const closed = await verifyLedger({ directory, lockFile })
  t.match(closed, { exit: 0, tail: { state: 'clean', bytes: 0 } })

  appendFileSync(newest, '{"actor":{"agent":"wor')
  const torn = await verifyLedger({ directory, lockFile })
  t.match(torn, { exit: 3, tail: { state: 'torn', bytes: 22 } }, 'without a writer it is torn')
  const again = await new World(place).open()
  await again.close()
  const recovered = await verifyLedger({ directory, lockFile })
  t.match(
    recovered,
    { exit: 0, findings: [], tail: { state: 'clean' } },
    'the next start declared it',
  )
  const { exit, text } = python(directory)
  t.equal(exit, 0, text)
  t.match(
    text,
    `head ${recovered.head?.seq} ${recovered.head?.hash}\nroot ${recovered.tree?.root}\n`,
  )
})
