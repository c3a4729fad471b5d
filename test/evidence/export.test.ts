/** Exports hold what the ledger holds, in the forms that other programs read, whatever strings are in it. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { type Test, test } from 'tap'
import { cefHeader, cefLine, cefValue } from '../../evidence/export/cef.ts'
import { csv } from '../../evidence/export/csv.ts'
import { exportEntries, type FormatName } from '../../evidence/export/export.ts'
import { everything, type Selection } from '../../evidence/export/select.ts'
import { madeFile, type Sink } from '../../evidence/export/sink.ts'
import type { Entry } from '../../ledger/entry.ts'
import { seedSentence } from '../kernel/seed.ts'
import { entriesOf } from '../ledger/open-ledger.ts'
import { decided, type Filled, filledLedger, sorted } from './export-ledgers.ts'

const log = { logId: 'ab'.repeat(16), origin: 'gate.example.com/log', version: '0.0.0' }

async function exported(
  directory: string,
  format: FormatName,
  selection: Partial<Selection> = {},
): Promise<{ text: string; entries: number; broken: number; torn: number; writes: number }> {
  const chunks: string[] = []
  const sink: Sink = {
    write: async (bytes) => {
      chunks.push(String(bytes))
    },
  }
  const order = { directory, format, selection: { ...everything, ...selection }, version: '0.0.0' }
  const made = await exportEntries(order, sink)
  return { ...made, text: chunks.join(''), writes: chunks.length }
}

function storedLines({ world }: Filled): string {
  const { directory } = world.place
  const names = readdirSync(directory)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
  return names.map((name) => readFileSync(join(directory, name), 'utf8')).join('')
}

/** An entry with these members, as it would be read back. */
function entryOf(data: object, actor: object = {}): Entry {
  const [hash, prev] = ['0'.repeat(64), '1'.repeat(64)]
  const boot = '01JD6Z8K4M0000000000000000'
  const ts = '2026-11-21T12:00:00.000Z'
  return { v: 1, ts, prev, hash, boot, kind: 'decision', seq: 7, actor, data: { ...data } }
}

test('JSONL is the stored lines, byte for byte', async (t) => {
  const filled = await filledLedger(t, {
    more: [decided(3, { path: '/Zürich/𝄞/"\\\u2028' })],
  })
  const { broken, entries, text, torn } = await exported(filled.world.place.directory, 'jsonl')
  t.equal(text, storedLines(filled))
  t.equal(entries, entriesOf(filled.world.place).length)
  t.same([broken, torn], [0, 0])
})

test('a selection is what a filter over all entries would pick', async (t) => {
  const filled = await filledLedger(t, { decisions: 90 })
  const all = entriesOf(filled.world.place)
  const times = all.map(({ ts }) => ts)
  const cases: readonly Partial<Selection>[] = [
    { fromSeq: 10, toSeq: 20 },
    { agent: 'odd' },
    { agent: 'even', run: 'r2' },
    { run: 'r1', fromSeq: 50 },
    { fromTime: times[60] ?? '', toTime: times[70] ?? '' },
    { fromTime: times[100] ?? '', toSeq: 101 },
    { fromTime: '2000-01-01T00:00:00.000Z' },
    { fromTime: '2100-01-01T00:00:00.000Z' },
    { toTime: '2000-01-01T00:00:00.000Z' },
  ]
  for (const selection of cases) {
    const { agent, fromSeq, fromTime, run, toSeq, toTime } = { ...everything, ...selection }
    const expected = all
      .filter(({ seq }) => seq >= fromSeq && seq <= toSeq)
      .filter(
        ({ ts }) => (fromTime === null || ts >= fromTime) && (toTime === null || ts <= toTime),
      )
      .filter(({ actor }) => agent === null || actor.agent === agent)
      .filter(({ actor }) => run === null || actor.run === run)
      .map(({ seq }) => seq)
    const { text } = await exported(filled.world.place.directory, 'jsonl', selection)
    const found = text
      .split('\n')
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as Entry).seq)
    t.same(found, expected, JSON.stringify(selection))
  }
})

test('a broken line is left out and counted, and a torn tail is told apart', async (t) => {
  const filled = await filledLedger(t)
  const { directory } = filled.world.place
  const names = readdirSync(directory)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
  const first = join(directory, names[0] ?? '')
  const last = join(directory, names.at(-1) ?? '')
  writeFileSync(first, readFileSync(first, 'latin1').replace('too loud', 'too nice'), 'latin1')
  writeFileSync(last, '{"actor":{}', { flag: 'a' })
  const { broken, entries, text, torn } = await exported(directory, 'jsonl')
  t.same([broken, torn], [1, 1])
  t.equal(entries, text.split('\n').length - 1)
  t.notMatch(text, /too nice/)
})

/** Reads RFC 4180 with LF, sharing nothing with what wrote it. */
function cellsOf(text: string): readonly (readonly string[])[] {
  const rows: string[][] = [[]]
  let cell = ''
  let isQuoted = false
  for (let at = 0; at < text.length; at += 1) {
    const one = text[at] ?? ''
    if (isQuoted && one === '"' && text[at + 1] === '"') {
      cell += '"'
      at += 1
    } else if (one === '"') isQuoted = !isQuoted
    else if (!isQuoted && (one === ',' || one === '\n')) {
      rows.at(-1)?.push(cell)
      cell = ''
      if (one === '\n') rows.push([])
    } else cell += one
  }
  return rows.slice(0, -1)
}

test(`no cell of a CSV begins as a formula, and no string leaves its cell (${seedSentence})`, async (t) => {
  const heads = cellsOf(csv.head)[0] ?? []
  t.equal(heads[0], 'seq')
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('=1+1', '+1', '-1', '@x', '\t=1', '\r=1', '＝1', '"=1', ',"\n=1', '\n', ''),
  )
  fc.assert(
    fc.property(hostile, hostile, hostile, (path, reason, agent) => {
      const entry = entryOf({ path, reason }, { agent })
      const rows = cellsOf(csv.text([{ entry, text: '', segment: '' }]))
      const row = rows[0] ?? []
      const read = (name: string): string => row[heads.indexOf(name)] ?? ''
      const bare = (text: string): string => (/^[=+\-@\t\r＝＋－＠]/.test(text) ? `'${text}` : text)
      return (
        rows.length === 1 &&
        row.length === heads.length &&
        row.every((cell) => !/^[=+\-@\t\r]/.test(cell)) &&
        read('path') === bare(path) &&
        read('reason') === bare(reason) &&
        read('agent') === bare(agent)
      )
    }),
  )
})

/** Reads one line of CEF as its description says, sharing nothing with what wrote it. */
function readCef(line: string): {
  header: readonly string[]
  extension: ReadonlyMap<string, string>
} {
  const header: string[] = []
  let [cell, at] = ['', 0]
  for (; header.length < 7; at += 1) {
    const one = line[at]
    if (one === undefined) throw new Error('the header ends too soon')
    if (one === '\\') {
      at += 1
      cell += line[at] ?? ''
    } else if (one === '|') {
      header.push(cell)
      cell = ''
    } else cell += one
  }
  const extension = new Map<string, string>()
  // A key stands before an equals sign that no backslash escapes.
  const parts = line.slice(at).split(/(?:^| )([A-Za-z0-9]+)(?<!\\)=/)
  for (let index = 1; index < parts.length; index += 2) {
    const value = (parts[index + 1] ?? '').replace(/\\(.)/g, (_, one: string) =>
      one === 'n' ? '\n' : one === 'r' ? '\r' : one,
    )
    extension.set(parts[index] ?? '', value)
  }
  return { header, extension }
}

test(`a line of CEF is one line, and reads back as what was written (${seedSentence})`, async (t) => {
  const visible = (text: string): string =>
    text.replace(
      /[\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028\u2029]/g,
      (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .array(fc.constantFrom('\\', '|', '=', '\n', '\r', ' ', 'msg=', 'a', '\u2028', '\u0085'))
      .map((all) => all.join('')),
  )
  fc.assert(
    fc.property(hostile, hostile, hostile, (path, message, kind) => {
      const entry = { ...entryOf({ path, message, verdict: 'deny' }), kind }
      const line = cefLine(entry, log)
      const { extension, header } = readCef(line.slice(0, -1))
      return (
        line.endsWith('\n') &&
        !/[\n\r\u0085\u2028\u2029]/.test(line.slice(0, -1)) &&
        header.length === 7 &&
        header[0] === 'CEF:0' &&
        header[4] === visible(kind).replace(/\n/g, '\\u000a').replace(/\r/g, '\\u000d') &&
        (extension.get('request') ?? '') === visible(path) &&
        (extension.get('msg') ?? '') === visible(message) &&
        extension.get('act') === 'deny'
      )
    }),
  )
  t.equal(cefHeader('a|b\\c\nd'), 'a\\|b\\\\c\\\\u000ad')
  t.equal(cefValue('a=b\\c|d\ne'), 'a\\=b\\\\c|d\\ne')
})

test('each kind of entry is a line of CEF with its seq', async (t) => {
  const filled = await filledLedger(t)
  const { text } = await exported(filled.world.place.directory, 'cef')
  const lines = text.split('\n').slice(0, -1)
  const all = entriesOf(filled.world.place)
  t.equal(lines.length, all.length)
  for (const [index, line] of lines.entries()) {
    const { extension, header } = readCef(line)
    t.equal(header[4], all[index]?.kind)
    t.equal(extension.get('externalId'), String(index))
    t.match(header[6], /^(\d|10)$/)
  }
})

function place(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-export-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

test('a file has its name only when it is whole, and an old one stays where it fails', async (t) => {
  const out = join(place(t), 'entries.jsonl')
  writeFileSync(out, 'before')
  const failing = madeFile(out, async (sink) => {
    await sink.write('half')
    throw new Error('the disk went away')
  })
  await t.rejects(failing, { message: 'the disk went away' })
  t.equal(readFileSync(out, 'utf8'), 'before')
  t.notOk(existsSync(`${out}.part`))
  const nested = madeFile(out, async (sink) => {
    await t.rejects(
      madeFile(out, async () => {}),
      { message: /another export is writing it/ },
    )
    await sink.write('whole')
  })
  await nested
  t.equal(readFileSync(out, 'utf8'), 'whole')
  await t.rejects(
    madeFile('/nowhere/at/all', async () => {}),
    { code: 'ledger-unavailable' },
  )
})

test('memory is bounded by the batch: a ledger is written in many pieces', async (t) => {
  const filled = await filledLedger(t, { decisions: 1_000 })
  const { entries, writes } = await exported(filled.world.place.directory, 'jsonl')
  t.ok(writes >= entries / 256, `${writes} writes of ${entries} entries`)
})

const driver = (from: string): string => `
import { Command } from 'commander'
const { addAuditExport } = await import('${from}cli/audit-export.js')
const { explainFailure } = await import('${from}cli/exit.js')
const audit = new Command('audit')
addAuditExport(audit, async (work) => {
  try { process.exitCode = await work } catch (error) { process.exitCode = explainFailure(error, console.error) }
})
await audit.parseAsync(process.argv.slice(1), { from: 'user' })`

test('the command writes to the terminal or a file, and says what it cannot do', async (t) => {
  const filled = await filledLedger(t)
  const { data, directory } = filled.world.place
  const script = driver(new URL('../../', import.meta.url).href)
  const run = (
    ...words: readonly string[]
  ): { code: number | null; output: string; errors: string } => {
    const all = ['--input-type=module', '-e', script, '--', 'export', '--data', data, ...words]
    const { status, stderr, stdout } = spawnSync(process.execPath, all, { encoding: 'utf8' })
    return { code: status, output: stdout, errors: stderr }
  }
  const printed = run('--format', 'jsonl')
  t.equal(printed.code, 0, printed.errors)
  t.equal(printed.output, storedLines(filled))
  const home = place(t)
  const out = join(home, 'one.csv')
  const written = run('--format', 'csv', '--out', out, '--run', 'even/r0')
  t.equal(written.code, 0, written.errors)
  t.match(written.output, /one\.csv: \d+ entries/)
  t.match(readFileSync(out, 'utf8'), /^seq,ts,kind,/)
  const bundle = run('--bundle', join(home, 'b.tar'), '--from', '3', '--to', '9')
  t.equal(bundle.code, 0, bundle.errors)
  t.match(bundle.output, /7 entries, \d segments, 7 proofs/)
  const soc2 = run('--soc2', join(home, 's.tar'), '--from', '2026-11-21')
  t.equal(soc2.code, 0, soc2.errors)
  t.match(soc2.output, /CC6\.1 +\d+ entries, 25 proven/)
  t.same(readdirSync(home).sort(), ['b.tar', 'one.csv', 's.tar'], 'nothing is left aside')
  const usages: readonly (readonly string[])[] = [
    [],
    ['--format', 'csv', '--bundle', 'x'],
    ['--bundle', join(home, 'x'), '--from', '2026-11-21'],
    ['--bundle', join(home, 'x'), '--run', 'r0'],
    ['--format', 'csv', '--from', 'yesterday'],
    ['--format', 'csv', '--anchor', 'somewhere'],
    ['--soc2', join(home, 'x'), '--agent', 'odd'],
  ]
  for (const words of usages) t.equal(run(...words).code, 2, words.join(' '))
  t.equal(run('--format', 'jsonl', '--data', home).code, 74)
  writeFileSync(join(directory, 'ledger-000000000000000.jsonl'), 'broken\n')
  t.equal(run('--format', 'cef').code, 74)
})

test('members of every kind find their column', async (t) => {
  const filled = await filledLedger(t)
  const { text } = await exported(filled.world.place.directory, 'csv')
  const [heads = [], ...rows] = cellsOf(text)
  const all = entriesOf(filled.world.place)
  t.equal(rows.length, all.length)
  for (const [index, row] of rows.entries()) {
    const entry = all[index]
    t.equal(row[heads.indexOf('hash')], entry?.hash)
    t.same(JSON.parse(row[heads.indexOf('data')] ?? ''), sorted(entry?.data ?? {}))
  }
})
