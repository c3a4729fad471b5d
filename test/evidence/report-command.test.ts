/** The commands that write and check reports, as a person calls them. */
import { execFile } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { pathOf } from '../ledger/stored-ledger.ts'
import { decision, ledgerOf } from './report-ledger.ts'

const program = `
import { Command } from 'commander'
const { addAuditReport } = await import(${JSON.stringify(new URL('../../cli/audit-report.js', import.meta.url).href)})
const { explainFailure } = await import(${JSON.stringify(new URL('../../cli/exit.js', import.meta.url).href)})
const program = new Command('haltgate').exitOverride()
addAuditReport(program.command('audit'), async (work) => {
  try { process.exitCode = await work } catch (error) { process.exitCode = explainFailure(error, console.error) }
})
try { await program.parseAsync(process.argv.slice(1), { from: 'user' }) } catch (error) { process.exitCode = error.exitCode }
`

interface Ended {
  readonly code: number
  readonly out: string
  readonly said: string
}

function audit(...words: readonly string[]): Promise<Ended> {
  const given = ['--input-type=module', '-e', program, '--', 'audit', ...words]
  return new Promise((resolve) => {
    execFile(process.execPath, given, { timeout: 60_000 }, (error, out, said) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, said })
    })
  })
}

function directoryOf(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'haltgate-report-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

const some = Array.from({ length: 8 }, (_, minute) => decision(minute, { verdict: 'allow' }))

test('a debrief is written, signed with a key of its own, and checked', async (t) => {
  const place = await ledgerOf(t, some)
  const out = join(directoryOf(t), 'debrief.html')
  const made = await audit('debrief', '--data', place.data, '--out', out)
  t.equal(made.code, 0, made.said)
  const [, vkey = ''] = /signed by (\S+);/.exec(made.out) ?? []
  t.match(vkey, /^haltgate\.example\/log\/report\+[0-9a-f]{8}\+/)
  t.equal(statSync(join(place.data, 'keys/report.pem')).mode & 0o777, 0o600)
  t.equal(statSync(out).mode & 0o777, 0o600)
  const pinned = await audit('check-report', out, '--key', vkey)
  t.match(pinned, { code: 0, out: /OK\n$/ })
  t.match(await audit('check-report', out, '--data', place.data), { code: 0, out: /has the root/ })
  t.match(await audit('check-report', out), { code: 3, out: /INCOMPLETE\n$/ })
  writeFileSync(out, `${readFileSync(out, 'utf8')} `)
  t.match(await audit('check-report', out, '--key', vkey), { code: 1, out: /NOT GENUINE\n$/ })
})

test('an unsigned report leaves no signature of an older one beside it', async (t) => {
  const place = await ledgerOf(t, some)
  const out = join(directoryOf(t), 'report.html')
  const words = ['report', '--framework', 'hipaa', '--data', place.data, '--out', out]
  t.equal((await audit(...words)).code, 0)
  t.ok(existsSync(`${out}.dsse.json`))
  t.equal((await audit(...words, '--no-sign')).code, 0)
  t.notOk(existsSync(`${out}.dsse.json`))
  t.match(readFileSync(out, 'utf8'), 'this report is not signed')
})

test('a ledger that was changed gives a report that says so, and exit 1', async (t) => {
  const place = await ledgerOf(t, some)
  const path = pathOf(place, 0)
  writeFileSync(path, readFileSync(path, 'utf8').replace('"verdict":"allow"', '"verdict":"block"'))
  const out = join(directoryOf(t), 'debrief.html')
  const made = await audit('debrief', '--data', place.data, '--out', out)
  t.equal(made.code, 1)
  const html = readFileSync(out, 'utf8')
  t.match(html, 'The ledger was not verified: exit 1')
  t.match(html, '1 line could not be read')
  t.match(await audit('check-report', out, '--data', place.data), { code: 3, out: /names no tree/ })
})

test('what is asked wrongly is refused with a way out, and writes nothing', async (t) => {
  const place = await ledgerOf(t, some)
  const directory = directoryOf(t)
  const out = join(directory, 'report.html')
  const key = join(directory, 'open.pem')
  writeFileSync(key, 'no key')
  chmodSync(key, 0o644)
  const asked = ['--data', place.data, '--out', out]
  const wrong: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['report', '--framework', 'soc-3', ...asked], 2, /--framework is one of eu-ai-act, /],
    [['debrief', ...asked, '--from', 'yesterday'], 2, /--from is 2026-11-01 or/],
    [
      ['debrief', ...asked, '--from', '2026-11-02', '--to', '2026-11-01'],
      2,
      /--from is before --to/,
    ],
    [['debrief', ...asked, '--format', 'docx'], 2, /--format is html or pdf, not 'docx'/],
    [['debrief', '--data', place.data, '--out', join(directory, 'x.txt')], 2, /--out ends with it/],
    [['debrief', ...asked, '--signing-key', join(directory, 'none.pem')], 2, /openssl genpkey/],
    [['debrief', ...asked, '--signing-key', key], 74, /can be read by others; run: chmod 600/],
    [
      ['debrief', '--data', directory, '--out', out],
      74,
      /name the gate's directory with --data DIR/,
    ],
    [['check-report', join(directory, 'gone.pdf')], 74, /gone\.pdf cannot be read/],
  ]
  for (const [words, code, said] of wrong) {
    const ended = await audit(...words)
    t.equal(ended.code, code, words.join(' '))
    t.match(ended.said, said)
  }
  chmodSync(key, 0o600)
  t.match((await audit('debrief', ...asked, '--signing-key', key)).said, 'holds no Ed25519 key')
  t.notOk(existsSync(out))
})
