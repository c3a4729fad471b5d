/** Starts over what no crash leaves: each is refused, with the place and the way out, and nothing is changed. */
import { createHash } from 'node:crypto'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { type Files, realFiles } from '../../ledger/files.ts'
import { formatLine, noHash, parseLine } from '../../ledger/line.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import { entriesOf, type Place, segments, World } from './open-ledger.ts'
import {
  copyOf,
  edit,
  filled,
  flip,
  forge,
  linesOf,
  pathOf,
  refusal,
  unavailable,
} from './stored-ledger.ts'

const beginning = {
  actor: {},
  boot: '01M7Y7GCHPWMGXEHM4FYR2V7XA',
  data: {},
  kind: 'log.genesis',
  prev: noHash,
  seq: 0,
  ts: '2026-11-21T12:00:00.000Z',
}

/** What nobody's crash leaves: each is refused, with the file and the seq in the message. */
const tampered: readonly (readonly [string, RegExp, (place: Place) => void])[] = [
  ['a flipped byte in the newest segment', /seq \d+\): .*hash/, (place) => flip(pathOf(place, -1))],
  ['a flipped byte in an older segment', /SHA-256 is not/, (place) => flip(pathOf(place, 1))],
  ['a flipped byte in the first segment', /SHA-256 is not/, (place) => flip(pathOf(place, 0))],
  [
    'a deleted line',
    /seq \d+ should stand here/,
    (place) => edit(pathOf(place, -1), ([a, , ...rest]) => [a, ...rest]),
  ],
  [
    'a swapped pair',
    /seq \d+ should stand here/,
    (place) => edit(pathOf(place, -1), ([a, b, c, ...rest]) => [a, c, b, ...rest]),
  ],
  [
    'a duplicated seq',
    /seq \d+ should stand here/,
    (place) => edit(pathOf(place, -1), ([a, b, ...rest]) => [a, b, b, ...rest]),
  ],
  [
    'a deleted line in an older segment',
    /bytes where .* recorded/,
    (place) => edit(pathOf(place, 1), ([a, , ...rest]) => [a, ...rest]),
  ],
  ['an older segment that is empty', /it is empty/, (place) => writeFileSync(pathOf(place, 1), '')],
  [
    'another kind of entry at the beginning',
    /not log.genesis/,
    (place) => writeFileSync(pathOf(place, 0), formatLine({ ...beginning, kind: 'decision' }).line),
  ],
  ['an older segment that is gone', /is missing|where seq/, (place) => rmSync(pathOf(place, 1))],
  [
    'the first segment that is gone',
    /where seq 0 should stand/,
    (place) => rmSync(pathOf(place, 0)),
  ],
  [
    'a renamed segment',
    /where seq 999 should stand/,
    (place) => renameSync(pathOf(place, -1), join(place.directory, 'ledger-000000000000999.jsonl')),
  ],
  [
    'a name that is none',
    /is not named as a segment/,
    (place) => writeFileSync(join(place.directory, 'ledger-1.jsonl'), ''),
  ],
  ['a first line that is broken', /byte 0 .*hash/, (place) => flip(pathOf(place, -1), 100)],
  [
    'bytes behind an older segment',
    /recorded/,
    (place) => writeFileSync(pathOf(place, 1), 'x', { flag: 'a' }),
  ],
  [
    'an entry that is chained to another',
    /prev is not the hash/,
    (place) => forge(pathOf(place, -1), { prev: 'a'.repeat(64) }),
  ],
  [
    'an entry before its time',
    /ts is before/,
    (place) => forge(pathOf(place, -1), { ts: '2001-01-01T00:00:00.000Z' }),
  ],
  [
    'a segment.open inside a segment',
    /stands inside/,
    (place) => forge(pathOf(place, -1), { kind: 'segment.open' }),
  ],
]

test('whatever no crash leaves is refused, and says where', async (t) => {
  const world = await filled(t)
  for (const [what, message, tamper] of tampered) {
    const place = copyOf(t, world.place)
    tamper(place)
    const said = await refusal(place)
    t.match(said, message, what)
    t.match(said, /haltgate audit verify/, 'and the way out')
    // verify looks at segments only, and at nothing that is named otherwise.
    if (what !== 'a name that is none')
      t.not((await verifyLedger({ directory: place.directory })).exit, 0, `verify, too: ${what}`)
  }
  t.equal(await refusal(copyOf(t, world.place)), 'opened', 'and the untouched copy opens')
})

test('a forged segment.open or genesis is refused', async (t) => {
  const world = await filled(t)
  const first = entriesOf(world.place)[0]
  const opening = entriesOf(world.place).findLast(({ kind }) => kind === 'segment.open')
  if (first === undefined || opening === undefined) throw new Error('there are both')
  const wrong: readonly (readonly [number, RegExp, object])[] = [
    [0, /haltgate-ledger\/2/, { spec: 'haltgate-ledger/2' }],
    [0, /not of the known form/, { origin: 7 }],
    [-1, /not segment.open of the known form/, { frontier: ['x'] }],
    [-1, /not segment.open of the known form/, { torn: {} }],
    [-1, /not segment.open of the known form/, { torn: 7 }],
    [-1, /not segment.open of the known form/, { snapshot: null }],
    [-1, /not segment.open of the known form/, { frontier: null }],
    [-1, /not segment.open of the known form/, { previous: null }],
    [-1, /not segment.open of the known form/, { snapshot: { name: '../x', sha256: first.hash } }],
    [
      -1,
      /does not name the file before/,
      { previous: { ...(opening.data['previous'] as object), name: 'x' } },
    ],
  ]
  for (const [index, message, change] of wrong) {
    const place = copyOf(t, world.place)
    const entry = index === 0 ? first : opening
    const { actor, boot, kind, prev, seq, ts } = entry
    const data = { ...entry.data, ...change }
    const { line } = formatLine({ actor, boot, data, kind, prev, seq, ts })
    edit(pathOf(place, index), ([, ...rest]) => [line, ...rest])
    t.match(await refusal(place), message)
  }
  const place = copyOf(t, world.place)
  edit(pathOf(place, 0), ([, second, ...rest]) => [second, ...rest])
  t.match(await refusal(place), /seq 1 where seq 0 should stand/)
})

/** Makes the newest segment say something else: it then holds its first line alone. */
function reopen(place: Place, change: object): void {
  const [first = Buffer.alloc(0)] = linesOf(pathOf(place, -1))
  const opening = parseLine(first)
  const { actor, boot, kind, prev, seq, ts } = { ...opening, ...change }
  const data = { ...opening.data, ...('data' in change ? (change.data as object) : {}) }
  const { line } = formatLine({ actor, boot, data, kind, prev, seq, ts })
  writeFileSync(pathOf(place, -1), line)
}

test('a lie that the newest segment tells of those before is found', async (t) => {
  const world = await filled(t)
  const last = entriesOf(world.place).findLast(({ kind }) => kind === 'segment.open')
  const falseFrontier = copyOf(t, world.place)
  const roots = last?.data['frontier'] as string[]
  reopen(falseFrontier, { data: { frontier: roots.map(() => 'a'.repeat(64)) } })
  t.match(await refusal(falseFrontier, { verifyAll: true }), /frontier is not that of the entries/)
  const falseChain = copyOf(t, world.place)
  reopen(falseChain, { prev: 'b'.repeat(64) })
  t.match(await refusal(falseChain), /does not follow the last entry/)
  for (const at of [2, -1]) {
    const place = copyOf(t, world.place)
    edit(pathOf(place, -2), (lines) => lines.toSpliced(at, 1, Buffer.from('garbage\n')))
    const content = readFileSync(pathOf(place, -2))
    const sha256 = createHash('sha256').update(content).digest('hex')
    const previous = { bytes: content.length, name: segments(place).at(-2), sha256 }
    reopen(place, { data: { previous } })
    const said = await refusal(place, { verifyAll: true })
    t.match(said, at === 2 ? /seq \d+\): it does not end with a hash/ : /does not follow/)
  }
})

test('a file that ends early or goes away while it is read is refused', async (t) => {
  const world = await filled(t)
  for (let after = 1; after < 12; after += 1) {
    let reads = 0
    const read: Files['read'] = (descriptor, buffer, position) => {
      reads += 1
      return reads > after ? 0 : realFiles.read(descriptor, buffer, position)
    }
    const place = copyOf(t, world.place)
    const ledger = await new World(place)
      .open({ files: { ...realFiles, read } })
      .catch((error) => error)
    t.match(ledger, unavailable, `reads end after the first ${after}`)
  }
  const factsAt: Files['factsAt'] = (path) =>
    path.endsWith('000.jsonl') ? null : realFiles.factsAt(path)
  t.match(await refusal(world.place, { files: { ...realFiles, factsAt } }), /was removed while/)
  t.equal(await refusal(world.place), 'opened')
})
