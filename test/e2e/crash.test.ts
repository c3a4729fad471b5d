/**
 * The built program is killed with SIGKILL under load, again and again, on one data directory: after each start no
 * budget has been refilled, no halt is forgotten, and the ledger knows of more than the origin saw.
 * `CRASH_ROUNDS=n` plays more or fewer rounds, `CRASH_SECONDS=n` gives them longer.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { type GateProcess, startGate } from './child.ts'
import { hammer, Tally } from './crash-load.ts'
import { ask, asRun } from './wire.ts'
import {
  makeDirectory,
  type Origin,
  policyText,
  readEntries,
  startOrigin,
  verifyData,
} from './world.ts'

const rounds = Number(process.env['CRASH_ROUNDS'] ?? 100)
/** A test file of this project has 300 s (.taprc); what does not fit on a slow machine is left out, and said. */
const secondsMax = Number(process.env['CRASH_SECONDS'] ?? 220)
const clients = 16
const limit = 3_000
/** A round ends after so many answers at most, in the middle of whatever is under way; or after this time. */
const answersMax = 120
const loadMsMax = 400
const verifyEvery = 10
const haltEvery = 4

const budgets = `  - { id: life, scope: agent, period: lifetime, limits: { requests: ${limit} }, on_limit: block }`

interface Memory {
  /** Spent by the ledger's account, as the last start or answer said it. */
  spent: number
  readonly halted: string[]
  readonly tally: Tally
}

interface Purse {
  readonly budget: string
  readonly posted: number
  readonly held?: number
}

async function statusOf(gate: GateProcess): Promise<{ spent: number; halted: readonly string[] }> {
  const { body } = await gate.control('GET', '/api/v1/status')
  const purses = (body['purses'] ?? []) as readonly Purse[]
  const halted = (body['halted'] ?? []) as readonly { readonly scope: string }[]
  const spent = purses
    .filter(({ budget }) => budget === 'life')
    .reduce((sum, { posted, held }) => sum + posted + (held ?? 0), 0)
  return { spent, halted: halted.map(({ scope }) => scope) }
}

/** What a start knows, against what was there before it. */
async function compare(
  t: Test,
  gate: GateProcess,
  known: { memory: Memory; origin: Origin },
): Promise<void> {
  const { memory, origin } = known
  const { halted, spent } = await statusOf(gate)
  const faults: string[] = []
  if (spent < memory.spent) faults.push(`the budget was refilled: ${memory.spent} to ${spent}`)
  if (spent < origin.total) faults.push(`the ledger spent ${spent}, the origin saw ${origin.total}`)
  if (origin.total > limit) faults.push(`${origin.total} reached the origin`)
  for (const scope of memory.halted) if (!halted.includes(scope)) faults.push(`${scope} runs again`)
  const last = memory.halted.at(-1)
  if (last !== undefined) {
    const run = last.slice(last.indexOf('/') + 1)
    const answer = await ask(gate.port, origin.url, { headers: asRun('tester', run) })
    if (answer.headers.get('haltgate-reason') !== 'halted') faults.push(`${last}: ${answer.status}`)
  }
  if (faults.length > 0) t.fail(faults.join('; '))
  memory.spent = spent
}

/** Load, a halt now and then, and the kill somewhere in the middle of it. */
async function crash(
  gate: GateProcess,
  round: number,
  known: { memory: Memory; origin: Origin },
): Promise<void> {
  const { memory, origin } = known
  const target = { port: gate.port, url: `${origin.url}/${round}` }
  const gone = Array.from({ length: clients }, (_, index) =>
    hammer({ ...target, run: `run-${index}` }, memory.tally),
  )
  const delay = memory.tally.more(Math.floor(Math.random() * answersMax), loadMsMax)
  if (round % haltEvery === 0) {
    const scope = `run:tester/halted-${round}`
    const halting = gate.control('POST', '/api/v1/halts', { scope, reason: 'enough' })
    const answered = halting.then(
      ({ status }) => {
        if (status < 300) memory.halted.push(scope)
      },
      () => undefined,
    )
    await Promise.all([delay, round % (2 * haltEvery) === 0 ? answered : null])
    gate.child.kill('SIGKILL')
    await answered
  } else {
    await delay
    gate.child.kill('SIGKILL')
  }
  await Promise.all([gate.ended, ...gone])
}

void test('nothing that the gate acknowledged is lost, however often it is killed under load', async (t) => {
  const origin = await startOrigin(t)
  const directory = makeDirectory(t)
  const data = join(directory, 'data')
  writeFileSync(join(directory, 'policies.yaml'), policyText({ ports: [origin.port], budgets }))
  const memory: Memory = { spent: 0, halted: [], tally: new Tally() }
  const known = { memory, origin }
  const started = performance.now()
  const seconds = (): number => (performance.now() - started) / 1000
  let killed = 0
  while (killed < rounds && seconds() < secondsMax && t.passing()) {
    const gate = await startGate(t, directory)
    await compare(t, gate, known)
    await crash(gate, killed, known)
    killed += 1
    if (killed % verifyEvery === 0) await verifyData(t, data)
  }
  const gate = await startGate(t, directory)
  await compare(t, gate, known)
  gate.child.kill('SIGTERM')
  t.equal(await gate.ended, 0, 'it ends in order at last')
  await verifyData(t, data)
  const entries = readEntries(data, [])
  const answers = [...memory.tally.outcomes]
    .map(([outcome, count]) => `${count} × ${outcome}`)
    .join(', ')
  t.comment(`${killed} kills in ${seconds().toFixed(1)} s; ${answers}`)
  t.comment(`${entries.length} entries, ${memory.halted.length} halts kept`)
  t.comment(`of ${limit}: ${origin.total} reached the origin, ${memory.spent} spent in the ledger`)
  if (killed < rounds) t.comment(`only ${killed} of ${rounds} kills fitted in ${secondsMax} s`)
  t.ok(
    origin.total > 0 && origin.total <= limit,
    'and never more than the limit reached the origin',
  )
  t.ok(memory.halted.length > 0, 'halts were acknowledged')
})
