/** Damage to lines: a changed byte in each member, and lines that are gone, moved, doubled, forged or no lines. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Ledger, type Line, lineOf, type Shape } from './verify-ledgers.ts'

export const three: Shape = { segments: [13, 14, 13] }

export const pathOf = (ledger: Ledger, index: number): string =>
  join(ledger.directory, ledger.files[index]?.name ?? '')

export function rewrite(
  ledger: Ledger,
  index: number,
  change: (lines: Buffer[]) => Buffer[],
): void {
  const lines = ledger.files[index]?.lines.map((line) => Buffer.from(line.bytes)) ?? []
  writeFileSync(pathOf(ledger, index), Buffer.concat(change(lines)))
}

/** Replaces one text by another of the line at `at` of a file, without a new hash. */
export const replaced = (at: number, from: string | RegExp, to: string) => (lines: Buffer[]) => {
  const text = lines[at]?.toString('utf8') ?? ''
  const changed = text.replace(from, to)
  if (changed === text) throw new Error(`${from} is not in ${text}`)
  lines[at] = Buffer.from(changed)
  return lines
}

export const without = (at: number) => (lines: Buffer[]) => lines.toSpliced(at, 1)
export const doubled = (at: number) => (lines: Buffer[]) =>
  lines.toSpliced(at, 0, lines[at] ?? Buffer.of())
export const swapped = (at: number) => (lines: Buffer[]) => {
  const [one, other] = lines.splice(at, 2)
  return lines.toSpliced(at, 0, other ?? Buffer.of(), one ?? Buffer.of())
}
export const inserted = (at: number, bytes: string | Buffer) => (lines: Buffer[]) =>
  lines.toSpliced(at, 0, Buffer.from(bytes))

export interface Case {
  readonly name: string
  readonly shape?: Shape
  readonly damage?: (ledger: Ledger) => void
  readonly exit: number
  readonly codes: readonly string[]
  readonly seq?: number
}

export const bodyOf = (line: Line | undefined): string =>
  `${line?.bytes.toString('utf8').slice(0, -76) ?? ''}}`

/** Forges a line with a hash of its own, made of the one that stands there. */
export const forged =
  (index: number, at: number, from: string | RegExp, to: string) => (ledger: Ledger) => {
    const body = bodyOf(ledger.files[index]?.lines[at]).replace(from, to)
    rewrite(ledger, index, (lines) => lines.toSpliced(at, 1, lineOf(body)))
  }

export const altered = (seq: number, from: string | RegExp, to: string): Shape => ({
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

export const flips: readonly Case[] = places.flatMap(({ file, at, seq, codes, exit }) =>
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

export const lines: readonly Case[] = [
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
