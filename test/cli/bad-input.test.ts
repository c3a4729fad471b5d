/** Starts that cannot go well: each is refused with its exit code, the place and the way out, and nothing is lost. */
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { isInMemory, listen, policyText } from '../e2e/world.ts'
import { closeGate, haltgate, makePlace, openGate, type Place, type Ran } from './command.ts'

const good = policyText({ ports: [80] })

const free = ['--listen', '127.0.0.1:0', '--control', '127.0.0.1:0', '--agent', 'tester']

const start = (place: Place, ...args: readonly string[]): Promise<Ran> =>
  haltgate(place, ['start', '--log-level', 'silent', ...free, ...args])

/** Every file below a directory, with its mode and a hash of its bytes. */
function contents(directory: string): readonly string[] {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()
  return names.map((name) => {
    const path = join(directory, name)
    const found = lstatSync(path)
    const bytes = found.isFile() ? readFileSync(path) : ''
    const hash = createHash('sha256').update(bytes).digest('hex')
    return `${name} ${found.mode.toString(8)} ${hash}`
  })
}

/** A start that is refused, and leaves all as it was. */
async function refused(
  t: Test,
  place: Place,
  { args = [], code, errors }: { args?: readonly string[]; code: number; errors: RegExp },
): Promise<void> {
  const before = contents(place.directory)
  const ran = await start(place, ...args)
  t.match(ran, { code, output: '', errors }, `${errors}`)
  t.notMatch(ran.errors, /a bug|^ {4}at /m, 'no stack is shown')
  t.same(contents(place.directory), before, 'nothing was changed')
}

test('a policy that is wrong is refused with every place, by start, run and policy check alike', async (t) => {
  const rule = '  - { id: origin, hosts: [a.example], effect: allow }'
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['a typo in a key', good.replace('effect:', 'efect:'), /^policies\.yaml:10:5: .*efect/m],
    ['a typo in a value', good.replace('allow', 'alow'), /policies\.yaml:\d+:\d+: .*allow/],
    [
      'a wrong unit',
      policyText({ ports: [80], budgets: '  - { id: b, scope: run, limits: { wall: 10MiB } }' }),
      /policies\.yaml:13:\d+: .*not a time such as/,
    ],
    ['a duplicate id', policyText({ ports: [80], rules: rule }), /policies\.yaml:11:\d+: .*origin/],
    [
      'a rule that can never match',
      good.replace('effect:', 'agents: [nobody]\n    effect:'),
      /policies\.yaml:10:\d+: .*nobody/,
    ],
    ['no YAML', 'version: [1', /policies\.yaml:\d+:\d+: /],
    ['nothing', '', /policies\.yaml:1:1: /],
  ]
  for (const [what, policy, errors] of cases) {
    const place = makePlace(t, policy)
    const before = contents(place.directory)
    const commands = [['policy', 'check'], ['start'], ['run', '--', 'touch', 'started']]
    const [checked, ...others] = await Promise.all(commands.map((words) => haltgate(place, words)))
    t.match(checked, { code: 1, output: errors, errors: '' }, what)
    for (const other of others) {
      t.same(
        other,
        { code: 1, output: '', errors: `haltgate: ${checked?.output}` },
        'all say the same',
      )
    }
    t.same(contents(place.directory), before, 'nothing was started, made or changed')
  }
  const both = makePlace(t, good.replace('effect:', 'efect:').replace('version: 1', 'version: 2'))
  const { errors } = await start(both)
  t.match(errors, /:1:\d+: [\s\S]*:\d+:\d+: .*efect/, 'all problems at once')
})

test('a policy that cannot be read is refused, with its name and the flag to name another', async (t) => {
  const place = makePlace(t, good)
  mkdirSync(join(place.directory, 'directory'))
  symlinkSync('nowhere', join(place.directory, 'dangling'))
  for (const name of ['missing.yaml', 'directory', 'dangling']) {
    const errors = new RegExp(`haltgate: ${name}:1:1: the policy cannot be read .*--policy`)
    await refused(t, place, { args: ['--policy', name], code: 1, errors })
  }
  const unknown = {
    args: ['--agent', 'nobody'],
    code: 1,
    errors: /no such agent \(it has: tester\)/,
  }
  await refused(t, place, unknown)
})

test('a data directory that cannot be used is refused, and is not made private where others use it', async (t) => {
  const place = makePlace(t, good)
  writeFileSync(join(place.directory, 'file'), 'mine\n', { mode: 0o644 })
  const shared = join(place.directory, 'shared')
  mkdirSync(shared)
  chmodSync(shared, 0o777)
  writeFileSync(join(shared, 'letter'), 'of somebody')
  symlinkSync('nowhere', join(place.directory, 'dangling'))
  for (const data of [
    'file',
    'file/below',
    '/proc/haltgate',
    '/proc/1/haltgate',
    'dangling/below',
  ]) {
    const errors = /the data directory .* cannot be used .*choose another with --data/
    await refused(t, place, { args: ['--data', data], code: 74, errors })
  }
  const open = { args: ['--data', 'shared'], code: 74, errors: /letter is not ours.*--data/ }
  await refused(t, place, open)
  const memory = '/dev/shm'
  if (!existsSync(memory) || !isInMemory(memory)) return
  const { HALTGATE_ANY_FILESYSTEM: _, ...environment } = place.environment
  const there = join(memory, `haltgate-test-${process.pid}`)
  t.teardown(() => rmSync(there, { recursive: true, force: true }))
  const strict = { ...place, environment }
  const errors = /on tmpfs.*use a local disk, or allow it with --any-filesystem/
  await refused(t, strict, { args: ['--data', there], code: 74, errors })
  const audited = await haltgate(strict, ['audit', 'verify', '--data', there])
  t.not(audited.code, 0, 'there is no ledger')
})

test('a data directory is made private, and so are its files', async (t) => {
  const place = makePlace(t, good)
  mkdirSync(join(place.directory, 'data'), { mode: 0o755 })
  await closeGate(await openGate(t, place))
  const mode = (name: string): string =>
    (statSync(join(place.directory, name)).mode & 0o777).toString(8)
  t.equal(mode('data'), '700')
  t.equal(mode('data/ledger'), '700')
  for (const name of ['control.token', 'ledger.lock', 'ledger/ledger-000000000000000.jsonl']) {
    t.equal(mode(`data/${name}`), '600', name)
  }
})

test('an address that is taken ends the start, whichever listener wanted it, and leaves a sound ledger', async (t) => {
  const place = makePlace(t, good)
  const port = await listen(t, createServer())
  const taken = `127.0.0.1:${port}`
  const cases: readonly (readonly [string, string, number, RegExp])[] = [
    ['--listen', taken, 74, /the proxy cannot have .*EADDRINUSE.*choose another with --listen/],
    ['--listen', '192.0.2.1:0', 74, /the proxy cannot have .*choose another with --listen/],
    ['--control', taken, 74, /control listener cannot have .*EADDRINUSE.*--control/],
    ['--control', 'unix:/proc/haltgate.socket', 74, /control listener cannot have .*--control/],
    ['--control', '0.0.0.0:0', 1, /not on loopback[\s\S]*--insecure-control/],
  ]
  for (const [flag, value, code, errors] of cases) {
    // The ledger was open: its checkpoints are told, and nothing else is.
    const output = /^(\{"checkpoint":.*\}\n)*$/
    t.match(await start(place, flag, value), { code, output, errors }, `${flag} ${value}`)
  }
  t.match(await haltgate(place, ['audit', 'verify', '--replay']), { code: 0 })
  t.equal((await closeGate(await openGate(t, place))).code, 0, 'a free address is all that it took')
})

test('a control token that others can read, or that is none, is refused and never replaced', async (t) => {
  const place = makePlace(t, good)
  await closeGate(await openGate(t, place))
  const token = join(place.directory, 'data/control.token')
  chmodSync(token, 0o644)
  await refused(t, place, {
    code: 74,
    errors: /can be read by others; run: chmod 600 \S+control\.token/,
  })
  chmodSync(token, 0o600)
  const kept = readFileSync(token)
  writeFileSync(token, 'short\n')
  await refused(t, place, { code: 74, errors: /control\.token holds no token; delete it/ })
  rmSync(token)
  mkdirSync(token, { mode: 0o700 })
  await refused(t, place, { code: 74, errors: /control\.token is no file; remove it/ })
  rmSync(token, { recursive: true })
  writeFileSync(token, kept, { mode: 0o600 })
  const again = await openGate(t, place)
  t.same(readFileSync(token), kept)
  const beside = await start(place)
  t.match(beside, { code: 74, errors: /ledger\.lock .*another process writes this ledger/ })
  t.equal((await closeGate(again)).code, 0)
  appendFileSync(token, '\n')
  t.equal((await closeGate(await openGate(t, place))).code, 0)
})
