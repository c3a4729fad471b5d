/** Each command against one running gate, as somebody uses it who has only its help and the README. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { ask } from '../e2e/wire.ts'
import { policyText, readEntries, startOrigin } from '../e2e/world.ts'
import {
  closeGate,
  type Gate,
  haltgate,
  makePlace,
  openGate,
  type Place,
  shell,
} from './command.ts'

const shipped = readFileSync('policies.yaml', 'utf8')

const budgets = `  - { id: per-run, scope: run, limits: { requests: 50, bytes_down: 1MiB, wall: 1h, cost_usd: 5.00, risk: 100 } }
  - { id: per-agent, scope: agent, limits: { requests: 40 } }`

test('what start prints names everything that is open, and each command of it works as printed', async (t) => {
  const place = makePlace(t, shipped)
  const gate = await openGate(t, place, ['--agent', 'local', '--data', 'the data'])
  const said = gate.said()
  t.match(said, /everyone on this listener is the agent local/)
  t.match(said, /policy {3}policies\.yaml {2}sha256:[0-9a-f]{12}… {2}mode enforce/)
  t.match(said, /ledger {3}the data\/ledger {2}head \d+/)
  t.match(said, /token in the data\/control\.token/)
  const [, after = ''] = said.split('Next, in another shell:\n')
  const lines = after.split('\n').map((line) => line.trim())
  const commands = lines.filter((line) => /^(curl|npx) /.test(line))
  t.equal(commands.length, 4)
  for (const line of commands) t.equal((await shell(place, line)).code, 0, line)
  const entries = readEntries(join(place.directory, 'the data'), ['decision', 'halt'])
  t.match(
    entries.map(({ data, kind }) => [kind, data['verdict'] ?? '', data['rules'] ?? data['scope']]),
    [
      ['decision', 'allow', ['local-origin']],
      ['decision', 'deny', undefined],
      ['halt', 'allow', 'agent:local'],
    ],
  )
  const [, proved] = [commands.at(-1), await shell(place, commands.at(-1) ?? '')]
  t.match(proved.output, /0 mismatches[\s\S]*\nOK {2}/)
  t.equal((await closeGate(gate)).code, 0)
})

test('a gate without an agent tells how to make one, and that works without a restart', async (t) => {
  const origin = await startOrigin(t)
  const place = makePlace(t, policyText({ ports: [origin.port] }))
  const gate = await openGate(t, place, [])
  const [, add = ''] = await gate.says(/^ {2}(npx haltgate agents add NAME)/m)
  const added = await shell(place, add.replace('NAME', 'newcomer'))
  const [, token = ''] = /newcomer:([\w-]{43})@/.exec(added.output) ?? []
  t.equal((await until(gate, origin.url, { agent: 'newcomer', token }, 200)).status, 200)
})

interface Credentials {
  readonly agent: string
  readonly token: string
}

const tookMs = 2_000

/** Asks until the gate answers so, or for as long as a gate may take to read its policy again. */
async function until(
  gate: Gate,
  url: string,
  { agent, token }: Credentials,
  status: number,
): Promise<{ readonly status: number }> {
  const basic = Buffer.from(`${agent}:${token}`).toString('base64')
  const headers = { 'Proxy-Authorization': `Basic ${basic}` }
  const start = performance.now()
  for (;;) {
    const answer = await ask(gate.port, url, { headers })
    if (answer.status === status || performance.now() - start > tookMs) return answer
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

test('tokens are shown once, stored as hashes, and taken and refused by a running gate within two seconds', async (t) => {
  const origin = await startOrigin(t)
  const policy = `# who may do what\n${policyText({ ports: [origin.port], budgets })}\n# the end\n`
  const place = makePlace(t, policy.replace('tester: {', 'tester: # the first\n    {'))
  const gate = await openGate(t, place, [])
  const placed = ['--tenant', 'acme', '--project', 'web']
  const added = await haltgate(place, ['agents', 'add', 'researcher', ...placed])
  t.match(added, { code: 0, errors: '' })
  const [first = '', ...again] = new Set(added.output.match(/[\w-]{43}/g))
  t.same(again, [], 'one token')
  t.equal((await until(gate, origin.url, { agent: 'researcher', token: first }, 200)).status, 200)
  const further = await haltgate(place, ['agents', 'token', 'researcher', '--json'])
  const { token: second } = JSON.parse(further.output)
  const by = { agent: 'researcher', token: second }
  t.equal((await until(gate, origin.url, by, 200)).status, 200)
  const text = readFileSync(join(place.directory, 'policies.yaml'), 'utf8')
  for (const token of [first, second]) {
    const hash = createHash('sha256').update(token).digest('hex')
    t.match(text, `sha256:${hash}`, 'the hash is what is kept')
  }
  for (const comment of ['# who may do what', '# the first', '# the end']) t.match(text, comment)
  const list = await haltgate(place, ['agents', 'list', '--json'])
  const shown = { name: 'researcher', tenant: 'acme', project: 'web', tokens: 2 }
  t.match(JSON.parse(list.output), [shown, { name: 'tester', tokens: 0 }])
  t.match((await haltgate(place, ['agents', 'list'])).output, /^researcher +acme +web +2$/m)
  const revoked = await haltgate(place, ['agents', 'revoke', 'researcher'])
  t.match(revoked, { code: 0, output: /researcher has no token now/ })
  t.equal((await until(gate, origin.url, by, 407)).status, 407)
  const kept = [readAll(place.directory), gate.said(), list.output, revoked.output].join('\n')
  for (const token of [first, second]) t.notMatch(kept, token, 'no token is stored or told again')
})

const readAll = (directory: string): string =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'ledger.lock')
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .join('\n')

test('agents refuses what would make a policy that does not load, and changes nothing then', async (t) => {
  const place = makePlace(t, policyText({ ports: [80] }))
  const before = readAll(place.directory)
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['add', 'tester'], /the agent tester is there already/],
    [['add', 'two words'], /'two words' is no name/],
    [['add', 'lost', '--project', 'web'], /add --tenant/],
    [['token', 'nobody'], /no agent nobody; add it: haltgate agents add nobody/],
    [['revoke', 'nobody'], /no agent nobody/],
    [['add'], /missing required argument 'name'/],
  ]
  for (const [args, errors] of cases) {
    t.match(await haltgate(place, ['agents', ...args]), { code: 2, output: '', errors }, `${args}`)
  }
  t.equal(readAll(place.directory), before)
})

test('halt, reinstate, status and runs tell what is so, and what the gate will not do', async (t) => {
  const origin = await startOrigin(t)
  const place = makePlace(t, policyText({ ports: [origin.port], budgets }))
  const gate = await openGate(t, place)
  const order = orders(place, gate)
  t.match(await order('runs'), { code: 0, output: 'no run has been seen yet\n' })
  t.equal((await ask(gate.port, origin.url)).status, 200)
  const status = await order('status')
  t.match(status.output, /^gate open {2}head \d+ {2}runs 1 {2}open 0 {2}policy sha256:/)
  t.match(status.output, /^per-agent +agent:tester +requests +40 +1 +0 +39$/m)
  t.match(status.output, /^per-run +run:tester\/default +wall +3600 s /m)
  t.match((await order('runs')).output, /^run:tester\/default +tester +default +running +\d{4}-/m)
  const why = ['--reason', 'it loops']
  t.match(await order('halt', 'run:tester/default', ...why), {
    code: 0,
    output: /halted.*entry \d/,
  })
  t.equal((await ask(gate.port, origin.url)).status, 403)
  const never = await order('reinstate', 'run:tester/default', ...why)
  t.match(never, { code: 1, output: /^refused: .*only an agent, a project or a tenant can/ })
  t.equal((await order('halt', 'agent:tester', ...why)).code, 0)
  const told = await order('status', '--json')
  const halted = JSON.parse(told.output).halted.map(({ scope }: { scope: string }) => scope)
  t.same(halted.sort(), ['agent:tester', 'run:tester/default'])
  t.match((await order('status')).output, /^agent:tester +operator +\d{4}-\d\d-\d\dT/m)
  t.match(await order('reinstate', 'agent:tester', ...why), {
    code: 0,
    output: /spent stays spent/,
  })
  const twice = await order('reinstate', 'agent:tester', ...why)
  t.match(twice, { code: 1, output: /there is nothing to reinstate/ })
  t.match(JSON.parse((await order('runs', '--json')).output), { runs: [{ mode: 'halted' }] })
  t.match(await order('halt', 'somebody', ...why), { code: 2, errors: /is no scope; write fleet/ })
  t.match(await order('halt', 'fleet'), { code: 2, errors: /'--reason <text>' not specified/ })
  t.match(await order('halt', 'fleet', '--reason', ' '), { code: 1, output: /^refused: .*reason/ })
  const json = await order('halt', 'fleet', '--json', ...why)
  t.match(JSON.parse(json.output), { ok: true, scope: 'fleet', receipt: { seq: Number } })
})

type Order = (...args: readonly string[]) => ReturnType<typeof haltgate>

const orders =
  (place: Place, gate: Gate): Order =>
  (...args) =>
    haltgate(place, args, { HALTGATE_CONTROL: gate.control })

test('grant takes amounts as people write them, in the unit of the dimension and in no other', async (t) => {
  const origin = await startOrigin(t)
  const place = makePlace(t, policyText({ ports: [origin.port], budgets }))
  const gate = await openGate(t, place)
  await ask(gate.port, origin.url)
  const order = orders(place, gate)
  const grant = (dimension: string, amount: string): ReturnType<typeof haltgate> =>
    order('grant', 'run:tester/default', dimension, amount, '--reason', 'more')
  const good = { bytes_down: '10MiB', wall: '1h', cost_usd: '2.50', risk: '200k' }
  for (const [dimension, amount] of Object.entries(good)) {
    t.match(await grant(dimension, amount), { code: 0, output: /was granted .* \(entry \d+\)/ })
  }
  const amounts = readEntries(join(place.directory, 'data'), ['grant']).map(
    ({ data }) => data['amount'],
  )
  t.same(amounts, [10 * 2 ** 20, 3_600_000, 2_500_000_000, 200_000])
  const { purses } = JSON.parse((await order('status', '--json')).output)
  const limit = (name: string): number =>
    purses.find((one: { dimension: string }) => one.dimension === name).limit
  t.same(
    Object.keys(good).map((name) => limit(name)),
    [11 * 2 ** 20, 7_200_000, 7_500_000_000, 200_100],
  )
  const bad: readonly (readonly [string, string, RegExp])[] = [
    ['wall', '5', /not a time such as/],
    ['requests', '10MiB', /not a whole number/],
    ['requests', '1.5', /finer than one unit/],
    ['bytes_down', '1h', /not bytes such as 10MiB/],
    ['cost_usd', '1h', /not dollars such as 5\.00/],
    ['requests', '0', /more than 0/],
  ]
  for (const [dimension, amount, errors] of bad) {
    t.match(await grant(dimension, amount), { code: 2, errors }, `${amount} of ${dimension}`)
  }
  t.match(await grant('nothing', '5'), { code: 1, output: /^refused: No budget/ })
  await wrongTokens(t, place, gate)
})

/** Another directory's token: no answer of the gate is taken for its state. */
async function wrongTokens(t: Test, place: Place, gate: Gate): Promise<void> {
  const other = makePlace(t, shipped)
  await closeGate(await openGate(t, other, ['--agent', 'local']))
  const args = ['--control', gate.control, '--data', join(other.directory, 'data')]
  for (const command of ['status', 'runs']) {
    const ran = await haltgate(place, [command, ...args])
    t.match(ran, { code: 74, output: '', errors: /token is not known.*--data/ }, command)
  }
  const halt = await haltgate(place, ['halt', 'fleet', '--reason', 'x', ...args])
  t.match(halt, { code: 1, output: /^refused: This token is not known/ })
  const lost = await haltgate(place, ['status', '--data', 'nowhere'])
  t.match(lost, { code: 74, errors: /nowhere\/control\.token cannot be read.*--data/ })
  await closeGate(gate)
  const gone = await haltgate(place, ['status', '--control', gate.control])
  t.match(gone, { code: 74, errors: /no gate answers at 127\.0\.0\.1:\d+ .*is it started/ })
}
