/** Commands that only look: policy check and explain, audit verify and show. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { ask } from '../e2e/wire.ts'
import { policyText, startOrigin } from '../e2e/world.ts'
import { closeGate, haltgate, makePlace, openGate } from './command.ts'

const budgets = '  - { id: per-run, scope: run, limits: { requests: 50, bytes_down: 1073700000 } }'

test('policy check answers 0 for a good policy and 1 for a bad one, as text and as JSON', async (t) => {
  const place = makePlace(t, policyText({ ports: [80] }))
  const good = await haltgate(place, ['policy', 'check'])
  t.match(good, { code: 0, errors: '' })
  t.match(
    good.output,
    /^policies\.yaml is good: 1 rules, 0 budgets, 1 agents\nsha256:[0-9a-f]{64}\n$/,
  )
  const json = await haltgate(place, ['policy', 'check', '--json'])
  t.match(JSON.parse(json.output), { ok: true, digest: /^sha256:/, warnings: [] })
  writeFileSync(join(place.directory, 'bad.yaml'), 'version: 1\nruls: []\n')
  const bad = await haltgate(place, ['policy', 'check', 'bad.yaml'])
  t.match(bad, { code: 1, output: /^bad\.yaml:2:1: .*ruls/ })
  const problems = await haltgate(place, ['policy', 'check', 'bad.yaml', '--json'])
  t.equal(problems.code, 1)
  t.match(JSON.parse(problems.output), { ok: false, problems: [/^bad\.yaml:2:1: /] })
  t.match(await haltgate(place, ['policy', 'check', 'none.yaml']), {
    code: 2,
    errors: /none\.yaml/,
  })
})

test('policy explain answers as the gate will, and names the rules and budgets that spoke', async (t) => {
  const rules = `  - { id: web, hosts: [web.example], effect: allow }
  - { id: read, hosts: [read.example], methods: [GET], effect: allow }
  - { id: never, hosts: [no.example], effect: deny, reason: Not here. }`
  const place = makePlace(t, policyText({ ports: [80], rules, budgets }))
  const explain = (...words: readonly string[]): ReturnType<typeof haltgate> =>
    haltgate(place, ['policy', 'explain', '--agent', 'tester', ...words])
  const allowed = await explain('GET', 'http://web.example/a?b')
  t.match(allowed, { code: 0, output: /^ALLOW {2}tester {2}GET http:\/\/web\.example/ })
  t.match(allowed.output, /speaks +web +allow/)
  t.match(allowed.output, /speaks +per-run +bytes_down 1 GiB, requests 50 for each run/)
  t.match(await explain('get', 'http://none.example/'), { code: 1, output: /no rule speaks/ })
  t.match(await explain('GET', 'http://no.example/'), {
    code: 1,
    output: /^DENY[\s\S]*never +deny/,
  })
  t.match(await explain('CONNECT', 'web.example:443'), { code: 0 })
  t.match(await explain('GET', 'http://read.example/'), { code: 0 })
  const tunnel = await explain('GET', 'https://read.example/')
  t.match(tunnel, {
    code: 1,
    output: /inside a tunnel:\n\w+ {2}tester {2}CONNECT read\.example:443/,
  })
  t.match(tunnel.output, /inspection-required/)
  t.match(await explain('POST', 'https://web.example/x'), { code: 0, output: /^ALLOW/m })
  const json = JSON.parse((await explain('GET', 'http://web.example/', '--json')).output)
  t.match(json, {
    verdict: 'allow',
    classification: { rules: ['web'] },
    budgets: [{ id: 'per-run' }],
  })
  t.match(await explain('GET', 'nonsense'), { code: 2, errors: /'nonsense' cannot be asked about/ })
  t.match(await explain('CONNECT', 'http://web.example'), { code: 2, errors: /host:port/ })
  const nobody = ['policy', 'explain', '--agent', 'x', 'GET', 'http://web.example/']
  t.match(await haltgate(place, nobody), { code: 2, errors: /no agent 'x' \(it has: tester\)/ })
})

test('audit shows and proves a ledger while its gate runs and after, and never writes', async (t) => {
  const origin = await startOrigin(t)
  const place = makePlace(t, policyText({ ports: [origin.port] }))
  const gate = await openGate(t, place)
  t.equal((await ask(gate.port, `${origin.url}/seen`)).status, 200)
  t.equal((await ask(gate.port, 'http://other.example/hidden?q=1')).status, 403)
  const audit = (...words: readonly string[]): ReturnType<typeof haltgate> =>
    haltgate(place, ['audit', ...words])
  t.match(await audit('verify'), { code: 0, output: /^OK {2}/m }, 'beside a running gate')
  await closeGate(gate)
  const replayed = await audit('verify', '--replay', '--json')
  const report = JSON.parse(replayed.output)
  t.match(report, { ok: true, exit: 0, replay: { mismatches: 0 }, tail: { state: 'clean' } })
  const { seq, hash } = report.head
  t.equal((await audit('verify', '--expect-head', `${seq}:${hash}`)).code, 0)
  const other = await audit('verify', '--expect-head', `${seq}:${'0'.repeat(64)}`)
  t.match(other, { code: 4, output: /\nROLLBACK {2}/ })
  t.equal((await audit('verify', '--require', 'signed')).code, 0)
  t.equal((await audit('verify', '--require', 'anchored')).code, 3)
  const decisions = (await audit('show', '--kind', 'decision', '--json')).output.trim().split('\n')
  t.match(
    decisions.map((line) => JSON.parse(line)),
    [{ data: { path: '/seen', verdict: 'allow' } }, { data: { verdict: 'deny' } }],
  )
  t.notMatch(decisions.join(), 'q=1')
  const last = (await audit('show', '--last', '2')).output.trim().split('\n')
  t.match(last, [/^seq +time +kind/, /./, new RegExp(`^${seq} .*boot\\.close`)])
  const [first] = decisions.map((line) => JSON.parse(line).seq)
  const whole = await audit('show', String(first))
  t.match(whole, { code: 0, output: /^ledger-0{15}\.jsonl:\d+\n\{\n/ })
  t.equal((await audit('show', String(first), '--json')).output.trim(), decisions[0])
  t.match(await audit('show', '--kind', 'decision', '--agent', 'nobody'), { code: 0, output: '' })
  t.match(await audit('show', '9999'), { code: 1, output: /no sound entry 9999/ })
  const nowhere = await audit('show', '--data', 'nowhere')
  t.match(nowhere, { code: 74, errors: /no ledger in .*nowhere; name .* --data/ })
  const unread = await audit('verify', '--data', 'nowhere')
  t.match(unread, { code: 5, output: /--data DIR[\s\S]*\nUNREADABLE {2}.*\n$/ })
  const json = await audit('verify', '--data', 'nowhere', '--json')
  t.match(JSON.parse(json.output), { ok: false, exit: 5 })
})
