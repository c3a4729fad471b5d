/** Anchors as a verification judges them: rollback, fork, slots that were touched, and the level anchored. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'tap'
import { type AnchorSlot, anchorEntriesMax } from '../../ledger/anchor.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import type { Report } from '../../ledger/verify-report.ts'
import { Author, readingOf, signer, slotOf } from './verify-signed.ts'

const [one, two] = [signer('one'), signer('two')] as const

const now = Date.UTC(2027, 0, 1)

interface World {
  readonly author: Author
  readonly slots: AnchorSlot[]
}

/** Three anchors, of which the first two stand in entries, and a closed ledger. */
function world(begin: (author: Author) => void = () => {}): World & { readonly note: string } {
  const author = new Author(one)
  const slots: AnchorSlot[] = []
  const anchor = (): void => {
    const note = author.note()
    author.checkpoint()
    const sha256 = createHash('sha256').update(note).digest('hex')
    const entry = { at: author.now, sha256, size: author.size - 1, slot: slots.length }
    author.append('anchor', { ...entry, store: 's3://bucket/x', version: 'v' })
    slots.push(slotOf(slots.length, note))
  }
  begin(author)
  author.decide(5)
  anchor()
  author.decide(5)
  author.rotate(two)
  anchor()
  author.decide(3)
  author.checkpoint()
  const note = author.close()
  slots.push(slotOf(slots.length, note))
  return { author, slots, note }
}

const codesOf = ({ findings }: Report): string =>
  [...new Set(findings.map(({ code }) => code))].sort().join()

/** What is done to the slots, and what it must be called. */
const cases: readonly (readonly [
  string,
  (world: World) => readonly AnchorSlot[],
  number,
  string,
  Report['level'],
])[] = [
  ['all slots', ({ slots }) => slots, 0, '', 'anchored'],
  ['no slot at all, though entries name some', () => [], 4, 'ANCHOR_VERSION', 'none'],
  ['the newest slot, which no entry names', ({ slots }) => slots.slice(0, 2), 0, '', 'anchored'],
  ['the newest two', ({ slots }) => slots.slice(0, 1), 4, 'ANCHOR_VERSION', 'none'],
  ['a slot in the middle', ({ slots }) => slots.toSpliced(1, 1), 4, 'ANCHOR_VERSION', 'none'],
  ['the first slot', ({ slots }) => slots.slice(1), 4, 'ANCHOR_VERSION', 'none'],
  [
    'a slot that was written twice',
    ({ slots: [first, ...rest] }) => [slotOf(0, first?.note ?? '', { versions: 2 }), ...rest],
    4,
    'ANCHOR_VERSION',
    'none',
  ],
  [
    'a deleted slot',
    ({ slots: [first, ...rest] }) => [slotOf(0, first?.note ?? '', { deleted: true }), ...rest],
    4,
    'ANCHOR_VERSION',
    'none',
  ],
  [
    'a slot that holds an earlier note than its entry says',
    ({ slots }) => slots.toSpliced(1, 1, slotOf(1, slots[0]?.note ?? '')),
    4,
    'ANCHOR_VERSION',
    'none',
  ],
  [
    'an anchor of a longer ledger',
    ({ author, slots }) => [...slots, slotOf(3, author.note({ size: author.size + 1 }))],
    4,
    'ANCHOR_AHEAD',
    'none',
  ],
  [
    'an anchor of another tree',
    ({ author, slots }) => [...slots, slotOf(3, author.note({ root: 'c'.repeat(64) }))],
    4,
    'ANCHOR_FORK',
    'none',
  ],
  [
    'an anchor that a stranger signed',
    ({ author, slots }) => [...slots, slotOf(3, author.note({ by: signer('x') }))],
    4,
    'ANCHOR_FORK',
    'none',
  ],
  [
    'an anchor that is no note',
    ({ slots }) => [...slots, slotOf(3, 'x')],
    4,
    'ANCHOR_FORK',
    'none',
  ],
  [
    'an anchor that an old key signed',
    ({ author, slots }) => [...slots, slotOf(3, author.note({ by: one }))],
    1,
    'KEY_RANGE',
    'none',
  ],
  [
    'a slot that is not held in mode COMPLIANCE',
    ({ slots }) => slots.map((slot) => ({ ...slot, compliance: slot.slot !== 1 })),
    3,
    'ANCHOR_LOCK',
    'signed',
  ],
  [
    'a slot that is no longer held',
    ({ slots }) => slots.map((slot) => ({ ...slot, heldUntil: now })),
    3,
    'ANCHOR_LOCK',
    'signed',
  ],
]

test('anchors are held against the ledger, slot by slot', async (t) => {
  const made = world()
  const directory = made.author.write(t.testdir(), made.note)
  for (const [name, change, exit, codes, level] of cases) {
    const anchors = readingOf(change(made))
    const report = await verifyLedger({ directory, anchors, now, require: 'anchored' })
    const messages = report.findings.map(({ message }) => message).join(' ')
    t.equal(report.exit, exit, `the exit of ${name}: ${report.message} ${messages}`)
    t.equal(codesOf(report), codes, `the codes of ${name}`)
    t.equal(report.level, level, `the level of ${name}: ${report.message}`)
  }
})

test('a folder of notes is an anchor without a lock, and the report names the store', async (t) => {
  const { author, note, slots } = world()
  const directory = author.write(t.testdir(), note)
  const copies = slots.map((slot) => ({ ...slot, heldUntil: null, compliance: false }))
  const folder = readingOf(copies, 'dir:/notes')
  const report = await verifyLedger({ directory, anchors: folder, require: 'anchored' })
  t.match(report, { exit: 0, level: 'anchored', findings: [] })
  t.same(report.anchor, {
    store: 'dir:/notes',
    slots: 3,
    last_size: author.size,
    held_until: null,
  })
  const held = await verifyLedger({ directory, anchors: readingOf(slots), now })
  t.equal(held.anchor?.held_until, '2028-01-01T00:00:00.000Z')
  t.equal(held.level, 'anchored', 'what was not asked for is told all the same')
})

test('a ledger without an anchor, or with an old one, is not anchored', async (t) => {
  const { author, note } = world()
  const directory = author.write(t.testdir(), note)
  const none = await verifyLedger({ directory, require: 'anchored' })
  t.match(none, { exit: 3, level: 'signed', anchor: null, message: /name them with --anchor/ })
  const elsewhere = readingOf([], 's3://other/y')
  const empty = await verifyLedger({ directory, anchors: elsewhere, now, require: 'anchored' })
  t.match(empty, { exit: 3, level: 'signed', message: /no anchor in s3:\/\/other\/y/ })

  const old = world((one) => one.checkpoint())
  const first = [slotOf(0, old.slots[0]?.note ?? '')]
  old.author.now += 121_000
  old.author.append('boot.open', { at: old.author.now })
  old.author.checkpoint()
  const late = old.author.write(join(directory, 'late'), old.author.close())
  const lag = await verifyLedger({ directory: late, anchors: readingOf(first, 's3://z/z'), now })
  t.match(lag, { exit: 3, level: 'signed', findings: [{ code: 'ANCHOR_LAG' }] })

  for (let at = 0; at <= (2 * anchorEntriesMax) / 1_000; at += 1) {
    author.decide(1_000)
    author.now -= 7_000
    author.checkpoint()
  }
  const far = author.write(directory, author.close())
  const anchors = readingOf([slotOf(0, note)], 's3://z/z')
  const report = await verifyLedger({ directory: far, anchors, now })
  t.match(report.findings.at(-1), { code: 'ANCHOR_LAG', severity: 'warning' })
})
