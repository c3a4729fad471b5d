/** Several threads answer what one answers, of whole ledgers and of any damage; and the real writer's ledgers are signed. */
import '../kernel/seed.ts'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'tap'
import { type VerifyOptions, verifyLedger } from '../../ledger/verify.ts'
import { Chain } from '../../ledger/verify-chain.ts'
import type { Mark } from '../../ledger/verify-mark.ts'
import { Findings } from '../../ledger/verify-report.ts'
import { readSegment } from '../../ledger/verify-segment.ts'
import { Threads } from '../../ledger/verify-threads.ts'
import { begin, filled } from './stored-ledger.ts'
import { Author, readingOf, signer, slotOf } from './verify-signed.ts'

/** Seven segments, a key for each, checkpoints within, the note of its end. */
function seven(): { readonly author: Author; readonly note: string; readonly anchors: string[] } {
  const author = new Author(signer('0'))
  const anchors: string[] = []
  for (let index = 1; index <= 7; index += 1) {
    author.decide(20)
    anchors.push(author.note())
    author.checkpoint()
    author.decide(index)
    if (index === 7) break
    author.segment()
    if (index !== 3) author.rotate(signer(String(index)))
    author.append('boot.open', { at: author.now })
  }
  return { author, note: author.close(), anchors }
}

/** Each run starts three threads. */
const runs = 15

/** What somebody does to one of the files. */
const damage = fc.record({
  file: fc.nat(),
  at: fc.nat(),
  way: fc.constantFrom('flip', 'cut', 'drop', 'double', 'swap', 'append', 'remove', 'nothing'),
})

function hurt(
  directory: string,
  { at, file, way }: { at: number; file: number; way: string },
): void {
  const names = readdirSync(directory).sort()
  const path = join(directory, names[file % names.length] ?? '')
  const bytes = readFileSync(path)
  const lines = bytes.toString('latin1').split(/(?<=\n)/)
  const line = at % Math.max(1, lines.length - 1)
  if (way === 'flip' && bytes.length > 0) {
    const index = at % bytes.length
    bytes[index] = (bytes[index] ?? 0) ^ (1 << (at % 8))
    writeFileSync(path, bytes)
  } else if (way === 'cut') writeFileSync(path, bytes.subarray(0, at % (bytes.length + 1)))
  else if (way === 'drop') writeFileSync(path, lines.toSpliced(line, 1).join(''), 'latin1')
  else if (way === 'double')
    writeFileSync(path, lines.toSpliced(line, 0, lines[line] ?? '').join(''), 'latin1')
  else if (way === 'swap') {
    const [one = '', other = ''] = lines.slice(line, line + 2)
    writeFileSync(path, lines.toSpliced(line, 2, other, one).join(''), 'latin1')
  } else if (way === 'append') appendFileSync(path, '{"actor":')
  else if (way === 'remove') rmSync(path)
}

test('three threads answer what one answers, whatever was done to the files', async (t) => {
  const parent = t.testdir()
  const { anchors, author, note } = seven()
  const whole = author.write(join(parent, 'whole'), note)
  const reading = readingOf(anchors.map((one, index) => slotOf(index, one)))
  const expectHead = { seq: 77, hash: author.leaves[77] ?? '' }
  const all: Omit<VerifyOptions, 'directory'> = {
    anchors: reading,
    now: 0,
    expectHead,
    require: 'anchored',
    key: signer('0').vkey,
  }
  t.match(await verifyLedger({ directory: whole, ...all, workers: 3 }), {
    level: 'anchored',
    checkpoints: { verified: 13, uncovered: 0 },
  })
  const ranges = [{}, { from: 30 }, { to: 70, expectHead: { ...expectHead, seq: 60 } }]
  let exits = ''
  const run = async (damages: readonly { at: number; file: number; way: string }[]) => {
    const directory = join(parent, 'hurt')
    rmSync(directory, { recursive: true, force: true })
    cpSync(whole, directory, { recursive: true })
    for (const one of damages) hurt(directory, one)
    const more = ranges[exits.length % ranges.length]
    const options = { directory, ...all, ...more }
    const one = await verifyLedger(options)
    const three = await verifyLedger({ ...options, workers: 3 })
    t.same(three, one, JSON.stringify([damages, more]))
    exits += one.exit
  }
  const property = fc.asyncProperty(fc.array(damage, { minLength: 0, maxLength: 2 }), run)
  await fc.assert(property, { numRuns: runs })
  t.match(exits, /[03]/, 'some were sound')
  t.match(exits, /1/, 'some were not')
})

test('a thread answers for a segment in which all is well, and the chain goes on behind it', async (t) => {
  const { author, note } = seven()
  const directory = author.write(t.testdir(), note)
  const files = author.files.map(({ lines, name }) => {
    const bytes = Buffer.concat(lines).length
    return { name, path: join(directory, name), firstSeq: Number(name.slice(7, 22)), bytes }
  })
  const path = files[3]?.path ?? ''
  writeFileSync(path, readFileSync(path, 'latin1').replace('"verdict"', '"Verdict"'), 'latin1')
  const tasks = files.map((file, index) => {
    const before = files[index - 1]?.name
    return before === undefined
      ? null
      : { file, before, digest: true, expected: null, sizes: [file.firstSeq + 2] }
  })
  const told: string[] = []
  const findings = new Findings()
  const tell = ({ kind }: Mark): void => void told.push(kind)
  const chain = new Chain({ findings, expected: null, visit: null, tell, sizes: [] })
  const [first, second] = files
  if (first === undefined || second === undefined) throw new Error('there are seven')
  chain.enter({ name: first.name, firstSeq: 0, before: null })
  const to = Number.MAX_SAFE_INTEGER
  readSegment(chain, first, { digest: true, to, progress: () => {} })
  const threads = new Threads({ tasks, workers: 2, progress: () => {} })
  t.teardown(() => threads.close())
  t.equal(await threads.take(0), null, 'nobody was asked')
  const answer = await threads.take(1)
  if (answer === null) throw new Error('it is sound')
  t.ok(chain.stands(answer.begin))
  t.notOk(chain.stands({ ...answer.begin, leaf: 'a'.repeat(64) }), 'not behind another entry')
  t.notOk(chain.stands({ ...answer.begin, next: 1 }), 'nor at another seq')
  t.notOk(chain.stands({ ...answer.begin, roots: [] }), 'nor over another tree')
  t.notOk(chain.stands({ ...answer.begin, ts: '2026' }), 'nor before its time')
  chain.resume({ name: second.name, firstSeq: second.firstSeq, before: null }, answer.followed)
  t.same(chain.head, { seq: chain.next - 1, hash: author.leaves[chain.next - 1] })
  t.equal(chain.next, files[2]?.firstSeq)
  const notes = answer.marks.filter(({ kind }) => kind === 'checkpoint' || kind === 'key.rotate')
  t.equal(notes.length, 2)
  t.ok(
    notes.every((mark) => 'looked' in mark && mark.looked?.signed === true),
    'it looked at them',
  )
  t.ok(answer.marks.some((mark) => mark.kind === 'size' && mark.root !== null))
  t.not(await threads.take(2), null)
  t.equal(await threads.take(3), null, 'the changed one is left to whoever asked')
  t.not(await threads.take(4), null)
})

test('a file that cannot be read is exit 5 with threads, too', async (t) => {
  const { author, note } = seven()
  const directory = author.write(t.testdir(), note)
  const path = join(directory, author.files[3]?.name ?? '')
  rmSync(path)
  mkdirSync(path)
  // A directory of this name is listed, and reading it is an error of the system call.
  for (const workers of [1, 2]) {
    const report = await verifyLedger({ directory, workers })
    t.match(report, { exit: 5, level: 'none', message: /EISDIR/ }, `${workers}`)
  }
})

test('progress never goes back, and ends at the end, with threads, too', async (t) => {
  const { author, note } = seven()
  const directory = author.write(t.testdir(), note)
  const steps: number[] = []
  const progress = (done: number, total: number): void => void steps.push(done / total)
  const report = await verifyLedger({ directory, workers: 3, progress })
  t.equal(report.exit, 0)
  t.equal(steps.at(-1), 1)
  t.same(
    steps,
    steps.toSorted((one, other) => one - other),
  )
})

test('entries are handed over in order by one thread, however many are offered', async (t) => {
  const { author, note } = seven()
  const directory = author.write(t.testdir(), note)
  const seen: string[] = []
  await verifyLedger({ directory, workers: 4, onEntry: ({ hash }) => void seen.push(hash) })
  t.same(seen, author.leaves)
})

test('what the writer signs is signed: rotated, reopened, closed, and beside it', async (t) => {
  const world = begin(t)
  const { data, directory, lockFile } = world.place
  const trouble: unknown[] = []
  const more = {
    segmentBytesMax: 20_000,
    checkpoints: {
      directory: join(data, 'keys'),
      trouble: (error: unknown): void => void trouble.push(error),
    },
  }
  const ledger = await world.open(more)
  for (let index = 0; index < 200; index += 1) await world.decide(ledger, index)
  const required = { directory, lockFile, require: 'signed' } as const
  const open = await verifyLedger({ ...required, workers: 2 })
  t.match(open, { exit: 0, level: 'signed', findings: [] }, 'beside the writer')
  const many = Array.from({ length: 3_000 }, (_, index) => world.decide(ledger, index))
  await Promise.all(many)
  await ledger.close()
  const closed = await verifyLedger(required)
  t.match(closed, { exit: 0, level: 'signed', checkpoints: { uncovered: 0 }, findings: [] })
  t.ok(closed.checkpoints.keys.length > 3, `${closed.checkpoints.keys.length} keys`)
  t.equal(closed.checkpoints.last_size, closed.tree?.size)
  const again = await world.open(more)
  for (let index = 0; index < 1_022; index += 1) void world.note(again, index)
  await again.close()
  const reopened = await verifyLedger({ ...required, workers: 3 })
  t.match(reopened, { exit: 0, level: 'signed', checkpoints: { uncovered: 0 }, findings: [] })
  t.same(await verifyLedger(required), reopened, 'and the same by one thread')
  t.same(trouble, [])
  t.ok(existsSync(join(directory, 'checkpoint')))
})

test('a ledger that the writer never signed is as it was', async (t) => {
  const { place } = await filled(t)
  const { directory } = place
  const report = await verifyLedger({ directory, workers: 3 })
  t.match(report, { exit: 0, level: 'chain', checkpoints: { verified: 0, keys: [] } })
  t.match(await verifyLedger({ directory, require: 'signed' }), { exit: 3, level: 'chain' })
})
