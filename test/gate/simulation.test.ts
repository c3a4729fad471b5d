/**
 * Random sessions with crashes, slow disks and jumping clocks, each from one printed seed. `SEED=n` plays one again,
 * `SIMULATION_SECONDS=n` plays for longer.
 */
import { type Test, test } from 'tap'
import { asLogged } from '../../gate/fold.ts'
import { openReplay } from '../../gate/replay.ts'
import type { Policy } from '../../kernel/policy.ts'
import { snapshot } from '../../kernel/snapshot.ts'
import { seed } from '../kernel/seed.ts'
import { Simulation } from './simulation.ts'
import { compiled, policyText } from './world.ts'

const budgets = (requests: number): string => `  - id: life
    scope: agent
    period: lifetime
    limits: { bytes_down: 20000, requests: ${requests} }
    on_limit: block
  - id: run
    scope: run
    period: run
    limits: { requests: 40, bytes_down: 3000 }
    on_limit: kill
  - id: rate
    scope: tenant
    window: 20s
    limits: { requests: 15 }
    on_limit: queue
    queue: { length: 4, wait: 6s }
  - id: hourly
    scope: fleet
    period: hour
    limits: { requests: 30 }
    on_limit: warn`

const stepsPerSession = 400

const rules = '  - { id: canary, state: draft, hosts: [slow.example.com], effect: halt }\n'
const policies = Promise.all([
  compiled(policyText(budgets(150))),
  compiled(policyText(budgets(140), { rules })),
])

/** The chain from its genesis gives every snapshot that was written, and the live state; each hold ended once. */
function compareWithReplay(t: Test, simulation: Simulation, known: readonly Policy[]): number {
  const { disk, world } = simulation
  const terms = new Map(known.map((policy) => [policy.digest, policy]))
  const replay = openReplay((digest) => terms.get(digest) ?? null)
  const snapshots = disk.texts(/^snapshot-/)
  const open = new Set<string>()
  const wrong: string[] = []
  for (const entry of disk.entries()) {
    const name = `snapshot-${String(entry.seq).padStart(15, '0')}.json`
    const said = snapshots.get(name)
    if (
      entry.kind === 'segment.open' &&
      said !== undefined &&
      said !== snapshot(asLogged(replay.state))
    ) {
      wrong.push(`${name} is not the state that follows`)
    }
    const mismatch = replay.entry(entry)
    if (mismatch !== null) wrong.push(`seq ${entry.seq} ${entry.kind}: ${mismatch}`)
    const request = String(entry.data['request'])
    if (entry.kind === 'decision' && entry.data['hold'] !== undefined) open.add(request)
    if (entry.kind === 'settlement' && !open.delete(request))
      wrong.push(`I2: ${request} ended twice`)
  }
  const end = replay.end()
  if (end !== null) wrong.push(end)
  if (open.size > 0) wrong.push(`I2: ${open.size} holds never ended`)
  if (snapshot(asLogged(replay.state)) !== world.digest) wrong.push('I4: the live state')
  t.strictSame(wrong.slice(0, 5), [])
  return snapshots.size
}

async function play(t: Test, seed: number, tally: Map<string, number>): Promise<void> {
  const known = await policies
  const simulation = new Simulation(seed, known)
  let step = 0
  try {
    await simulation.start()
    for (step = 1; step <= stepsPerSession; step += 1) await simulation.step()
    await simulation.finish()
    const snapshots = compareWithReplay(t, simulation, known)
    await simulation.crash()
    simulation.check()
    await simulation.world.close()
    const sent = [...simulation.upstream.values()].reduce((sum, { requests }) => sum + requests, 0)
    const counts = [...simulation.did, ['snapshots', snapshots], ['sent', sent]] as const
    for (const [name, count] of counts) tally.set(name, (tally.get(name) ?? 0) + count)
  } catch (error) {
    t.fail(`SEED=${seed} fails at step ${step}: ${String(error)}`, { stack: String(error) })
  } finally {
    simulation.world.place.remove()
  }
}

void test('no invariant breaks in any random session', async (t) => {
  const given = process.env['SEED']
  const seconds = Number(process.env['SIMULATION_SECONDS'] ?? 8)
  const first = given === undefined ? seed : Number(given)
  const tally = new Map<string, number>()
  const started = performance.now()
  let sessions = 0
  do {
    await play(t, first + sessions, tally)
    sessions += 1
  } while (given === undefined && t.passing() && performance.now() - started < seconds * 1000)
  t.comment(`seeds ${first} to ${first + sessions - 1}: ${stepsPerSession} steps each`)
  t.comment([...tally].map(([name, count]) => `${count} ${name}`).join(', '))
  t.ok((tally.get('sent') ?? 0) > 0, 'requests were sent')
})
