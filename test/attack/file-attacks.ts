/** Attacks on the files of a ledger by somebody who has neither keys nor patience. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LedgerIndex } from '../../evidence/index/ledger-index.ts'
import { sha256 } from '../vectors/chain.ts'
import { type Attack, changed, middle } from './attacks.ts'
import { cutBehind, edit, lastDecision, type Read, segmentsIn } from './forge.ts'

/** A line that is right by itself. */
function lineOf({
  actor,
  boot,
  data,
  kind,
  prev,
  seq,
  ts,
}: Read & { readonly prev: string }): string {
  const body = JSON.stringify({ actor, boot, data, kind, prev, seq, ts, v: 1 })
  return `${body.slice(0, -1)},"hash":"${sha256(Buffer.of(0), body)}"}\n`
}

/** Two lines of different milliseconds change places. */
function swap(lines: string[]): string[] {
  const times = lines.map((line) => (JSON.parse(line) as Read).ts)
  const one = times.findIndex((time, index) => index > 6 && time < (times[index + 1] ?? ''))
  return lines.toSpliced(one, 2, lines[one + 1] ?? '', lines[one] ?? '')
}

/** The attacks, in the order of the table. */
export const fileAttacks: readonly Attack[] = [
  {
    name: 'byte',
    what: 'A byte of an entry is flipped.',
    need: 'nothing',
    codes: ['HASH_MISMATCH', 'SEGMENT_LINK'],
    carryOut: ({ ledger }) =>
      edit(ledger, middle, (lines) => lines.with(9, (lines[9] ?? '').replace('GET', 'GEU'))),
  },
  {
    name: 'deleted',
    what: 'An entry is deleted.',
    need: 'nothing',
    codes: ['CHAIN_BREAK', 'SEGMENT_LINK', 'SEQ_GAP'],
    carryOut: ({ ledger }) => edit(ledger, middle, (lines) => lines.toSpliced(9, 1)),
  },
  {
    name: 'swapped',
    what: 'Two entries change places.',
    need: 'nothing',
    codes: ['CHAIN_BREAK', 'CLOCK_REGRESSION', 'SEGMENT_LINK', 'SEQ_DUP', 'SEQ_GAP'],
    carryOut: ({ ledger }) => edit(ledger, middle, swap),
  },
  {
    name: 'doubled',
    what: 'An entry stands there twice.',
    need: 'nothing',
    codes: ['CHAIN_BREAK', 'SEGMENT_LINK', 'SEQ_DUP'],
    carryOut: ({ ledger }) =>
      edit(ledger, middle, (lines) => lines.toSpliced(9, 0, lines[9] ?? '')),
  },
  {
    name: 'inserted',
    what: 'An entry of the attacker, with a right hash and `prev`, is put between two.',
    need: 'nothing',
    codes: ['CHAIN_BREAK', 'SEGMENT_LINK', 'SEQ_DUP'],
    carryOut: ({ ledger }) => {
      edit(ledger, middle, (lines) => {
        const { seq, prev, ...rest } = JSON.parse(lines[9] ?? '') as Read & {
          readonly prev: string
        }
        return lines.toSpliced(9, 0, lineOf({ ...rest, data: changed(rest.data), prev, seq }))
      })
    },
  },
  {
    name: 'segment',
    what: 'A segment in the middle is gone.',
    need: 'nothing',
    codes: ['CP_SIG', 'SEGMENT_LINK', 'SEGMENT_MISSING'],
    carryOut: ({ ledger }) => rmSync(join(ledger, segmentsIn(ledger)[middle] ?? '')),
  },
  {
    name: 'first-segment',
    what: 'The first segment is gone.',
    need: 'nothing',
    codes: ['SEGMENT_MISSING'],
    // What tells it where its anchors are is gone: it says so, and asks to be called without.
    typed: 5,
    carryOut: ({ ledger }) => rmSync(join(ledger, segmentsIn(ledger)[0] ?? '')),
  },
  {
    name: 'last-segment',
    what: 'The last segment is gone.',
    need: 'nothing',
    codes: ['ANCHOR_AHEAD', 'CP_GAP', 'CP_ROOT', 'EXPECT_MISMATCH'],
    carryOut: ({ ledger }) => rmSync(join(ledger, segmentsIn(ledger).at(-1) ?? '')),
  },
  {
    name: 'snapshot',
    what: 'The state that a start would believe is changed.',
    need: 'nothing',
    codes: ['SEGMENT_LINK'],
    carryOut: ({ ledger }) => {
      const path = join(
        ledger,
        (segmentsIn(ledger).at(-1) ?? '').replace('ledger', 'snapshot').replace('jsonl', 'json'),
      )
      writeFileSync(path, readFileSync(path, 'utf8').replace(/\d(?=[^\d]*$)/, '7x'))
    },
  },
  {
    name: 'tail',
    what: 'The last entries are cut off.',
    need: 'nothing',
    codes: ['ANCHOR_AHEAD', 'CP_GAP', 'CP_ROOT', 'EXPECT_MISMATCH'],
    carryOut: ({ ledger }) => cutBehind(ledger, lastDecision(ledger)),
  },
  {
    name: 'tail-and-file',
    what: 'The last entries are cut off, and the file `checkpoint` is taken away.',
    need: 'key',
    codes: ['ANCHOR_AHEAD', 'CP_GAP', 'EXPECT_MISMATCH'],
    carryOut: ({ ledger }) => {
      cutBehind(ledger, lastDecision(ledger))
      rmSync(join(ledger, 'checkpoint'))
    },
  },
  {
    name: 'index',
    what: 'A row of the index says something else than the ledger.',
    need: 'look',
    look: 'index',
    codes: ['INDEX_MISMATCH'],
    carryOut: async ({ ledger }) => {
      const databaseFile = join(ledger, 'index.sqlite')
      const index = await LedgerIndex.open({ directory: ledger, databaseFile, seed: 1 })
      while (index.feed().more);
      index.database.prepare("UPDATE entry SET verdict = 'allow' WHERE verdict = 'deny'").run()
      index.close()
    },
  },
  {
    name: 'openings',
    what: 'What the vault keeps of a subject is made unreadable, and no entry says that it was erased.',
    need: 'look',
    look: 'openings',
    codes: ['missing'],
    carryOut: ({ data }) => rmSync(join(data, 'vault', 'subjects'), { recursive: true }),
  },
]
