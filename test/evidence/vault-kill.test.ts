/** A process that commits and erases is killed thirty times: no entry is ever without its opening, or its erasure. */
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { begunErasures } from '../../evidence/vault/begun.ts'
import { survey } from '../../evidence/vault/survey.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import { entriesOf, makePlace } from '../ledger/open-ledger.ts'

const script = new URL('./vault-writer.js', import.meta.url).pathname

/** Runs a writer until it has said so much, kills it, and answers the lines that it got out. */
function killed(data: string, lines: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [script, data], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (part: string) => {
    text += part
    if (text.split('\n').length > lines) child.kill('SIGKILL')
  })
  return new Promise((resolve) => child.on('close', () => resolve(text.split('\n').slice(0, -1))))
}

test('kill -9 in full swing, 30 times: each commitment has its opening or an erasure', async (t) => {
  const place = makePlace()
  t.teardown(place.remove)
  const vault = join(place.data, 'vault')
  const acknowledged = new Set<number>()
  const said = { begun: 0, erased: 0, resumed: 0 }
  for (let round = 0; round < 30; round += 1) {
    for (const line of await killed(place.data, 60 + ((round * 137) % 400))) {
      const [word, number] = line.split(' ')
      if (word === 'acknowledged') acknowledged.add(Number(number))
      if (word === 'erased') said.erased += 1
      if (word === 'resumed') said.resumed += Number(number)
    }
    said.begun += begunErasures(vault).length
    const found = await survey({ ledger: place.directory, vault })
    const { altered, findings, missing } = found
    if (missing + altered > 0) t.fail(`round ${round}`, { findings })
  }
  const entries = entriesOf(place)
  const lost = [...acknowledged].filter((seq) => entries[seq]?.kind !== 'decision')
  t.same(lost, [])
  const found = await survey({ ledger: place.directory, vault })
  t.match(found, { missing: 0, altered: 0 })
  t.ok(found.present > 0 && found.erased > 0, JSON.stringify(found))
  t.ok(said.erased > 0, `${said.erased} erasures came to their end`)
  t.ok(said.begun > 0 && said.resumed > 0, `${said.resumed} were cut off and gone on with`)
  const twice = entries
    .filter(({ kind }) => kind === 'erasure')
    .map(({ data }) => data['first_seq'])
  t.equal(new Set(twice).size, twice.length, 'no erasure is told twice')
  t.same(
    readdirSync(vault).filter((name) => name.endsWith('.jsonl.new')).length <= 1,
    true,
    'what a crash leaves half made does not pile up',
  )
  const report = await verifyLedger({ directory: place.directory })
  t.ok(report.exit === 0 || report.exit === 3, JSON.stringify(report.findings))
})
