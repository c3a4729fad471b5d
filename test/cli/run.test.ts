/** `haltgate run` and `haltgate demo`: a gate for one command, whose end is the command's end. */
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { isInMemory, policyText, readEntries, startOrigin } from '../e2e/world.ts'
import { haltgate, makePlace, openGate, type Place, starting } from './command.ts'

const script = (text: string): readonly string[] => ['run', '--', '/bin/sh', '-c', text]

function placeFor(t: Parameters<typeof makePlace>[0], port = 80): Place {
  return makePlace(t, policyText({ ports: [port], agents: '  local: {}\n  other: {}' }))
}

test('run passes on the exit code of its command, and says what could not be started', async (t) => {
  const place = placeFor(t)
  t.match(await haltgate(place, script('exit 0')), { code: 0, output: '' })
  t.match(await haltgate(place, script('echo said; exit 7')), { code: 7, output: 'said\n' })
  t.equal((await haltgate(place, script('kill -KILL $$'))).code, 128 + 9)
  t.equal((await haltgate(place, script('kill -TERM $$'))).code, 128 + 15)
  const missing = await haltgate(place, ['run', '--', 'no-such-program'])
  t.match(missing, { code: 127, errors: /no-such-program cannot be started: .*ENOENT/ })
  const denied = await haltgate(place, ['run', '--', './policies.yaml'])
  t.match(denied, { code: 126, errors: /policies\.yaml cannot be started: .*EACCES/ })
  t.match(await haltgate(place, ['run']), { code: 2, errors: /missing required argument/ })
  t.match(await haltgate(place, ['run', '--', '/bin/echo', '--json']), { output: '--json\n' })
  t.match(await haltgate(place, ['run', '/bin/echo', '--data']), { output: '--data\n' })
  t.match(await haltgate(place, ['audit', 'verify', '--replay']), { code: 0 })
  const closes = readEntries(join(place.directory, 'data'), ['boot.close'])
  t.equal(closes.length, 8, 'each of these gates closed its ledger')
})

test('run gives its command a way out through the gate and no other, and sums up what passed', async (t) => {
  const origin = await startOrigin(t)
  const place = placeFor(t, origin.port)
  const before = {
    NO_PROXY: 'localhost',
    no_proxy: '*',
    HTTP_PROXY: 'http://192.0.2.1:1',
    KEPT: 'x',
  }
  const { output } = await haltgate(place, script('env'), before)
  const [, proxy = ''] = /^HTTP_PROXY=(http:\/\/127\.0\.0\.1:\d+)$/m.exec(output) ?? []
  t.ok(proxy, 'a proxy on loopback')
  for (const name of ['HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy']) {
    t.match(output, new RegExp(`^${name}=${proxy}$`, 'm'))
  }
  for (const line of ['NO_PROXY=', 'no_proxy=', 'NODE_USE_ENV_PROXY=1', 'KEPT=x']) {
    t.match(output, new RegExp(`^${line}$`, 'm'))
  }
  const client = `curl -s -o out ${origin.url}/1; curl -s -o out ${origin.url}/2; curl -s -o out http://x.example/`
  const ran = await haltgate(place, script(client), before)
  t.match(ran.errors, /^haltgate: 2 allowed, 1 refused; ledger head \d+\n +1 {2}no-rule\n$/)
  t.equal(origin.total, 2)
  const [decision] = readEntries(join(place.directory, 'data'), ['decision'])
  t.equal(decision?.actor.agent, 'local')
})

test('run keeps from its command the variables that credentials are read from (I6)', async (t) => {
  const credentials = `credentials:
  up:
    source: { env: UP_KEY }
    as: { header: Authorization, format: "Bearer {secret}" }
`
  const agents = '  local: {}'
  const place = makePlace(t, `${policyText({ ports: [80], agents })}\n${credentials}`)
  const { code, output } = await haltgate(place, script('env'), { UP_KEY: 'sesame-1', KEPT: 'x' })
  t.equal(code, 0)
  t.match(output, /^KEPT=x$/m)
  t.notMatch(output, /sesame-1|UP_KEY/)
})

test('run takes its settings from flags and variables, but never the addresses of another gate', async (t) => {
  const origin = await startOrigin(t)
  const place = placeFor(t, origin.port)
  const gate = await openGate(t, place, ['--agent', 'other'])
  const beside = {
    HALTGATE_LISTEN: `127.0.0.1:${gate.port}`,
    HALTGATE_CONTROL: gate.control,
    HALTGATE_DATA: 'own',
    HALTGATE_AGENT: 'other',
    HALTGATE_LOG_LEVEL: 'debug',
  }
  const command = script(`curl -s -o out ${origin.url}`)
  t.match(await haltgate(place, command, beside), { code: 0, errors: /1 allowed, 0 refused/ })
  const agents = (): readonly (string | undefined)[] =>
    readEntries(join(place.directory, 'own'), ['decision']).map(({ actor }) => actor.agent)
  t.same(agents(), ['other'])
  const flagged = ['run', '--agent', 'local', ...command.slice(1)]
  t.equal((await haltgate(place, flagged, beside)).code, 0)
  t.same(agents(), ['other', 'local'], 'the flag wins')
  const second = await haltgate(place, script('exit 0'))
  t.match(second, { code: 74, output: '', errors: /another process writes this ledger/ })
  t.match(second.errors, 'data/ledger.lock', 'a gate is there already: it is named')
  t.equal(gate.child.exitCode, null, 'and goes on')
})

test('run hands signals to its command and waits for its end, and SIGUSR2 halts as it does anywhere', async (t) => {
  const place = placeFor(t)
  for (const [signal, code] of [
    ['SIGTERM', 41],
    ['SIGINT', 42],
    ['SIGHUP', 43],
    ['SIGQUIT', 44],
  ] as const) {
    const name = signal.slice(3)
    const waiting = `trap 'echo got ${name}; exit ${code}' ${name}; echo up; while :; do sleep 0.05; done`
    const running = starting(place, script(waiting))
    await running.says(/up\n/)
    running.child.kill(signal)
    t.match(await running.ended, { code, output: `up\ngot ${name}\n` }, signal)
  }
  const { url } = await startOrigin(t)
  for (const how of ['signal', 'sentinel']) {
    const patient = `echo up; until curl -s -i ${url} | grep -q 'haltgate: halted'; do sleep 0.05; done`
    const running = starting(place, script(patient))
    await running.says(/up\n/)
    if (how === 'signal') running.child.kill('SIGUSR2')
    else writeFileSync(join(place.directory, 'data/HALT'), '')
    t.equal(
      (await running.ended).code,
      0,
      `${how}: the command saw its gate halted, and ended by itself`,
    )
    const halts = readEntries(join(place.directory, 'data'), ['halt'])
    t.match(halts.at(-1)?.data, { scope: 'fleet', cause: how })
    rmSync(join(place.directory, 'data'), { recursive: true })
  }
})

test('demo tells what it shows: allowed, denied, HALT, OK, caught; also where files are in memory', async (t) => {
  const place = placeFor(t)
  const memory = '/dev/shm'
  const directories = [place.directory]
  if (existsSync(memory) && isInMemory(memory)) directories.push(memory)
  for (const directory of directories) {
    const ran = await haltgate(place, ['demo'], { TMPDIR: directory })
    t.match(ran, { code: 0, errors: '' }, directory)
    const told =
      /denied[\s\S]*allowed[\s\S]*near the budget[\s\S]*HALT[\s\S]*\n +OK {2}[\s\S]*one byte changed[\s\S]*\n +TAMPERED {2}[\s\S]*caught\.\n$/
    t.match(ran.output, told)
  }
})
