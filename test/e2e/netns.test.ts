/** Agent, gate and origin as three hosts: without the gate's rules each trick reaches the origin, with them none does. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Test, test } from 'tap'
import { addresses, Ground, lackOfGround } from './netns-ground.ts'
import { type Trick, tricks } from './netns-tricks.ts'
import { readEntries, verifyData } from './world.ts'

const lacking = lackOfGround()
const main = fileURLToPath(new URL('../../cli/main.js', import.meta.url))
const originProgram = fileURLToPath(new URL('./netns-origin.js', import.meta.url))
/** An address that leads nowhere: the gate resolves names itself. */
const [nowhere, nowhere6] = ['198.51.100.7', '2001:db8::7']

/** The rules that the page tells people to load, in their order on it. */
function rulesOnPage(): readonly string[] {
  const page = readFileSync('docs/boundaries.md', 'utf8')
  return [...page.matchAll(/^```nft\n(.*?)^```$/gms)].map(([, rules = '']) => rules)
}

const policy = `version: 1
defaults: { verdict: deny, tls: tunnel }
agents: { tester: {} }
rules:
  - id: origin
    hosts: [origin.test]
    addresses: [10.99.2.0/24]
    effect: allow
`

interface Place {
  readonly ground: Ground
  /** Root of the origin's certificate. */
  readonly ca: string
  readonly data: string
}

async function makePlace(t: Test): Promise<Place> {
  const ground = new Ground(t)
  const ca = join(ground.directory, 'root.pem')
  await ground.start('origin', [process.execPath, originProgram, ca], /ready/)
  return { ground, ca, data: join(ground.directory, 'data') }
}

async function startGate({ data, ground }: Place): Promise<() => Promise<void>> {
  const policyFile = join(ground.directory, 'policies.yaml')
  writeFileSync(policyFile, policy)
  const listeners = ['--listen', '[::]:3128', '--transparent', '[::]:3130', '--agent', 'tester']
  const files = ['--policy', policyFile, '--data', data, ...ground.lenient]
  const words = [process.execPath, main, 'start', ...listeners, ...files]
  const child = await ground.start('gate', words, /haltgate is open/)
  return async () => {
    const closed = new Promise((resolve) => child.once('close', resolve))
    child.kill('SIGTERM')
    await closed
  }
}

/** Packets that came to the origin while the agent tried each trick. */
async function tryAll(ground: Ground, all: readonly Trick[]): Promise<readonly number[]> {
  const counts: number[] = []
  let before = await ground.arrived()
  for (const { command } of all) {
    await ground.run('agent', command)
    const after = await ground.arrived()
    counts.push(after - before)
    before = after
  }
  return counts
}

const seen = (count: number): string => (count > 0 ? `${count} packets` : 'nothing')

test('with root in its namespace an agent has no way to the origin but through the gate', {
  skip: lacking,
}, async (t) => {
  const place = await makePlace(t)
  const { ca, data, ground } = place
  ground.forwards(true)
  const without = await tryAll(ground, tricks)
  ground.forwards(false)
  const [byNamespace = ''] = rulesOnPage()
  ground.load('gate', byNamespace)
  const stop = await startGate(place)
  await ground.senders()
  const within = await tryAll(ground, tricks)
  const senders = await ground.senders()
  const width = Math.max(...tricks.map(({ name }) => name.length))
  t.comment(`${'trick'.padEnd(width)}  without     with haltgate`)
  for (const [index, { name }] of tricks.entries()) {
    const [open = 0, closed = 0] = [without[index], within[index]]
    t.comment(`${name.padEnd(width)}  ${seen(open).padEnd(10)}  ${seen(closed)}`)
    t.ok(open > 0, `without the gate: ${name} reaches the origin`)
    t.equal(
      closed,
      0,
      `with the gate: ${name} does not${closed === 0 ? '' : `; sent by ${senders}`}`,
    )
  }
  const control = ['curl', '-s', '-m', '1', `http://${addresses.gate}:3129/healthz`]
  t.not((await ground.run('agent', control)).code, 0, 'the control listener is not there')
  t.same(readEntries(data, ['settlement']), [], 'nothing was let through so far')

  const ask = ['curl', '-sS', '-m', '5', '--cacert', ca]
  const named = (port: number, to: string): string[] => ['--resolve', `origin.test:${port}:${to}`]
  const through = [
    [...ask, ...named(443, nowhere), 'https://origin.test/secure'],
    [...ask, ...named(80, nowhere), 'http://origin.test/plain'],
    [...ask, '-6', ...named(443, `[${nowhere6}]`), 'https://origin.test/six'],
    [...ask, '-x', `http://${addresses.gate}:3128`, 'https://origin.test/asked'],
  ]
  for (const [index, path] of ['/secure', '/plain', '/six', '/asked'].entries()) {
    const { output } = await ground.run('agent', through[index] ?? [])
    t.equal(output, `${path} from ${addresses.gateOutside}`, 'allowed, and only the gate was there')
  }
  await stop()
  t.equal(readEntries(data, ['settlement']).length, through.length)
  t.match(readEntries(data, ['rejected'])[0], { data: { listener: 'transparent:tester' } })
  await verifyData(t, data)
})

test('the rules by user id let a user out through the gate alone', { skip: lacking }, async (t) => {
  const place = await makePlace(t)
  const { ca, data, ground } = place
  const asUser = (command: readonly string[]): readonly string[] => [
    ...['setpriv', '--reuid', '1500', '--regid', '1500', '--clear-groups', '--'],
    ...command,
  ]
  const curl = (...rest: readonly string[]): readonly string[] => [
    'curl',
    '-sk',
    '-m',
    '1',
    ...rest,
  ]
  const tried: readonly Trick[] = [
    { name: 'TLS without a name', command: curl(`https://${addresses.origin}/`) },
    { name: 'HTTP to an address', command: curl(`http://${addresses.origin}/`) },
    { name: 'another port', command: curl(`http://${addresses.origin}:8443/`) },
    { name: 'IPv6', command: curl(`http://[${addresses.origin6}]:8443/`) },
    { name: 'a name to resolve', command: curl('http://secret.origin.test:8443/') },
  ]
  const [, byUser = ''] = rulesOnPage()
  const count = async (one: Trick): Promise<number> => {
    const before = await ground.arrived()
    await ground.run('gate', asUser(one.command))
    return (await ground.arrived()) - before
  }
  for (const one of tried) t.ok((await count(one)) > 0, `without the rules: ${one.name}`)
  ground.load('gate', byUser)
  const stop = await startGate(place)
  for (const one of tried) t.equal(await count(one), 0, `with the rules: ${one.name}`)
  for (const [scheme, port] of [
    ['https', 443],
    ['http', 80],
  ] as const) {
    const named = ['--resolve', `origin.test:${port}:${addresses.origin}`]
    const asked = [...curl('--cacert', ca, ...named, `${scheme}://origin.test/${scheme}`)]
    const { output } = await ground.run('gate', asUser(asked))
    t.equal(output, `/${scheme} from ${addresses.gateOutside}`, 'and the gate lets through')
  }
  await stop()
  await verifyData(t, data)
})
