/** A vault in hostile hands: whatever was changed, moved or taken away in its files is found, and nothing throws. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'tap'
import { vaultSegments } from '../../evidence/vault/read.ts'
import { seedSentence } from '../kernel/seed.ts'
import { VaultWorld } from './vault-world.ts'

test('a record that anybody changed, moved or took away is found', async (t) => {
  const damages: readonly (readonly [string, (lines: string[]) => string[], object])[] = [
    ['nothing', (lines) => lines, { present: 3, missing: 0, altered: 0 }],
    ['a record is gone', ([head = '', , ...rest]) => [head, ...rest], { missing: 1, altered: 0 }],
    ['a bit of what is sealed', (lines) => lines.map(flipSealed), { altered: 3 }],
    ['a time', (lines) => changed(lines, 2, { at: 1 }), { altered: 1, missing: 0 }],
    ['a field', (lines) => changed(lines, 2, { fields: ['body'] }), { altered: 1, missing: 0 }],
    ['a request', (lines) => changed(lines, 2, { request: 'other' }), { missing: 1 }],
    ['two records under each other’s request', swapped, { altered: 1, missing: 1 }],
    ['one is said to be erased', (lines) => changed(lines, 2, { erased: true }), { missing: 1 }],
    ['another subject', (lines) => changed(lines, 2, { subject: '0'.repeat(32) }), { missing: 1 }],
    ['no record', (lines) => lines.with(2, 'no record'), { missing: 1, broken: 1 }],
  ]
  for (const [name, damage, expected] of damages) {
    const world = await VaultWorld.open(t)
    for (const query of ['one', 'two', 'three']) await world.decide('agent:a', { query })
    await world.close()
    const [segment = ''] = vaultSegments(world.directory)
    const path = join(world.directory, segment)
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
    writeFileSync(path, `${damage(lines).join('\n')}\n`)
    const found = await world.survey()
    t.match(found, { commitments: 3, ...expected }, name)
    t.equal(found.findings.length === 0, name === 'nothing', name)
  }
})

test('a key that is gone without an erasure leaves its openings missing; a damaged one is named', async (t) => {
  const world = await VaultWorld.open(t)
  await world.decide('agent:a', { query: 'q' })
  await world.close()
  const [name = ''] = readdirSync(join(world.directory, 'subjects'))
  const path = join(world.directory, 'subjects', name)
  const text = readFileSync(path, 'latin1')
  writeFileSync(path, `${text.slice(0, 20)}${text[20] === 'A' ? 'B' : 'A'}${text.slice(21)}`)
  await t.rejects(world.survey(), /is damaged; put it back/)
  writeFileSync(path, text.slice(0, 30))
  t.match(await world.survey(), { missing: 1, present: 0 })
  writeFileSync(path, text)
  t.match(await world.survey(), { missing: 0, present: 1 })
})

test('an erasure that says another count explains nothing', async (t) => {
  const world = await VaultWorld.open(t)
  await world.decide('actor:ada', { query: 'one' })
  await world.decide('actor:ada', { query: 'two' })
  const lying = world.erasures((order) => world.record({ ...order, count: 1 }))
  const order = { subject: 'actor:ada', authority: 'x', reason: '', by: 'operator' }
  await (await lying.erase(order))?.finished
  await world.close()
  t.match(await world.survey(), { erased: 0, missing: 2 })
})

test('no bytes in a segment make the reading of it throw', async (t) => {
  const world = await VaultWorld.open(t)
  await world.decide('agent:a', { query: 'q' })
  await world.close()
  const [segment = ''] = vaultSegments(world.directory)
  const path = join(world.directory, segment)
  const whole = readFileSync(path)
  t.comment(seedSentence)
  const run = fc.asyncProperty(fc.nat(whole.length - 1), fc.uint8Array(), async (at, bytes) => {
    writeFileSync(path, Buffer.concat([whole.subarray(0, at), bytes, whole.subarray(at + 1)]))
    const { altered, missing, present } = await world.survey()
    return altered + missing + present === 1
  })
  await fc.assert(run, { numRuns: 200 })
})

const changed = (lines: readonly string[], index: number, members: object): string[] =>
  lines.with(index, JSON.stringify({ ...(JSON.parse(lines[index] ?? '{}') as object), ...members }))

function swapped(lines: readonly string[]): string[] {
  const [one, two] = [lines[1] ?? '', lines[2] ?? ''].map(
    (line) => JSON.parse(line) as { request: string },
  )
  const first = changed(lines, 1, { request: two?.request })
  return changed(first, 2, { request: one?.request })
}

function flipSealed(line: string): string {
  return line.replace(/"sealed":"(.)/, (_, first) => `"sealed":"${first === 'A' ? 'B' : 'A'}`)
}
