/** The verifier against ledgers written by hand: every kind of damage, at several places, and the one in Python. */
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { verifyLedger } from '../../ledger/verify.ts'
import type { Report } from '../../ledger/verify-report.ts'
import {
  type Ledger,
  type Line,
  lineOf,
  nameOf,
  type Shape,
  writeLedger,
} from './verify-ledgers.ts'

const three: Shape = { segments: [13, 14, 13] }

interface Answer {
  readonly exit: number
  readonly codes: readonly string[]
  readonly seqs: readonly (number | null)[]
  readonly report: Report
}

async function answerOf(directory: string): Promise<Answer> {
  const report = await verifyLedger({ directory })
  const codes = [...new Set(report.findings.map((finding) => finding.code))].sort()
  return { exit: report.exit, codes, seqs: report.findings.map(({ seq }) => seq), report }
}

/** The answer of docs/verify.py must be the same: exit, head, root. */
function comparePython(t: Test, directory: string, { exit, report }: Answer): void {
  const run = spawnSync('python3', ['docs/verify.py', directory], { encoding: 'utf8' })
  const { head, tree } = report
  const expected = [
    head === null ? 'head none' : `head ${head.seq} ${head.hash}`,
    `root ${tree?.root ?? 'none'}`,
  ]
  t.equal(run.status, exit, `python agrees on the exit: ${run.stdout} ${run.stderr}`)
  t.same(run.stdout.split('\n').slice(0, 2), expected, 'python agrees on head and root')
}

const pathOf = (ledger: Ledger, index: number): string =>
  join(ledger.directory, ledger.files[index]?.name ?? '')

function rewrite(ledger: Ledger, index: number, change: (lines: Buffer[]) => Buffer[]): void {
  const lines = ledger.files[index]?.lines.map((line) => Buffer.from(line.bytes)) ?? []
  writeFileSync(pathOf(ledger, index), Buffer.concat(change(lines)))
}

/** Replaces one text by another of the line at `at` of a file, without a new hash. */
const replaced = (at: number, from: string | RegExp, to: string) => (lines: Buffer[]) => {
  const text = lines[at]?.toString('utf8') ?? ''
  const changed = text.replace(from, to)
  if (changed === text) throw new Error(`${from} is not in ${text}`)
  lines[at] = Buffer.from(changed)
  return lines
}

const without = (at: number) => (lines: Buffer[]) => lines.toSpliced(at, 1)
const doubled = (at: number) => (lines: Buffer[]) =>
  lines.toSpliced(at, 0, lines[at] ?? Buffer.of())
const swapped = (at: number) => (lines: Buffer[]) => {
  const [one, other] = lines.splice(at, 2)
  return lines.toSpliced(at, 0, other ?? Buffer.of(), one ?? Buffer.of())
}
const inserted = (at: number, bytes: string | Buffer) => (lines: Buffer[]) =>
  lines.toSpliced(at, 0, Buffer.from(bytes))

interface Case {
  readonly name: string
  readonly shape?: Shape
  readonly damage?: (ledger: Ledger) => void
  readonly exit: number
  readonly codes: readonly string[]
  readonly seq?: number
}

const bodyOf = (line: Line | undefined): string =>
  `${line?.bytes.toString('utf8').slice(0, -76) ?? ''}}`

/** Forges a line with a hash of its own, made of the one that stands there. */
const forged =
  (index: number, at: number, from: string | RegExp, to: string) => (ledger: Ledger) => {
    const body = bodyOf(ledger.files[index]?.lines[at]).replace(from, to)
    rewrite(ledger, index, (lines) => lines.toSpliced(at, 1, lineOf(body)))
  }

const altered = (seq: number, from: string | RegExp, to: string): Shape => ({
  ...three,
  alter: (at, body) => (at === seq ? body.replace(from, to) : body),
})

const members = ['actor', 'boot', 'data', 'kind', 'prev', 'seq', 'ts', 'v', 'hash']

/** Changes the first byte that is the value of a member, and not its quote or brace. */
const flipped = (at: number, member: string) => (lines: Buffer[]) => {
  const line = lines[at] ?? Buffer.of()
  const found = new RegExp(`"${member}":["{]*`).exec(line.toString('latin1'))
  const byte = (found?.index ?? 0) + (found?.[0].length ?? 0)
  line[byte] = line[byte] === 0x30 ? 0x31 : 0x30
  return lines
}

const places = [
  { file: 0, at: 0, seq: 0, codes: ['HASH_MISMATCH', 'SEGMENT_LINK'], exit: 1 },
  { file: 0, at: 6, seq: 6, codes: ['HASH_MISMATCH', 'SEGMENT_LINK'], exit: 1 },
  { file: 0, at: 12, seq: 12, codes: ['HASH_MISMATCH', 'SEGMENT_LINK'], exit: 1 },
  { file: 1, at: 0, seq: 13, codes: ['HASH_MISMATCH', 'SEGMENT_LINK'], exit: 1 },
  { file: 1, at: 5, seq: 18, codes: ['HASH_MISMATCH', 'SEGMENT_LINK'], exit: 1 },
  { file: 2, at: 3, seq: 30, codes: ['HASH_MISMATCH'], exit: 1 },
  { file: 2, at: 12, seq: 39, codes: ['TORN_TAIL'], exit: 3 },
]

const flips: Case[] = places.flatMap(({ file, at, seq, codes, exit }) =>
  members.map((member) => ({
    name: `a changed ${member} in entry ${seq} of 40`,
    damage: (ledger: Ledger) => rewrite(ledger, file, flipped(at, member)),
    codes,
    exit,
    seq,
  })),
)

const broken = ['CHAIN_BREAK', 'SEQ_GAP']
const linked = ['CHAIN_BREAK', 'SEGMENT_LINK', 'SEQ_GAP']

const lines: Case[] = [
  {
    name: 'a deleted genesis',
    damage: (ledger) => rewrite(ledger, 0, without(0)),
    exit: 1,
    codes: ['GENESIS', 'SEGMENT_LINK'],
  },
  {
    name: 'a deleted line in the middle',
    damage: (ledger) => rewrite(ledger, 1, without(5)),
    exit: 1,
    codes: linked,
    seq: 19,
  },
  {
    name: 'a deleted line in the newest segment',
    damage: (ledger) => rewrite(ledger, 2, without(5)),
    exit: 1,
    codes: broken,
    seq: 33,
  },
  {
    name: 'a deleted last line of an earlier segment',
    damage: (ledger) => rewrite(ledger, 0, without(12)),
    exit: 1,
    codes: linked,
    seq: 13,
  },
  {
    name: 'a deleted first line of a later segment',
    damage: (ledger) => rewrite(ledger, 2, without(0)),
    exit: 1,
    codes: linked,
  },
  {
    name: 'a swapped pair',
    damage: (ledger) => rewrite(ledger, 2, swapped(4)),
    exit: 1,
    codes: ['CHAIN_BREAK', 'CLOCK_REGRESSION', 'SEQ_DUP', 'SEQ_GAP'],
    seq: 32,
  },
  {
    name: 'a doubled line',
    damage: (ledger) => rewrite(ledger, 2, doubled(4)),
    exit: 1,
    codes: ['CHAIN_BREAK', 'SEQ_DUP'],
    seq: 31,
  },
  {
    name: 'a doubled genesis',
    damage: (ledger) => rewrite(ledger, 0, doubled(0)),
    exit: 1,
    codes: ['CHAIN_BREAK', 'GENESIS', 'SEGMENT_LINK', 'SEQ_DUP'],
  },
  {
    name: 'a forged line with a hash of its own',
    damage: forged(2, 5, 'researcher', 'trader'),
    exit: 1,
    codes: ['CHAIN_BREAK'],
    seq: 33,
  },
  {
    name: 'a forged last line with a hash of its own',
    damage: forged(0, 12, /"request":"/, '"request":"x'),
    exit: 1,
    codes: ['CHAIN_BREAK', 'SEGMENT_LINK'],
    seq: 13,
  },
  {
    name: 'an inserted line with a hash of its own',
    damage: (ledger) => {
      const body = bodyOf(ledger.files[2]?.lines[5]).replace('researcher', 'trader')
      rewrite(ledger, 2, inserted(6, lineOf(body)))
    },
    exit: 1,
    codes: ['CHAIN_BREAK', 'SEQ_DUP'],
  },
  {
    name: 'a blank line',
    damage: (ledger) => rewrite(ledger, 2, inserted(3, '\n')),
    exit: 1,
    codes: ['LINE_FORM'],
    seq: 30,
  },
  {
    name: 'a carriage return',
    damage: (ledger) => rewrite(ledger, 2, replaced(3, '}\n', '}\r\n')),
    exit: 1,
    codes: ['LINE_FORM'],
    seq: 30,
  },
  {
    name: 'a byte order mark',
    damage: (ledger) => rewrite(ledger, 0, replaced(0, '{', '\ufeff{')),
    exit: 1,
    codes: ['LINE_FORM', 'SEGMENT_LINK'],
    seq: 0,
  },
  {
    name: 'carriage returns in every line of the only segment',
    shape: { segments: [9] },
    damage: (ledger) =>
      rewrite(ledger, 0, (all) =>
        all.map((line) => Buffer.from(line.toString().replace('\n', '\r\n'))),
      ),
    exit: 1,
    codes: ['LINE_FORM'],
    seq: 0,
  },
  {
    name: 'a line of 3 MiB between two others',
    damage: (ledger) => rewrite(ledger, 2, inserted(3, `${'x'.repeat(3 * 1024 * 1024)}\n`)),
    exit: 1,
    codes: ['TOO_LONG'],
    seq: 30,
  },
  {
    name: 'a line that is whole and one byte too long',
    shape: {
      ...three,
      alter: (seq, body) =>
        seq === 20
          ? body.replace('"path":"', `"path":"${'x'.repeat(65_536 - 76 + 1 - body.length)}`)
          : body,
    },
    exit: 1,
    codes: ['TOO_LONG'],
    seq: 20,
  },
  {
    name: 'a line that is exactly as long as it may be',
    shape: {
      ...three,
      alter: (seq, body) =>
        seq === 20
          ? body.replace('"path":"', `"path":"${'x'.repeat(65_535 - 76 + 1 - body.length)}`)
          : body,
    },
    exit: 0,
    codes: [],
  },
]

const canonical = ['NOT_CANONICAL']

/** Each of these is in the chain with a right hash. */
const contents: Case[] = (
  [
    ['a space', '"v":1}', '"v": 1}', canonical],
    [
      'descending keys',
      '"agent":"researcher","run":"default"',
      '"run":"default","agent":"a"',
      canonical,
    ],
    ['a doubled key', '"agent":"researcher"', '"agent":"a","agent":"researcher"', canonical],
    ['a capital key', '"host":', '"Host":', canonical],
    ['a fraction', '"verdict":"deny"', '"verdict":1.5', canonical],
    ['an exponent', '"verdict":"deny"', '"verdict":1e3', canonical],
    ['a minus zero', '"verdict":"deny"', '"verdict":-0', canonical],
    ['a leading zero', '"verdict":"deny"', '"verdict":01', canonical],
    ['an unsafe integer', '"verdict":"deny"', '"verdict":9007199254740992', canonical],
    ['a needless escape', '"method":"GET"', '"method":"G\\u0045T"', canonical],
    ['an escaped slash', '"method":"GET"', '"method":"\\/"', canonical],
    ['a long escape', '"method":"GET"', '"method":"\\u000a"', canonical],
    ['a capital escape', '"method":"GET"', '"method":"\\u001F"', canonical],
    ['a lone surrogate', '"method":"GET"', '"method":"\\ud800"', canonical],
    ['a raw control character', '"method":"GET"', '"method":"\u0001"', canonical],
    [
      'nesting 17 deep',
      '"verdict":"deny"',
      `"verdict":${'['.repeat(15)}${']'.repeat(15)}`,
      canonical,
    ],
    ['something else than JSON', '"method":"GET"', '"method":GET', canonical],
    ['an unknown member', '"v":1}', '"v":1,"w":1}', ['LINE_FORM']],
    ['a missing member', /"boot":"\w+",/, '', ['LINE_FORM']],
    ['an unknown id', '"agent":"researcher"', '"agent":"a","email":"b"', ['LINE_FORM']],
    ['data that is a list', /"data":\{.*\},"kind"/, '"data":[],"kind"', ['LINE_FORM']],
    ['a boot that is no ULID', '"boot":"01', '"boot":"81', ['LINE_FORM']],
    ['a kind in capitals', '"kind":"decision"', '"kind":"Decision"', ['LINE_FORM']],
    ['a month 13', '-11-21T', '-13-21T', ['LINE_FORM']],
    ['a version 2', '"v":1}', '"v":2}', ['VERSION']],
    ['a version 2 of another form', '"v":1}', '"v":2,"w":[]}', ['VERSION']],
    ['a version as a text', '"v":1}', '"v":"1"}', ['LINE_FORM']],
    ['a version that is true', '"v":1}', '"v":true}', ['LINE_FORM']],
    ['a clock that ran ahead', '"ts":"2024', '"ts":"2025', ['CLOCK_REGRESSION']],
    ['a wrong seq', '"seq":18,', '"seq":19,', ['SEQ_DUP', 'SEQ_GAP']],
    ['a wrong prev', /"prev":"[0-9a-f]{64}/, `"prev":"${'a'.repeat(64)}`, ['CHAIN_BREAK']],
    ['a second genesis', '"kind":"decision"', '"kind":"log.genesis"', ['GENESIS']],
    ['a segment.open within', '"kind":"decision"', '"kind":"segment.open"', ['SEGMENT_LINK']],
    ['nesting 16 deep', '"verdict":"deny"', `"verdict":${'['.repeat(14)}${']'.repeat(14)}`, []],
    ['the greatest integer', '"verdict":"deny"', '"verdict":-9007199254740991', []],
    ['a DEL, which is no control to JSON', '"method":"GET"', '"method":"\u007f"', []],
    ['a kind that is not known', '"kind":"decision"', '"kind":"approval"', []],
    ['text beyond ASCII', '"method":"GET"', '"method":"é\u2028€\ud834\udd1e\\u0000\\t"', []],
  ] as const
).map(([name, from, to, codes]) => ({
  name: `an entry with ${name}`,
  shape: altered(18, from, to),
  exit: codes.length === 0 ? 0 : codes[0] === 'VERSION' ? 6 : 1,
  codes,
}))

const second = (from: string | RegExp, to: string): Shape => altered(13, from, to)
const zeros = '0'.repeat(64)
const torn = { ...three, torn: { 0: '{"actor":{' } }

const borders: Case[] = [
  { name: 'one segment', shape: { segments: [8] }, exit: 0, codes: [] },
  { name: 'a genesis alone', shape: { segments: [1] }, exit: 0, codes: [] },
  { name: 'many segments', shape: { segments: [1, 1, 2, 3, 5, 8, 13] }, exit: 0, codes: [] },
  { name: 'a declared torn tail', shape: torn, exit: 0, codes: [] },
  {
    name: 'a declared torn tail with whole invalid lines in it',
    shape: { ...three, torn: { 0: 'x\n{"actor":{}}\n\0\0\0', 1: '\n' } },
    exit: 0,
    codes: [],
  },
  {
    name: 'a torn tail that nobody declared',
    damage: (ledger) => appendFileSync(pathOf(ledger, 0), '{"actor":'),
    exit: 1,
    codes: ['TORN_UNDECLARED'],
    seq: 13,
  },
  {
    name: 'a declared torn tail that was changed',
    shape: torn,
    damage: (ledger) => rewrite(ledger, 0, (all) => [...all, Buffer.from('{"actor":[')]),
    exit: 1,
    codes: ['TORN_UNDECLARED'],
  },
  {
    name: 'a declared torn tail that was removed',
    shape: torn,
    damage: (ledger) => rewrite(ledger, 0, (all) => all),
    exit: 1,
    codes: ['TORN_UNDECLARED'],
  },
  {
    name: 'a torn record with another length',
    shape: {
      ...torn,
      alter: (seq, body) =>
        seq === 13 ? body.replace('"torn":{"bytes":10', '"torn":{"bytes":11') : body,
    },
    exit: 1,
    codes: ['TORN_UNDECLARED'],
  },
  {
    name: 'a torn tail called clean',
    shape: {
      ...torn,
      alter: (seq, body) => (seq === 13 ? body.replace('"clean":false', '"clean":true') : body),
    },
    exit: 1,
    codes: ['SEGMENT_LINK'],
  },
  ...(
    [
      ['another SHA-256 before it', /("name":"[^"]*","sha256":")\w{64}("\},"snap)/, `$1${zeros}$2`],
      ['another length before it', /"previous":\{"bytes":\d/, '$&0'],
      ['another frontier', /"frontier":\["\w{64}/, `"frontier":["${zeros}`],
      ['too short a frontier', /"frontier":\["\w{64}",/, '"frontier":['],
      ['another tree size', '"tree_size":13', '"tree_size":12'],
      ['another first seq', '"first_seq":13', '"first_seq":12'],
      ['another snapshot', /"snapshot":(.*)"sha256":"\w{64}/, `"snapshot":$1"sha256":"${zeros}`],
      ['another kind', '"kind":"segment.open"', '"kind":"incident"'],
      ['no snapshot', /"snapshot":\{[^}]*\}/, '"snapshot":null'],
    ] as const
  ).map(([name, from, to]) => ({
    name: `a segment.open with ${name}`,
    shape: second(from, to),
    exit: 1,
    codes: ['SEGMENT_LINK'],
    seq: 13,
  })),
  {
    name: 'a snapshot that was changed',
    damage: (ledger) =>
      writeFileSync(join(ledger.directory, `snapshot-${'13'.padStart(15, '0')}.json`), '{}'),
    exit: 1,
    codes: ['SEGMENT_LINK'],
    seq: 13,
  },
  {
    name: 'a snapshot that is missing',
    damage: (ledger) => rmSync(join(ledger.directory, `snapshot-${'13'.padStart(15, '0')}.json`)),
    exit: 3,
    codes: ['SEGMENT_LINK'],
    seq: 13,
  },
  {
    name: 'a genesis of another specification',
    shape: altered(0, 'haltgate-ledger/1', 'haltgate-ledger/2'),
    exit: 6,
    codes: ['VERSION'],
  },
  {
    name: 'a genesis of another kind',
    shape: altered(0, 'log.genesis', 'incident'),
    exit: 1,
    codes: ['GENESIS'],
  },
  {
    name: 'a genesis without a log_id',
    shape: altered(0, /"log_id":"\w+",/, ''),
    exit: 1,
    codes: ['GENESIS'],
  },
  {
    name: 'a genesis after another entry',
    shape: altered(0, /"prev":"0/, '"prev":"1'),
    exit: 1,
    codes: ['GENESIS'],
  },
  {
    name: 'a deleted first segment',
    damage: (ledger) => rmSync(pathOf(ledger, 0)),
    exit: 1,
    codes: ['SEGMENT_MISSING'],
  },
  {
    name: 'a deleted segment in the middle',
    damage: (ledger) => rmSync(pathOf(ledger, 1)),
    exit: 1,
    codes: ['SEGMENT_MISSING'],
    seq: 27,
  },
  {
    name: 'no segment at all',
    damage: (ledger) => {
      for (const index of [0, 1, 2]) rmSync(pathOf(ledger, index))
    },
    exit: 1,
    codes: ['SEGMENT_MISSING'],
  },
  {
    name: 'two swapped segments',
    damage: (ledger) => {
      renameSync(pathOf(ledger, 1), `${pathOf(ledger, 1)}.aside`)
      renameSync(pathOf(ledger, 2), pathOf(ledger, 1))
      renameSync(`${pathOf(ledger, 1)}.aside`, pathOf(ledger, 2))
    },
    exit: 1,
    codes: ['CLOCK_REGRESSION', 'SEGMENT_LINK', 'SEGMENT_MISSING'],
  },
  {
    name: 'a segment under another name',
    damage: (ledger) => renameSync(pathOf(ledger, 2), join(ledger.directory, nameOf(28))),
    exit: 1,
    codes: ['SEGMENT_LINK'],
    seq: 27,
  },
]

const tails: Case[] = [
  ...[1, 2, 60, 300].map((bytes) => ({
    name: `a last line cut by ${bytes} bytes`,
    damage: (ledger: Ledger): void => {
      const path = pathOf(ledger, 2)
      truncateSync(path, readFileSync(path).length - bytes)
    },
    exit: 3,
    codes: ['TORN_TAIL'],
  })),
  {
    name: 'zeros behind the last line',
    damage: (ledger) => appendFileSync(pathOf(ledger, 2), Buffer.alloc(4096)),
    exit: 3,
    codes: ['TORN_TAIL'],
    seq: 40,
  },
  {
    name: 'zeros behind the last line, longer than a line',
    damage: (ledger) => appendFileSync(pathOf(ledger, 2), Buffer.alloc(700_000)),
    exit: 3,
    codes: ['TORN_TAIL'],
    seq: 40,
  },
  {
    name: 'more zeros behind the last line than a crash leaves',
    damage: (ledger) => appendFileSync(pathOf(ledger, 2), Buffer.alloc(2 * 1024 * 1024 + 1)),
    exit: 1,
    codes: ['TOO_LONG'],
    seq: 40,
  },
  {
    name: 'an empty newest segment',
    damage: (ledger) => writeFileSync(join(ledger.directory, nameOf(40)), ''),
    exit: 3,
    codes: ['TORN_TAIL'],
    seq: 40,
  },
  {
    name: 'a genesis that is half written',
    shape: { segments: [1] },
    damage: (ledger) => truncateSync(pathOf(ledger, 0), 100),
    exit: 3,
    codes: ['TORN_TAIL'],
    seq: 0,
  },
]

for (const { name, list } of [
  { name: 'a changed byte in any member of any entry is found', list: flips },
  { name: 'lines that are gone, moved, doubled, forged or no lines are found', list: lines },
  { name: 'a right hash does not excuse a wrong body', list: contents },
  { name: 'what stands at the borders of segments is compared with the files', list: borders },
  { name: 'a torn tail is incomplete, and nothing worse', list: tails },
]) {
  test(name, async (t) => {
    for (const [index, { codes, damage, exit, name, seq, shape }] of list.entries()) {
      await t.test(name, async (t) => {
        const ledger = writeLedger(t.testdir(), shape ?? three)
        damage?.(ledger)
        const answer = await answerOf(ledger.directory)
        t.equal(answer.exit, exit, answer.report.findings.map(({ message }) => message).join(' '))
        t.equal(answer.codes.join(), [...codes].sort().join())
        if (seq !== undefined) t.equal(answer.seqs[0], seq, 'it names the entry')
        if (exit === 0)
          t.equal(answer.report.tree?.root, ledger.root, 'the root is that of RFC 6962')
        // Python starts slowly, so that of the changed bytes one a place must do.
        if (list !== flips || index % members.length === 2)
          comparePython(t, ledger.directory, answer)
      })
    }
  })
}
