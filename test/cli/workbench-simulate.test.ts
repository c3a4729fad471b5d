/** `policy simulate` over a ledger of ten thousand decisions that the real gate wrote: the diff, and its speed. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { type Simulated, simulate } from '../../cli/policy-simulate.ts'
import { compiled, GateWorld, policyText } from '../gate/world.ts'
import { dataOf, decideMany } from './workbench-ledger.ts'

const decisionsMin = 10_000

const budgets = `  - { id: day, scope: agent, period: day, limits: { requests: 100k }, on_limit: block }`

test('ten thousand decisions under a candidate: what changes, by rule, host and agent, and how fast', async (t) => {
  const text = policyText(budgets)
  const world = new GateWorld({ deepCheck: false })
  t.teardown(() => world.place.remove())
  await world.open(await compiled(text))
  await decideMany(world, decisionsMin + 500)
  await world.close()
  const run = async (candidate: string, stretch = {}): Promise<Simulated> => {
    const policyFile = join(dataOf(world), 'candidate.yaml')
    writeFileSync(policyFile, candidate)
    let printed = ''
    const print = (line: string): void => {
      printed = line
    }
    const request = { directory: dataOf(world), from: 0, to: Number.MAX_SAFE_INTEGER, ...stretch }
    t.equal(await simulate({ policyFile, json: true, print }, request), 0)
    return JSON.parse(printed) as Simulated
  }

  const same = await run(text)
  t.ok(same.decisions >= decisionsMin, `${same.decisions} decisions`)
  t.match(same, { changed: 0, unknown: 0, broken: 0, changes: [], spends: [] })
  t.equal(same.same, same.decisions, 'the same policy answers every one as before')
  t.comment(`${same.entries} entries, ${same.entriesPerSecond} entries a second`)

  const stricter = text
    .replace('limits: { requests: 100k }', 'limits: { requests: 2k }')
    .replace('hosts: [ok.example.com, slow.example.com]', 'hosts: [ok.example.com]')
  const changed = await run(stricter)
  t.equal(changed.same + changed.changed, changed.decisions)
  const slow = changed.changes.filter(({ host }) => host === 'slow.example.com')
  t.match(slow[0], { before: 'allow', after: 'deny', code: 'no-rule' })
  const byDay = changed.changes.filter(({ id }) => id === 'day')
  t.ok(byDay.some(({ agent, code }) => agent === 'a' && code === 'budget-exhausted'))
  const spent = changed.spends.find(
    ({ agent, dimension }) => agent === 'a' && dimension === 'requests',
  )
  t.equal(spent?.after, 2_000, 'an agent spends what the candidate lets it')
  t.ok((spent?.before ?? 0) > 2_000)
  t.comment(
    `${changed.changed} changed in ${changed.changes.length} ways, ${changed.entriesPerSecond} entries a second`,
  )

  const needy = text.replace('effect: allow }', `when: 'has(request.query.q)', effect: allow }`)
  const unknown = await run(needy)
  t.ok(unknown.unknown > decisionsMin * 0.9, 'what is not recorded is not guessed')
  t.same(Object.keys(unknown.whyUnknown), ['query-or-headers'])

  const part = await run(text, { from: 100, to: 199 })
  t.equal(part.entries, 100, 'a stretch is a stretch')
})

test('no ledger is a failure that says so, and a table is printed where nobody asks for JSON', async (t) => {
  const world = new GateWorld()
  t.teardown(() => world.place.remove())
  await world.open(await compiled(policyText()))
  await decideMany(world, 60)
  await world.close()
  const policyFile = join(dataOf(world), 'candidate.yaml')
  writeFileSync(policyFile, policyText().replace('slow.example.com', 'fast.example.com'))
  const lines: string[] = []
  const print = (line: string): void => void lines.push(line)
  const all = { from: 0, to: Number.MAX_SAFE_INTEGER }
  await simulate({ policyFile, json: false, print }, { ...all, directory: world.place.directory })
  t.match(lines.join('\n'), /60 decisions.*\n.*allow -> deny +no-rule +a +slow\.example\.com/s)
  t.match(lines.join('\n'), /agent +spent +before +after/)
  const nowhere = simulate({ policyFile, json: false, print }, { ...all, directory: '/nowhere/x' })
  await t.rejects(nowhere, { code: 'ledger-unavailable' })
})
