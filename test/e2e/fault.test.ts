/**
 * The built gate whose n-th sync, rename or write of the ledger fails for real: what it let out is in the ledger, the
 * files verify, and the next start goes on. `FAULT_RUNS=n` plays so many at most.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { verifyLedger } from '../../ledger/verify.ts'
import { type Injection, obstacle, StruckGate } from './fault-process.ts'
import { ask } from './wire.ts'
import { makeDirectory, type Origin, policyText, readEntries, startOrigin } from './world.ts'

const runsMax = Number(process.env['FAULT_RUNS'] ?? 10)

/** A test file of this project has 300 s (.taprc); what does not fit on a slow machine is left out, and said. */
const secondsMax = 200

const when = (call: string, error: string, numbers: readonly number[]): readonly Injection[] =>
  numbers.map((number) => ({ call, rule: `error=${error}:when=${number}` }))

/** strace counts the calls of each thread by itself, and syncs are made by four. In turns: a short run has some of each. */
const injections: readonly Injection[] = [
  ...when('fdatasync', 'EIO', [3]),
  ...when('fsync', 'EIO', [2]),
  ...when('rename', 'EIO', [5]),
  ...when('fdatasync', 'ENOSPC', [4]),
  ...when('fdatasync', 'EIO', [1, 2]),
  ...when('fsync', 'EIO', [1]),
  ...when('rename', 'EIO', [4, 3]),
  ...when('fdatasync', 'EIO', [5]),
  ...when('rename', 'EACCES', [1, 2]),
  ...when('fsync', 'ENOSPC', [3]),
]

/** Twelve requests, as far as they get; nobody is answered twice. */
async function traffic(port: number, url: string): Promise<void> {
  for (let index = 0; index < 12; index += 1) {
    await ask(port, `${url}/page/${index}`, {}).catch(() => undefined)
  }
}

function allowed(data: string): number {
  const decisions = readEntries(data, ['decision'])
  return decisions.filter(({ data: { verdict } }) => verdict === 'allow').length
}

async function strike(t: Test, injection: Injection, origin: Origin): Promise<boolean> {
  const directory = makeDirectory(t)
  const data = join(directory, 'data')
  writeFileSync(join(directory, 'policies.yaml'), policyText({ ports: [origin.port] }))
  const before = origin.total
  const gate = new StruckGate(directory, injection)
  t.teardown(() => gate.end())
  const port = await gate.port()
  if (port !== null) await traffic(port, origin.url)
  await gate.end()
  const name = `${injection.call} ${injection.rule}`
  const reached = origin.total - before
  const ledger = join(data, 'ledger')
  const report = await verifyLedger({ directory: ledger })
  const begun = report.range.entries > 0
  if (begun) t.ok([0, 3].includes(report.exit), `${name}: ${JSON.stringify(report.findings)}`)
  t.ok(reached === 0 || allowed(data) >= reached, `${name}: what reached the origin is recorded`)
  if (port === null) t.match(gate.said, /ledger|disk|keys|data/i, `${name}: it says why it ends`)
  const next = new StruckGate(directory, null)
  t.teardown(() => next.end())
  const open = await next.port()
  t.ok(open !== null, `${name}: the next start opens`)
  if (open === null) t.comment(next.said)
  if (open !== null) await traffic(open, origin.url)
  t.equal(await next.end(), 0, `${name}: and ends in order`)
  const after = await verifyLedger({ directory: ledger, require: 'signed' })
  t.equal(after.exit, 0, `${name}: ${JSON.stringify(after.findings)}`)
  t.equal(after.level, 'signed', `${name}: it is signed to its end`)
  return port === null || reached < 12
}

const reason = obstacle()

const skip = reason === null ? false : `NOT RUN: ${reason}`

test('a system call that fails for real harms nothing that was promised', { skip }, async (t) => {
  const origin = await startOrigin(t)
  const started = performance.now()
  let [runs, struck] = [0, 0]
  for (const injection of injections.slice(0, runsMax)) {
    if (performance.now() - started > secondsMax * 1_000) break
    if (await strike(t, injection, origin)) struck += 1
    runs += 1
  }
  t.comment(`${runs} runs of ${injections.length}, ${struck} of them ended or refused early`)
  t.ok(struck > 0, 'the faults were felt')
})
