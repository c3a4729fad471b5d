/** Help, unknown words, where a setting comes from, and JSON: what holds for every command. */
import { mkdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { ask } from '../e2e/wire.ts'
import { policyText, startOrigin } from '../e2e/world.ts'
import { closeGate, haltgate, makePlace, openGate, type Place } from './command.ts'

const shipped = readFileSync('policies.yaml', 'utf8')
const { version } = JSON.parse(readFileSync('package.json', 'utf8'))

const commands: readonly string[] = [
  ...['start', 'run', 'demo', 'halt', 'reinstate', 'grant', 'status', 'runs'],
  ...['agents list', 'agents add', 'agents token', 'agents revoke'],
  ...['policy check', 'policy explain', 'audit verify', 'audit show'],
]

/** Which of the flags that some commands require: commander asks for those first. */
const needs: Readonly<Record<string, readonly string[]>> = {
  halt: ['--reason', 'x'],
  reinstate: ['--reason', 'x'],
  grant: ['--reason', 'x'],
  'policy explain': ['--agent', 'x'],
}

/** Does some at a time: a machine has few cores. */
async function each<T>(list: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  for (let first = 0; first < list.length; first += 4) {
    await Promise.all(list.slice(first, first + 4).map(work))
  }
}

test('every command tells how it is used, and refuses flags and words that it does not know', async (t) => {
  const place = makePlace(t, shipped)
  await each(commands, async (command) => {
    const words = command.split(' ')
    const help = await haltgate(place, [...words, '--help'])
    t.match(help, { code: 0, errors: '' }, `${command} --help`)
    t.match(help.output, `Usage: haltgate ${command} `)
    const asked = [...words, ...(needs[command] ?? []), '--nonsense']
    const unknown = await haltgate(place, asked)
    t.match(unknown, { code: 2, output: '', errors: /unknown option '--nonsense'\n\(see --help\)/ })
  })
  const { output } = await haltgate(place, ['--help'])
  for (const command of commands) {
    t.match(output, new RegExp(`^ {2}${command.split(' ')[0]} `, 'm'), `--help names ${command}`)
  }
  t.match(await haltgate(place, ['--version']), { code: 0, output: `${version}\n` })
  t.match(await haltgate(place, []), { code: 2, errors: /Usage: haltgate/ })
  const groups = ['agents', 'policy', 'audit']
  await each([...groups.map((group) => [group, 'nonsense']), ['nonsense']], async (words) => {
    t.match(await haltgate(place, words), { code: 2, errors: /unknown command 'nonsense'/ })
  })
  await each([['start'], ['status'], ['demo', 'ai'], ['agents', 'list']], async (words) => {
    const ran = await haltgate(place, [...words, 'surplus'])
    t.match(ran, { code: 2, errors: /too many arguments/ }, `${words} surplus`)
  })
})

test('a setting that is not understood is named, with its variable, before anything is made', async (t) => {
  const place = makePlace(t, shipped)
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['--listen', 'nonsense', /--listen is HOST:PORT, for example/],
    ['--listen', '127.0.0.1:70000', /--listen is HOST:PORT/],
    ['--control', 'unix:', /--control is unix:PATH/],
    ['--data', '', /--data is empty/],
    ['--policy', '', /--policy is empty/],
    ['--durability', 'never', /--durability \(HALTGATE_DURABILITY\) is group or os/],
    ['--verify-on-start', 'some', /HALTGATE_VERIFY_ON_START\) is last or all/],
    ['--log-level', 'loud', /--log-level is one of trace/],
  ]
  await each(cases, async ([flag, value, errors]) => {
    t.match(
      await haltgate(place, ['start', flag, value]),
      { code: 2, errors },
      `${flag} '${value}'`,
    )
  })
  const variables = {
    HALTGATE_LISTEN: 'x',
    HALTGATE_DURABILITY: 'x',
    HALTGATE_VERIFY_ON_START: 'x',
  }
  await each(Object.entries(variables), async ([name, value]) => {
    t.match(await haltgate(place, ['start'], { [name]: value }), { code: 2 }, name)
  })
  const verify: readonly (readonly string[])[] = [
    ['verify', '--expect-head', 'x'],
    ['verify', '--require', 'most'],
    ['verify', '--from', '-1'],
    ['show', 'x'],
    ['show', '--last', 'x'],
  ]
  await each(verify, async (args) => {
    t.match(
      await haltgate(place, ['audit', ...args]),
      { code: 2, errors: /^haltgate: / },
      `${args}`,
    )
  })
})

test('a flag wins over its variable, and the variable over the default', async (t) => {
  const origin = await startOrigin(t)
  const place = makePlace(t, shipped)
  const policy = policyText({ ports: [origin.port], agents: '  other: {}\n  third: {}' })
  const elsewhere = makePlace(t, policy)
  const moved = join(elsewhere.directory, 'moved.yaml')
  renameSync(join(elsewhere.directory, 'policies.yaml'), moved)
  const set = { HALTGATE_POLICY: moved, HALTGATE_AGENT: 'other' }
  const said = async (args: readonly string[], more: Record<string, string>): Promise<string> =>
    (await haltgate(place, args, more)).output
  t.match(await said(['policy', 'check'], {}), /^policies\.yaml is good/)
  t.match(await said(['policy', 'check'], set), /moved\.yaml is good/)
  t.match(await said(['policy', 'check', '--policy', 'policies.yaml'], set), /^policies\.yaml is/)
  t.match(await said(['policy', 'check', 'policies.yaml'], set), /^policies\.yaml is good/)
  t.match(await said(['policy', 'check'], { HALTGATE_POLICY: '' }), /^policies\.yaml is good/)
  const variables = {
    ...set,
    HALTGATE_LISTEN: '127.0.0.1:0',
    HALTGATE_DATA: 'chosen',
    HALTGATE_LOG_LEVEL: 'silent',
    HALTGATE_DURABILITY: 'os',
  }
  const chosen: Place = { ...place, environment: { ...place.environment, ...variables } }
  mkdirSync(join(place.directory, 'chosen'), { mode: 0o700 })
  const gate = await openGate(t, chosen, ['--agent', 'third'])
  t.match(gate.said(), /is the agent third\n.*moved\.yaml.*\n {2}ledger {3}chosen\/ledger/)
  t.equal((await ask(gate.port, origin.url)).status, 200)
  const control = { HALTGATE_CONTROL: gate.control }
  const told = JSON.parse((await haltgate(chosen, ['status', '--json'], control)).output)
  t.equal(told.durability, 'os')
  const wrong = { HALTGATE_CONTROL: '127.0.0.1:1' }
  const flagged = await haltgate(chosen, ['status', '--control', gate.control], wrong)
  t.equal(flagged.code, 0, 'the flag wins')
  t.equal((await haltgate(chosen, ['status'], wrong)).code, 74)
  await closeGate(gate)
  const verified = await haltgate(place, ['audit', 'verify'], { HALTGATE_DATA: 'chosen' })
  t.match(verified, { code: 0, output: /^OK /m })
  t.equal((await haltgate(place, ['audit', 'verify', '--data', 'chosen'])).code, 0)
  t.equal((await haltgate(place, ['audit', 'verify'])).code, 5, 'the default is ./data')
})
