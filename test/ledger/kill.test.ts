/** A writer that is killed in full swing, twenty times over: each entry that it said was durable is there. */
import { spawn } from 'node:child_process'
import { test } from 'tap'
import { verifyLedger } from '../../ledger/verify.ts'
import { entriesOf, makePlace } from './open-ledger.ts'

const script = new URL('./appender.js', import.meta.url).pathname

/** Runs a writer until it has said so much, kills it, and answers the lines that it got out. */
function killed(data: string, lines: number): Promise<string[]> {
  const child = spawn(process.execPath, [script, data, '1000000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (part: string) => {
    text += part
    if (text.split('\n').length > lines) child.kill('SIGKILL')
  })
  return new Promise((resolve) => child.on('close', () => resolve(text.split('\n').slice(0, -1))))
}

test('kill -9 under load, 20 times: every acknowledged entry is there, and the chain holds', async (t) => {
  const place = makePlace()
  t.teardown(place.remove)
  const acknowledged = new Map<number, string>()
  for (let round = 0; round < 20; round += 1) {
    // Rounds of different lengths end at different points of commits, rotations and starts.
    for (const line of await killed(place.data, (round * 37) % 300)) {
      const [, seq = '', hash = ''] = line.split(' ')
      if (acknowledged.has(Number(seq))) t.fail(`seq ${seq} was given twice`)
      acknowledged.set(Number(seq), hash)
    }
  }
  const entries = entriesOf(place)
  const lost = [...acknowledged].filter(([seq, hash]) => entries[seq]?.hash !== hash)
  t.same(lost, [])
  t.ok(acknowledged.size > 1_000, `${acknowledged.size} entries were acknowledged`)
  const report = await verifyLedger({ directory: place.directory })
  t.ok(report.exit === 0 || report.exit === 3, JSON.stringify(report.findings))
  t.ok(entries.filter(({ kind }) => kind === 'segment.open').length >= 19)
})
