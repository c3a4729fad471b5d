/** `haltgate doctor`: names each way that is open, says how to close it, and finds none in a jail. */
import { spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { test } from 'tap'
import { policyText, startOrigin } from '../e2e/world.ts'
import { haltgate, makePlace, openGate } from './command.ts'

interface Answer {
  readonly ok: boolean
  readonly checks: readonly {
    readonly check: string
    readonly state: string
    readonly way: string
  }[]
}

const policy = (port: number): string =>
  policyText({ ports: [port], agents: '  local: {}\n  other: {}' })

const hasNamespaces =
  spawnSync('unshare', [
    '--user',
    '--map-root-user',
    '--net',
    '--pid',
    '--fork',
    '--mount-proc',
    ...['ip', 'link', 'set', 'lo', 'up'],
  ]).status === 0

test('outside of any boundary doctor names what is open, and ends with 1', async (t) => {
  const origin = await startOrigin(t)
  const resolver = createSocket('udp4', (message, from) => {
    resolver.send(message, from.port, from.address)
  })
  await new Promise<void>((resolve) => resolver.bind(0, '127.0.0.1', resolve))
  t.teardown(() => resolver.close())
  const place = makePlace(t, policy(origin.port))
  const flags = [
    '--target',
    `127.0.0.1:${origin.port}`,
    '--target6',
    '[::1]:1',
    '--name',
    'localhost',
  ]
  const all = [...flags, '--resolver', `127.0.0.1:${resolver.address().port}`]
  const ran = await haltgate(place, ['doctor', '--json', ...all])
  t.equal(ran.code, 1)
  const { checks, ok } = JSON.parse(ran.output) as Answer
  t.equal(ok, false)
  const open = checks.filter(({ state }) => state === 'open').map(({ check }) => check)
  for (const check of [
    'direct TCP to an address',
    'direct UDP',
    'names are resolved here',
    'curl --noproxy "*"',
    'variables unset',
  ]) {
    t.ok(open.includes(check), check)
  }
  t.notOk(open.includes('IPv6'), 'nobody listens there')
  t.ok(
    checks
      .filter(({ state }) => state === 'open' || state === 'failed')
      .every(({ way }) => way !== ''),
  )
  t.match(
    checks.find(({ check }) => check === 'the proxy is a haltgate'),
    { state: 'failed' },
  )
})

test('a proxy that is no gate is told from one that is', async (t) => {
  const origin = await startOrigin(t)
  const place = makePlace(t, policy(origin.port))
  const gate = await openGate(t, place, ['--agent', 'local'])
  const nowhere = ['--target', '127.0.0.1:1', '--target6', '[::1]:1', '--resolver', '127.0.0.1:1']
  const rowsThrough = async (proxy: string): Promise<Answer['checks']> => {
    const variables = {
      HTTP_PROXY: proxy,
      HTTPS_PROXY: proxy,
      http_proxy: proxy,
      https_proxy: proxy,
    }
    const ran = await haltgate(
      place,
      ['doctor', '--json', ...nowhere, '--name', 'x.invalid'],
      variables,
    )
    return (JSON.parse(ran.output) as Answer).checks
  }
  const row = 'the proxy is a haltgate'
  const through = await rowsThrough(`http://127.0.0.1:${gate.port}`)
  t.match(
    through.find(({ check }) => check === row),
    { state: 'ok', seen: 'status 403, decision deny' },
  )
  t.match(
    through.find(({ check }) => check === 'proxy variables'),
    { state: 'ok' },
  )
  const around = await rowsThrough(`http://user:secret@127.0.0.1:${origin.port}`)
  t.match(
    around.find(({ check }) => check === row),
    { state: 'failed' },
  )
  t.notMatch(JSON.stringify(around), /secret/)
  const garbled = await rowsThrough('http://user:%zz@127.0.0.1:1')
  t.match(
    garbled.find(({ check }) => check === row),
    { state: 'failed' },
    'no variable ends it',
  )
})

test('a connection that was redirected to a gate is no way out', async (t) => {
  const place = makePlace(t, policy(80))
  const gate = await openGate(t, place, ['--agent', 'local', '--transparent', '127.0.0.1:0'])
  const [, port = ''] = await gate.says(/redirected to +127\.0\.0\.1:(\d+)/)
  const nowhere = ['--target6', '[::1]:1', '--resolver', '127.0.0.1:1', '--name', 'x.invalid']
  const ran = await haltgate(place, [
    'doctor',
    '--json',
    '--target',
    `127.0.0.1:${port}`,
    ...nowhere,
  ])
  const { checks } = JSON.parse(ran.output) as Answer
  for (const name of ['direct TCP to an address', 'curl --noproxy "*"', 'variables unset']) {
    t.match(
      checks.find(({ check }) => check === name),
      { state: 'ok', seen: 'the gate answered' },
      name,
    )
  }
})

test('in a jail doctor finds no way out', {
  skip: hasNamespaces ? false : 'no namespaces here',
}, async (t) => {
  const place = makePlace(t, policy(80))
  const inside = `${process.execPath} ${process.argv[1]?.replace('test/cli/doctor.test.js', 'cli/main.js')}`
  const ran = await haltgate(place, [
    'run',
    '--jail',
    '--',
    '/bin/sh',
    '-c',
    `${inside} doctor --json --name a.example`,
  ])
  t.match(JSON.parse(ran.output), { ok: true })
  t.equal(ran.code, 0)
})

test('a target that is none is a wrong usage', async (t) => {
  const place = makePlace(t, policy(80))
  t.match(await haltgate(place, ['doctor', '--target', 'nowhere']), {
    code: 2,
    errors: /--target is/,
  })
})
