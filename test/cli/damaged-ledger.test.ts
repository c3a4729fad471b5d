/** A ledger that was damaged: the start refuses it with the place and the way out, `audit verify` agrees, no byte is lost. */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { ask } from '../e2e/wire.ts'
import { policyText, startOrigin } from '../e2e/world.ts'
import { closeGate, haltgate, makePlace, openGate, type Place } from './command.ts'

/** A place with the ledger of a gate that ended in order. */
async function used(t: Test): Promise<Place> {
  const origin = await startOrigin(t)
  const place = makePlace(t, policyText({ ports: [origin.port] }))
  const gate = await openGate(t, place)
  for (const path of ['/1', '/2', '/3', '/4']) await ask(gate.port, `${origin.url}${path}`)
  await closeGate(gate)
  return place
}

function copyOf(t: Test, { directory, environment }: Place): Place {
  const copy = makePlace(t, readFileSync(join(directory, 'policies.yaml'), 'utf8'))
  cpSync(join(directory, 'data'), join(copy.directory, 'data'), { recursive: true })
  return { ...copy, environment: { ...environment, ...copy.environment } }
}

const segmentOf = (place: Place): string =>
  join(place.directory, 'data/ledger/ledger-000000000000000.jsonl')

function edit(place: Place, change: (lines: string[]) => readonly string[]): void {
  const lines = readFileSync(segmentOf(place), 'utf8').trimEnd().split('\n')
  writeFileSync(segmentOf(place), `${change(lines).join('\n')}\n`)
}

/** The bytes of every segment and kept policy; the rest is the writer's own. */
function stored(place: Place): readonly string[] {
  return ['data/ledger', 'data/policies'].flatMap((name) => {
    const directory = join(place.directory, name)
    return readdirSync(directory)
      .sort()
      .map((file) => `${file}\n${readFileSync(join(directory, file), 'latin1')}`)
  })
}

const startArgs = ['start', '--listen', '127.0.0.1:0', '--control', '127.0.0.1:0', '--agent']

interface Damage {
  readonly what: string
  readonly damage: (place: Place) => void
  /** What both the start and the verifier name. */
  readonly seq: number
  readonly finding: RegExp
}

const damages: readonly Damage[] = [
  {
    what: 'a flipped byte in the middle',
    damage: (place) =>
      edit(place, (lines) => lines.map((line, at) => (at === 5 ? line.replace('a', 'A') : line))),
    seq: 5,
    finding: /HASH_MISMATCH/,
  },
  {
    what: 'a deleted line',
    damage: (place) => edit(place, (lines) => lines.filter((_, at) => at !== 5)),
    seq: 6,
    finding: /SEQ_GAP|CHAIN_BREAK/,
  },
  {
    what: 'a swapped pair',
    damage: (place) =>
      edit(place, ([a = '', b = '', c = '', d = '', ...rest]) => [a, b, d, c, ...rest]),
    seq: 3,
    finding: /SEQ_GAP|CHAIN_BREAK|SEQ_DUP/,
  },
  {
    what: 'a duplicated seq',
    damage: (place) => edit(place, ([a = '', b = '', c = '', ...rest]) => [a, b, c, c, ...rest]),
    seq: 2,
    finding: /SEQ_DUP/,
  },
]

test('a damaged ledger is refused by start and run with file, byte and way out, and verify names it too', async (t) => {
  const whole = await used(t)
  t.equal((await haltgate(whole, ['audit', 'verify', '--replay'])).code, 0)
  for (const { what, damage, seq, finding } of damages) {
    await t.test(what, async (t) => {
      const place = copyOf(t, whole)
      damage(place)
      const before = stored(place)
      for (const words of [
        [...startArgs, 'tester'],
        ['run', '--agent', 'tester', '--', 'true'],
      ]) {
        const ran = await haltgate(place, words)
        t.match(ran, { code: 74, output: '' }, words.join(' '))
        t.match(ran.errors, /ledger-0{15}\.jsonl.* byte \d+/, 'the file and the byte')
        t.match(ran.errors, /haltgate audit verify|restore|backup/i, 'the way out')
        t.notMatch(ran.errors, /a bug|^ {4}at /m)
      }
      const words = ['audit', 'verify']
      const [verified, asJson] = await Promise.all([
        haltgate(place, words),
        haltgate(place, [...words, '--json']),
      ])
      t.match(verified, { code: 1, output: /\nTAMPERED {2}.*\n$/ })
      t.match(verified.output, finding)
      const { findings } = JSON.parse(asJson.output)
      t.match(
        findings.map((one: { seq: number }) => one.seq),
        [seq],
      )
      t.same(stored(place), before, 'not a byte was changed')
    })
  }
})

test('a truncated tail is what a crash leaves: verify says incomplete, the start goes on and loses nothing', async (t) => {
  const place = await used(t)
  const text = readFileSync(segmentOf(place))
  const torn = text.subarray(0, text.length - 40)
  writeFileSync(segmentOf(place), torn)
  // A crash comes before the note over the closed ledger.
  const file = join(place.directory, 'data/ledger/checkpoint')
  const published = readFileSync(file)
  const refused = await haltgate(place, [...startArgs, 'tester'])
  t.match(refused, { code: 74, errors: /holds \d+ entries where its checkpoint covers \d+/ })
  t.match(await haltgate(place, ['audit', 'verify']), { code: 4, output: /\nROLLBACK {2}/ })
  rmSync(file)
  t.ok(published.length > 0)
  const before = await haltgate(place, ['audit', 'verify'])
  t.match(before, { code: 3, output: /TORN_TAIL[\s\S]*\nINCOMPLETE {2}/ })
  const gate = await openGate(t, place)
  await closeGate(gate)
  t.same(readFileSync(segmentOf(place)), torn, 'the torn file stays as it was')
  t.match(await haltgate(place, ['audit', 'verify', '--replay']), { code: 0, output: /\nOK {2}/ })
})

test('a second writer is refused while the first goes on, and both agree on one chain', async (t) => {
  const place = await used(t)
  const gate = await openGate(t, place)
  const before = stored(place)
  const second = await haltgate(place, [...startArgs, 'tester'])
  t.match(second, { code: 74, output: '', errors: /another process writes this ledger/ })
  const after = stored(place)
  t.ok(
    before.every((text, at) => text.startsWith('checkpoint\n') || after[at]?.startsWith(text)),
    'the first alone goes on',
  )
  t.equal((await ask(gate.port, 'http://other.example/')).status, 403, 'the first still decides')
  t.equal((await closeGate(gate)).code, 0)
  t.equal((await haltgate(place, ['audit', 'verify', '--replay'])).code, 0)
})

test('a kept policy that is gone or was edited is named by the start and by --replay, and the chain stays sound', async (t) => {
  const whole = await used(t)
  const changes: readonly (readonly [string, (file: string) => void])[] = [
    ['gone', (file) => rmSync(file)],
    [
      'edited',
      (file) => writeFileSync(file, readFileSync(file, 'utf8').replace('origin', 'Origin')),
    ],
  ]
  for (const [what, change] of changes) {
    await t.test(what, async (t) => {
      const place = copyOf(t, whole)
      const policies = join(place.directory, 'data/policies')
      const [name = ''] = readdirSync(policies)
      change(join(policies, name))
      const policyFile = join(place.directory, 'policies.yaml')
      const text = readFileSync(policyFile, 'utf8')
      writeFileSync(
        policyFile,
        text.replace('rules:', 'rules:\n  - { id: more, hosts: [m.example], effect: deny }'),
      )
      const before = stored(place)
      const digest = name.replace('.json', '')
      const ran = await haltgate(place, [...startArgs, 'tester'])
      t.match(ran, { code: 74, output: '' })
      t.match(ran.errors, digest.slice(0, 12), 'which policy')
      t.notMatch(ran.errors, /a bug|^ {4}at /m)
      t.same(stored(place), before, 'nothing was changed')
      t.equal((await haltgate(place, ['audit', 'verify'])).code, 0, 'the chain is sound')
      const replay = await haltgate(place, ['audit', 'verify', '--replay'])
      t.match(replay, { code: 1, output: /REPLAY_MISMATCH[\s\S]*policy/ })
    })
  }
})

test('a clock that is far in the past neither stops a start nor sets any entry back', async (t) => {
  const place = await used(t)
  const past = join(place.directory, 'past.mjs')
  writeFileSync(past, 'const now = Date.now\nDate.now = () => now() - 20 * 365 * 86_400_000\n')
  const environment = { ...place.environment, NODE_OPTIONS: `--import=${past}` }
  const gate = await openGate(t, { ...place, environment })
  t.equal((await ask(gate.port, 'http://other.example/')).status, 403)
  await closeGate(gate)
  const verified = await haltgate(place, ['audit', 'verify', '--replay'])
  t.match(verified, { code: 0, output: /\nOK {2}/ })
  t.notMatch(verified.output, /CLOCK_REGRESSION/)
})

for (const [what, lose] of [
  ['is gone', (file: string) => rmSync(file)],
  ['is empty', (file: string) => writeFileSync(file, '')],
] as const) {
  test(`a gate does not begin anew where its ledger ${what}`, async (t) => {
    const place = copyOf(t, await used(t))
    lose(segmentOf(place))
    const ran = await haltgate(place, [...startArgs, 'tester'])
    t.equal(ran.code, 74)
    t.match(ran.errors, /holds no entry, although a gate ran here before/)
    t.match(ran.errors, /--data DIR/)
  })
}
