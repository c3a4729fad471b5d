/** A SOC 2 bundle has the entries that its rules name, all of them, and proofs of a sample that nobody chose. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { sampleMax } from '../../evidence/bundle/population.ts'
import { type Soc2Bundled, writeSoc2 } from '../../evidence/bundle/soc2.ts'
import { isEvidence, soc2Controls } from '../../evidence/bundle/soc2-controls.ts'
import { everything, type Selection } from '../../evidence/export/select.ts'
import { madeFile } from '../../evidence/export/sink.ts'
import type { Entry } from '../../ledger/entry.ts'
import { loadCatalogue } from '../../policy/controls.ts'
import { entriesOf } from '../ledger/open-ledger.ts'
import { decided, type Filled, filledLedger } from './export-ledgers.ts'

interface Made extends Soc2Bundled {
  readonly directory: string
  readonly bytes: Buffer
}

async function bundled(
  t: Test,
  { world }: Filled,
  selection: Partial<Selection> = {},
): Promise<Made> {
  const home = mkdtempSync(join(tmpdir(), 'haltgate-soc2-'))
  t.teardown(() => rmSync(home, { recursive: true, force: true }))
  const [aside, directory, tar] = ['aside', 'unpacked', 'soc2.tar'].map((name) => join(home, name))
  mkdirSync(aside ?? '')
  mkdirSync(directory ?? '')
  const order = {
    directory: world.place.directory,
    selection: { ...everything, ...selection },
    aside: aside ?? '',
    version: '0.0.0',
  }
  const made = await madeFile(tar ?? '', (sink) => writeSoc2(order, sink))
  execFileSync('tar', ['-xf', tar ?? '', '-C', directory ?? ''])
  return { ...made, directory: directory ?? '', bytes: readFileSync(tar ?? '') }
}

const linesOf = ({ directory }: Made, id: string): readonly string[] =>
  readFileSync(join(directory, id, 'population.jsonl'), 'utf8')
    .split('\n')
    .slice(0, -1)

test('each population is what its rule picks out of all entries', async (t) => {
  const more = [
    decided(1, { controls: ['soc-2/CC7.4'] }),
    decided(2, { findings: [{ detector: 'x' }] }),
  ]
  const filled = await filledLedger(t, { more })
  const made = await bundled(t, filled)
  const all = entriesOf(filled.world.place)
  for (const control of soc2Controls) {
    const expected = all.filter((entry) => isEvidence(control, entry)).map(({ hash }) => hash)
    const found = linesOf(made, control.id).map((line) => (JSON.parse(line) as Entry).hash)
    t.same(found, expected, control.id)
    t.not(found.length, 0, `${control.id} has evidence here`)
    const sample = expected.toSorted().slice(0, sampleMax)
    const proven = readdirSync(join(made.directory, control.id, 'sample'))
      .map((name) => all[Number(name.split('.')[0])]?.hash ?? '')
      .toSorted()
    t.same(proven, sample, `the sample of ${control.id} is of the smallest hashes`)
    const table = readFileSync(join(made.directory, control.id, 'population.csv'), 'utf8')
    t.equal(table.split('\n').length - 2, expected.length)
  }
  const named = linesOf(made, 'CC7.4').filter((line) => line.includes('"kind":"decision"'))
  t.equal(named.length, 1, 'a decision that names a control is evidence of it')
})

test('the commands of its README end as it says', async (t) => {
  const made = await bundled(t, await filledLedger(t))
  const text = readFileSync(join(made.directory, 'README.md'), 'utf8')
  const steps = [...text.matchAll(/```sh\n([\s\S]*?)\n```[\s\S]*?```text\n([\s\S]*?)\n```/g)]
  t.equal(steps.length, 3)
  for (const [, script = '', expected = ''] of steps) {
    const { status, stderr, stdout } = spawnSync('sh', ['-c', script], {
      cwd: made.directory,
      encoding: 'utf8',
    })
    t.equal(status, 0, `${script}\n${stdout}${stderr}`)
    t.equal(stdout.trimEnd().split('\n').at(-1), expected)
  }
})

test('the same ledger and period give the same bytes, and a period is kept to', async (t) => {
  const filled = await filledLedger(t)
  const selection = { fromSeq: 20, toSeq: 40 }
  const [one, other] = [await bundled(t, filled, selection), await bundled(t, filled, selection)]
  t.ok(one.bytes.equals(other.bytes))
  for (const line of linesOf(one, 'CC6.1')) {
    const { seq } = JSON.parse(line) as Entry
    t.ok(seq >= 20 && seq <= 40)
  }
  await t.rejects(bundled(t, filled, { fromSeq: 1_000_000 }), {
    message: /no entry in this period/,
  })
})

test('no page calls anything compliant, and each control says what it does not show', async (t) => {
  const made = await bundled(t, await filledLedger(t))
  t.notMatch(readFileSync(join(made.directory, 'README.md'), 'utf8'), /is compliant|are compliant/)
  for (const { id } of soc2Controls) {
    const index = readFileSync(join(made.directory, id, 'index.md'), 'utf8')
    t.match(index, /## What it does not show\n\nThey do not show /)
    t.match(index, /## Population\n\n\d+ of the \d+ entries/)
  }
})

test('each control of SOC 2 in the catalogue has a rule', async (t) => {
  const { frameworks } = await loadCatalogue()
  const catalogued = frameworks.find(({ id }) => id === 'soc-2')?.controls ?? []
  const ids = soc2Controls.map(({ id }) => `soc-2/${id}`)
  for (const { id, title } of catalogued) {
    t.ok(ids.includes(id), id)
    t.equal(soc2Controls.find((control) => `soc-2/${control.id}` === id)?.title, title)
  }
  for (const wanted of ['CC6.1', 'CC6.6', 'CC6.8', 'CC7.2', 'CC7.3', 'CC7.4', 'CC8.1']) {
    t.ok(ids.includes(`soc-2/${wanted}`), wanted)
  }
})
