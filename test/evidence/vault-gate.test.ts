/** A gate with a vault: what was asked opens to who may see it, is erased by order, and survives the gate's death. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { openEntry } from '../../evidence/vault/open.ts'
import { survey } from '../../evidence/vault/survey.ts'
import { closeGate, haltgate, makePlace, openGate } from '../cli/command.ts'
import { ask } from '../e2e/wire.ts'
import { policyText, readEntries, startOrigin } from '../e2e/world.ts'

const needle = 'needle-of-a-person'

function policy(port: number): string {
  const json = `  - { id: json, hosts: [localhost], ports: [${port}], addresses: [127.0.0.0/8, "::1/128"], paths: [/json], methods: [POST], decoder: json, when: body.a == 1, effect: allow }`
  const agents = '  tester: { actor: ada }\n  other: { tenant: acme }'
  return policyText({ ports: [port], agents, rules: json })
}

function holdsNeedle(directory: string): readonly string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map(({ name, parentPath }) => join(parentPath, name))
    .filter((path) => readFileSync(path).includes(needle))
}

test('a gate with --vault commits, opens and erases; without it nothing of the kind is written', async (t) => {
  const origin = await startOrigin(t)
  const place = makePlace(t, policy(origin.port))
  const data = join(place.directory, 'data')
  const plain = await openGate(t, place, ['--agent', 'tester'])
  t.equal((await ask(plain.port, `${origin.url}/a?q=${needle}`)).status, 200)
  await closeGate(plain)
  t.notOk(existsSync(join(data, 'vault')))
  const gate = await openGate(t, place, [
    '--agent',
    'tester',
    '--vault',
    'query,body,body-bytes,principal',
  ])
  t.equal((await ask(gate.port, `${origin.url}/a?q=${needle}`)).status, 200)
  t.equal((await ask(gate.port, `${origin.url}/b`)).status, 200)
  const posted = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"a":1}',
  }
  t.equal((await ask(gate.port, `${origin.url}/json`, posted)).status, 200)
  const decisions = readEntries(data, ['decision'])
  const members = decisions.map((entry) => Object.keys(entry.data['commitments'] ?? {}).join())
  t.same(members, ['', 'principal,query', 'principal', 'body,body_bytes,principal'])
  const places = { ledger: join(data, 'ledger'), vault: join(data, 'vault') }
  const seq = decisions[1]?.seq ?? 0
  t.match(openEntry(places, seq), {
    ok: true,
    fields: [
      { field: 'principal', value: 'ada' },
      { field: 'query', value: `q=${needle}` },
    ],
  })
  const opened = await haltgate(place, ['audit', 'open', '--seq', String(seq)])
  t.match(opened.output, /query {2}matches[\s\S]*value +q=needle-of-a-person/)
  const posting = openEntry(places, decisions[3]?.seq ?? 0)
  t.match(posting, { fields: [{}, { value: Buffer.from('{"a":1}').toString('base64') }, {}] })
  t.same(holdsNeedle(data), [])
  const control = ['--control', gate.control]
  const order = ['audit', 'erase', '--subject', 'actor:ada', '--authority', 'ticket 9', ...control]
  const erased = await haltgate(place, order)
  t.equal(erased.code, 0, erased.errors)
  t.match(erased.output, /actor:ada: 6 openings erased, recorded as \d+:[0-9a-f]{64}/)
  t.equal((await haltgate(place, order)).code, 1, 'there is nothing left')
  t.equal((await haltgate(place, ['audit', 'open', '--seq', String(seq)])).code, 1)
  t.equal((await ask(gate.port, `${origin.url}/a?q=again`)).status, 200)
  await closeGate(gate)
  const found = await survey(places)
  t.match(found, { commitments: 8, present: 2, erased: 6, pending: 0, missing: 0, altered: 0 })
  const counted = await haltgate(place, ['audit', 'openings', '--verify'])
  t.equal(counted.code, 0, counted.output)
  t.match(counted.output, /present +2\nerased +6\n/)
  const only = await haltgate(place, ['audit', 'openings', '--subject', 'actor:ada', '--json'])
  t.match(JSON.parse(only.output), { commitments: 8, present: 2 })
  const verified = await haltgate(place, ['audit', 'verify', '--replay'])
  t.equal(verified.code, 0, verified.output)
  t.equal((await haltgate(place, order)).code, 74, 'no gate runs')
})

test('flags of the vault that are not understood are said', async (t) => {
  const place = makePlace(t, policyText({ ports: [1] }))
  for (const [args, message] of [
    [['start', '--vault', 'query,headers'], /--vault \(HALTGATE_VAULT\): 'headers' is none of/],
    [['audit', 'erase', '--subject', 'ada', '--authority', 'x'], /--subject is actor:U or agent:A/],
    [['audit', 'open', '--seq', 'x'], /--seq is a number/],
  ] as const) {
    const ran = await haltgate(place, args)
    t.equal(ran.code, 2, ran.errors)
    t.match(ran.errors, message)
  }
})
