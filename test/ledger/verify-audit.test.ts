/** The commands `audit verify` and `audit show`, as commander calls them, on ledgers written by hand. */
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { auditShow, auditVerify } from '../../cli/audit.ts'
import { barText, visible } from '../../cli/audit-text.ts'
import { UsageError } from '../../cli/settings.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import { findingCodes, levels } from '../../ledger/verify-report.ts'
import { three } from './verify-damage.ts'
import { type Ledger, nameOf, writeLedger } from './verify-ledgers.ts'
import { Author, signer } from './verify-signed.ts'

function place(
  t: Test,
  shape = three,
): { dataDirectory: string; ledger: Ledger; out: string[]; print: (text: string) => void } {
  const dataDirectory = t.testdir()
  const out: string[] = []
  const ledger = writeLedger(join(dataDirectory, 'ledger'), shape)
  return { dataDirectory, ledger, out, print: (text) => out.push(text) }
}

test('audit verify says OK last, and what it counted before', async (t) => {
  const { dataDirectory, ledger, out, print } = place(t)
  t.equal(await auditVerify({ dataDirectory, print }), 0)
  const text = out.join('\n')
  t.match(text, /^entries +40 \(seq 0 to 39\)$/m)
  t.match(text, `head      39:${ledger.lines[39]?.hash}`)
  t.match(text, `root      ${ledger.root} of 40`)
  t.match(text.split('\n').at(-1), /^OK {2}/)
})

test('audit verify names the entry, its place and both hashes of what was changed', async (t) => {
  const { dataDirectory, ledger, out, print } = place(t)
  const path = join(ledger.directory, nameOf(27))
  writeFileSync(path, readFileSync(path, 'utf8').replace('researcher', 'resEarcher'))
  t.equal(await auditVerify({ dataDirectory, print }), 1)
  const text = out.join('\n')
  const seq = 28
  const offset = ledger.files[2]?.lines[0]?.bytes.length
  t.match(text, `HASH_MISMATCH (error) ${nameOf(27)}:${offset} seq ${seq}`)
  t.match(text, `expected ${ledger.lines[seq]?.hash}`)
  t.match(text, /actual {3}[0-9a-f]{64}$/m)
  t.match(text.split('\n').at(-1), /^TAMPERED {2}/)
})

test('audit verify takes an expected head, a level and a range as text, and prints JSON', async (t) => {
  const { dataDirectory, ledger, out, print } = place(t)
  const expectHead = `39:${ledger.lines[38]?.hash}`
  t.equal(await auditVerify({ dataDirectory, expectHead, json: true, print }), 4)
  t.match(JSON.parse(out.join('')), { exit: 4, findings: [{ code: 'EXPECT_MISMATCH' }] })
  out.length = 0
  t.equal(await auditVerify({ dataDirectory, require: 'signed', print }), 3)
  t.match(out.join('\n').split('\n').at(-1), /^INCOMPLETE {2}.*needs checkpoints/)
  t.equal(await auditVerify({ dataDirectory, from: '14', to: '20', print }), 0)
  for (const wrong of [
    { expectHead: '39' },
    { expectHead: `x:${'0'.repeat(64)}` },
    { require: 'most' },
    { from: '-1' },
    { from: '1', replay: true },
    { workers: '0' },
    { workers: '65' },
    { workers: 'all' },
    { workers: '2', replay: true },
    { key: 'gate+00000000+AAAA' },
    { to: '3', expectHead },
  ]) {
    await t.rejects(auditVerify({ dataDirectory, print, ...wrong }), UsageError)
  }
})

test('audit verify answers 5 for a directory that is not there', async (t) => {
  const out: string[] = []
  const print = (text: string): void => void out.push(text)
  t.equal(await auditVerify({ dataDirectory: join(t.testdir(), 'x'), print }), 5)
  t.match(out.join('\n').split('\n').at(-1), /^UNREADABLE {2}ENOENT/)
})

test('audit verify --replay names entries that do not follow from a policy', async (t) => {
  const { dataDirectory, out, print } = place(t)
  t.equal(await auditVerify({ dataDirectory, replay: true, print }), 1)
  t.match(out.join('\n'), /REPLAY_MISMATCH/)
})

test('audit show prints a row for an entry, and filters them', async (t) => {
  const { dataDirectory, out, print } = place(t)
  const rows = async (flags: Record<string, unknown>): Promise<string[]> => {
    out.length = 0
    t.equal(await auditShow({ dataDirectory, flags, print }), 0)
    return out
      .join('\n')
      .split('\n')
      .filter((line) => line !== '')
  }
  const all = await rows({})
  t.equal(all.length, 41, 'forty entries under a head')
  t.match(all[0], /^seq +time +kind +who +verdict +code +what$/)
  t.match(all[3], /^2 .*decision +researcher\/default +deny +rule-denied +GET /)
  t.match(all[4], /^3 .*halt .*agent:a operator operator t\\u0001"\\ \\u000a Zürich 𝄞$/)
  t.equal((await rows({ kind: 'halt' })).length, 7)
  t.equal((await rows({ agent: 'nobody' })).length, 0)
  t.same(
    (await rows({ run: 'default', from: '12', to: '16' })).slice(1).map((row) => row.split(' ')[0]),
    ['12', '14', '15', '16'],
  )
  t.same(
    (await rows({ last: '2' })).slice(1).map((row) => row.split(' ')[0]),
    ['38', '39'],
  )
  t.equal((await rows({ last: '0' })).length, 0)
  await t.rejects(auditShow({ dataDirectory, flags: { last: '1e9' }, print }), UsageError)
})

test('audit show prints stored lines byte for byte, and one entry in full', async (t) => {
  const { dataDirectory, ledger, out, print } = place(t)
  await auditShow({ dataDirectory, flags: { json: true, from: '3', to: '4' }, print })
  t.equal(`${out.join('\n')}\n`, `${ledger.lines[3]?.bytes}${ledger.lines[4]?.bytes}`)
  out.length = 0
  t.equal(await auditShow({ dataDirectory, seq: '17', flags: { json: true }, print }), 0)
  t.equal(`${out.join('\n')}\n`, ledger.lines[17]?.bytes.toString())
  out.length = 0
  t.equal(await auditShow({ dataDirectory, seq: '17', print }), 0)
  t.match(out.join('\n'), `"hash": "${ledger.lines[17]?.hash}"`)
  t.equal(await auditShow({ dataDirectory, seq: '40', print }), 1, 'an entry that is not there')
  await t.rejects(auditShow({ dataDirectory, seq: 'x', print }), UsageError)
})

test('audit show goes on behind a broken line, and says where it lies', async (t) => {
  const { dataDirectory, ledger, out, print } = place(t)
  const path = join(ledger.directory, nameOf(13))
  writeFileSync(path, readFileSync(path, 'utf8').replace('"seq":15', '"seq":16'))
  await auditShow({ dataDirectory, flags: {}, print })
  t.match(out.join('\n'), new RegExp(`HASH_MISMATCH +${nameOf(13)}:\\d+`))
  t.match(out.join('\n'), /^39 /m)
})

/** A signed data directory with its anchors in a folder. */
function signed(t: Test): { dataDirectory: string; anchor: string; vkey: string; out: string[] } {
  const dataDirectory = t.testdir({ anchors: {} })
  const anchor = join(dataDirectory, 'anchors')
  const author = new Author(signer('one'))
  for (let index = 0; index < 5; index += 1) {
    author.decide(9)
    if (index < 4) author.segment()
  }
  writeFileSync(join(anchor, '0000000000.note'), author.note())
  author.checkpoint()
  author.write(join(dataDirectory, 'ledger'), author.close())
  return { dataDirectory, anchor, vkey: signer('one').vkey, out: [] }
}

test('audit verify reaches the levels with a key, an anchor and threads', async (t) => {
  const { anchor, dataDirectory, out, vkey } = signed(t)
  const verify = async (more: object): Promise<string> => {
    out.length = 0
    const print = (text: string): void => void out.push(text)
    const exit = await auditVerify({ dataDirectory, print, ...more })
    return `${exit} ${out.join('\n')}`
  }
  const all = { require: 'anchored', key: vkey, anchor, workers: '2' }
  const text = await verify(all)
  t.match(text, /^0 /)
  t.match(text, /^level +anchored$/m)
  t.match(text, /^signed +2 checkpoints, to 53; 0 entries behind$/m)
  t.match(text, `${vkey} (as given with --key)`)
  t.match(text, /^anchored +dir:.*anchors, 1 slots, to 51$/m)
  t.match(text, /^OK {2}.*under the key that was given\.$/m)
  t.match(await verify({ require: 'signed' }), /^0 [\s\S]*OK {2}.*taken from the ledger itself/)
  t.match(
    await verify({ require: 'anchored' }),
    /^3 [\s\S]*INCOMPLETE {2}.*name them with --anchor/,
  )
  t.match(await verify({ ...all, key: signer('two').vkey }), /^1 [\s\S]*KEY_UNTRUSTED/)
  const missing = await verify({ ...all, anchor: join(anchor, 'x') })
  t.match(missing, /^5 haltgate: the anchors in .* cannot be read/)
  writeFileSync(join(anchor, '0000000001.note'), 'x')
  t.match(await verify(all), /^4 [\s\S]*ANCHOR_FORK \(error\) 0000000001.note:0/)
  rmSync(join(dataDirectory, 'ledger'), { recursive: true })
  t.match(await verify(all), /^5 haltgate: .* has no log.genesis/)
})

test('the bar shows the share, the speed and the time that is left', async (t) => {
  const at = { done: 50 * 1_048_576, total: 200 * 1_048_576, elapsedMs: 1_000 }
  t.equal(
    barText(at, 100),
    `verifying [${'#'.repeat(10)}${'.'.repeat(30)}]  25 %, 50 MiB/s, 0:03 left`,
  )
  t.ok(barText(at, 60).length < 60, 'it fits into its line')
  t.equal(barText(at, 20), 'verifying  25 %, 50 MiB/s, 0:03 left')
  t.match(barText({ ...at, total: 500 * 1_073_741_824 }, 80), /0 %, 50 MiB\/s, 170:39 left$/)
  t.match(barText({ done: 0, total: 0, elapsedMs: 0 }, 80), /100 %, 0 MiB\/s$/)
})

test('what a terminal would obey is written as an escape', async (t) => {
  t.equal(visible('a\u001b[2J\u009b\u202eb\r\n'), 'a\\u001b[2J\\u009b\\u202eb\\u000d\\u000a')
  t.equal(visible('Zürich 𝄞'), 'Zürich 𝄞')
})

test('docs/ledger.md lists every finding and level, and its example is a sound ledger', async (t) => {
  const text = readFileSync('docs/ledger.md', 'utf8')
  for (const code of Object.keys(findingCodes)) t.match(text, `| \`${code}\` |`)
  for (const level of levels) t.match(text, level)
  const example = /```json\n([^`]*)```/.exec(text)?.[1] ?? ''
  const dataDirectory = t.testdir({ ledger: { [nameOf(0)]: example } })
  const report = await verifyLedger({ directory: join(dataDirectory, 'ledger') })
  t.match(report, { exit: 0, range: { entries: 3 } })
  t.match(text, `= \`${report.tree?.root}\``)
  const shell = /```sh\n([^`]*)```/.exec(text)?.[1] ?? ''
  const cwd = join(dataDirectory, 'ledger')
  const run = spawnSync('sh', ['-c', shell], { cwd, encoding: 'utf8' })
  const [line = ''] = example.split('\n').slice(1)
  const hashes = run.stdout.match(/[0-9a-f]{64}/g)
  t.same(hashes, [line.slice(-66, -2), line.slice(-66, -2)], 'both commands print its hash')
  for (const member of Object.keys(report)) t.match(text, `\`${member}`, `the report's ${member}`)
})
