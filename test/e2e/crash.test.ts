/**
 * The built program is killed with SIGKILL under load, again and again, on one data directory: after each start no
 * budget has been refilled, no halt is forgotten, the ledger knows of more than the origin saw, what was signed is signed
 * by the key of the beginning, the vault opens each commitment, and no file holds what was committed to.
 * `CRASH_ROUNDS=n` plays more or fewer rounds, `CRASH_SECONDS=n` gives them longer.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { layoutOf } from '../../cli/settings.ts'
import { survey } from '../../evidence/vault/survey.ts'
import { verifyLedger } from '../../ledger/verify.ts'
import { makePlace } from '../cli/command.ts'
import { hammer, openVaultGate, Tally, type VaultGate } from './crash-load.ts'
import { ask, asRun } from './wire.ts'
import { type Origin, policyText, readEntries, startOrigin, verifyData } from './world.ts'

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

/** In each query; a vault holds it sealed, and nothing else may hold it at all. */
const needle = 'needle-of-a-person'

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

async function statusOf(gate: VaultGate): Promise<{ spent: number; halted: readonly string[] }> {
  const { body } = await gate.ask('GET', '/api/v1/status')
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
  gate: VaultGate,
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

/** As `audit verify --require signed --key` exits, with the key that an auditor wrote down at the beginning. */
async function signedExit(data: string): Promise<number> {
  const { ledger, lock } = layoutOf(data)
  const key = String(readEntries(data, ['log.genesis'])[0]?.data['vkey'])
  const asked = { directory: ledger, lockFile: lock, key, require: 'signed' } as const
  const { exit, level } = await verifyLedger(asked)
  return exit === 0 && level !== 'signed' ? -1 : exit
}

/** Files beneath a directory that have a text in them. */
function holding(directory: string, text: string): readonly string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((file) => file.isFile())
    .map(({ name, parentPath }) => join(parentPath, name))
    .filter((path) => readFileSync(path).includes(text))
}

/** Every commitment that is on the disk has its opening there. */
async function openings(
  t: Test,
  data: string,
): Promise<{ readonly commitments: number; readonly unclaimed: number }> {
  const { ledger, vault } = layoutOf(data)
  const found = await survey({ ledger, vault })
  const { altered, commitments, findings, missing, present, unclaimed } = found
  t.same(
    { altered, missing, present },
    { altered: 0, missing: 0, present: commitments },
    `the vault opens each: ${JSON.stringify(findings.slice(0, 3))}`,
  )
  return { commitments, unclaimed }
}

/** Load, a halt now and then, and the kill somewhere in the middle of it. */
async function crash(
  gate: VaultGate,
  round: number,
  known: { memory: Memory; origin: Origin },
): Promise<void> {
  const { memory, origin } = known
  const target = { port: gate.port, url: `${origin.url}/${round}?q=${needle}-${round}` }
  const gone = Array.from({ length: clients }, (_, index) =>
    hammer({ ...target, run: `run-${index}` }, memory.tally),
  )
  const delay = memory.tally.more(Math.floor(Math.random() * answersMax), loadMsMax)
  if (round % haltEvery === 0) {
    const scope = `run:tester/halted-${round}`
    const halting = gate.ask('POST', '/api/v1/halts', { scope, reason: 'enough' })
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
  const place = makePlace(t, policyText({ ports: [origin.port], budgets }))
  const data = join(place.directory, 'data')
  const memory: Memory = { spent: 0, halted: [], tally: new Tally() }
  const known = { memory, origin }
  const started = performance.now()
  const seconds = (): number => (performance.now() - started) / 1000
  let [killed, signedRuns] = [0, 0]
  while (killed < rounds && seconds() < secondsMax && t.passing()) {
    const gate = await openVaultGate(t, place)
    await compare(t, gate, known)
    await crash(gate, killed, known)
    killed += 1
    if (killed % verifyEvery !== 0) continue
    await verifyData(t, data)
    const exit = await signedExit(data)
    t.ok(exit === 0 || exit === 3, `signed, and at most incomplete: exit ${exit}`)
    signedRuns += 1
    await openings(t, data)
  }
  const gate = await openVaultGate(t, place)
  await compare(t, gate, known)
  gate.child.kill('SIGTERM')
  t.equal((await gate.ended).code, 0, 'it ends in order at last')
  await verifyData(t, data)
  t.equal(await signedExit(data), 0, 'all is signed, from the first key on')
  const { commitments, unclaimed } = await openings(t, data)
  t.ok(commitments > 0, 'queries were committed to')
  t.same(holding(data, needle), [], 'and stand in no file')
  t.comment(`${commitments} openings present, ${unclaimed} of requests that no entry tells of`)
  t.comment(`verified with the first key and --require signed: ${signedRuns} times after a kill`)
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
