/** The limits of the proxy as flags and variables: each is one, each is in the docs, and none takes nonsense. */
import { readFileSync } from 'node:fs'
import { test } from 'tap'
import { connectionsWithin } from '../../cli/descriptors.ts'
import { limitFlags } from '../../cli/limit-flags.ts'
import { settingsOf } from '../../cli/settings.ts'
import { defaultLimits } from '../../proxy/limits.ts'
import { ask } from '../e2e/wire.ts'
import { policyText, startOrigin } from '../e2e/world.ts'
import { closeGate, haltgate, makePlace, openGate } from './command.ts'

test('docs/limits.md has a row for each limit, with its flag, its default and what it is of', async (t) => {
  const text = readFileSync('docs/limits.md', 'utf8')
  const rows = [...text.matchAll(/^\| `(--[a-z-]+) N` \| (\d+) \| (.+) \|$/gm)]
  t.strictSame(
    rows.map(([, flag, fallback, meaning]) => ({ flag, fallback: Number(fallback), meaning })),
    limitFlags.map(({ flag, fallback, meaning }) => ({ flag, fallback, meaning })),
  )
})

test('each limit of the proxy is a flag and a variable, and the flag wins', async (t) => {
  t.strictSame(limitFlags.map(({ key }) => key).sort(), Object.keys(defaultLimits).sort())
  t.match(
    limitFlags.find(({ key }) => key === 'idleTimeoutMs'),
    {
      flag: '--idle-timeout-ms',
      variable: 'HALTGATE_IDLE_TIMEOUT_MS',
      fallback: 300_000,
    },
  )
  t.strictSame(settingsOf({}, {}).limits, {})
  for (const { key, variable } of limitFlags) {
    t.strictSame(settingsOf({}, { [variable]: '7' }).limits, { [key]: 7 }, variable)
    t.strictSame(settingsOf({ [key]: '8' }, { [variable]: '7' }).limits, { [key]: 8 }, key)
    t.strictSame(settingsOf({}, { [variable]: '' }).limits, {}, `${variable} is empty`)
  }
})

test('a limit is a whole number from 1 to what a timer keeps', async (t) => {
  const wrong = [
    '0',
    '-1',
    '1.5',
    '1e3',
    '0x10',
    ' 1',
    '1k',
    '07',
    '2147483648',
    '99999999999',
    'x',
  ]
  for (const text of wrong) {
    t.throws(() => settingsOf({ idleTimeoutMs: text }, {}), { name: 'UsageError' }, text)
    t.throws(() => settingsOf({}, { HALTGATE_POOLS_MAX: text }), /--pools-max \(HALTGATE_POOLS/)
  }
  t.equal(settingsOf({ idleTimeoutMs: '2147483647' }, {}).limits.idleTimeoutMs, 2147483647)
})

test('start takes a limit as a flag and acts on it, and run refuses one that is none', async (t) => {
  const origin = await startOrigin(t)
  const place = makePlace(t, policyText({ ports: [origin.port] }))
  const gate = await openGate(t, place, ['--agent', 'tester', '--url-bytes-max', '64'])
  t.equal((await ask(gate.port, `${origin.url}/short`)).status, 200)
  t.equal((await ask(gate.port, `${origin.url}/${'l'.repeat(64)}ong`)).status, 414)
  await closeGate(gate)
  const ran = await haltgate(place, ['run', '--drain-ms', 'soon', '--', 'true'])
  t.match(ran, { code: 2, errors: /--drain-ms \(HALTGATE_DRAIN_MS\) is a number from 1/ })
})

test('there are no more connections than file descriptors for both of their ends', async (t) => {
  const cases: [files: number | null, wanted: number, most: number][] = [
    [null, 12_000, 12_000],
    [1_048_576, 12_000, 12_000],
    [20_000, 12_000, 9_840],
    [1_024, 12_000, 352],
    [1_024, 100, 100],
    [256, 12_000, 64],
    [64, 12_000, 1],
    [10, 5, 1],
  ]
  for (const [files, wanted, most] of cases) {
    t.equal(connectionsWithin(files, wanted), most, `${files} files`)
    if (files === null || most === 1) continue
    t.ok(2 * most + Math.min(256, most) + 64 <= files, 'with those that are being refused')
  }
})
